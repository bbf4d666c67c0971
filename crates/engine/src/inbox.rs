//! Deliveries in: verified, deduplicated, and durable before anybody is told so.
//!
//! Concurrent deliveries share one commit. A batch is whatever waits when the committer is free: no timer, so a lone
//! delivery does not wait and a crowd pays for one `fsync`.

use crate::{
    Inner,
    live::{Bus, LiveMessage},
};
use bytes::Bytes;
use http::HeaderMap;
use patchbay_providers::{Rejection, Unverified};
use patchbay_store::{NewEvent, NewRejection, Store, StoreError};
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

/// Deliveries that may wait for a commit; beyond it we say 503 and the provider tries again.
const WAITING: usize = 4_096;
const BATCH: usize = 512;
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
    pub request_id: String,
    pub remote: Option<String>,
}

/// The delivery is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    Stored,
    /// It was there already; nothing was written.
    Duplicate,
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
    answer: oneshot::Sender<Result<bool, ()>>,
}

pub(crate) struct Inbox(mpsc::Sender<Waiting>);

impl Inbox {
    pub fn spawn(store: Store, bus: Bus, inner: Weak<Inner>) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(commit_loop(store, bus, receiver, inner));
        Self(sender)
    }

    async fn store(&self, event: NewEvent) -> Result<Receipt, IngestError> {
        let (answer, answered) = oneshot::channel();
        self.0
            .try_send(Waiting { event, answer })
            .map_err(|_full| IngestError::Overloaded { retry_after: Duration::from_secs(2) })?;
        match answered.await {
            Ok(Ok(true)) => Ok(Receipt::Stored),
            Ok(Ok(false)) => Ok(Receipt::Duplicate),
            Ok(Err(())) | Err(_) => Err(IngestError::Unavailable { retry_after: Duration::from_secs(5) }),
        }
    }
}

pub(crate) async fn ingest(inner: &Arc<Inner>, delivery: Delivery<'_>) -> Result<Receipt, IngestError> {
    let connection = inner.connections.get(delivery.connection).ok_or(IngestError::UnknownConnection)?;
    let now = inner.store.clock().now();
    let unverified = Unverified { headers: delivery.headers, body: &delivery.body };
    let verified = connection.verify(unverified, now).inspect_err(|rejection| {
        inner.rejected.keep(NewRejection {
            connection: delivery.connection.to_owned(),
            reason: rejection.name().to_owned(),
            detail: rejection.to_string(),
            headers: kept_headers(delivery.headers),
            remote: delivery.remote.clone(),
            received_at: now,
        });
    })?;
    let envelope = connection.envelope(&verified).map_err(|malformed| {
        inner.rejected.keep(NewRejection {
            connection: delivery.connection.to_owned(),
            reason: "malformed".to_owned(),
            detail: malformed.to_string(),
            headers: kept_headers(delivery.headers),
            remote: delivery.remote.clone(),
            received_at: now,
        });
        IngestError::Malformed(malformed.to_string())
    })?;
    let event = NewEvent {
        id: inner.store.new_id(),
        connection: delivery.connection.to_owned(),
        envelope,
        received_at: now,
        headers: kept_headers(delivery.headers),
        body: delivery.body,
        request_id: delivery.request_id,
    };
    let receipt = inner.inbox.store(event).await?;
    let outcome = if receipt == Receipt::Stored { "stored" } else { "duplicate" };
    metrics::counter!("patchbay_deliveries_total", "connection" => delivery.connection.to_owned(), "outcome" => outcome)
        .increment(1);
    Ok(receipt)
}

/// Secrets do not travel in these headers: a signature proves one delivery and nothing else.
fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    KEPT_HEADERS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), headers.get(*name)?.to_str().ok()?.to_owned())))
        .collect()
}

async fn commit_loop(store: Store, bus: Bus, mut receiver: mpsc::Receiver<Waiting>, inner: Weak<Inner>) {
    let mut waiting = Vec::with_capacity(BATCH);
    while receiver.recv_many(&mut waiting, BATCH).await > 0 {
        metrics::histogram!("patchbay_inbox_batch_events").record(f64::from(u32::try_from(waiting.len()).unwrap_or(0)));
        let (events, answers): (Vec<NewEvent>, Vec<_>) =
            waiting.drain(..).map(|item| (item.event, item.answer)).unzip();
        let results = commit(&store, &events).await;
        announce(&bus, &events, &results);
        for (answer, result) in answers.into_iter().zip(results) {
            // The sender may have hung up; its event is stored all the same.
            answer.send(result).ok();
        }
        if let Some(inner) = inner.upgrade() {
            inner.work.notify_one();
        }
    }
}

/// One transaction for all. Should it fail, each on its own, so that one bad event cannot refuse its neighbours.
async fn commit(store: &Store, events: &[NewEvent]) -> Vec<Result<bool, ()>> {
    match store.insert_events(events).await {
        Ok(stored) => stored.into_iter().map(Ok).collect(),
        Err(error) if events.len() == 1 => {
            log_failure(&error);
            vec![Err(())]
        }
        Err(error) => {
            log_failure(&error);
            let mut results = Vec::with_capacity(events.len());
            for event in events {
                let stored = store.insert_events(std::slice::from_ref(event)).await;
                results
                    .push(stored.map(|new| new.first().copied().unwrap_or(false)).map_err(|error| log_failure(&error)));
            }
            results
        }
    }
}

fn log_failure(error: &StoreError) {
    tracing::error!(%error, "deliveries could not be stored; the provider is asked to send them again");
}

fn announce(bus: &Bus, events: &[NewEvent], results: &[Result<bool, ()>]) {
    if !bus.is_watched() {
        return;
    }
    for (event, _) in events.iter().zip(results).filter(|(_, result)| **result == Ok(true)) {
        bus.publish(LiveMessage::new("events", event.id.to_string(), event.envelope.event_type.clone()));
    }
}
