//! Where providers post: `/webhooks/{provider}` and `/webhooks/{provider}/{connection}`.

use super::AppState;
use axum::{
    Json, Router,
    body::Bytes,
    extract::{ConnectInfo, Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use patchbay_engine::{Delivery, IngestError};
use serde_json::json;
use std::{net::SocketAddr, time::Duration};

pub fn router() -> Router<AppState> {
    Router::new().route("/webhooks/{provider}", post(first)).route("/webhooks/{provider}/{connection}", post(further))
}

type Remote = Option<axum::Extension<ConnectInfo<SocketAddr>>>;

async fn first(
    state: State<AppState>,
    Path(provider): Path<String>,
    remote: Remote,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    receive(&state, &provider, remote, &headers, body).await
}

async fn further(
    state: State<AppState>,
    Path((provider, connection)): Path<(String, String)>,
    remote: Remote,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    receive(&state, &format!("{provider}/{connection}"), remote, &headers, body).await
}

async fn receive(state: &AppState, connection: &str, remote: Remote, headers: &HeaderMap, body: Bytes) -> Response {
    let delivery = Delivery {
        connection,
        headers,
        body,
        request_id: super::telemetry::request_id(headers),
        remote: remote.map(|remote| remote.0.0.ip().to_string()),
    };
    match state.engine.ingest(delivery).await {
        Ok(()) => ([(header::CONTENT_TYPE, "application/json")], r#"{"received":true}"#).into_response(),
        Err(error) => refused(&error),
    }
}

fn refused(error: &IngestError) -> Response {
    let (status, retry_after) = match error {
        IngestError::UnknownConnection => (StatusCode::NOT_FOUND, None),
        IngestError::Rejected(_) => (StatusCode::UNAUTHORIZED, None),
        IngestError::Malformed(_) => (StatusCode::BAD_REQUEST, None),
        IngestError::Overloaded { retry_after } | IngestError::Unavailable { retry_after } => {
            (StatusCode::SERVICE_UNAVAILABLE, Some(*retry_after))
        }
    };
    let mut response = (status, Json(json!({ "error": error.to_string() }))).into_response();
    if let Some(seconds) = retry_after.as_ref().map(Duration::as_secs) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
