//! Deliveries in: verified, read, and durable before anybody is told so.
//!
//! Concurrent deliveries share one commit. A batch is whatever waits when the committer is free: no timer, so a lone
//! delivery does not wait and a crowd pays for one `fsync`. What is committed is a frame without any index; `filing.rs`
//! makes events of it right after.

use crate::{
    Inner,
    places::{Place, Places},
};
use bytes::Bytes;
use http::HeaderMap;
use patchbay_domain::{Timestamp, event::Envelope};
use patchbay_providers::{Rejection, Unverified};
use patchbay_store::{Frame, Journal, NewEvent, NewRejection, Store, StoreError};
use std::{
    net::IpAddr,
    sync::{
        Arc, Weak,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

/// Places for deliveries that wait for a commit; beyond them we say 503 and the provider tries again. A place holds 16 KiB,
/// so that 32 MiB wait at most.
const WAITING: usize = 2_048;
const PLACE_BYTES: usize = 16 * 1_024;
const BATCH: usize = 1_024;
/// How long `PostgreSQL` may take for a commit before the local journal takes over.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of an event's or object's id and of a type: what an index can hold, and far more than any provider sends.
const LONGEST_NAME: usize = 500;
/// Headers worth keeping: they explain a signature or a resend. Everything else is left behind.
const KEPT_HEADERS: [&str; 8] = [
    "stripe-signature",
    "mux-signature",
    "svix-id",
    "svix-timestamp",
    "svix-signature",
    "content-type",
    "user-agent",
    "x-forwarded-for",
];

/// A delivery as the HTTP endpoint has it.
pub struct Delivery<'a> {
    pub connection: &'a str,
    pub headers: &'a HeaderMap,
    pub body: Bytes,
    pub request_id: &'a str,
    pub remote: Option<IpAddr>,
}

#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("there is no connection of that name")]
    UnknownConnection,
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error("{0}")]
    Malformed(String),
    #[error("too many deliveries are waiting; send it again after {} s", retry_after.as_secs())]
    Overloaded { retry_after: Duration },
    #[error("the delivery could not be stored; send it again after {} s", retry_after.as_secs())]
    Unavailable { retry_after: Duration },
}

struct Waiting {
    event: NewEvent,
    answer: oneshot::Sender<bool>,
    place: Place,
}

const OVERLOADED: IngestError = IngestError::Overloaded { retry_after: Duration::from_secs(2) };

pub(crate) struct Inbox {
    queue: mpsc::Sender<Waiting>,
    places: Arc<Places>,
    pub durable: Durable,
    pub crowd: Arc<Crowd>,
}

impl Inbox {
    pub fn spawn(
        store: Store,
        journal: Journal,
        connections: impl Iterator<Item = String>,
        inner: Weak<Inner>,
    ) -> Self {
        let (queue, receiver) = mpsc::channel(WAITING);
        let durable = Durable { store, journal, away_since: Arc::new(AtomicI64::new(0)) };
        let crowd = Arc::new(Crowd::new());
        commit_on_own_thread(commit_loop(durable.clone(), receiver, crowd.clone(), inner));
        Self { queue, places: Arc::new(Places::new(WAITING, connections)), durable, crowd }
    }

    fn place(&self, connection: &str, bytes: usize) -> Result<Place, IngestError> {
        self.places.take(connection, 1 + bytes / PLACE_BYTES).ok_or(OVERLOADED)
    }

    async fn store(&self, event: NewEvent, place: Place) -> Result<(), IngestError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Waiting { event, answer, place }).map_err(|_full| OVERLOADED)?;
        match answered.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(IngestError::Unavailable { retry_after: Duration::from_secs(5) }),
        }
    }
}

pub(crate) async fn ingest(inner: &Arc<Inner>, delivery: Delivery<'_>) -> Result<(), IngestError> {
    let connection = inner.connections.get(delivery.connection).ok_or(IngestError::UnknownConnection)?;
    // Before the work of verifying, so that being overloaded costs little.
    let place = inner.inbox.place(delivery.connection, delivery.body.len())?;
    let now = inner.store.clock().now();
    let unverified = Unverified { headers: delivery.headers, body: &delivery.body };
    let verified = connection
        .verify(unverified, now)
        .inspect_err(|rejection| refuse(inner, &delivery, now, rejection.name(), rejection.to_string()))?;
    let envelope =
        connection.envelope(&verified).map_err(|malformed| malformed.to_string()).and_then(check_lengths).map_err(
            |reason| {
                refuse(inner, &delivery, now, "malformed", reason.clone());
                IngestError::Malformed(reason)
            },
        )?;
    let event = NewEvent {
        id: inner.store.new_id(),
        connection: delivery.connection.to_owned(),
        envelope,
        received_at: now,
        headers: kept_headers(delivery.headers),
        body: delivery.body,
        request_id: delivery.request_id.to_owned(),
    };
    inner.inbox.store(event, place).await
}

fn refuse(inner: &Inner, delivery: &Delivery<'_>, now: Timestamp, reason: &str, detail: String) {
    inner.rejected.keep(NewRejection {
        connection: delivery.connection.to_owned(),
        reason: reason.to_owned(),
        detail,
        headers: kept_headers(delivery.headers),
        remote: delivery.remote.map(|remote| remote.to_string()),
        received_at: now,
    });
}

/// Here, because a delivery that no index can hold must be refused while its sender still listens.
fn check_lengths(envelope: Envelope) -> Result<Envelope, String> {
    let object = envelope.object.as_ref();
    let names = [
        ("id", Some(envelope.external_id.len())),
        ("type", Some(envelope.event_type.len())),
        ("object's type", object.map(|object| object.kind.as_str().len())),
        ("object's id", object.map(|object| object.id.len())),
    ];
    for (name, length) in names {
        if length.is_some_and(|length| length > LONGEST_NAME) {
            return Err(format!("the event's {name} is longer than {LONGEST_NAME} bytes"));
        }
    }
    Ok(envelope)
}

/// Secrets do not travel in these headers: a signature proves one delivery and nothing else.
fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    KEPT_HEADERS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), headers.get(*name)?.to_str().ok()?.to_owned())))
        .collect()
}

/// Not a task among thousands: under overload every step of a batch would wait until all of them had their turn.
fn commit_on_own_thread(commits: impl Future<Output = ()> + Send + 'static) {
    let start = move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(commits),
        Err(error) => tracing::error!(%error, "the inbox did not start; every delivery is refused"),
    };
    if let Err(error) = std::thread::Builder::new().name("inbox".to_owned()).spawn(start) {
        tracing::error!(%error, "the inbox did not start; every delivery is refused");
    }
}

async fn commit_loop(durable: Durable, mut receiver: mpsc::Receiver<Waiting>, crowd: Arc<Crowd>, inner: Weak<Inner>) {
    let mut waiting = Vec::with_capacity(BATCH);
    while receiver.recv_many(&mut waiting, BATCH).await > 0 {
        crowd.note(waiting.len());
        metrics::histogram!("patchbay_inbox_batch_events").record(f64::from(u32::try_from(waiting.len()).unwrap_or(0)));
        let (events, answers): (Vec<NewEvent>, Vec<_>) =
            waiting.drain(..).map(|item| (item.event, (item.answer, item.place))).unzip();
        let stored = match durable.keep(&events).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "deliveries could not be stored; the provider is asked to send them again");
                false
            }
        };
        for (answer, _place) in answers {
            // The sender may have hung up; its event is stored all the same.
            answer.send(stored).ok();
        }
        if let Some(inner) = inner.upgrade() {
            inner.filing.notify_one();
        }
    }
}

/// Whether deliveries crowd in. Acknowledging them goes first then: a provider that gets no answer sends everything
/// again, while what is filed or worked on later is only later.
pub(crate) struct Crowd {
    start: Instant,
    /// Milliseconds after `start` when a batch was last as large as [`Crowd::BATCH`]; 0 for never.
    last: AtomicU64,
}

impl Crowd {
    /// Deliveries that waited for one commit.
    const BATCH: usize = 32;
    /// How long a large batch counts.
    const MEMORY: Duration = Duration::from_millis(100);
    /// Part of the time that is left to filing and working in a crowd: one in so many.
    const SHARE: u32 = 8;
    const LONGEST_PAUSE: Duration = Duration::from_millis(300);

    fn new() -> Self {
        Self { start: Instant::now(), last: AtomicU64::new(0) }
    }

    fn note(&self, batch: usize) {
        if batch >= Self::BATCH {
            self.last.store(self.elapsed().max(1), Ordering::Relaxed);
        }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub fn is_there(&self) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        last != 0 && Duration::from_millis(self.elapsed().saturating_sub(last)) < Self::MEMORY
    }

    /// Called after `worked` of background work: pauses in proportion to it while deliveries crowd in.
    pub async fn give_way(&self, worked: Duration) {
        if self.is_there() {
            tokio::time::sleep((worked * (Self::SHARE - 1)).min(Self::LONGEST_PAUSE)).await;
        }
    }
}

/// Where deliveries are made durable: `PostgreSQL` itself, or this machine's journal while it is away; with `SQLite`
/// always the journal, which lies beside the database.
#[derive(Clone)]
pub(crate) struct Durable {
    pub store: Store,
    pub journal: Journal,
    /// Microseconds since the epoch; 0 while the database answers.
    away_since: Arc<AtomicI64>,
}

impl Durable {
    async fn keep(&self, events: &[NewEvent]) -> Result<(), StoreError> {
        let frames = Frame::pack(events)?;
        if self.store.keeps_frames() && self.away_since().is_none() {
            match tokio::time::timeout(PATIENCE, self.store.append_frames(&frames)).await {
                Ok(Ok(())) => return Ok(()),
                // Should it have been written all the same, filing finds the second copy and drops it.
                Ok(Err(error)) => self.note_away(&error.to_string()),
                Err(_) => self.note_away("a commit took too long"),
            }
        }
        self.journal.append(&frames).await
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
        }
    }

    /// Called when everything in the journal is filed: new deliveries may go to the database again, in order.
    pub fn note_back(&self) {
        if self.away_since.swap(0, Ordering::Relaxed) != 0 {
            tracing::info!("the database is back, and the local journal is filed");
        }
    }
}
