//! The comparison finds what it is there to find: each test spoils a sound database or its ledger in one way.

use patchbay_bench::{events::WEBHOOK_SECRET, folder::Folder, product::SECOND_CONNECTION};
use patchbay_chaos::{
    check::{Findings, compare},
    ledger::{Ledger, request_id},
    plan::{Delivery, Forgery, Plan, Size, What},
    sender::signed,
    snapshot::{Reader, Snapshot},
};
use patchbay_domain::Clock;
use patchbay_engine::{Arrival, Engine, EngineParts, EngineSettings, IngestError, calls};
use patchbay_providers::{
    NamedConnection,
    registry::{ConnectArgs, PROVIDERS},
};
use patchbay_store::{IdSource, Journal, Store, StoreOptions};
use rand::{SeedableRng, rngs::StdRng};

const SIZE: Size = Size { objects: 40, versions: 6 };

/// A ledger and the database that follows from it.
struct World {
    ledger: Ledger,
    plan: Plan,
    reader: Reader,
    _folder: Folder,
}

impl World {
    /// Everything in the plan, delivered and worked on, without any fault.
    async fn new() -> Self {
        let folder = Folder::new("chaos_findings").unwrap();
        let url = format!("sqlite://{}", folder.path().join("patchbay.db").display());
        let plan = Plan::new(SIZE, &mut StdRng::seed_from_u64(1));
        let mut ledger = Ledger::new(&plan, &folder.path().join("ledger.tsv")).unwrap();
        let engine = engine(&url).await;
        for delivery in &plan.deliveries {
            let event = &plan.events[delivery.event];
            let sent = ledger.send(event, *delivery);
            let status = deliver(&engine, event.connection, signed(event, delivery.what), &request_id(sent)).await;
            assert!(!ledger.answer(event, *delivery, sent, Some(status)).unwrap());
        }
        engine.drain().await.unwrap();
        engine.store().close().await;
        let reader = Reader::open_to_write(&url).await.unwrap();
        Self { ledger, plan, reader, _folder: folder }
    }

    async fn findings(&mut self) -> Findings {
        compare(&self.ledger, &Snapshot::read(&mut self.reader).await.unwrap())
    }

    /// What is found after `sql`, which is taken back.
    async fn findings_after(&mut self, sql: &str) -> Findings {
        self.reader.execute("BEGIN").await.unwrap();
        self.reader.execute(sql).await.unwrap();
        let findings = self.findings().await;
        self.reader.execute("ROLLBACK").await.unwrap();
        findings
    }
}

async fn engine(url: &str) -> Engine {
    let options = StoreOptions { clock: Clock::System, ids: IdSource::Random, readers: 1 };
    let store = Store::connect(url, options).await.unwrap();
    store.migrate().await.unwrap();
    let journal = Journal::open("sqlite::memory:", store.new_id()).await.unwrap();
    let stripe = PROVIDERS.iter().find(|entry| entry.manifest.id == "stripe").unwrap();
    let variables = |name: &str| match name {
        "STRIPE_SECRET_KEY" => Some("sk_test_of_the_findings".to_owned()),
        "STRIPE_WEBHOOK_SECRET" => Some(WEBHOOK_SECRET.to_owned()),
        "STRIPE_API_BASE" => Some("http://127.0.0.1:1".to_owned()),
        _ => None,
    };
    let (log, call_log) = calls::queue();
    let connections = ["stripe", SECOND_CONNECTION]
        .map(|name| {
            let (name, clock, http, log) = (name.to_owned(), Clock::System, client(), log.clone());
            let args = ConnectArgs { name: name.clone(), variables: &variables, clock, http, log };
            NamedConnection { name, connection: (stripe.connect)(args).unwrap() }
        })
        .into();
    Engine::start(EngineParts { store, journal, connections, call_log, settings: EngineSettings::new(1, [7; 32]) })
}

#[expect(clippy::disallowed_methods, reason = "nothing is called through it")]
fn client() -> reqwest::Client {
    reqwest::Client::new()
}

/// The status that the server would answer with.
async fn deliver(
    engine: &Engine,
    connection: &str,
    (signature, body): (Option<String>, Vec<u8>),
    request_id: &str,
) -> u16 {
    let mut headers = http::HeaderMap::new();
    if let Some(signature) = signature {
        headers.insert("stripe-signature", signature.parse().unwrap());
    }
    let delivery = patchbay_engine::Delivery {
        arrival: Arrival { connection, method: &http::Method::POST, target: "", headers: &headers, remote: None },
        body: body.into(),
        request_id,
    };
    match engine.ingest(delivery).await {
        Ok(_) => 200,
        Err(IngestError::Rejected(_)) => 401,
        Err(IngestError::Malformed(_)) => 400,
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_sound_database_has_no_findings() {
    let mut world = World::new().await;
    let findings = world.findings().await;
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(world.ledger.acknowledged, world.plan.events.len());
    assert!(world.ledger.counts.refused > 0 && world.ledger.counts.duplicates > 0);
}

#[tokio::test]
async fn what_is_lost_is_found() {
    let mut world = World::new().await;
    for sql in [
        "DELETE FROM events WHERE external_id = 'evt_cus_1_2'",
        "UPDATE events SET state = 'pending' WHERE external_id = 'evt_cus_1_2'",
        "UPDATE events SET state = 'dead' WHERE external_id = 'evt_cus_1_2'",
        "DELETE FROM record_history WHERE external_id = 'cus_1' AND outcome = 'created'",
        "DELETE FROM event_attempts WHERE id = (SELECT MIN(id) FROM event_attempts)",
        "DELETE FROM records WHERE external_id = 'cus_1'",
        "UPDATE records SET revision = revision - 1 WHERE external_id = 'cus_1'",
        "UPDATE minute_counts SET accepted = accepted - 1",
        "UPDATE record_counts SET count = count - 1",
    ] {
        let findings = world.findings_after(sql).await;
        assert!(!findings.lost.is_empty(), "not found: {sql}");
    }
}

#[tokio::test]
async fn an_event_that_was_lost_and_came_again_is_found() {
    let mut world = World::new().await;
    // Its second delivery, which should have been dropped as a duplicate, was stored.
    let findings = world.findings_after("UPDATE minute_counts SET duplicates = duplicates - 1").await;
    assert_eq!(findings.lost.len(), 1, "{findings:?}");
}

#[tokio::test]
async fn what_is_doubled_is_found() {
    let mut world = World::new().await;
    for sql in [
        "INSERT INTO events (id, dedup, connection, external_id, event_type, occurred_at, received_at, state, due_at, \
         attempts, replays, request_id, size_bytes) SELECT randomblob(16), randomblob(16), connection, external_id, \
         event_type, occurred_at, received_at, state, due_at, attempts, replays, request_id, size_bytes FROM events \
         WHERE external_id = 'evt_cus_1_2'",
        "INSERT INTO record_history SELECT randomblob(16), connection, kind, external_id, at, source_type, source_id, \
         outcome, version, body_after FROM record_history WHERE outcome = 'updated' LIMIT 1",
        "INSERT INTO event_attempts SELECT randomblob(16), event_id, started_at, duration_us, outcome, error FROM \
         event_attempts LIMIT 1",
        "UPDATE records SET revision = revision + 1 WHERE external_id = 'cus_1'",
        "UPDATE record_history SET outcome = 'created' WHERE outcome = 'updated'",
        "UPDATE minute_counts SET processed = processed + 1",
        "UPDATE record_counts SET count = count + 1",
    ] {
        let findings = world.findings_after(sql).await;
        assert!(!findings.doubled.is_empty(), "not found: {sql}");
    }
}

#[tokio::test]
async fn what_is_invented_is_found() {
    let mut world = World::new().await;
    let forged = request_id(*world.ledger.forged.first().unwrap());
    for sql in [
        "UPDATE events SET external_id = 'evt_of_nobody' WHERE external_id = 'evt_cus_1_2'",
        "UPDATE records SET external_id = 'cus_of_nobody' WHERE external_id = 'cus_1'",
        "UPDATE events SET connection = 'stripe/quiet' WHERE external_id = 'evt_cus_1_2'",
        "UPDATE records SET connection = 'stripe/quiet' WHERE external_id = 'cus_1'",
        "UPDATE records SET version = version + 1 WHERE external_id = 'cus_1'",
        "UPDATE record_history SET source_id = 'nobody' WHERE id = (SELECT MIN(id) FROM record_history)",
        "UPDATE record_history SET body_after = '{\"name\":\"Mallory\"}' WHERE outcome = 'created'",
        "UPDATE record_history SET version = version + 1 WHERE id = (SELECT MIN(id) FROM record_history)",
        &format!("UPDATE events SET request_id = '{forged}' WHERE external_id = 'evt_cus_1_2'"),
        "UPDATE events SET request_id = 'req_of_nobody' WHERE external_id = 'evt_cus_1_2'",
    ] {
        let findings = world.findings_after(sql).await;
        assert!(!findings.invented.is_empty(), "not found: {sql}");
    }
}

#[tokio::test]
async fn a_record_that_was_put_back_is_found() {
    let mut world = World::new().await;
    for sql in [
        "UPDATE records SET version = version - 1000000 WHERE external_id = 'cus_1'",
        "UPDATE records SET body = (SELECT body_after FROM record_history WHERE external_id = 'cus_1' AND outcome = \
         'created') WHERE external_id = 'cus_1'",
        "UPDATE records SET deleted = 1 - deleted WHERE external_id = 'cus_1'",
    ] {
        let findings = world.findings_after(sql).await;
        assert!(!findings.stale.is_empty(), "not found: {sql}");
    }
}

#[tokio::test]
async fn an_event_missing_in_the_ledger_is_invented() {
    let mut world = World::new().await;
    world.ledger.entries.remove("evt_cus_1_2");
    assert!(!world.findings().await.invented.is_empty());
}

#[tokio::test]
async fn an_acknowledged_forgery_and_a_refused_event_are_wrong_answers() {
    let mut world = World::new().await;
    let event = &world.plan.events[0];
    for (what, status) in
        [(What::Forged(Forgery::ChangedBody), 200), (What::Genuine { again: true }, 401), (What::Duplicate, 500)]
    {
        let delivery = Delivery { event: 0, what };
        let sent = world.ledger.send(event, delivery);
        world.ledger.answer(event, delivery, sent, Some(status)).unwrap();
    }
    assert_eq!(world.findings().await.wrong_answers.len(), 3);
}
