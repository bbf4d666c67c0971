//! `kill -9` in the middle of a crowd of deliveries.

use crate::{
    database::Database,
    deliveries::{customer, event, signed},
    on_both_databases,
    server::Server,
};
use patchbay_domain::{Kind, Timestamp};
use patchbay_store::{EventFilter, PageRequest, RecordFilter};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const EVENTS: usize = 10_000;
const CUSTOMERS: usize = 500;
const SENDERS: usize = 64;
/// Acknowledgements after which the server is killed.
const KILLS: [usize; 2] = [3_000, 6_000];
/// The second in which the first event was made.
const FIRST_SECOND: usize = 1_790_000_000;
/// For 10,000 deliveries; also for the worker, which waits for the leases of the killed ones (a minute).
const PATIENCE: Duration = Duration::from_mins(5);

on_both_databases!(killing_the_server_in_the_middle_of_10_000_deliveries_loses_nothing_acknowledged);

/// What is still to be sent, and what was acknowledged.
#[derive(Default)]
struct Ledger {
    waiting: VecDeque<usize>,
    acknowledged: BTreeSet<String>,
    /// Deliveries that ended without any answer.
    cut: usize,
}

fn event_id(number: usize) -> String {
    format!("evt_{number:05}")
}

fn customer_id(number: usize) -> String {
    format!("cus_{:03}", number % CUSTOMERS)
}

fn second(number: usize) -> i64 {
    i64::try_from(FIRST_SECOND + number / CUSTOMERS).unwrap()
}

fn name(number: usize) -> String {
    format!("Customer {} at {}", number % CUSTOMERS, number / CUSTOMERS)
}

fn body(number: usize) -> Vec<u8> {
    let object = customer(&customer_id(number), &name(number));
    event(&event_id(number), "customer.updated", second(number), &object)
}

/// Sends until nothing waits; what is not acknowledged goes back to the end of the line.
async fn send(http: reqwest::Client, url: String, ledger: Arc<Mutex<Ledger>>) {
    loop {
        let next = ledger.lock().unwrap().waiting.pop_front();
        let Some(number) = next else { return };
        let body = body(number);
        let request = http.post(&url).header("stripe-signature", signed(&body)).body(body);
        let answer = request.send().await;
        let pause = {
            let mut ledger = ledger.lock().unwrap();
            match answer {
                Ok(answer) if answer.status().is_success() => {
                    ledger.acknowledged.insert(event_id(number));
                    false
                }
                Ok(answer) => {
                    assert_eq!(answer.status(), 503, "only `come again` is no acknowledgement");
                    ledger.waiting.push_back(number);
                    true
                }
                Err(_) => {
                    ledger.cut += 1;
                    ledger.waiting.push_back(number);
                    true
                }
            }
        };
        if pause {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn until_acknowledged(ledger: &Mutex<Ledger>, count: usize) {
    let started = Instant::now();
    loop {
        let acknowledged = ledger.lock().unwrap().acknowledged.len();
        if acknowledged >= count {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "only {acknowledged} of {count} are acknowledged");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn killing_the_server_in_the_middle_of_10_000_deliveries_loses_nothing_acknowledged(database: Database) {
    let mut server = Server::start(&database).await;
    let ledger = Arc::new(Mutex::new(Ledger { waiting: (0..EVENTS).collect(), ..Ledger::default() }));
    let url = server.url("/webhooks/stripe");
    let send = |_| tokio::spawn(send(server.http.clone(), url.clone(), ledger.clone()));
    let senders: Vec<_> = (0..SENDERS).map(send).collect();
    for count in KILLS {
        until_acknowledged(&ledger, count).await;
        let cut_before = ledger.lock().unwrap().cut;
        server.kill();
        server.start_again().await;
        let Ledger { acknowledged, cut, .. } = &*ledger.lock().unwrap();
        assert!(acknowledged.len() < EVENTS, "the kill came after the last delivery");
        assert!(*cut > cut_before, "the kill met no delivery");
    }
    until_acknowledged(&ledger, EVENTS).await;
    for sender in senders {
        sender.await.unwrap();
    }
    server.filed().await;
    database.until("SELECT COUNT(*) FROM events WHERE state = 'pending'", 0, PATIENCE).await;
    server.kill();

    let stored = stored_events(&database).await;
    let ledger = ledger.lock().unwrap().acknowledged.clone();
    assert_eq!(ledger.len(), EVENTS);
    let lost: Vec<_> = ledger.iter().filter(|id| !stored.contains_key(*id)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let twice: Vec<_> = stored.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "stored more than once: {twice:?}");
    assert_eq!(stored.len(), EVENTS, "stored, but never sent");
    each_event_had_its_effect_once(&database).await;
    each_record_is_at_its_newest_version(&database).await;
}

/// How often each of the provider's ids is stored.
async fn stored_events(database: &Database) -> BTreeMap<String, usize> {
    let store = database.store().await;
    let mut stored = BTreeMap::new();
    let mut page = PageRequest { limit: 500, ..PageRequest::default() };
    loop {
        let events = store.list_events(&EventFilter::default(), &page).await.unwrap();
        for event in events.items {
            *stored.entry(event.external_id).or_default() += 1;
        }
        page.after = events.next;
        if page.after.is_none() {
            store.close().await;
            return stored;
        }
    }
}

async fn each_event_had_its_effect_once(database: &Database) {
    let all = i64::try_from(EVENTS).unwrap();
    for (sql, wanted) in [
        ("SELECT COUNT(*) FROM events WHERE state = 'processed'", all),
        ("SELECT COUNT(*) FROM event_attempts", all),
        ("SELECT COUNT(DISTINCT event_id) FROM event_attempts WHERE outcome = 'processed'", all),
        ("SELECT COUNT(*) FROM record_history", all),
        ("SELECT COUNT(DISTINCT source_id) FROM record_history WHERE source_type = 'event'", all),
        ("SELECT CAST(SUM(processed) AS BIGINT) FROM minute_counts", all),
        ("SELECT CAST(SUM(accepted) AS BIGINT) FROM minute_counts", all),
        ("SELECT CAST(SUM(dead) AS BIGINT) FROM minute_counts", 0),
    ] {
        assert_eq!(database.count(sql).await, wanted, "{sql}");
    }
}

async fn each_record_is_at_its_newest_version(database: &Database) {
    let store = database.store().await;
    let page = PageRequest { limit: 500, ..PageRequest::default() };
    let records = store.list_records(&RecordFilter::of(Kind::new("customer")), &page).await.unwrap().items;
    let found: BTreeMap<_, _> =
        records.into_iter().map(|record| (record.key.id, (record.version, record.index.title))).collect();
    let newest: BTreeMap<_, _> = (EVENTS - CUSTOMERS..EVENTS)
        .map(|number| (customer_id(number), (Timestamp::from_seconds(second(number)).micros(), name(number))))
        .collect();
    assert_eq!(found, newest);
    store.close().await;
}
