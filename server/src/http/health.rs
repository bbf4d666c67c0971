//! For orchestrators and scrapers. Nothing here is personal or secret.

use super::AppState;
use axum::{Router, extract::State, http::StatusCode, routing::get};
use std::time::Duration;

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(numbers))
}

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Ready means that a delivery would be stored.
async fn ready(State(state): State<AppState>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(PATIENCE, state.engine.store().ping()).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        _ if state.engine.store().keeps_frames() => {
            (StatusCode::OK, "the database does not answer; deliveries are kept in the local journal\n")
        }
        _ => {
            tracing::warn!("not ready: the database does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }
}

async fn numbers(State(state): State<AppState>) -> String {
    let now = state.engine.clock().now();
    let away = state.engine.database_away_since().map_or(0.0, |since| now.since(since).as_secs_f64());
    metrics::gauge!("patchbay_database_away_seconds").set(away);
    // A number that cannot be read is left as it was.
    if let Ok(Ok(unfiled)) = tokio::time::timeout(PATIENCE, state.engine.unfiled()).await {
        metrics::gauge!("patchbay_inbox_unfiled_events").set(f64::from(u32::try_from(unfiled).unwrap_or(u32::MAX)));
    }
    state.metrics.render()
}
