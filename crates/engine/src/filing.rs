//! Makes events of the frames that the inbox committed, oldest first, and tells the worker and whoever watches.

use crate::{Engine, inbox::Durable, live::LiveMessage};
use patchbay_store::{Filed, StoreError};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// Longest sleep without a wake-up: finds frames that another process left behind.
const POLL: Duration = Duration::from_secs(2);
/// After the database failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Files until the engine stops, and then what is left.
pub(crate) async fn run(engine: Engine) {
    loop {
        let stopping = engine.is_stopping();
        let started = Instant::now();
        match file_once(&engine).await {
            Ok(filed) if filed.is_empty() => {
                if stopping {
                    return;
                }
                tokio::select! {
                    () = engine.0.filing.notified() => {}
                    () = tokio::time::sleep(POLL) => tidy(&engine).await,
                }
            }
            Ok(_) => engine.0.inbox.crowd.give_way(started.elapsed()).await,
            // What is not filed stays where it is, durable, for the next start.
            Err(_) if stopping => return,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Files one batch.
pub(crate) async fn file_once(engine: &Engine) -> Result<Filed, StoreError> {
    let durable = &engine.0.inbox.durable;
    let filed = durable.file_some().await.inspect_err(|error| {
        if durable.store.keeps_frames() {
            durable.note_away(&error.to_string());
        } else {
            tracing::error!(%error, "deliveries are durable but could not be filed; it is tried again");
        }
    })?;
    if filed.damaged > 0 {
        tracing::error!(frames = filed.damaged, "frames could not be unpacked and are set aside in the inbox");
    }
    count(&filed);
    announce(engine, &filed);
    if !filed.new.is_empty() {
        engine.0.work.notify_one();
    }
    Ok(filed)
}

/// The database's own frames come first: they are older than what the journal took over.
pub(crate) async fn file_some(durable: &Durable) -> Result<Filed, StoreError> {
    if durable.store.keeps_frames() {
        let filed = durable.store.file_own_frames().await?;
        if !filed.is_empty() {
            return Ok(filed);
        }
    }
    let filed = durable.store.file_journal(&durable.journal).await?;
    if filed.is_empty() {
        durable.note_back();
    }
    Ok(filed)
}

async fn tidy(engine: &Engine) {
    let durable = &engine.0.inbox.durable;
    if let Err(error) = durable.store.tidy_journal(&durable.journal).await {
        tracing::warn!(%error, "the inbox's file was not tidied; it is tried again");
    }
}

fn count(filed: &Filed) {
    let mut stored: BTreeMap<&str, u64> = BTreeMap::new();
    for event in &filed.new {
        *stored.entry(&event.connection).or_default() += 1;
    }
    for (connection, count) in stored {
        metrics::counter!("patchbay_deliveries_total", "connection" => connection.to_owned(), "outcome" => "stored")
            .increment(count);
    }
    for (connection, count) in &filed.duplicates {
        metrics::counter!("patchbay_deliveries_total", "connection" => connection.clone(), "outcome" => "duplicate")
            .increment(*count);
    }
}

fn announce(engine: &Engine, filed: &Filed) {
    if !engine.0.bus.is_watched() {
        return;
    }
    for event in &filed.new {
        engine.0.bus.publish(LiveMessage::new("events", event.id.to_string(), event.event_type.clone()));
    }
}
