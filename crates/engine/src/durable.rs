//! Where acknowledged deliveries lie until they are filed.

use patchbay_domain::Timestamp;
use patchbay_store::{Frame, Journal, NewEvent, Store, StoreError};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// How long `PostgreSQL` may take for a commit before the local journal takes over.
const PATIENCE: Duration = Duration::from_secs(2);
const TOO_LONG: &str = "a commit took longer than 2 s";
/// Microseconds until the same reason is logged again.
const SAY_AGAIN: i64 = 60_000_000;

/// Where deliveries are made durable: `PostgreSQL` itself, or this machine's journal while it is away; with `SQLite`
/// always the journal, which lies beside the database.
#[derive(Clone)]
pub(crate) struct Durable {
    pub store: Store,
    pub journal: Journal,
    /// Microseconds since the epoch; 0 while the database answers.
    away_since: Arc<AtomicI64>,
    /// The last reason that was logged, and when: microseconds since the epoch.
    said: Arc<Mutex<(String, i64)>>,
}

impl Durable {
    pub fn new(store: Store, journal: Journal) -> Self {
        Self { store, journal, away_since: Arc::default(), said: Arc::default() }
    }

    pub async fn keep(&self, events: &[NewEvent]) -> Result<(), StoreError> {
        let frames = Frame::pack(events)?;
        if self.store.keeps_frames() && self.away_since().is_none() {
            match tokio::time::timeout(PATIENCE, self.store.append_frames(&frames)).await {
                Ok(Ok(())) => return Ok(()),
                // Should it have been written all the same, filing finds the second copy and drops it.
                Ok(Err(error)) => self.note_away(&error.to_string()),
                Err(_) => self.note_away(TOO_LONG),
            }
        }
        self.journal.append(&frames).await
    }

    /// Whether deliveries can be kept: in the database, or on this machine in its place.
    pub async fn check(&self) -> Result<(), String> {
        if self.store.keeps_frames()
            && self.away_since().is_none()
            && let Ok(Ok(())) = tokio::time::timeout(PATIENCE, self.store.check_takes_frames()).await
        {
            return Ok(());
        }
        self.journal.check_writable().await.map_err(|error| format!("its file cannot be written: {error}"))
    }

    /// Since when deliveries go to the local journal because the database does not answer.
    pub fn away_since(&self) -> Option<Timestamp> {
        match self.away_since.load(Ordering::Relaxed) {
            0 => None,
            since => Some(Timestamp(since)),
        }
    }

    pub fn note_away(&self, why: &str) {
        let now = self.store.clock().now().0.max(1);
        if self.away_since.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            tracing::error!(why, "the database is away; deliveries are kept in the local journal");
            *self.said() = (why.to_owned(), now);
            return;
        }
        let mut said = self.said();
        // Whoever notices it first may only know that it takes too long.
        if (why != said.0 && why != TOO_LONG) || now - said.1 >= SAY_AGAIN {
            tracing::error!(why, "the database is still away; deliveries are kept in the local journal");
            *said = (why.to_owned(), now);
        }
    }

    fn said(&self) -> MutexGuard<'_, (String, i64)> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Called when everything in the journal is filed: new deliveries may go to the database again, in order.
    pub fn note_back(&self) {
        if self.away_since.swap(0, Ordering::Relaxed) != 0 {
            tracing::info!("the database is back, and the local journal is filed");
        }
    }
}
