//! The inbox: every verified delivery, stored once.

use crate::{
    EventFilter, Page, PageRequest, Store, StoreError, WriteTx,
    counts::Counter,
    event_filter::{Scope, matching_events},
    filing::lock_filing,
    page::{Paging, TimeKey},
    payloads::{Outlines, Packed},
    sql::{Arg, Sql, Tx},
};
use bytes::Bytes;
use patchbay_domain::{
    Kind, ObjectKey, Timestamp,
    event::{Envelope, EventState},
};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use uuid::Uuid;

const LIST: u8 = b'e';
/// Ids of one statement that reads chosen events.
const CHOSEN: usize = 500;

/// A delivery to be stored. Its id comes from [`Store::new_id`].
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub id: Uuid,
    pub connection: String,
    pub envelope: Envelope,
    pub received_at: Timestamp,
    pub headers: Vec<(String, String)>,
    /// As it was delivered and signed.
    pub body: Bytes,
    /// Names the HTTP request in the logs.
    pub request_id: String,
}

/// An event as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSummary {
    pub id: Uuid,
    pub connection: String,
    /// The provider's id of the event.
    pub external_id: String,
    pub event_type: String,
    pub object: Option<ObjectKey>,
    pub occurred_at: Timestamp,
    pub received_at: Timestamp,
    pub state: EventState,
    /// While pending: when it is free for a worker.
    pub due_at: Timestamp,
    /// A worker holds it.
    pub leased: bool,
    /// Since it was received or last replayed.
    pub attempts: i64,
    pub replays: i64,
    pub finished_at: Option<Timestamp>,
    /// Why the last attempt failed, or why the event was skipped although its type is read.
    pub error: Option<String>,
    pub request_id: String,
    pub size_bytes: i64,
}

/// One try at an event's effects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub started_at: Timestamp,
    pub duration_us: i64,
    pub outcome: String,
    pub error: Option<String>,
}

/// An event with everything that is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDetail {
    pub summary: EventSummary,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// Oldest first, those before a replay included.
    pub attempts: Vec<Attempt>,
}

pub(crate) const COLUMNS: &str = "events.id, events.connection, events.external_id, events.event_type, events.object_kind, \
     events.object_id, events.occurred_at, events.received_at, events.state, events.due_at, events.lease_owner, \
     events.attempts, events.replays, events.finished_at, events.error, events.request_id, events.size_bytes";

#[derive(sqlx::FromRow)]
pub(crate) struct EventRow {
    id: Uuid,
    connection: String,
    external_id: String,
    event_type: String,
    object_kind: Option<String>,
    object_id: Option<String>,
    occurred_at: i64,
    received_at: i64,
    state: String,
    due_at: i64,
    lease_owner: Option<String>,
    attempts: i64,
    replays: i64,
    finished_at: Option<i64>,
    error: Option<String>,
    request_id: String,
    size_bytes: i64,
}

impl TryFrom<EventRow> for EventSummary {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let state = EventState::parse(&row.state).ok_or_else(|| StoreError::unreadable("event state", &row.state))?;
        Ok(Self {
            id: row.id,
            connection: row.connection,
            external_id: row.external_id,
            event_type: row.event_type,
            object: object_key(row.object_kind, row.object_id),
            occurred_at: Timestamp(row.occurred_at),
            received_at: Timestamp(row.received_at),
            state,
            due_at: Timestamp(row.due_at),
            leased: state == EventState::Pending && row.lease_owner.is_some(),
            attempts: row.attempts,
            replays: row.replays,
            finished_at: row.finished_at.map(Timestamp),
            error: row.error,
            request_id: row.request_id,
            size_bytes: row.size_bytes,
        })
    }
}

pub(crate) fn object_key(kind: Option<String>, id: Option<String>) -> Option<ObjectKey> {
    Some(ObjectKey::new(Kind::from(kind?), id?))
}

/// What a delivery is recognised by when it comes again. An id of zeros is sent with every test: each is an event.
fn dedup_key_of(event: &NewEvent) -> Vec<u8> {
    if event.envelope.is_identified() {
        dedup_key(&event.connection, &event.envelope.external_id)
    } else {
        dedup_key(&event.connection, &event.id.to_string())
    }
}

/// First 16 bytes of a hash: short in the index, and no provider's id is too long for it.
pub(crate) fn dedup_key(connection: &str, external_id: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(connection.as_bytes());
    hash.update([0]);
    hash.update(external_id.as_bytes());
    hash.finalize().get(..16).unwrap_or_default().to_vec()
}

impl Store {
    /// Stores a batch in one transaction and says for each whether it is new; `false` is a duplicate, of a stored event
    /// or of one before it in the batch. Deliveries come through [`Store::begin_filing`].
    pub async fn insert_events(&self, events: &[NewEvent]) -> Result<Vec<bool>, StoreError> {
        let mut tx = self.begin().await?;
        lock_filing(&mut tx.tx).await?;
        let new = which_are_new(&mut tx.tx, events).await?;
        let rows: Vec<(&NewEvent, Entry)> =
            events.iter().zip(&new).filter(|(_, new)| **new).map(|(event, _)| (event, Entry::pending())).collect();
        tx.insert_new(&rows).await?;
        tx.count_deliveries(events, &new);
        tx.commit().await?;
        Ok(new)
    }

    pub async fn event(&self, id: Uuid) -> Result<Option<EventDetail>, StoreError> {
        let sql = Sql::new("SELECT ").push(COLUMNS).push(" FROM events WHERE id = ").bind(id);
        let Some(row) = self.optional::<EventRow>(sql).await? else { return Ok(None) };
        let payload = Sql::new("SELECT headers, encoding, body FROM event_payloads WHERE event_id = ").bind(id);
        let (headers, encoding, body) = self.optional::<(String, i64, Vec<u8>)>(payload).await?.unwrap_or_default();
        let key = (row.connection.clone(), row.event_type.clone());
        let body = self.outlines([key.clone()].into()).await?.unpack(&key, encoding, body)?;
        // Index event_attempts_event.
        let attempts = Sql::new("SELECT started_at, duration_us, outcome, error FROM event_attempts WHERE event_id = ")
            .bind(id)
            .push(" ORDER BY id");
        let attempts = self.all::<(i64, i64, String, Option<String>)>(attempts).await?;
        Ok(Some(EventDetail {
            summary: row.try_into()?,
            headers: read_headers(&headers)?,
            body,
            attempts: attempts
                .into_iter()
                .map(|(started_at, duration_us, outcome, error)| Attempt {
                    started_at: Timestamp(started_at),
                    duration_us,
                    outcome,
                    error,
                })
                .collect(),
        }))
    }

    /// By the provider's id; more than one only when two connections use the same ids.
    pub async fn event_by_external(&self, external_id: &str) -> Result<Vec<EventSummary>, StoreError> {
        // The dedup index holds a hash over the connection too; there are few connections, so all are asked at once.
        let connections = self.all::<(String,)>(Sql::new("SELECT DISTINCT connection FROM event_types")).await?;
        let sql = Sql::new("SELECT ")
            .push(COLUMNS)
            .push(" FROM events WHERE dedup IN ")
            .list(connections.iter().map(|(connection,)| dedup_key(connection, external_id)))
            .push(" ORDER BY received_at DESC, id DESC");
        self.all::<EventRow>(sql).await?.into_iter().map(EventSummary::try_from).collect()
    }

    /// Several events at once, newest first; unknown ids are left out.
    pub async fn events_by_ids(&self, ids: &[Uuid]) -> Result<Vec<EventSummary>, StoreError> {
        let mut events: Vec<EventSummary> = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(CHOSEN) {
            // Primary key.
            let sql = Sql::new("SELECT ").push(COLUMNS).push(" FROM events WHERE id IN ").list(chunk.iter().copied());
            for row in self.all::<EventRow>(sql).await? {
                events.push(row.try_into()?);
            }
        }
        events.sort_by_key(|event| std::cmp::Reverse((event.received_at, event.id)));
        Ok(events)
    }

    /// Newest first.
    pub async fn list_events(
        &self,
        filter: &EventFilter,
        page: &PageRequest,
    ) -> Result<Page<EventSummary>, StoreError> {
        let paging = Paging::read(LIST, page)?;
        let sql = matching_events(self, Sql::new(""), COLUMNS, (filter, Scope::All), &paging).await?;
        self.all::<EventRow>(sql)
            .await
            .map(|rows| paging.page(rows, |row| TimeKey(row.received_at, row.id)))?
            .try_map(EventSummary::try_from)
    }

    /// What was delivered about one object, newest first.
    pub async fn events_of_object(
        &self,
        connection: &str,
        object_id: &str,
        page: &PageRequest,
    ) -> Result<Page<EventSummary>, StoreError> {
        let filter = EventFilter {
            connection: Some(connection.to_owned()),
            object_id: Some(object_id.to_owned()),
            ..EventFilter::default()
        };
        self.list_events(&filter, page).await
    }

    /// The event types seen so far, in alphabetical order.
    pub async fn event_types(&self, connection: Option<&str>) -> Result<Vec<String>, StoreError> {
        let sql = Sql::new("SELECT DISTINCT event_type FROM event_types WHERE 1 = 1")
            .bind_if(" AND connection = ", connection)
            .push(" ORDER BY event_type");
        Ok(self.all::<(String,)>(sql).await?.into_iter().map(|row| row.0).collect())
    }
}

/// How a new event enters the table: most are worked on in the transaction that stores them.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub state: EventState,
    pub attempts: i64,
    pub finished_at: Option<Timestamp>,
    /// Why it was skipped, where that is not only its type.
    pub why: Option<String>,
}

impl Entry {
    pub fn pending() -> Self {
        Self { state: EventState::Pending, attempts: 0, finished_at: None, why: None }
    }
}

/// For each event whether neither the table nor an earlier one of the batch has it.
pub(crate) async fn which_are_new(tx: &mut Tx, events: &[NewEvent]) -> Result<Vec<bool>, StoreError> {
    let keys: Vec<Vec<u8>> = events.iter().map(dedup_key_of).collect();
    let mut known: HashSet<Vec<u8>> = HashSet::new();
    for chunk in keys.chunks(tx.rows_at_once()) {
        let sql = Sql::new("SELECT dedup FROM events WHERE dedup IN (")
            .rows(chunk.iter().map(|key| vec![key.clone().into()]))
            .push(")");
        known.extend(tx.all::<(Vec<u8>,)>(sql).await?.into_iter().map(|row| row.0));
    }
    Ok(keys.into_iter().map(|key| known.insert(key)).collect())
}

impl WriteTx {
    /// Stores events that [`which_are_new`] said are new.
    pub(crate) async fn insert_new(&mut self, events: &[(&NewEvent, Entry)]) -> Result<(), StoreError> {
        let at_once = self.tx.rows_at_once();
        for chunk in events.chunks(at_once) {
            insert_rows(&mut self.tx, chunk).await?;
        }
        let all: Vec<&NewEvent> = events.iter().map(|(event, _)| *event).collect();
        let outlines = self.outlines_for(&all).await?;
        for chunk in all.chunks(at_once) {
            insert_payloads(&mut self.tx, chunk, &outlines).await?;
        }
        Ok(())
    }

    pub(crate) fn count_deliveries(&mut self, events: &[NewEvent], new: &[bool]) {
        for (event, new) in events.iter().zip(new) {
            let counter = if *new { Counter::Accepted } else { Counter::Duplicates };
            self.counts.add(&event.connection, event.received_at, counter);
        }
    }
}

async fn insert_rows(tx: &mut Tx, events: &[(&NewEvent, Entry)]) -> Result<(), StoreError> {
    let values = events.iter().map(|(event, entry)| {
        let envelope = &event.envelope;
        vec![
            event.id.into(),
            dedup_key_of(event).into(),
            Arg::from(&event.connection),
            Arg::from(&envelope.external_id),
            Arg::from(&envelope.event_type),
            envelope.object.as_ref().map(|object| object.kind.as_str()).into(),
            envelope.object.as_ref().map(|object| object.id.as_str()).into(),
            envelope.occurred_at.into(),
            event.received_at.into(),
            entry.state.as_str().into(),
            event.received_at.into(),
            entry.attempts.into(),
            Arg::Int(Some(0)),
            entry.finished_at.into(),
            entry.why.clone().into(),
            Arg::from(&event.request_id),
            i64::try_from(event.body.len()).unwrap_or(i64::MAX).into(),
        ]
    });
    let sql = Sql::new(
        "INSERT INTO events (id, dedup, connection, external_id, event_type, object_kind, object_id, occurred_at, \
         received_at, state, due_at, attempts, replays, finished_at, error, request_id, size_bytes) ",
    );
    tx.execute(sql.rows(values)).await.map(drop)
}

async fn insert_payloads(tx: &mut Tx, events: &[&NewEvent], outlines: &Outlines) -> Result<(), StoreError> {
    let mut values = Vec::with_capacity(events.len());
    for event in events {
        let Packed { encoding, bytes } = outlines.pack(event);
        values.push(vec![event.id.into(), write_headers(&event.headers)?.into(), encoding.into(), bytes.into()]);
    }
    tx.execute(Sql::new("INSERT INTO event_payloads (event_id, headers, encoding, body) ").rows(values)).await.map(drop)
}

pub(crate) fn write_headers(headers: &[(String, String)]) -> Result<String, StoreError> {
    serde_json::to_string(headers).map_err(|error| StoreError::unreadable("headers", error))
}

pub(crate) fn read_headers(text: &str) -> Result<Vec<(String, String)>, StoreError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(text).map_err(|error| StoreError::unreadable("headers", error))
}
