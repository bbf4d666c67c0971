//! Where providers post: `/webhooks/{provider}` and `/webhooks/{provider}/{connection}`.
//!
//! Outside the layers of the other routes: this is the one path whose cost per request counts. It makes its own request
//! id, which is stored with the event, and logs only what it refuses.
//!
//! Everything below `/webhooks` is answered here, whatever is wrong with it, as a program that delivers can read it. What
//! can be refused by its head alone is, so that nobody makes us read a body that nothing comes of.

use super::{client_address::ClientAddress, security::MAX_BODY_BYTES, telemetry};
use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::{FutureExt, StreamExt};
use patchbay_engine::{Arrival, Delivery, Engine, IngestError};
use patchbay_providers::Rejection;
use serde_json::json;
use std::{borrow::Cow, error::Error, net::IpAddr, panic::AssertUnwindSafe, time::Duration};

/// What of a refused delivery's body is read and thrown away: a sender that still writes would miss the answer.
const DRAINED_BYTES: usize = 2 * MAX_BODY_BYTES;
const DRAINED_FOR: Duration = Duration::from_millis(300);
/// When to send again what waits for somebody to set a secret.
const REPAIRED_AFTER: Duration = Duration::from_mins(1);

/// Answers deliveries; everything else goes on to `next`.
pub async fn answer_first(State(engine): State<Engine>, request: Request, next: Next) -> Response {
    let Some(connection) = connection_of(request.uri().path()).map(Cow::into_owned) else {
        return next.run(request).await;
    };
    let (request_id, header) = telemetry::id_of(request.headers());
    // What one body does to us must not cut the connection, which others may share.
    let answer = AssertUnwindSafe(receive(&engine, &connection, request, &request_id)).catch_unwind().await;
    let mut response = answer.unwrap_or_else(|_| {
        error(StatusCode::INTERNAL_SERVER_ERROR, "this delivery made the server fail; its log names the place")
    });
    response.headers_mut().insert(telemetry::REQUEST_ID, header);
    response
}

/// The connection that a path names, if it is one of ours. Further slashes anywhere change nothing.
fn connection_of(path: &str) -> Option<Cow<'_, str>> {
    if let Some(name) = path.strip_prefix("/webhooks/")
        && !name.is_empty()
        && !name.ends_with('/')
        && !name.contains("//")
        && !name.starts_with('/')
        && !name.contains('%')
    {
        return Some(Cow::Borrowed(name));
    }
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    (parts.next()? == "webhooks").then(|| Cow::Owned(decoded(&parts.collect::<Vec<_>>().join("/"))))
}

/// What is no UTF-8 or no encoding stays as it is, and no connection has such a name.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let code = if byte == b'%' { behind.get(..2).and_then(|code| hex::decode(code).ok()) } else { None };
        bytes.push(code.as_ref().and_then(|code| code.first().copied()).unwrap_or(byte));
        rest = if code.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

async fn receive(engine: &Engine, connection: &str, request: Request, request_id: &str) -> Response {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    let remote = remote(&parts);
    let arrival = Arrival { connection, method: &parts.method, target, headers: &parts.headers, remote };
    if let Some(response) = objection(engine, arrival, &parts) {
        drain(&parts.headers, body).await;
        return response;
    }
    let body = match axum::body::to_bytes(body, MAX_BODY_BYTES).await {
        Ok(body) => body,
        Err(error) => return unreadable(engine, arrival, &error),
    };
    answer(engine, arrival, body, request_id).await
}

/// Who delivers.
fn remote(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ClientAddress>().map(|client| client.0)
}

/// What can be said against a delivery without its body.
fn objection(engine: &Engine, arrival: Arrival<'_>, parts: &Parts) -> Option<Response> {
    if parts.method != Method::POST {
        engine.refuse(arrival, "wrong_method", &format!("it came with {}", shortened(parts.method.as_str())));
        let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "deliveries come with POST");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return Some(response);
    }
    if let Err(error) = engine.admit(arrival) {
        return Some(refused(&error));
    }
    if let Some(encoding) = parts.headers.get(header::CONTENT_ENCODING)
        && encoding != "identity"
    {
        engine.refuse(arrival, "encoded", "the body is compressed");
        let message = "the body is compressed; signatures are made over the plain one, so send that";
        return Some(error(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.is_some_and(|length| length > MAX_BODY_BYTES as u64).then(|| too_long(engine, arrival))
}

/// A method may be anything.
fn shortened(method: &str) -> &str {
    method.get(..20).unwrap_or(method)
}

/// Whoever waits for our leave to send the body gets the answer instead.
async fn drain(headers: &HeaderMap, body: Body) {
    if headers.contains_key(header::EXPECT) {
        return;
    }
    let mut pieces = body.into_data_stream();
    let read = async {
        let mut read = 0;
        while let Some(Ok(piece)) = pieces.next().await {
            read += piece.len();
            if read > DRAINED_BYTES {
                break;
            }
        }
    };
    tokio::time::timeout(DRAINED_FOR, read).await.ok();
}

async fn answer(engine: &Engine, arrival: Arrival<'_>, body: Bytes, request_id: &str) -> Response {
    match engine.ingest(Delivery { arrival, body, request_id }).await {
        Ok(None) => ([(header::CONTENT_TYPE, "application/json")], r#"{"received":true}"#).into_response(),
        Ok(Some(reply)) => (reply.status, [(header::CONTENT_TYPE, reply.content_type)], reply.body).into_response(),
        Err(error) => {
            tracing::debug!(request.id = request_id, connection = arrival.connection, %error, "a delivery was refused");
            refused(&error)
        }
    }
}

/// Too long, or cut off on the way.
fn unreadable(engine: &Engine, arrival: Arrival<'_>, problem: &axum::Error) -> Response {
    if problem.source().is_some_and(<dyn Error>::is::<http_body_util::LengthLimitError>) {
        return too_long(engine, arrival);
    }
    engine.refuse(arrival, "cut_off", "the body could not be read to its end");
    error(StatusCode::BAD_REQUEST, "the body could not be read to its end")
}

fn too_long(engine: &Engine, arrival: Arrival<'_>) -> Response {
    let message = format!("the body is longer than {MAX_BODY_BYTES} bytes");
    engine.refuse(arrival, "too_long", &message);
    error(StatusCode::PAYLOAD_TOO_LARGE, &message)
}

fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}

fn refused(refusal: &IngestError) -> Response {
    let (status, retry_after) = match refusal {
        IngestError::UnknownConnection => (StatusCode::NOT_FOUND, None),
        IngestError::Rejected(Rejection::NoSecret(_) | Rejection::KeyUnavailable(_)) => {
            (StatusCode::SERVICE_UNAVAILABLE, Some(REPAIRED_AFTER))
        }
        IngestError::Rejected(_) => (StatusCode::UNAUTHORIZED, None),
        IngestError::Malformed(_) => (StatusCode::BAD_REQUEST, None),
        IngestError::Misconfigured { retry_after }
        | IngestError::Overloaded { retry_after }
        | IngestError::Unavailable { retry_after, .. } => (StatusCode::SERVICE_UNAVAILABLE, Some(*retry_after)),
    };
    let put_off = match refusal {
        IngestError::Overloaded { .. } => Some("overloaded"),
        IngestError::Unavailable { .. } => Some("unavailable"),
        _ => None,
    };
    if let Some(reason) = put_off {
        metrics::counter!("patchbay_deliveries_put_off_total", "reason" => reason).increment(1);
    }
    let mut response = error(status, &refusal.to_string());
    if let Some(seconds) = retry_after.as_ref().map(Duration::as_secs) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_found_however_its_address_is_written() {
        for (path, connection) in [
            ("/webhooks/stripe", Some("stripe")),
            ("/webhooks/stripe/", Some("stripe")),
            ("//webhooks/stripe", Some("stripe")),
            ("/webhooks//stripe/eu", Some("stripe/eu")),
            ("/webhooks/stripe//eu//", Some("stripe/eu")),
            ("/webhooks/str%69pe", Some("stripe")),
            ("/webhooks/stripe%2Feu", Some("stripe/eu")),
            ("/webhooks/%zz%", Some("%zz%")),
            ("/webhooks/%ff", Some("%ff")),
            ("/webhooks/a/b/c", Some("a/b/c")),
            ("/webhooks", Some("")),
            ("/webhooks/", Some("")),
            ("/webhooksx/stripe", None),
            ("/events/webhooks/stripe", None),
            ("/", None),
        ] {
            assert_eq!(connection_of(path).as_deref(), connection, "{path}");
        }
    }
}
