//! Drops what the configuration says is old. It takes a fifth of the time at most, and less while deliveries crowd in.

use crate::Engine;
use patchbay_store::{Outdated, StoreError};
use std::time::Duration;
use tokio::time::Instant;

/// Rows of one transaction.
const BATCH: u32 = 500;
/// Idle time after each batch, in times of what it took.
const IDLE: u32 = 4;
/// Between two looks.
const EVERY: Duration = Duration::from_mins(5);

/// How long things are kept; `None` is for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    pub events: Option<Duration>,
    pub history: Option<Duration>,
    pub calls: Option<Duration>,
}

impl Retention {
    fn rules(self) -> impl Iterator<Item = (Outdated, &'static str, Duration)> {
        let rules = [
            (Outdated::Events, "events", self.events),
            (Outdated::History, "history", self.history),
            (Outdated::Calls, "calls", self.calls),
        ];
        rules.into_iter().filter_map(|(what, name, kept)| Some((what, name, kept?)))
    }
}

/// Looks again and again until the engine stops.
pub(crate) async fn run(engine: Engine) {
    while !engine.is_stopping() {
        // Listened for from here on, so that a stop in between is heard.
        let stopped = engine.0.stopped.notified();
        if let Err(error) = drop_outdated(&engine).await {
            tracing::error!(%error, "what is outdated was not dropped; it is tried again");
        }
        tokio::select! {
            () = stopped => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Drops everything that is outdated now; answers how many rows.
pub(crate) async fn drop_outdated(engine: &Engine) -> Result<u64, StoreError> {
    let mut total = 0;
    for (what, name, kept) in engine.0.settings.retention.rules() {
        let before = engine.clock().now().minus(kept);
        let mut dropped = 0;
        while !engine.is_stopping() {
            let started = Instant::now();
            let count = engine.0.store.drop_outdated(what, before, BATCH).await?;
            dropped += count;
            metrics::counter!("patchbay_dropped_rows_total", "table" => name).increment(count);
            if count < u64::from(BATCH) {
                break;
            }
            let worked = started.elapsed();
            tokio::time::sleep(worked * IDLE).await;
            engine.0.inbox.crowd.give_way(worked).await;
        }
        if dropped > 0 {
            tracing::info!(what = name, rows = dropped, "dropped what is older than the configuration keeps");
        }
        total += dropped;
    }
    Ok(total)
}
