//! The numbers of `/metrics`: how they are kept, and those that are read when somebody asks. `docs/operations.md` lists all.

use crate::{commands::Failure, logging};
use metrics::gauge;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use patchbay_domain::log_limit;
use patchbay_engine::Engine;
use patchbay_store::Backlog;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Seconds; from what is quick to the time limit of a call. Each bound is a series for every connection.
const SECONDS: [f64; 7] = [0.01, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];
/// Deliveries that shared one commit.
const BATCH: [f64; 6] = [1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0];
/// Between two times that recorded durations are summed up. Without, they would pile up until somebody asks.
const UPKEEP: Duration = Duration::from_secs(5);
/// What is counted in the database is counted anew after this, however often somebody asks.
const FRESH: Duration = Duration::from_secs(5);
/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Cheap to clone.
#[derive(Clone)]
pub struct Numbers {
    handle: PrometheusHandle,
    read: Arc<Mutex<Option<Instant>>>,
}

impl Numbers {
    /// Once per process.
    pub fn install() -> Result<Self, Failure> {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
            .set_buckets_for_metric(Matcher::Full("patchbay_inbox_batch_events".to_owned()), &BATCH)?
            .install_recorder()?;
        let upkeep = handle.clone();
        patchbay_supervise::spawn("metrics", move || keep_up(upkeep.clone()), || false);
        Ok(Self { handle, read: Arc::default() })
    }

    /// Everything, in Prometheus' text format.
    pub async fn render(&self, engine: &Engine) -> String {
        let now = engine.clock().now();
        let away = engine.database_away_since().map_or(0.0, |since| now.since(since).as_secs_f64());
        gauge!("patchbay_database_away_seconds").set(away);
        // A number that cannot be read is left as it was.
        if let Ok(Ok(unfiled)) = tokio::time::timeout(PATIENCE, engine.unfiled()).await {
            gauge!("patchbay_inbox_unfiled_events").set(number(unfiled));
        }
        metrics::counter!("patchbay_log_lines_dropped_total").absolute(logging::dropped());
        metrics::counter!("patchbay_log_lines_left_out_total").absolute(log_limit::all_left_out());
        if let Ok(Ok(aside)) = tokio::time::timeout(PATIENCE, engine.frames_aside()).await {
            gauge!("patchbay_inbox_set_aside_events").set(number(aside.iter().map(|frame| frame.events).sum()));
        }
        if self.is_due() {
            self.count(engine).await;
        }
        for name in engine.connection_names() {
            let ahead = engine.connection(name).and_then(|connection| connection.gateway().clock_ahead());
            if let Some(seconds) = ahead {
                #[expect(clippy::cast_precision_loss, reason = "seconds between two clocks")]
                gauge!("patchbay_clock_ahead_seconds", "connection" => name.to_owned()).set(seconds as f64);
            }
        }
        self.handle.render()
    }

    /// One of those who ask at the same time counts for all.
    fn is_due(&self) -> bool {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let due = read.is_none_or(|read| read.elapsed() > FRESH);
        if due {
            *read = Some(Instant::now());
        }
        due
    }

    async fn count(&self, engine: &Engine) {
        let store = engine.store();
        let counts = async { tokio::try_join!(store.backlog(), store.workers_alive()) };
        let Ok(Ok((backlog, workers))) = tokio::time::timeout(PATIENCE, counts).await else { return };
        let Backlog { pending, dead, oldest, .. } = backlog;
        let age = oldest.map_or(0.0, |oldest| engine.clock().now().since(oldest).as_secs_f64());
        gauge!("patchbay_pending_events").set(number(pending));
        gauge!("patchbay_oldest_pending_event_age_seconds").set(age);
        gauge!("patchbay_dead_events").set(number(dead));
        gauge!("patchbay_alive_workers").set(number(workers));
        for name in engine.connection_names() {
            let latest = tokio::time::timeout(PATIENCE, store.latest_sync(name)).await;
            if let Ok(Ok(Some(run))) = latest {
                let behind = number(i64::try_from(run.behind()).unwrap_or(i64::MAX));
                gauge!("patchbay_sync_missing_kinds", "connection" => name.to_owned()).set(behind);
            }
        }
    }
}

async fn keep_up(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        handle.run_upkeep();
    }
}

fn number(count: i64) -> f64 {
    f64::from(u32::try_from(count.max(0)).unwrap_or(u32::MAX))
}
