//! Fills an empty database with years of history in minutes.
//!
//! Records go through the store's own `apply`, so that their counts and indexes are right by construction. Events are
//! too many for that: their rows are written straight into the tables, with the tables' indexes made afterwards.

mod bulk;
mod history;
mod records;
mod rows;

pub use history::Scale;

use crate::Failure;
use bulk::Bulk;
use history::Batch;
use patchbay_domain::Clock;
use patchbay_store::{EventFilter, IdSource, PageRequest, Store, StoreOptions};
use rows::{ATTEMPTS, EVENT_TYPES, EVENTS, HISTORY, MINUTES, PAYLOADS};
use std::time::Instant;
use tokio::sync::mpsc;

const EVENTS_PER_BATCH: u64 = 4_000;

/// Fills the database at `url`. One that holds events already is refused.
///
/// An interrupted run leaves a database to throw away: nothing is logged or synced while it is filled.
pub async fn grow(url: &str, scale: Scale) -> Result<(), Failure> {
    let started = Instant::now();
    let now = Clock::System.now();
    let store = Store::connect(url, StoreOptions { clock: Clock::System, ids: IdSource::Random, readers: 2 }).await?;
    store.migrate().await?;
    let one = PageRequest { limit: 1, ..PageRequest::default() };
    if !store.list_events(&EventFilter::default(), &one).await?.items.is_empty() {
        return Err("the database holds events already; give an empty one".into());
    }
    records::write(&store, scale, now).await?;
    store.close().await;
    eprintln!("{} records after {:.0} s", scale.records, started.elapsed().as_secs_f64());

    let mut bulk = Bulk::open(url).await?;
    let indexes = bulk.drop_indexes(&[&EVENTS, &PAYLOADS, &ATTEMPTS, &HISTORY]).await?;
    let (sender, mut batches) = mpsc::channel::<Batch>(4);
    let making = tokio::task::spawn_blocking(move || make(scale, now, &sender));
    while let Some(batch) = batches.recv().await {
        bulk.begin().await?;
        bulk.write(&EVENTS, batch.events).await?;
        bulk.write(&PAYLOADS, batch.payloads).await?;
        bulk.write(&ATTEMPTS, batch.attempts).await?;
        bulk.write(&HISTORY, batch.history).await?;
        bulk.commit().await?;
    }
    let counts = making.await??;
    bulk.begin().await?;
    bulk.write(&MINUTES, counts.minutes()).await?;
    bulk.write(&EVENT_TYPES, counts.types()).await?;
    bulk.commit().await?;
    eprintln!("{} events after {:.0} s", scale.events, started.elapsed().as_secs_f64());
    bulk.make_indexes(indexes).await?;
    bulk.finish().await?;
    eprintln!("indexes after {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Makes the rows, a few batches ahead of their writing.
fn make(
    scale: Scale,
    now: patchbay_domain::Timestamp,
    sender: &mpsc::Sender<Batch>,
) -> Result<history::Counts, Failure> {
    let mut maker = history::Maker::new(scale, now)?;
    let mut from = 0;
    while from < scale.events {
        let to = (from + EVENTS_PER_BATCH).min(scale.events);
        let mut batch = Batch::default();
        for number in from..to {
            maker.event(number, &mut batch);
        }
        if sender.blocking_send(batch).is_err() {
            return Err("the rows could not be written".into());
        }
        from = to;
    }
    Ok(maker.counts)
}
