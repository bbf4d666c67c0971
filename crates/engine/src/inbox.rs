//! Deliveries in: verified, read, and durable before anybody is told so.
//!
//! Concurrent deliveries share one commit. A batch is whatever waits when the committer is free: no timer, so a lone
//! delivery does not wait and a crowd pays for one `fsync`. What is committed is a frame without any index; `filing.rs`
//! makes events of it right after.

use crate::{
    Inner,
    crowd::Crowd,
    durable::Durable,
    places::{Place, Places},
    supervise,
};
use bytes::Bytes;
use http::{HeaderMap, Method};
use patchbay_domain::{Timestamp, event::Envelope, limited};
use patchbay_providers::{Connection, Received, Rejection, Told, Unverified, Verified, Webhooks, webhook::Reply};
use patchbay_store::{Journal, NewEvent, NewRejection, Store};
use std::{
    borrow::Cow,
    net::IpAddr,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    time::Instant,
};

/// Places for deliveries that wait for a commit; beyond them we say 503 and the provider tries again. A place holds 16 KiB,
/// so that 32 MiB wait at most.
const WAITING: usize = 2_048;
const PLACE_BYTES: usize = 16 * 1_024;
const BATCH: usize = 1_024;
/// How long a question whether deliveries can be stored waits for its answer.
const CHECK_PATIENCE: Duration = Duration::from_secs(4);
/// Questions that wait for an answer; they are answered together.
const CHECKS: usize = 64;
/// A commit no older than this proves that deliveries can be stored.
const FRESH: Duration = Duration::from_secs(1);
/// Bytes of an event's or object's id and of a type: what an index can hold, and far more than any provider sends.
const LONGEST_NAME: usize = 500;
/// Bytes that are kept of one header.
const LONGEST_HEADER: usize = 1_024;
/// Characters that are shown of an address which nobody configured.
const SHOWN: usize = 80;
/// Stands for all connections that do not exist.
const UNKNOWN: &str = "(unknown)";
/// When to send again what waits for somebody to repair the configuration.
const REPAIRED_AFTER: Duration = Duration::from_mins(1);
/// Headers worth keeping of every delivery. Providers name those of theirs that explain a signature or a resend; everything
/// else is left behind.
const KEPT_HEADERS: [&str; 3] = ["content-type", "user-agent", "x-forwarded-for"];
/// What is a secret by itself, whoever names it.
const NEVER_KEPT: [&str; 6] =
    ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token", "x-webhook-secret"];

/// A delivery as the HTTP endpoint has it.
pub struct Delivery<'a> {
    pub arrival: Arrival<'a>,
    pub body: Bytes,
    pub request_id: &'a str,
}

/// What is known of a delivery before its body is read.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// As the address names it, which anybody may make up.
    pub connection: &'a str,
    pub method: &'a Method,
    /// Path and query as they came.
    pub target: &'a str,
    pub headers: &'a HeaderMap,
    pub remote: Option<IpAddr>,
}

#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("there is no connection of that name")]
    UnknownConnection,
    /// What is wrong with it is for staff to know.
    #[error("this connection is not configured rightly; send it again after {} s", retry_after.as_secs())]
    Misconfigured { retry_after: Duration },
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error("{0}")]
    Malformed(String),
    #[error("too many deliveries are waiting; send it again after {} s", retry_after.as_secs())]
    Overloaded { retry_after: Duration },
    #[error("the delivery could not be stored: {why}; send it again after {} s", retry_after.as_secs())]
    Unavailable { why: &'static str, retry_after: Duration },
}

struct Waiting {
    /// Those of one delivery, which are stored together or not at all.
    events: Vec<NewEvent>,
    answer: oneshot::Sender<bool>,
    place: Place,
}

/// Somebody asks whether a delivery would be stored.
type Check = oneshot::Sender<Result<(), String>>;

const OVERLOADED: IngestError = IngestError::Overloaded { retry_after: Duration::from_secs(2) };

fn unavailable(why: &'static str) -> IngestError {
    IngestError::Unavailable { why, retry_after: Duration::from_secs(5) }
}

pub(crate) struct Inbox {
    queue: mpsc::Sender<Waiting>,
    checks: mpsc::Sender<Check>,
    pulse: Arc<Pulse>,
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
        let (queue, deliveries) = mpsc::channel(WAITING);
        let (checks, asked) = mpsc::channel(CHECKS);
        let durable = Durable::new(store, journal);
        let crowd = Arc::new(Crowd::new());
        let pulse = Arc::new(Pulse::new());
        // The queues outlive a committer that panics: the next one goes on with them.
        let committer = Committer {
            deliveries: tokio::sync::Mutex::new(deliveries),
            checks: tokio::sync::Mutex::new(asked),
            durable: durable.clone(),
            crowd: crowd.clone(),
            pulse: pulse.clone(),
            inner,
        };
        commit_on_own_thread(Arc::new(committer));
        Self { queue, checks, pulse, places: Arc::new(Places::new(WAITING, connections)), durable, crowd }
    }

    fn place(&self, connection: &str, bytes: usize) -> Result<Place, IngestError> {
        self.places.take(connection, 1 + bytes / PLACE_BYTES).ok_or(OVERLOADED)
    }

    async fn store(&self, events: Vec<NewEvent>, place: Place) -> Result<(), IngestError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Waiting { events, answer, place }).map_err(|error| match error {
            TrySendError::Full(_) => OVERLOADED,
            TrySendError::Closed(_) => unavailable("the inbox does not run"),
        })?;
        match answered.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(unavailable("it could not be written")),
            Err(_) => Err(unavailable("the inbox failed and is started again")),
        }
    }

    /// Whether a delivery would be stored just now, and why not.
    pub async fn check(&self) -> Result<(), String> {
        if self.pulse.is_fresh() {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        match self.checks.try_send(answer) {
            // Others ask already and wait, so it has not answered for a while.
            Err(TrySendError::Full(_)) => return Err("it does not answer".to_owned()),
            Err(TrySendError::Closed(_)) => return Err("it does not run".to_owned()),
            Ok(()) => {}
        }
        match tokio::time::timeout(CHECK_PATIENCE, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err("it failed and is started again".to_owned()),
            Err(_) => Err(format!("it has not answered for {} s", CHECK_PATIENCE.as_secs())),
        }
    }
}

/// When a batch was last stored.
struct Pulse {
    start: Instant,
    /// Milliseconds after `start`; 0 for never, or when the last batch could not be stored.
    stored: AtomicU64,
}

impl Pulse {
    fn new() -> Self {
        Self { start: Instant::now(), stored: AtomicU64::new(0) }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn note(&self, stored: bool) {
        self.stored.store(if stored { self.elapsed().max(1) } else { 0 }, Ordering::Relaxed);
    }

    fn is_fresh(&self) -> bool {
        let stored = self.stored.load(Ordering::Relaxed);
        stored != 0 && Duration::from_millis(self.elapsed().saturating_sub(stored)) < FRESH
    }
}

/// The connection of an arrival and what reads it, if nothing speaks against taking the body in.
pub(crate) fn admit<'e>(
    inner: &'e Inner,
    arrival: Arrival<'_>,
) -> Result<(&'e dyn Connection, &'e dyn Webhooks), IngestError> {
    let Some(connection) = inner.connections.get(arrival.connection) else {
        return Err(no_connection(inner, arrival));
    };
    let Some(webhooks) = connection.webhooks() else {
        let provider = connection.manifest().name;
        refuse(inner, arrival, "no_webhooks", &format!("{provider} delivers nothing, so nobody may do so in its name"));
        return Err(IngestError::UnknownConnection);
    };
    webhooks.precheck(arrival.headers).map_err(|rejection| rejected(inner, arrival, rejection))?;
    Ok((connection.as_ref(), webhooks))
}

fn no_connection(inner: &Inner, arrival: Arrival<'_>) -> IngestError {
    let Some(why) = inner.settings.misconfigured.get(arrival.connection) else {
        let name: String = arrival.connection.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        refuse(inner, arrival, "unknown_connection", &format!("there is no connection \"{name}\""));
        return IngestError::UnknownConnection;
    };
    limited!(
        warn,
        connection = arrival.connection,
        why,
        "deliveries wait at the provider until a connection is configured rightly"
    );
    refuse(inner, arrival, "misconfigured", why);
    IngestError::Misconfigured { retry_after: REPAIRED_AFTER }
}

/// Answers what the provider wants to read, where it wants something.
pub(crate) async fn ingest(inner: &Arc<Inner>, delivery: Delivery<'_>) -> Result<Option<Reply>, IngestError> {
    let Delivery { arrival, body, request_id } = delivery;
    let (connection, webhooks) = admit(inner, arrival)?;
    // Before the work of verifying, so that being overloaded costs little.
    let place = inner.inbox.place(arrival.connection, body.len())?;
    let now = inner.store.clock().now();
    // Schemes that sign the address sign the one that the provider was given. What `Host` says, anybody may say.
    let url = format!("{}{}", inner.settings.public_url, arrival.target);
    let unverified = Unverified { method: arrival.method, url: &url, headers: arrival.headers, body: &body };
    let verified = verify(webhooks, unverified, now).await.map_err(|rejection| rejected(inner, arrival, rejection))?;
    let malformed = |reason: String| {
        refuse(inner, arrival, "malformed", &reason);
        IngestError::Malformed(reason)
    };
    let (events, reply) = match webhooks.receive(&verified).map_err(|error| malformed(error.to_string()))? {
        Received::Handshake(reply) => return Ok(Some(reply)),
        Received::Events { events, reply } => (events, reply),
    };
    if events.is_empty() {
        return Ok(reply);
    }
    let headers = kept_headers(connection.manifest().kept_headers, arrival.headers);
    let mut stored = Vec::with_capacity(events.len());
    for Told { envelope, body: part, recipient } in events {
        stored.push(NewEvent {
            id: inner.store.new_id(),
            // One endpoint takes in what happens in all accounts that are followed.
            connection: recipient.unwrap_or_else(|| arrival.connection.to_owned()),
            envelope: check_lengths(envelope).map_err(malformed)?,
            received_at: now,
            headers: headers.clone(),
            body: match part {
                Cow::Borrowed(part) => body.slice_ref(part),
                Cow::Owned(part) => Bytes::from(part),
            },
            request_id: request_id.to_owned(),
        });
    }
    inner.inbox.store(stored, place).await?;
    Ok(reply)
}

/// Checks the sender, once more where that takes a key which has to be fetched first.
async fn verify<'a>(
    webhooks: &dyn Webhooks,
    delivery: Unverified<'a>,
    now: Timestamp,
) -> Result<Verified<'a>, Rejection> {
    let id = match webhooks.verify(delivery, now) {
        Err(Rejection::UnknownKey(id)) => id,
        answer => return answer,
    };
    match webhooks.fetch_key(&id).await {
        Ok(()) => webhooks.verify(delivery, now),
        Err(error) if error.is_temporary() => Err(Rejection::KeyUnavailable(error.to_string())),
        Err(_) => Err(Rejection::UnknownKey(id)),
    }
}

fn rejected(inner: &Inner, arrival: Arrival<'_>, rejection: Rejection) -> IngestError {
    refuse(inner, arrival, rejection.name(), &rejection.to_string());
    if let Rejection::NoSecret(setting) = rejection {
        limited!(
            warn,
            connection = arrival.connection,
            setting,
            "deliveries wait at the provider until a secret is set"
        );
    }
    IngestError::Rejected(rejection)
}

/// Counts a refusal, and lists it if the list has room for its sender.
pub(crate) fn refuse(inner: &Inner, arrival: Arrival<'_>, reason: &'static str, detail: &str) {
    let known = inner.connections.contains_key(arrival.connection)
        || inner.settings.misconfigured.contains_key(arrival.connection);
    // Names that strangers make up are one.
    let connection = if known { arrival.connection } else { UNKNOWN };
    let now = inner.store.clock().now();
    let of_provider = inner.connections.get(arrival.connection).map_or(&[][..], |found| found.manifest().kept_headers);
    inner.rejected.keep(connection, reason, arrival.remote, now, || NewRejection {
        connection: connection.to_owned(),
        reason: reason.to_owned(),
        detail: detail.to_owned(),
        headers: kept_headers(of_provider, arrival.headers),
        remote: arrival.remote.map(|remote| remote.to_string()),
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
fn kept_headers(of_provider: &[&str], headers: &HeaderMap) -> Vec<(String, String)> {
    let names = of_provider.iter().filter(|name| !NEVER_KEPT.contains(name)).chain(&KEPT_HEADERS);
    names
        .filter_map(|name| {
            let value = headers.get(*name)?.to_str().ok()?;
            // Text of a header is ASCII, so every byte is a place to cut.
            Some(((*name).to_owned(), value.get(..LONGEST_HEADER).unwrap_or(value).to_owned()))
        })
        .collect()
}

/// Not a task among thousands: under overload every step of a batch would wait until all of them had their turn.
fn commit_on_own_thread(committer: Arc<Committer>) {
    let start = move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(committer.run()),
        Err(error) => tracing::error!(%error, "the inbox did not start; every delivery is refused"),
    };
    if let Err(error) = std::thread::Builder::new().name("inbox".to_owned()).spawn(start) {
        tracing::error!(%error, "the inbox did not start; every delivery is refused");
    }
}

/// Commits what waits, batch by batch.
struct Committer {
    deliveries: tokio::sync::Mutex<mpsc::Receiver<Waiting>>,
    checks: tokio::sync::Mutex<mpsc::Receiver<Check>>,
    durable: Durable,
    crowd: Arc<Crowd>,
    pulse: Arc<Pulse>,
    inner: Weak<Inner>,
}

impl Committer {
    async fn run(&self) {
        supervise::keep_alive("inbox", || self.commit(), || self.is_over()).await;
    }

    /// Nobody can deliver any more.
    fn is_over(&self) -> bool {
        self.deliveries.try_lock().is_ok_and(|deliveries| deliveries.is_closed() && deliveries.is_empty())
    }

    async fn commit(&self) {
        let mut deliveries = self.deliveries.lock().await;
        let mut checks = self.checks.lock().await;
        let mut waiting = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                count = deliveries.recv_many(&mut waiting, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.store(&mut waiting).await;
                }
                Some(check) = checks.recv() => {
                    let result = self.durable.check().await;
                    self.pulse.note(result.is_ok());
                    let mut next = Some(check);
                    while let Some(check) = next {
                        // Whoever asked may have lost patience.
                        check.send(result.clone()).ok();
                        next = checks.try_recv().ok();
                    }
                }
            }
        }
    }

    async fn store(&self, waiting: &mut Vec<Waiting>) {
        self.crowd.note(waiting.len());
        metrics::histogram!("patchbay_inbox_batch_events").record(f64::from(u32::try_from(waiting.len()).unwrap_or(0)));
        let mut events = Vec::with_capacity(waiting.len());
        let mut answers = Vec::with_capacity(waiting.len());
        for item in waiting.drain(..) {
            events.extend(item.events);
            answers.push((item.answer, item.place));
        }
        let stored = match self.durable.keep(&events).await {
            Ok(()) => true,
            Err(error) => {
                limited!(error, %error, "deliveries could not be stored; the provider is asked to send them again");
                false
            }
        };
        self.pulse.note(stored);
        for (answer, _place) in answers {
            // The sender may have hung up; its event is stored all the same.
            answer.send(stored).ok();
        }
        if let Some(inner) = self.inner.upgrade() {
            inner.filing.notify_one();
        }
    }
}
