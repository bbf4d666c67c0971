//! Requests to Stripe's API through the gateway.
//!
//! The typed requests of async-stripe say what to send; their answers are read with our own types, because the crate's
//! are strict and follow an older API version than the one pinned here.

use super::{API_VERSION, NAME, config::Config, types};
use crate::{
    error::{ErrorKind, Persistence, ProviderError},
    gateway::{Call, CallLog, Gateway, GatewayConfig, Reply, RetryRule},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use patchbay_domain::Clock;
use serde::de::DeserializeOwned;
use std::{sync::Arc, time::Duration};
use stripe_client_core::{StripeMethod, StripeRequest};

const FORM: &str = "application/x-www-form-urlencoded";
/// Code of errors about an id that Stripe does not know.
pub(super) const MISSING: &str = "resource_missing";
/// Code of a 429 that means another request holds the object.
const LOCKED: &str = "lock_timeout";

pub(super) struct Client {
    gateway: Gateway,
    headers: HeaderMap,
}

impl Client {
    pub(super) fn new(
        config: &Config,
        connection: String,
        clock: Clock,
        http: reqwest::Client,
        log: Arc<dyn CallLog>,
    ) -> Self {
        let headers = HeaderMap::from_iter([
            (header::AUTHORIZATION, config.authorization.clone()),
            (HeaderName::from_static("stripe-version"), HeaderValue::from_static(API_VERSION)),
        ]);
        // Stripe allows 100/s live and 25/s in test mode over all, and 25/s per endpoint.
        let (rate_per_second, burst) = if config.livemode { (25.0, 25) } else { (20.0, 20) };
        let gateway = GatewayConfig {
            rate_per_second,
            burst,
            request_id_header: "request-id",
            ..GatewayConfig::new(connection, NAME, config.base.clone(), classify, clock)
        };
        Self { gateway: Gateway::new(gateway, http, log), headers }
    }

    pub(super) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Reads a path with its query.
    pub(super) async fn get(&self, operation: &'static str, path_and_query: String) -> Result<Reply, ProviderError> {
        self.send(Call::get(operation, path_and_query)).await
    }

    /// Reads as [`Self::get`] does, and shares the answer with whoever asks within a few seconds.
    pub(super) async fn get_cached(
        &self,
        operation: &'static str,
        path_and_query: String,
    ) -> Result<Reply, ProviderError> {
        let cache_key = Some(path_and_query.clone());
        self.send(Call { cache_key, ..Call::get(operation, path_and_query) }).await
    }

    /// Sends a typed request of async-stripe. With a key, Stripe does it once however often it arrives.
    pub(super) async fn request(
        &self,
        operation: &'static str,
        request: &impl StripeRequest,
        idempotency_key: Option<&str>,
    ) -> Result<Reply, ProviderError> {
        let request = request.build();
        let path = format!("/v1{}", request.path);
        let call = match request.method {
            StripeMethod::Get => Call::get(operation, with_query(path, request.query)),
            // Stripe's own libraries put the parameters of a DELETE into the query.
            StripeMethod::Delete => Call {
                retry: RetryRule::Always,
                ..Call::new(operation, Method::DELETE, with_query(path, request.query.or(request.body)))
            },
            StripeMethod::Post => post(operation, path, request.body.unwrap_or_default(), idempotency_key),
        };
        self.send(call).await
    }

    /// Posts a form of our own, for what the crate does not have yet.
    pub(super) async fn form(
        &self,
        operation: &'static str,
        path: &str,
        form: &[(&str, String)],
        idempotency_key: Option<&str>,
    ) -> Result<Reply, ProviderError> {
        let body =
            serde_urlencoded::to_string(form).map_err(|_| refused(operation, "the request could not be written"))?;
        self.send(post(operation, path.to_owned(), body, idempotency_key)).await
    }

    async fn send(&self, mut call: Call) -> Result<Reply, ProviderError> {
        call.headers.clone_from(&self.headers);
        self.gateway.send(call).await
    }
}

fn post(operation: &'static str, path: String, body: String, idempotency_key: Option<&str>) -> Call {
    Call {
        body: Some(Bytes::from(body)),
        content_type: Some(FORM),
        idempotency_key: idempotency_key.map(str::to_owned),
        ..Call::new(operation, Method::POST, path)
    }
}

fn with_query(path: String, query: Option<String>) -> String {
    match query {
        Some(query) if !query.is_empty() => format!("{path}?{query}"),
        _ => path,
    }
}

/// Reads an answer. What cannot be read is an error without the answer's content.
pub(super) fn parse<T: DeserializeOwned>(operation: &'static str, reply: &Reply) -> Result<T, ProviderError> {
    serde_json::from_slice(&reply.body).map_err(|error| unreadable(operation, &error))
}

pub(super) fn unreadable(operation: &'static str, error: &serde_json::Error) -> ProviderError {
    ProviderError::new(
        NAME,
        operation,
        ErrorKind::Unreadable,
        format!("the answer cannot be read: {}", describe(error)),
    )
}

pub(super) fn refused(operation: &'static str, message: impl Into<String>) -> ProviderError {
    ProviderError::new(NAME, operation, ErrorKind::Refused, message)
}

/// Ids end up in paths; one with other characters in it would ask for something else.
pub(super) fn checked_id<'a>(operation: &'static str, id: &'a str) -> Result<&'a str, ProviderError> {
    let sound = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if sound { Ok(id) } else { Err(refused(operation, "that is not an id of Stripe's")) }
}

/// What is wrong with a piece of JSON, without any value from it.
pub(super) fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("missing field") {
        return text;
    }
    let what = match error.classify() {
        serde_json::error::Category::Data => "unexpected type of value",
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Io | serde_json::error::Category::Syntax => "not JSON",
    };
    format!("{what} at line {} column {}", error.line(), error.column())
}

/// Reads Stripe's error answers. `Stripe-Should-Retry` decides before the status does.
pub(super) fn classify(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ProviderError {
    let (message, code) = match serde_json::from_slice::<types::ErrorBody>(body) {
        Ok(types::ErrorBody { error }) => (error.message, error.code),
        Err(_) => (None, None),
    };
    let kind = match status.as_u16() {
        401 | 403 => ErrorKind::Unauthorized,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        429 if code.as_deref() == Some(LOCKED) => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited,
        400..=499 => ErrorKind::Refused,
        500..=599 => ErrorKind::ProviderFault,
        _ => ErrorKind::Unreadable,
    };
    let message = match kind {
        // Stripe repeats parts of the key here.
        ErrorKind::Unauthorized => "the secret key is not accepted, or may not do this".to_owned(),
        _ => message.unwrap_or_else(|| format!("HTTP {status}")),
    };
    let mut error = ProviderError::new(NAME, "", kind, message);
    error.code = code.map(Into::into);
    match headers.get("stripe-should-retry").map(HeaderValue::as_bytes) {
        Some(b"true") => error.persistence = Persistence::Temporary,
        // Not now, but a rate limit does pass.
        Some(b"false") if kind == ErrorKind::RateLimited => error.retry_after = Some(Duration::from_secs(30)),
        Some(b"false") => error.persistence = Persistence::Permanent,
        _ => {}
    }
    let asked =
        headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    error.retry_after = asked.map(Duration::from_secs).or(error.retry_after);
    error
}
