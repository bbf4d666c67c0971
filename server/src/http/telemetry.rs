//! One span and one request id per request.

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Ids from outside longer than this are replaced.
const LONGEST_ID: usize = 64;

/// The id that [`trace`] put on the request.
pub fn request_id(headers: &HeaderMap) -> String {
    headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// Takes the caller's `x-request-id` or makes one, and gives it back with the answer.
pub async fn trace(mut request: Request, next: Next) -> Response {
    let given = request_id(request.headers());
    let usable = !given.is_empty() && given.len() <= LONGEST_ID && given.bytes().all(|byte| byte.is_ascii_graphic());
    let id = if usable { given } else { format!("req_{:016x}", rand::random::<u64>()) };
    let Ok(value) = HeaderValue::from_str(&id) else { return next.run(request).await };
    request.headers_mut().insert(REQUEST_ID, value.clone());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", request.id = %id, http.method = %request.method(), http.route = route);
    let mut response = next.run(request).instrument(span.clone()).await;
    if response.status().is_server_error() {
        span.in_scope(|| tracing::warn!(http.status = response.status().as_u16(), "the request failed"));
    }
    response.headers_mut().insert(REQUEST_ID, value);
    response
}
