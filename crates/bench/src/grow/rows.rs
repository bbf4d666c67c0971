//! The rows as the tables want them: the one place to change when a table does.

use patchbay_domain::{ObjectKey, Timestamp, event::EventState};
use patchbay_store::payloads;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

pub struct Table {
    pub name: &'static str,
    pub columns: &'static [&'static str],
}

pub enum Cell {
    Null,
    Text(String),
    Int(i64),
    Bytes(Vec<u8>),
    Id(Uuid),
}

pub type Row = Vec<Cell>;

pub const EVENTS: Table = Table {
    name: "events",
    columns: &[
        "id",
        "dedup",
        "connection",
        "external_id",
        "event_type",
        "object_kind",
        "object_id",
        "occurred_at",
        "received_at",
        "state",
        "due_at",
        "attempts",
        "replays",
        "finished_at",
        "error",
        "request_id",
        "size_bytes",
    ],
};
pub const PAYLOADS: Table = Table { name: "event_payloads", columns: &["event_id", "headers", "encoding", "body"] };
pub const ATTEMPTS: Table =
    Table { name: "event_attempts", columns: &["id", "event_id", "started_at", "duration_us", "outcome", "error"] };
pub const HISTORY: Table = Table {
    name: "record_history",
    columns: &[
        "id",
        "connection",
        "kind",
        "external_id",
        "at",
        "source_type",
        "source_id",
        "outcome",
        "version",
        "body_after",
    ],
};
pub const MINUTES: Table = Table {
    name: "minute_counts",
    columns: &["minute", "connection", "accepted", "duplicates", "rejected", "processed", "dead"],
};
pub const EVENT_TYPES: Table = Table { name: "event_types", columns: &["connection", "event_type", "outline"] };

/// One event that a worker is done with.
pub struct Event {
    pub number: u64,
    pub connection: &'static str,
    pub external_id: String,
    pub name: &'static str,
    pub object: ObjectKey,
    pub received_at: Timestamp,
    pub state: EventState,
    pub body: String,
    /// What the record was afterwards, where the event changed one.
    pub body_after: Option<String>,
}

/// Before a dead letter is given up.
const TRIES: i64 = 8;
const HEADERS: &str = r#"[["stripe-signature","t=1790000000,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd"],["content-type","application/json; charset=utf-8"],["user-agent","Stripe/1.0 (+https://stripe.com/docs/webhooks)"]]"#;
const FAILURE: &str = "Stripe answered 500 to customers.retrieve";

impl Event {
    fn id(&self) -> Uuid {
        id(self.received_at, 0, self.number)
    }

    fn failed(&self) -> bool {
        self.state == EventState::Dead
    }

    fn finished_at(&self) -> Timestamp {
        Timestamp(self.received_at.0 + 20_000)
    }

    fn error(&self) -> Cell {
        if self.failed() { text(FAILURE) } else { Cell::Null }
    }

    pub fn event_row(&self) -> Row {
        let seconds = self.received_at.seconds() - 1;
        vec![
            Cell::Id(self.id()),
            Cell::Bytes(dedup_key(self.connection, &self.external_id)),
            text(self.connection),
            text(&self.external_id),
            text(self.name),
            text(self.object.kind.as_str()),
            text(&self.object.id),
            Cell::Int(Timestamp::from_seconds(seconds).0),
            Cell::Int(self.received_at.0),
            text(self.state.as_str()),
            Cell::Int(self.received_at.0),
            Cell::Int(if self.failed() { TRIES } else { 1 }),
            Cell::Int(0),
            Cell::Int(self.finished_at().0),
            self.error(),
            Cell::Text(format!("req_{:016x}", self.number)),
            Cell::Int(i64::try_from(self.body.len()).unwrap_or(i64::MAX)),
        ]
    }

    /// What was delivered.
    pub fn payload_row(&self, outline: &[u8]) -> Row {
        let payload = payloads::pack(self.body.as_bytes(), outline);
        vec![Cell::Id(self.id()), text(HEADERS), Cell::Int(payload.encoding), Cell::Bytes(payload.bytes)]
    }

    pub fn attempt_rows(&self) -> Vec<Row> {
        let tries = if self.failed() { TRIES } else { 1 };
        let outcome = if self.failed() { "failed" } else { self.state.as_str() };
        (0..tries)
            .map(|attempt| {
                let at = Timestamp(self.received_at.0 + 5_000 + attempt * 60_000_000);
                let number = self.number * 8 + attempt.unsigned_abs();
                vec![
                    Cell::Id(id(at, 1, number)),
                    Cell::Id(self.id()),
                    Cell::Int(at.0),
                    Cell::Int(900),
                    text(outcome),
                    self.error(),
                ]
            })
            .collect()
    }

    pub fn history_row(&self) -> Option<Row> {
        let body_after = self.body_after.as_ref()?;
        Some(vec![
            Cell::Id(id(self.finished_at(), 2, self.number)),
            text(self.connection),
            text(self.object.kind.as_str()),
            text(&self.object.id),
            Cell::Int(self.finished_at().0),
            text("event"),
            Cell::Text(self.id().to_string()),
            text("updated"),
            Cell::Int(Timestamp::from_seconds(self.received_at.seconds() - 1).0),
            text(body_after),
        ])
    }
}

pub fn text(value: &str) -> Cell {
    Cell::Text(value.to_owned())
}

/// As the store makes it: the first 16 bytes of a hash over connection and the provider's id.
fn dedup_key(connection: &str, external_id: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(connection.as_bytes());
    hash.update([0]);
    hash.update(external_id.as_bytes());
    hash.finalize().get(..16).unwrap_or_default().to_vec()
}

/// A `UUIDv7` of that time; `table` and `number` keep it unlike all others.
fn id(at: Timestamp, table: u8, number: u64) -> Uuid {
    let mut tail = [0; 10];
    tail[1] = table;
    tail[2..].copy_from_slice(&number.to_be_bytes());
    Builder::from_unix_timestamp_millis(u64::try_from(at.millis()).unwrap_or(0), &tail).into_uuid()
}
