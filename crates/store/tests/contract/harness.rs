//! A fresh database for each test, and the values tests are made of.

use patchbay_domain::{
    Change, Clock, Index, Kind, ObjectKey, RecordRef, Source, State, Timestamp, Version,
    change::Applied,
    event::{Envelope, EventState},
};
use patchbay_store::{AttemptOutcome, ClaimedEvent, IdSource, Lane, NewEvent, PageRequest, Store, StoreOptions};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::{
    future::Future,
    io::Write as _,
    sync::{
        Once,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

pub const START: Timestamp = Timestamp::from_seconds(1_790_000_000);
pub const LEASE: Duration = Duration::from_mins(1);
pub const THING: Kind = Kind::new("thing");

static NUMBER: AtomicU32 = AtomicU32::new(0);
static SKIP: Once = Once::new();

fn unique_name() -> String {
    format!("patchbay_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst))
}

async fn open(url: &str) -> Store {
    let options = StoreOptions { clock: Clock::fixed(START), ids: IdSource::Seeded(1), readers: 4 };
    let store = Store::connect(url, options).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// Runs to the end whatever the test does, so that what was made can be removed.
async fn finish<F: Future<Output = ()> + Send + 'static>(test: F) -> Option<Box<dyn std::any::Any + Send>> {
    tokio::spawn(test).await.err().map(tokio::task::JoinError::into_panic)
}

pub async fn on_sqlite<F: Future<Output = ()> + Send + 'static>(test: fn(Store) -> F) {
    let path = std::env::temp_dir().join(format!("{}.db", unique_name()));
    let store = open(&format!("sqlite://{}", path.display())).await;
    let panicked = finish(test(store.clone())).await;
    store.close().await;
    for end in ["", "-wal", "-shm"] {
        std::fs::remove_file(format!("{}{end}", path.display())).ok();
    }
    if let Some(panic) = panicked {
        std::panic::resume_unwind(panic);
    }
}

pub async fn on_postgres<F: Future<Output = ()> + Send + 'static>(test: fn(Store) -> F) {
    let Ok(server) = std::env::var("PATCHBAY_TEST_POSTGRES_URL") else {
        let required = std::env::var("PATCHBAY_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
        assert!(!required, "PATCHBAY_REQUIRE_POSTGRES=1 needs PATCHBAY_TEST_POSTGRES_URL");
        SKIP.call_once(|| {
            // Straight to the stream: what a passing test prints is not shown.
            let line =
                "\nSKIPPED: everything on PostgreSQL; set PATCHBAY_TEST_POSTGRES_URL to the address of a server\n";
            std::io::stderr().write_all(line.as_bytes()).ok();
        });
        return;
    };
    let name = unique_name();
    let mut admin = PgConnection::connect(&server).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
    let store = open(&with_database(&server, &name)).await;
    let panicked = finish(test(store.clone())).await;
    store.close().await;
    sqlx::query(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).execute(&mut admin).await.unwrap();
    if let Some(panic) = panicked {
        std::panic::resume_unwind(panic);
    }
}

/// `postgres://host/admin?options` with another database.
fn with_database(server: &str, name: &str) -> String {
    let (address, options) =
        server.split_once('?').map_or((server, None), |(address, options)| (address, Some(options)));
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..].find('/').map_or(address.len(), |at| start + at);
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    format!("{}/{name}{options}", &address[..end])
}

/// Moves the clock.
pub fn pass(store: &Store, seconds: u64) {
    store.clock().advance(Duration::from_secs(seconds));
}

/// The machine's clock was ahead and is put right.
pub fn step_back(store: &Store, seconds: i64) {
    let Clock::Fixed(micros) = store.clock() else { panic!("tests move their own clock") };
    micros.fetch_sub(seconds * 1_000_000, std::sync::atomic::Ordering::SeqCst);
}

pub fn first(limit: u32) -> PageRequest {
    PageRequest { limit, ..PageRequest::default() }
}

/// An event of connection `stripe`, received now.
pub fn event(store: &Store, external_id: &str, event_type: &str, object: Option<&str>) -> NewEvent {
    NewEvent {
        id: store.new_id(),
        connection: "stripe".to_owned(),
        envelope: Envelope {
            external_id: external_id.to_owned(),
            event_type: event_type.to_owned(),
            object: object.map(|id| ObjectKey::new(THING, id)),
            occurred_at: START,
        },
        received_at: store.clock().now(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: format!("{{\"id\":\"{external_id}\"}}").into(),
        request_id: "req".to_owned(),
    }
}

/// Stores an event of an object and answers its id.
pub async fn deliver(store: &Store, external_id: &str, object: Option<&str>) -> Uuid {
    deliver_as(store, external_id, "thing.changed", object).await
}

pub async fn deliver_as(store: &Store, external_id: &str, event_type: &str, object: Option<&str>) -> Uuid {
    let event = event(store, external_id, event_type, object);
    assert_eq!(store.insert_events(std::slice::from_ref(&event)).await.unwrap(), [true]);
    event.id
}

pub async fn claim(store: &Store, owner: &str) -> Vec<ClaimedEvent> {
    store.claim_events(Lane::All, owner, LEASE, 100).await.unwrap()
}

pub fn ids(events: &[ClaimedEvent]) -> Vec<Uuid> {
    events.iter().map(|event| event.id).collect()
}

pub fn attempt(outcome: &str) -> AttemptOutcome {
    let error = (outcome == "failed").then(|| "it broke".to_owned());
    AttemptOutcome { started_at: START, duration_us: 1_500, outcome: outcome.to_owned(), error }
}

/// Ends an event and commits, if the owner still holds it.
pub async fn finish_event(store: &Store, id: Uuid, owner: &str, state: EventState) -> bool {
    let mut tx = store.begin().await.unwrap();
    let held = tx.finish_event(id, owner, state, &attempt(state.as_str())).await.unwrap();
    if held {
        tx.commit().await.unwrap();
    } else {
        tx.rollback().await.unwrap();
    }
    held
}

pub async fn retry_event(store: &Store, id: Uuid, owner: &str, seconds: u64) -> bool {
    let due_at = store.clock().now().plus(Duration::from_secs(seconds));
    let mut tx = store.begin().await.unwrap();
    let held = tx.retry_event(id, owner, due_at, &attempt("failed")).await.unwrap();
    tx.commit().await.unwrap();
    held
}

pub fn key(id: &str) -> ObjectKey {
    ObjectKey::new(THING, id)
}

pub fn customer(connection: &str, id: &str) -> RecordRef {
    RecordRef::new(connection, ObjectKey::new(Kind::new("customer"), id))
}

/// A change whose body and title say `content`.
pub fn change(id: &str, version: i64, content: &str) -> Change {
    let index = Index { title: content.to_owned(), status: "live".to_owned(), created_at: START, ..Index::default() };
    indexed(id, version, index, json!({ "content": content }))
}

pub fn indexed(id: &str, version: i64, index: Index, body: Value) -> Change {
    Change { key: key(id), version: Version(version), state: State::Present { index, body } }
}

pub fn gone(id: &str, version: i64) -> Change {
    Change::deleted(key(id), Version(version))
}

pub fn by_event() -> Source {
    Source::Event { id: "event-1".to_owned() }
}

pub fn by_fetch() -> Source {
    Source::Fetch { cause: "event-1".to_owned() }
}

pub async fn apply(store: &Store, change: &Change, source: &Source, based_on: Option<i64>) -> Applied {
    apply_at(store, "stripe", change, source, based_on).await
}

pub async fn apply_at(
    store: &Store,
    connection: &str,
    change: &Change,
    source: &Source,
    based_on: Option<i64>,
) -> Applied {
    let mut tx = store.begin().await.unwrap();
    let applied = tx.apply(connection, change, source, based_on).await.unwrap();
    tx.commit().await.unwrap();
    applied
}

/// What the record says, and its version.
pub async fn content(store: &Store, id: &str) -> (String, i64) {
    let record = store.record("stripe", &key(id)).await.unwrap().unwrap();
    (record.body["content"].as_str().unwrap_or_default().to_owned(), record.version)
}

/// Outcomes of a record's history, oldest first.
pub async fn outcomes(store: &Store, id: &str) -> Vec<String> {
    let page = store.history("stripe", &key(id), &first(100)).await.unwrap();
    page.items.into_iter().rev().map(|entry| entry.outcome).collect()
}
