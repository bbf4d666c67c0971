//! For orchestrators and scrapers. Nothing here is personal or secret.

use super::AppState;
use axum::{Router, extract::State, http::StatusCode, routing::get};

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(|State(state): State<AppState>| async move { state.metrics.render() }))
}

/// Ready means that a delivery would be stored.
async fn ready(State(state): State<AppState>) -> (StatusCode, &'static str) {
    match state.engine.store().ping().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready: the database does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }
}
