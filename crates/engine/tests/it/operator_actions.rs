//! Every action of staff, as it is used.

use crate::{
    actions::{NORTHWIND, Tried, a_record, audit, operator, origin, staff},
    world::World,
};
use patchbay_domain::{
    Kind, ObjectKey, Principal, RecordRef, Role,
    billing::{SUBSCRIPTION, Subscription},
    error::Reason,
};
use patchbay_engine::Engine;
use patchbay_providers::billing::CancelReason;
use patchbay_store::EventFilter;
use serde_json::json;
use std::{sync::atomic::Ordering, time::Duration};

async fn northwinds(engine: &Engine) -> RecordRef {
    let customer = a_record(engine, "customer", |record| record.index.organisation.as_deref() == Some(NORTHWIND)).await;
    let id = a_record(engine, "subscription", |record| record.index.owner.as_deref() == Some(&customer)).await;
    RecordRef::new("stripe", ObjectKey::new(SUBSCRIPTION, id))
}

async fn subscription(engine: &Engine, of: &RecordRef) -> Subscription {
    engine.store().record(&of.connection, &of.key).await.unwrap().unwrap().decode().unwrap()
}

async fn another_plan(engine: &Engine, id: &RecordRef) -> String {
    let plans = operator(engine).plan_options(id).await.unwrap();
    plans.into_iter().find(|plan| !plan.current && plan.on_offer).unwrap().price.id
}

#[tokio::test]
async fn a_plan_is_changed() {
    let world = World::new().await;
    let engine = world.synced().await;
    let id = northwinds(&engine).await;
    let price = another_plan(&engine, &id).await;
    let quote = operator(&engine).preview_plan_change(&id, &price).await.unwrap().quote;
    let sent =
        async |engine: &Engine, form: &str| operator(engine).change_plan(&id, &price, &quote, form).await.map(drop);
    Tried { action: "subscription.change_plan", calls: 1, sent }.holds(&world, &engine).await;
    assert_eq!(subscription(&engine, &id).await.items[0].price.id, price);
}

#[tokio::test]
async fn a_plan_is_cancelled_for_the_end_of_its_period_and_kept() {
    let world = World::new().await;
    let engine = world.synced().await;
    let id = northwinds(&engine).await;
    let reason = CancelReason { feedback: Some("other".to_owned()), comment: Some("They called.".to_owned()) };
    let sent =
        async |engine: &Engine, form: &str| operator(engine).cancel_subscription(&id, false, &reason, form).await;
    Tried { action: "subscription.cancel", calls: 1, sent }.holds(&world, &engine).await;
    assert!(subscription(&engine, &id).await.cancel_at_period_end);
    world.line.writes.store(0, Ordering::SeqCst);
    let sent = async |engine: &Engine, form: &str| operator(engine).keep_subscription(&id, form).await;
    Tried { action: "subscription.keep", calls: 1, sent }.holds(&world, &engine).await;
    assert!(!subscription(&engine, &id).await.cancel_at_period_end);
}

#[tokio::test]
async fn a_plan_is_cancelled_at_once() {
    let world = World::new().await;
    let engine = world.synced().await;
    let id = northwinds(&engine).await;
    let reason = CancelReason::default();
    let sent = async |engine: &Engine, form: &str| operator(engine).cancel_subscription(&id, true, &reason, form).await;
    Tried { action: "subscription.cancel_now", calls: 1, sent }.holds(&world, &engine).await;
    assert!(subscription(&engine, &id).await.ended_at.is_some());
}

#[tokio::test]
async fn a_video_is_deleted() {
    let world = World::new().await;
    let engine = world.synced().await;
    let id = a_record(&engine, "asset", |record| record.index.status == "ready").await;
    let id = RecordRef::new("mux", ObjectKey::new(Kind::new("asset"), id));
    let sent = async |engine: &Engine, form: &str| operator(engine).delete_asset(&id, form).await;
    Tried { action: "asset.delete", calls: 1, sent }.holds(&world, &engine).await;
    let record = engine.store().record(&id.connection, &id.key).await.unwrap().unwrap();
    assert!(record.deleted);
}

#[tokio::test]
async fn events_are_replayed_one_by_one_and_by_a_filter() {
    let world = World::new().await;
    let engine = world.engine().await;
    world.post("customers", &[("name", "Ada")], Duration::from_secs(5)).await;
    for event in world.events().await {
        world.deliver(&engine, &event).await.unwrap();
    }
    engine.drain().await.unwrap();
    let filter = EventFilter { event_type: Some("customer.created".to_owned()), ..EventFilter::default() };
    let listed = engine.store().list_events(&filter, &patchbay_store::PageRequest::default()).await.unwrap().items;
    assert_eq!(operator(&engine).replay(&[listed[0].id]).await.unwrap(), 1);
    engine.drain().await.unwrap();
    assert_eq!(operator(&engine).replay_filter(&filter).await.unwrap(), 1);
    let told = audit(&engine, "events.replay").await;
    assert_eq!(told.len(), 2);
    assert_eq!(
        (told[1].target.key.id.clone(), told[1].after.clone()),
        (listed[0].id.to_string(), Some(json!({"events": 1})))
    );
    assert_eq!((told[0].session_id.as_deref(), told[0].address.as_deref()), (Some("sess_1"), Some("203.0.113.7")));
}

#[tokio::test]
async fn a_sync_is_started_once_and_cancelled_once() {
    let world = World::new().await;
    let engine = world.engine().await;
    operator(&engine).start_sync("stripe", false).await.unwrap();
    assert_eq!(operator(&engine).start_sync("stripe", false).await.unwrap_err().reason, Reason::Conflict);
    assert_eq!(operator(&engine).start_sync("nothing", false).await.unwrap_err().reason, Reason::NotFound);
    operator(&engine).cancel_sync("stripe").await.unwrap();
    assert_eq!(operator(&engine).cancel_sync("nothing").await.unwrap_err().reason, Reason::Conflict);
    assert_eq!((audit(&engine, "sync.start").await.len(), audit(&engine, "sync.cancel").await.len()), (1, 1));
}

#[tokio::test]
async fn viewers_and_customers_are_no_operators() {
    let world = World::new().await;
    let engine = world.engine().await;
    for role in [Role::StaffViewer, Role::CustomerManager, Role::CustomerMember] {
        assert_eq!(engine.operator(&staff(role), &origin()).err().unwrap().reason, Reason::Forbidden, "{role:?}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let world = World::new().await;
    let engine = world.engine().await;
    let operator = operator(&engine);
    let reason = CancelReason::default();
    let none = RecordRef::new("stripe", ObjectKey::new(SUBSCRIPTION, "sub_none"));
    let no_video = RecordRef::new("mux", ObjectKey::new(Kind::new("asset"), "asset_none"));
    for outcome in [
        operator.cancel_subscription(&none, true, &reason, "form_1").await,
        operator.cancel_subscription(&none, false, &reason, "form_1").await,
        operator.keep_subscription(&none, "form_1").await,
        operator.change_plan(&none, "price_1", "", "form_1").await.map(drop),
        operator.delete_asset(&no_video, "form_1").await,
        operator.preview_plan_change(&none, "price_1").await.map(drop),
        operator.plan_options(&none).await.map(drop),
    ] {
        assert_eq!(outcome.unwrap_err().reason, Reason::NotFound);
    }
}

/// Ids of two accounts may be the same.
#[tokio::test]
async fn an_action_is_about_the_connection_that_was_named_and_the_kind_it_is_for() {
    let world = World::new().await;
    let engine = world.synced().await;
    let id = northwinds(&engine).await;
    let reason = CancelReason::default();
    for connection in ["mux", "stripe-eu", ""] {
        let elsewhere = RecordRef::new(connection, id.key.clone());
        let refused = operator(&engine).cancel_subscription(&elsewhere, true, &reason, "form_1").await.unwrap_err();
        assert_eq!(refused.reason, Reason::NotFound, "{connection}");
    }
    let video = RecordRef::new("stripe", ObjectKey::new(Kind::new("asset"), &*id.key.id));
    assert_eq!(operator(&engine).keep_subscription(&video, "form_1").await.unwrap_err().reason, Reason::NotFound);
    assert_eq!(world.line.writes.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_action_of_somebody_who_is_signed_in_as_another_tells_of_both() {
    let world = World::new().await;
    let engine = world.synced().await;
    let id = northwinds(&engine).await;
    let impersonated = Principal { impersonator: Some("user_support".to_owned()), ..staff(Role::StaffAdmin) };
    let operator = engine.operator(&impersonated, &origin()).unwrap();
    operator.cancel_subscription(&id, false, &CancelReason::default(), "form_1").await.unwrap();
    let told = audit(&engine, "subscription.cancel").await;
    assert_eq!((told[0].actor_id.as_str(), told[0].impersonator.as_deref()), ("user_ada", Some("user_support")));
}
