//! One request and its answer, as a provider's `client.rs` states them.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use patchbay_domain::Timestamp;

/// When the same request may be sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryRule {
    /// GET and HEAD, and whatever carries an idempotency key.
    #[default]
    WhenSafe,
    /// The caller vouches that doing it twice is the same as once, such as a DELETE by id.
    Always,
    /// Never, not even a GET.
    Never,
}

/// One request to a provider.
pub struct Call {
    /// What it does, for logs and metrics: `subscriptions.update`. No ids in it.
    pub operation: &'static str,
    pub method: Method,
    /// Starts with a slash and is percent-encoded: `/v1/customers?limit=100`.
    pub path_and_query: String,
    /// Credentials and pinned versions. Mark secret values as sensitive.
    pub headers: HeaderMap,
    pub body: Option<Bytes>,
    pub content_type: Option<&'static str>,
    /// Sent as the `Idempotency-Key` header; makes a POST safe to repeat.
    pub idempotency_key: Option<String>,
    pub retry: RetryRule,
}

impl Call {
    /// A request without body and headers.
    pub fn new(operation: &'static str, method: Method, path_and_query: impl Into<String>) -> Self {
        Self {
            operation,
            method,
            path_and_query: path_and_query.into(),
            headers: HeaderMap::new(),
            body: None,
            content_type: None,
            idempotency_key: None,
            retry: RetryRule::WhenSafe,
        }
    }

    pub fn get(operation: &'static str, path_and_query: impl Into<String>) -> Self {
        Self::new(operation, Method::GET, path_and_query)
    }

    pub(super) fn may_repeat(&self) -> bool {
        match self.retry {
            RetryRule::Always => true,
            RetryRule::Never => false,
            RetryRule::WhenSafe => self.method.is_safe() || self.idempotency_key.is_some(),
        }
    }
}

/// A successful answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The answer's `Date` header, whole seconds: when the provider stated this.
    pub date: Option<Timestamp>,
    /// The earliest moment, by the provider's clock, that the answer can describe: it began to be made at this second or
    /// later. News of a later second is newer; news of the same second is a tie.
    pub as_of: Timestamp,
}
