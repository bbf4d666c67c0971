//! Kinds that no webhook keeps fresh are listed again by the clock.

use crate::{actions::operator, remade::Remade, world::World};
use patchbay_domain::{
    Kind,
    billing::{PRICE, PRODUCT},
    kind::{Full, KindSpec, Mirror},
};
use patchbay_engine::Engine;
use patchbay_providers::Manifest;
use patchbay_store::{PageRequest, RecordFilter, SyncRun, SyncState};
use std::{sync::Arc, time::Duration};

const HOUR: Duration = Duration::from_hours(1);
/// Known by webhooks alone.
const NOTICE: Kind = Kind::new("notice");
/// Listed when somebody looks.
const FILE: Kind = Kind::new("file");

fn refreshed(kind: Kind, hours: u32) -> KindSpec {
    KindSpec { mirror: Mirror::Full(Full { refresh: Some(HOUR * hours), complete: true }), ..KindSpec::new(kind) }
}

/// Stripe, as if it sent no webhooks about products and prices.
fn remade(connection: Arc<dyn patchbay_providers::Connection>) -> Arc<dyn patchbay_providers::Connection> {
    let of = |kind, mirror| KindSpec { mirror, ..KindSpec::new(kind) };
    let kinds = vec![refreshed(PRODUCT, 1), refreshed(PRICE, 24), of(NOTICE, Mirror::Events), of(FILE, Mirror::Browse)];
    let manifest = Manifest { kinds: kinds.leak(), ..connection.manifest().clone() };
    Arc::new(Remade { manifest: Some(Box::leak(Box::new(manifest))), ..Remade::of(connection) })
}

async fn latest(engine: &Engine) -> SyncRun {
    engine.drain_syncs().await.unwrap();
    engine.store().latest_sync("stripe").await.unwrap().unwrap()
}

#[tokio::test]
async fn a_kind_is_listed_again_when_its_listing_is_too_old_and_others_are_not() {
    let world = World::new().await;
    let engine = world.engine_of(remade).await;
    engine.sync_new_connections().await.unwrap();
    let first = latest(&engine).await;
    assert_eq!((first.state, first.unread.len()), (SyncState::Done, 0), "what no list has was not asked for");
    world.clock.advance(HOUR / 2);
    assert_eq!(latest(&engine).await.id, first.id, "it is not due yet");
    let of_kind = async |kind| {
        let page = PageRequest { limit: 500, ..PageRequest::default() };
        let records = engine.store().list_records(&RecordFilter::of(kind), &page).await.unwrap().items.len();
        i64::try_from(records).unwrap()
    };
    let (products, prices) = (of_kind(PRODUCT).await, of_kind(PRICE).await);
    assert!(products > 0 && prices > 0);
    assert_eq!(first.done, products + prices);
    let mut before = first.id;
    for hours in 1..=24 {
        world.clock.advance(HOUR);
        let run = latest(&engine).await;
        assert_ne!(run.id, before, "hour {hours}");
        // Half an hour after each full one.
        let expected = if hours == 24 { products + prices } else { products };
        assert_eq!((run.state, run.done), (SyncState::Done, expected), "hour {hours}");
        before = run.id;
    }
}

#[tokio::test]
async fn a_listing_that_somebody_stopped_is_not_begun_again_at_once() {
    let world = World::new().await;
    let engine = world.engine_of(remade).await;
    engine.sync_new_connections().await.unwrap();
    latest(&engine).await;
    world.clock.advance(HOUR);
    engine.store().start_sync("stripe", &[PRODUCT]).await.unwrap();
    operator(&engine).cancel_sync("stripe").await.unwrap();
    let stopped = latest(&engine).await;
    assert_eq!(stopped.state, SyncState::Cancelled);
    assert_eq!(latest(&engine).await.id, stopped.id);
    world.clock.advance(HOUR);
    assert_ne!(latest(&engine).await.id, stopped.id);
}
