//! `PostgreSQL` is away: deliveries go on.

use crate::{
    database::{Database, on_postgres},
    deliveries::{customer, event, now, signed},
    gate::Gate,
    server::Server,
};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(30);
const RECORD: &str = "SELECT COUNT(*) FROM records WHERE title = 'Version 5' AND version > 0";
const EVENTS: &str = "SELECT COUNT(*) FROM events WHERE state = 'processed'";

/// The address of a database, by way of a gate.
pub async fn behind_a_gate(database: &Database, open: bool) -> (Gate, String) {
    let url = url::Url::parse(&database.url).unwrap();
    let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let gate = Gate::new(target, open).await;
    let mut through = url;
    through.set_host(Some("127.0.0.1")).unwrap();
    through.set_port(Some(gate.address.port())).unwrap();
    (gate, through.into())
}

/// One more version of the same customer.
async fn deliver(server: &Server, number: i64) {
    let customer = customer("cus_1", &format!("Version {number}"));
    let body = event(&format!("evt_{number}"), "customer.updated", now() - 100 + number, &customer);
    assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200, "{number}");
}

async fn is_away(server: &Server) -> bool {
    assert_eq!(server.get("/readyz").await.status(), 200, "deliveries are taken");
    let metrics = server.get("/metrics").await.text().await.unwrap();
    let line = metrics.lines().find(|line| line.starts_with("patchbay_database_away_seconds ")).unwrap();
    !line.ends_with(" 0")
}

async fn goes_away_and_comes_back(database: Database) {
    let (gate, url) = behind_a_gate(&database, true).await;
    let server = Server::start_with(&database, &[("DATABASE_URL", &url)]).await;
    deliver(&server, 1).await;
    database.until(EVENTS, 1, SOON).await;
    gate.shut();
    for number in 2..5 {
        deliver(&server, number).await;
    }
    assert!(is_away(&server).await);
    gate.open();
    deliver(&server, 5).await;
    database.until(EVENTS, 5, SOON).await;
    assert_eq!(database.count(RECORD).await, 1, "the last one is what it is now");
    assert!(!is_away(&server).await);
}

async fn is_away_at_the_start(database: Database) {
    let (gate, url) = behind_a_gate(&database, false).await;
    let server = Server::start_with(&database, &[("DATABASE_URL", &url)]).await;
    for number in 1..6 {
        deliver(&server, number).await;
    }
    assert!(is_away(&server).await);
    gate.open();
    // There are no tables before it is back.
    let started = Instant::now();
    while is_away(&server).await {
        assert!(started.elapsed() < SOON, "it does not come back:\n{}", server.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    database.until(EVENTS, 5, SOON).await;
    assert_eq!(database.count(RECORD).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_acknowledged_while_the_database_is_away_and_filed_in_order_when_it_is_back() {
    on_postgres(goes_away_and_comes_back).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_without_its_database_takes_deliveries_and_waits_for_it() {
    on_postgres(is_away_at_the_start).await;
}
