//! Where providers post: `/webhooks/{provider}` and `/webhooks/{provider}/{connection}`.
//!
//! Outside the layers of the other routes: this is the one path whose cost per request counts. It makes its own request
//! id, which is stored with the event, and logs only what it refuses.

use super::{doors::Remote, security::MAX_BODY_BYTES, telemetry};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{ConnectInfo, Path, Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::post,
};
use patchbay_engine::{Delivery, Engine, IngestError};
use serde_json::json;
use std::{error::Error, time::Duration};

pub fn router(engine: Engine) -> Router {
    Router::new()
        .route("/webhooks/{provider}", post(first))
        .route("/webhooks/{provider}/{connection}", post(further))
        .with_state(engine)
}

async fn first(State(engine): State<Engine>, Path(provider): Path<String>, request: Request) -> Response {
    receive(&engine, &provider, request).await
}

async fn further(
    State(engine): State<Engine>,
    Path((provider, connection)): Path<(String, String)>,
    request: Request,
) -> Response {
    receive(&engine, &format!("{provider}/{connection}"), request).await
}

async fn receive(engine: &Engine, connection: &str, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (request_id, header) = telemetry::id_of(&parts.headers);
    let mut response = match axum::body::to_bytes(body, MAX_BODY_BYTES).await {
        Ok(body) => answer(engine, connection, &parts, body, request_id).await,
        Err(error) => unreadable(&error),
    };
    response.headers_mut().insert(telemetry::REQUEST_ID, header);
    response
}

async fn answer(engine: &Engine, connection: &str, parts: &Parts, body: Bytes, request_id: String) -> Response {
    let remote = parts.extensions.get::<ConnectInfo<Remote>>().map(|remote| remote.0.0.ip());
    match engine.ingest(Delivery { connection, headers: &parts.headers, body, request_id: &request_id, remote }).await {
        Ok(()) => ([(header::CONTENT_TYPE, "application/json")], r#"{"received":true}"#).into_response(),
        Err(error) => {
            tracing::debug!(request.id = request_id, connection, %error, "a delivery was refused");
            refused(&error)
        }
    }
}

/// Too long, or cut off on the way.
fn unreadable(error: &axum::Error) -> Response {
    let too_long = error.source().is_some_and(<dyn Error>::is::<http_body_util::LengthLimitError>);
    if too_long {
        let message = format!("the body is longer than {MAX_BODY_BYTES} bytes");
        (StatusCode::PAYLOAD_TOO_LARGE, Json(json!({ "error": message }))).into_response()
    } else {
        (StatusCode::BAD_REQUEST, Json(json!({ "error": "the body could not be read to its end" }))).into_response()
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
