//! One span and one request id per request.

use super::client_address::ClientAddress;
use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Ids from outside longer than this are replaced.
const LONGEST_ID: usize = 64;

/// The caller's `x-request-id`, or a new one: as text and as the header of the answer.
pub fn id_of(headers: &HeaderMap) -> (String, HeaderValue) {
    if let Some(value) = headers.get(REQUEST_ID)
        && let Ok(text) = value.to_str()
        && !text.is_empty()
        && text.len() <= LONGEST_ID
        && text.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return (text.to_owned(), value.clone());
    }
    let id = format!("req_{:016x}", rand::random::<u64>());
    // Letters and digits always are a header.
    let value = HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("req_0"));
    (id, value)
}

/// Gives the request its id, and the answer the same.
pub async fn trace(mut request: Request, next: Next) -> Response {
    let (id, value) = id_of(request.headers());
    request.headers_mut().insert(REQUEST_ID, value.clone());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let client = request.extensions().get::<ClientAddress>().map(|client| tracing::field::display(client.0));
    let span = tracing::info_span!(
        "request", request.id = %id, http.method = %request.method(), http.route = route, client.address = client
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    // 503 says that something is away, busy or not configured. That is logged where it is noticed, and not once for each
    // request that a stranger may send.
    if response.status().is_server_error() && response.status() != StatusCode::SERVICE_UNAVAILABLE {
        span.in_scope(|| {
            patchbay_domain::limited!(warn, http.status = response.status().as_u16(), "the request failed");
        });
    }
    response.headers_mut().insert(REQUEST_ID, value);
    response
}
