//! The numbers at `/metrics`.

use crate::{
    database::Database,
    deliveries::{customer_updated, signed},
    server::Server,
};
use axum::{Router, http::StatusCode};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

const SOON: Duration = Duration::from_secs(30);

async fn numbers(server: &Server) -> String {
    server.get("/metrics").await.text().await.unwrap()
}

async fn until(server: &Server, line: &str) -> String {
    let started = Instant::now();
    loop {
        let numbers = numbers(server).await;
        if numbers.lines().any(|found| found == line) {
            return numbers;
        }
        assert!(started.elapsed() < SOON, "{line} does not come: {numbers}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_and_who_works_is_counted() {
    let database = Database::sqlite();
    let server = Server::start_without_worker(&database, &[]).await;
    for id in ["evt_1", "evt_2"] {
        let body = customer_updated(id);
        assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
    }
    server.filed().await;
    let numbers = until(&server, "patchbay_pending_events 2").await;
    assert!(numbers.contains("\npatchbay_alive_workers 0\n") && numbers.contains("\npatchbay_dead_events 0\n"));
    assert!(numbers.contains("\npatchbay_oldest_pending_event_age_seconds "), "{numbers}");
    drop(server);
    let server = Server::start(&database).await;
    let numbers = until(&server, "patchbay_pending_events 0").await;
    assert!(numbers.contains("\npatchbay_alive_workers 1\n"), "{numbers}");
}

/// A provider that knows nothing.
async fn provider() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let api = Router::new().fallback(|| async { (StatusCode::OK, r#"{"object":"list","data":[],"has_more":false}"#) });
    tokio::spawn(async move { axum::serve(listener, api).await });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_costs_a_bounded_number_of_series_however_many_operations_it_has() {
    let database = Database::sqlite();
    let base = provider().await;
    let server = Server::start_with(&database, &[("STRIPE_API_BASE", &base)]).await;
    // The first sync asks for every kind of object.
    database.until("SELECT COUNT(*) FROM syncs WHERE state = 'done'", 1, SOON).await;
    let numbers = numbers(&server).await;
    let series = numbers.lines().filter(|line| line.contains("connection=\"stripe\""));
    let calls: BTreeSet<&str> = series.clone().filter(|line| line.starts_with("patchbay_provider_")).collect();
    assert!(!calls.is_empty() && !numbers.contains("operation="), "{numbers}");
    assert!(calls.len() <= 12, "buckets, sum, count and one outcome: {calls:#?}");
    assert!(series.count() <= 30, "{numbers}");
}
