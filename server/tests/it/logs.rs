//! What the server prints.

use crate::{
    database::Database,
    deliveries::{SECRET_KEY, WEBHOOK_SECRETS, customer_updated, signature, signed},
    server::Server,
};
use axum::{Json, Router, http::StatusCode};
use serde_json::json;
use std::time::Duration;

/// The provider's API, refusing the key and repeating it.
async fn api_that_refuses() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let body = json!({ "error": { "type": "invalid_request_error", "message": format!("Invalid API Key provided: {SECRET_KEY}") } });
    let api = Router::new().fallback(move || async move { (StatusCode::UNAUTHORIZED, Json(body)) });
    tokio::spawn(async move { axum::serve(listener, api).await });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_level_prints_a_secret() {
    let database = Database::sqlite();
    let api = api_that_refuses().await;
    let more = [("RUST_LOG", "trace"), ("PATCHBAY_LOG_FORMAT", "json"), ("STRIPE_API_BASE", api.as_str())];
    let mut server = Server::start_with(&database, &more).await;
    let body = customer_updated("evt_1");
    assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
    assert_eq!(server.deliver(&body, &signature("whsec_wrong", 0, &body)).await.0, 401);
    server.http.get(server.url("/events")).header("cookie", "__session=token-of-a-person").send().await.unwrap();
    // The first sync has called the API with the key by then.
    database.until("SELECT COUNT(*) FROM syncs WHERE state <> 'running'", 1, Duration::from_mins(1)).await;
    // Every line is written when it has ended.
    server.stop().await;
    let logs = server.says(r#""level":"DEBUG""#).await;
    for secret in [SECRET_KEY, WEBHOOK_SECRETS[0], WEBHOOK_SECRETS[1], "token-of-a-person"] {
        let line = logs.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "a secret is in the log: {line:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_no_terminal_has_no_colors_in_it() {
    let database = Database::sqlite();
    let mut server = Server::start(&database).await;
    let logs = server.says("sign-in").await;
    server.kill();
    assert!(!logs.contains('\u{1b}'), "{logs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_fill_the_log() {
    let database = Database::sqlite();
    let server = Server::start_sandbox(&database).await;
    for number in 0..300 {
        let forged = server.http.get(server.url("/")).header("accept", "text/html");
        forged.header("cookie", "handshakes=1; __clerk_handshake=x").send().await.unwrap();
        server.http.get(server.url(&format!("/events?{number}"))).header("accept", "text/html").send().await.unwrap();
        server.delivery("/webhooks/stripe", Some("t=1,v1=00"), b"{}").send().await.unwrap();
        server.delivery("/webhooks/nobody", None, b"{}").send().await.unwrap();
    }
    assert!(server.logs().len() < 20_000, "{}", server.logs());
}
