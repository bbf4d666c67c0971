//! The log cannot be written: nothing else may notice.

use crate::{
    database::Database,
    deliveries::{customer_updated, event, now, signed},
    server::Server,
};
use serde_json::json;
use std::{
    fs::OpenOptions,
    io::PipeReader,
    process::Stdio,
    time::{Duration, Instant},
};

const SOON: Duration = Duration::from_secs(30);
const FINISHED: &str = "SELECT COUNT(*) FROM events WHERE state IN ('processed', 'dead')";
const DEAD: &str = "SELECT COUNT(*) FROM events WHERE state = 'dead'";
/// Every request and statement is a line, so that the log breaks early and often.
const EVERYTHING: [(&str, &str); 1] = [("RUST_LOG", "trace")];

fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

fn pipes() -> ([PipeReader; 2], [Stdio; 2]) {
    let (out, stdout) = std::io::pipe().unwrap();
    let (err, stderr) = std::io::pipe().unwrap();
    ([out, err], [stdout.into(), stderr.into()])
}

/// Deliveries are acknowledged, filed and worked on, also those that are warned about.
async fn does_its_work(server: &Server, database: &Database) {
    for number in 0..20 {
        let body = customer_updated(&format!("evt_{number}"));
        assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200, "{number}");
        assert_eq!(server.deliver(&body, "t=1,v1=00").await.0, 401, "{number}");
    }
    // A customer whose balance is a text cannot be read: a dead letter, which is a warning.
    let body = event(
        "evt_unreadable",
        "customer.updated",
        now(),
        &json!({ "object": "customer", "id": "cus_9", "balance": "none" }),
    );
    assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
    database.until(DEAD, 1, SOON).await;
    for number in 20..40 {
        let body = customer_updated(&format!("evt_{number}"));
        assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200, "{number}");
    }
    database.until(FINISHED, 41, SOON).await;
    assert_eq!(server.get("/readyz").await.status(), 200);
    // A reader that stands still leaves room for some lines.
    let started = Instant::now();
    while server.metric("patchbay_log_lines_dropped_total").await == "0" {
        assert!(started.elapsed() < SOON, "no line is lost, or none is counted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_the_log_costs_lines_and_nothing_else() {
    let database = Database::sqlite();
    let mut server = Server::start_printing_to(&database, &EVERYTHING, [full(), full()]).await;
    does_its_work(&server, &database).await;
    assert_eq!(server.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_the_log_that_dies_costs_lines_and_nothing_else() {
    let database = Database::sqlite();
    let (readers, streams) = pipes();
    let mut server = Server::start_printing_to(&database, &[], streams).await;
    drop(readers);
    does_its_work(&server, &database).await;
    assert_eq!(server.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_the_log_that_stands_still_costs_lines_and_nothing_else() {
    let database = Database::sqlite();
    let (readers, streams) = pipes();
    let mut server = Server::start_printing_to(&database, &EVERYTHING, streams).await;
    does_its_work(&server, &database).await;
    assert_eq!(server.stop().await, Some(0), "it does not wait for a reader when it ends");
    drop(readers);
}
