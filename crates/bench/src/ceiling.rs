//! The same check of the same deliveries in the same HTTP server, and nothing behind it.

use crate::{Failure, events::WEBHOOK_SECRET};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use patchbay_domain::Clock;
use patchbay_providers::{
    Connection, Unverified,
    gateway::NoCallLog,
    registry::{ConnectArgs, PROVIDERS},
};
use serde_json::{Value, json};
use std::{net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;

const MAX_BODY_BYTES: usize = 1024 * 1024;

pub async fn serve(address: SocketAddr) -> Result<(), Failure> {
    let entry = PROVIDERS.iter().find(|entry| entry.manifest.id == "stripe").ok_or("Stripe is no provider any more")?;
    let variables = |name: &str| match name {
        "STRIPE_SECRET_KEY" => Some("sk_test_of_the_bench".to_owned()),
        "STRIPE_WEBHOOK_SECRET" => Some(WEBHOOK_SECRET.to_owned()),
        _ => None,
    };
    let connection = (entry.connect)(ConnectArgs {
        name: "stripe".to_owned(),
        variables: &variables,
        clock: Clock::System,
        http: client()?,
        log: Arc::new(NoCallLog),
    })?;
    let router = Router::new()
        .route("/webhooks/{provider}", post(receive))
        .route("/healthz", axum::routing::get(|| async { "ok\n" }))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(connection);
    axum::serve(TcpListener::bind(address).await?, router).await?;
    Ok(())
}

async fn receive(
    State(connection): State<Arc<dyn Connection>>,
    Path(_provider): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, (StatusCode, String)> {
    let unverified = Unverified::posted(&headers, &body);
    let webhooks = connection.webhooks().ok_or((StatusCode::NOT_FOUND, String::new()))?;
    let verified = webhooks
        .verify(unverified, Clock::System.now())
        .map_err(|rejection| (StatusCode::UNAUTHORIZED, rejection.to_string()))?;
    let received = webhooks.receive(&verified).map_err(|malformed| (StatusCode::BAD_REQUEST, malformed.to_string()))?;
    // The reading must not be optimised away.
    std::hint::black_box(received);
    Ok(Json(json!({ "received": true })))
}

#[expect(clippy::disallowed_methods, reason = "a connection wants a client; the ceiling never calls out")]
fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder().build()
}
