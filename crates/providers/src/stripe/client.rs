//! Requests to Stripe's API through the gateway.
//!
//! The typed requests of async-stripe say what to send; their answers are read with our own types, because the crate's
//! are strict and follow an older API version than the one pinned here.

use super::{
    API_VERSION, NAME,
    config::{Config, FOLLOW},
    types,
};
use crate::{
    error::{ErrorKind, Persistence, ProviderError, STRANGERS_PAUSE},
    gateway::{Call, CallLog, Gateway, GatewayConfig, Reply, RetryRule, mask_text},
    registry::ConfigError,
    shape::invalid,
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
    /// The connected account that every request acts in.
    account: Option<String>,
}

impl Client {
    pub(super) fn new(
        config: &Config,
        account: Option<String>,
        connection: String,
        clock: Clock,
        http: reqwest::Client,
        log: Arc<dyn CallLog>,
    ) -> Result<Self, ConfigError> {
        let mut headers = HeaderMap::from_iter([
            (header::AUTHORIZATION, config.authorization.clone()),
            (HeaderName::from_static("stripe-version"), HeaderValue::from_static(API_VERSION)),
        ]);
        if let Some(account) = &account {
            let account =
                HeaderValue::try_from(account).map_err(|_| invalid(FOLLOW, "has characters in it that no id has"))?;
            headers.insert(HeaderName::from_static("stripe-account"), account);
        }
        // Stripe allows 100/s live and 25/s in test mode over all, and 25/s per endpoint.
        let (rate_per_second, burst) = if config.livemode { (25.0, 25) } else { (20.0, 20) };
        let gateway = GatewayConfig {
            rate_per_second,
            burst,
            request_id_header: "request-id",
            ..GatewayConfig::new(connection, NAME, config.base.clone(), classify, clock)
        };
        Ok(Self { gateway: Gateway::new(gateway, http, log), headers, account })
    }

    /// The connected account that every request acts in; none for the keys' own.
    pub(super) fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    pub(super) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Reads a path with its query.
    pub(super) async fn get(&self, operation: &'static str, path_and_query: String) -> Result<Reply, ProviderError> {
        self.send(Call::get(operation, path_and_query)).await
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

pub(super) fn refused(operation: &'static str, message: impl Into<Box<str>>) -> ProviderError {
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

/// What Stripe says it does not have.
struct Missing {
    id: Option<String>,
}

/// Whether an error says that there is no such object, and of which id, where it names one. An object of the other mode
/// is none of ours, but it is there.
fn missing(error: &types::ErrorDetails) -> Option<Missing> {
    let message = error.message.as_deref().unwrap_or_default();
    if error.code.as_deref() != Some(MISSING) || message.contains("a similar object exists in") {
        return None;
    }
    let named = message.split_once(": ").map(|(_, rest)| rest.split([';', ' ']).next().unwrap_or(rest));
    let named = named.map(|id| id.trim_matches(['\'', '"', '.', '`']).to_owned()).filter(|id| !id.is_empty());
    (named.is_some() || error.param.as_deref() == Some("id")).then_some(Missing { id: named })
}

/// Reads Stripe's error answers. `Stripe-Should-Retry` decides before the status does.
pub(super) fn classify(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ProviderError {
    let said = serde_json::from_slice::<types::ErrorBody>(body).ok();
    let gone = said.as_ref().and_then(|said| missing(&said.error));
    let in_its_words = said.is_some();
    let (message, code) = said.map_or((None, None), |said| (said.error.message, said.error.code));
    let kind = match status.as_u16() {
        403 if in_its_words => ErrorKind::Forbidden,
        401 | 403 => ErrorKind::Unauthorized,
        404 if gone.is_some() => ErrorKind::Gone,
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
        ErrorKind::Unauthorized if in_its_words => "the secret key is not accepted".to_owned(),
        ErrorKind::Forbidden => mask_text(&message.unwrap_or_else(|| format!("HTTP {status}"))),
        ErrorKind::Unauthorized | ErrorKind::NotFound if !in_its_words => {
            format!(
                "HTTP {status} in words that are not Stripe's: is {} right, is a proxy between?",
                super::config::API_BASE
            )
        }
        _ => message.unwrap_or_else(|| format!("HTTP {status}")),
    };
    let mut error = ProviderError::new(NAME, "", kind, message);
    error.code = code.map(Into::into);
    error.subject = gone.and_then(|missing| missing.id).map(Into::into);
    if kind == ErrorKind::NotFound && !in_its_words {
        error.persistence = Persistence::Temporary;
        error.retry_after = Some(STRANGERS_PAUSE);
    }
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
