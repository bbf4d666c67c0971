//! `/readyz` says whether a delivery would be stored, and why not.

use crate::{
    database::Database,
    deliveries::{customer_updated, signed},
    server::Server,
};
use sqlx::{Connection, SqliteConnection};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_would_not_store_a_delivery_is_not_ready_and_says_which_part_and_why() {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    assert_eq!(server.get("/readyz").await.text().await.unwrap(), "ready\n");
    let mut inbox = SqliteConnection::connect(&database.url.replace("patchbay.db", "patchbay.inbox.db")).await.unwrap();
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut inbox).await.unwrap();
    let body = customer_updated("evt_1");
    let started = Instant::now();
    loop {
        let ready = server.get("/readyz").await;
        if ready.status() == 503 {
            let text = ready.text().await.unwrap();
            assert!(text.starts_with("not ready\ninbox: "), "{text}");
            break;
        }
        // A commit of a moment ago counts for a second.
        assert!(started.elapsed() < SOON, "it says that it is ready");
    }
    assert_eq!(server.get("/healthz").await.status(), 200, "it lives all the same");
    let answer = server.delivery("/webhooks/stripe", Some(&signed(&body)), &body).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let why = answer.text().await.unwrap();
    assert!(why.contains("could not be stored") && !why.contains("too many"), "{why}");
    sqlx::raw_sql("ROLLBACK").execute(&mut inbox).await.unwrap();
    let started = Instant::now();
    while server.get("/readyz").await.status() != 200 {
        assert!(started.elapsed() < SOON, "it does not recover");
    }
    assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
    server.filed().await;
}
