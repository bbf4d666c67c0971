//! The inbox: every verified delivery, stored once.

use crate::{
    EventFilter, Page, PageRequest, Store, StoreError,
    counts::{Counter, Counts},
    event_filter::{Scope, matching_events},
    page::{Paging, TimeKey},
    sql::{Arg, Sql, Tx},
};
use bytes::Bytes;
use patchbay_domain::{
    Kind, ObjectKey, Timestamp,
    event::{Envelope, EventState},
};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

const LIST: u8 = b'e';

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
    /// Why the last attempt failed.
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

/// First 16 bytes of a hash: short in the index, and no provider's id is too long for it.
fn dedup_key(connection: &str, external_id: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(connection.as_bytes());
    hash.update([0]);
    hash.update(external_id.as_bytes());
    hash.finalize().get(..16).unwrap_or_default().to_vec()
}

impl Store {
    /// Stores a batch in one transaction and says for each whether it is new; `false` is a duplicate, of a stored event
    /// or of one before it in the batch.
    pub async fn insert_events(&self, events: &[NewEvent]) -> Result<Vec<bool>, StoreError> {
        let mut tx = self.write().await?;
        let new = insert_events_in(&mut tx, events).await?;
        tx.commit().await?;
        Ok(new)
    }

    pub async fn event(&self, id: Uuid) -> Result<Option<EventDetail>, StoreError> {
        let sql = Sql::new("SELECT ").push(COLUMNS).push(" FROM events WHERE id = ").bind(id);
        let Some(row) = self.optional::<EventRow>(sql).await? else { return Ok(None) };
        let payload = Sql::new("SELECT headers, body FROM event_payloads WHERE event_id = ").bind(id);
        let (headers, body) = self.optional::<(String, Vec<u8>)>(payload).await?.unwrap_or_default();
        // Index event_attempts_event.
        let attempts = Sql::new("SELECT started_at, duration_us, outcome, error FROM event_attempts WHERE event_id = ")
            .bind(id)
            .push(" ORDER BY id");
        let attempts = self.all::<(i64, i64, String, Option<String>)>(attempts).await?;
        Ok(Some(EventDetail {
            summary: row.try_into()?,
            headers: read_headers(&headers)?,
            body: body.into(),
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

pub(crate) async fn insert_events_in(tx: &mut Tx, events: &[NewEvent]) -> Result<Vec<bool>, StoreError> {
    let mut seen = HashSet::new();
    let mut rows: Vec<(Vec<u8>, &NewEvent)> = events
        .iter()
        .map(|event| (dedup_key(&event.connection, &event.envelope.external_id), event))
        .filter(|(dedup, _)| seen.insert(dedup.clone()))
        .collect();
    // One order for everybody: two batches with the same events wait for each other instead of dead-locking.
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    let mut new: HashSet<Uuid> = HashSet::new();
    for chunk in rows.chunks(tx.rows_at_once()) {
        new.extend(insert_rows(tx, chunk).await?);
    }
    let mut stored: Vec<&NewEvent> =
        rows.iter().map(|(_, event)| *event).filter(|event| new.contains(&event.id)).collect();
    stored.sort_by_key(|event| event.id);
    for chunk in stored.chunks(tx.rows_at_once()) {
        insert_payloads(tx, chunk).await?;
    }
    remember_types(tx, &stored).await?;
    let mut counts = Counts::default();
    for event in events {
        let counter = if new.contains(&event.id) { Counter::Accepted } else { Counter::Duplicates };
        counts.add(&event.connection, event.received_at, counter);
    }
    counts.write(tx).await?;
    Ok(events.iter().map(|event| new.contains(&event.id)).collect())
}

async fn insert_rows(tx: &mut Tx, rows: &[(Vec<u8>, &NewEvent)]) -> Result<Vec<Uuid>, StoreError> {
    let values = rows.iter().map(|(dedup, event)| {
        let envelope = &event.envelope;
        vec![
            event.id.into(),
            dedup.clone().into(),
            Arg::from(&event.connection),
            Arg::from(&envelope.external_id),
            Arg::from(&envelope.event_type),
            envelope.object.as_ref().map(|object| object.kind.as_str()).into(),
            envelope.object.as_ref().map(|object| object.id.as_str()).into(),
            envelope.occurred_at.into(),
            event.received_at.into(),
            EventState::Pending.as_str().into(),
            event.received_at.into(),
            Arg::Int(Some(0)),
            Arg::Int(Some(0)),
            Arg::from(&event.request_id),
            i64::try_from(event.body.len()).unwrap_or(i64::MAX).into(),
        ]
    });
    let sql = Sql::new(
        "INSERT INTO events (id, dedup, connection, external_id, event_type, object_kind, object_id, occurred_at, \
         received_at, state, due_at, attempts, replays, request_id, size_bytes) ",
    )
    .rows(values)
    .push(" ON CONFLICT (dedup) DO NOTHING RETURNING id");
    Ok(tx.all::<(Uuid,)>(sql).await?.into_iter().map(|row| row.0).collect())
}

async fn insert_payloads(tx: &mut Tx, events: &[&NewEvent]) -> Result<(), StoreError> {
    let mut values = Vec::with_capacity(events.len());
    for event in events {
        values.push(vec![event.id.into(), write_headers(&event.headers)?.into(), event.body.to_vec().into()]);
    }
    tx.execute(Sql::new("INSERT INTO event_payloads (event_id, headers, body) ").rows(values)).await?;
    Ok(())
}

async fn remember_types(tx: &mut Tx, events: &[&NewEvent]) -> Result<(), StoreError> {
    let types: BTreeSet<(&str, &str)> =
        events.iter().map(|event| (event.connection.as_str(), event.envelope.event_type.as_str())).collect();
    if types.is_empty() {
        return Ok(());
    }
    let sql = Sql::new("INSERT INTO event_types (connection, event_type) ")
        .rows(types.into_iter().map(|(connection, event_type)| vec![connection.into(), event_type.into()]))
        .push(" ON CONFLICT (connection, event_type) DO NOTHING");
    tx.execute(sql).await?;
    Ok(())
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
