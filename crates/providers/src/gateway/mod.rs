//! The one way out: every call to an outside service goes through a [`Gateway`].
//!
//! One gateway per connection. What holds for every operation (limits of time and rate, retries where they are safe, a circuit
//! breaker, metrics and a masked row per attempt in the call log) is its [`Policy`], under which other protocols run, too;
//! what is HTTP is here. It knows nothing of any provider but the classifier that the provider's folder hands in.

mod base;
mod breaker;
mod bucket;
mod call;
mod call_log;
mod mask;
mod policy;
mod retry;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls;

pub use base::{BadBase, Base};
pub use breaker::Breaker;
pub use call::{Call, Reply, RetryRule};
pub use call_log::{CallLog, CallRecord, NoCallLog, caused_by};
pub use mask::{mask_path, mask_text};
pub use policy::{Answered, Operation, Policy};

use crate::error::{ErrorKind, ProviderError};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use patchbay_domain::{Clock, Timestamp};
use patchbay_net::{Errand, explain, no_connection};
use policy::PolicyConfig;
use rand::{SeedableRng, rngs::StdRng};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// Turns an answer that is no success into the error of the call. The gateway fills in the operation and the status.
///
/// `persistence` and `retry_after` of the result decide whether and when the gateway tries again.
pub type Classify = fn(StatusCode, &HeaderMap, &[u8]) -> ProviderError;

/// What a connection's folder decides about its calls.
pub struct GatewayConfig {
    /// Name of the connection, as in call log and metrics.
    pub connection: String,
    /// The provider as people write it: `Stripe`.
    pub provider: &'static str,
    pub base: Base,
    /// Time limit of one attempt to the last byte of the answer, and of the wait for a token.
    pub timeout: Duration,
    /// Time limit to the head of the answer, connecting included.
    pub first_byte: Duration,
    /// Bytes of the largest answer that is read; the reading ends there.
    pub largest_answer: usize,
    /// Calls per second in the long run.
    pub rate_per_second: f64,
    /// Calls that may go out at once after a quiet time.
    pub burst: u32,
    /// The answer's header with the provider's id of the request.
    pub request_id_header: &'static str,
    pub classify: Classify,
    pub clock: Clock,
    /// Where the jitter of retries comes from.
    pub rng: StdRng,
}

impl GatewayConfig {
    /// The defaults: 10 s to the head of an answer and 20 s to its end, 16 MiB of it (no list page of a provider comes near
    /// that), 20 calls per second in bursts of 40.
    pub fn new(
        connection: impl Into<String>,
        provider: &'static str,
        base: Base,
        classify: Classify,
        clock: Clock,
    ) -> Self {
        Self {
            connection: connection.into(),
            provider,
            base,
            timeout: Duration::from_secs(20),
            first_byte: Duration::from_secs(10),
            largest_answer: 16 * 1024 * 1024,
            rate_per_second: 20.0,
            burst: 40,
            request_id_header: "request-id",
            classify,
            clock,
            rng: StdRng::from_os_rng(),
        }
    }
}

/// How a connection stands, for the page of integrations and for health checks.
#[derive(Clone, Debug, PartialEq)]
pub struct GatewayStatus {
    pub breaker: Breaker,
    /// Attempts since the start of the process.
    pub calls: u64,
    /// Attempts that failed, whatever the reason.
    pub failures: u64,
    pub rate_per_second: f64,
    pub tokens_left: f64,
    /// Keys and personal data cross the network unencrypted.
    pub plain_http: bool,
}

/// The way out of one connection over HTTP. Share it by reference or `Arc`.
pub struct Gateway {
    policy: Policy,
    base: Base,
    first_byte: Duration,
    largest_answer: usize,
    request_id_header: &'static str,
    classify: Classify,
    http: reqwest::Client,
    /// Seconds by which this machine's clock was ahead of the provider's at its last answer.
    ahead: AtomicI64,
}

/// Of a provider that has not told the time yet.
const UNKNOWN: i64 = i64::MIN;

impl Gateway {
    pub fn new(config: GatewayConfig, http: reqwest::Client, log: Arc<dyn CallLog>) -> Self {
        let policy = PolicyConfig {
            connection: config.connection,
            provider: config.provider,
            peer: config.base.peer().to_owned(),
            timeout: config.timeout,
            rate_per_second: config.rate_per_second,
            burst: config.burst,
            clock: config.clock,
            rng: config.rng,
        };
        Self {
            policy: Policy::new(policy, log),
            base: config.base,
            first_byte: config.first_byte,
            largest_answer: config.largest_answer,
            request_id_header: config.request_id_header,
            classify: config.classify,
            http,
            ahead: AtomicI64::new(UNKNOWN),
        }
    }

    /// Name of the connection this gateway belongs to.
    pub fn connection(&self) -> &str {
        &self.policy.connection
    }

    /// The clock that was handed in, for answers without a date.
    pub fn clock(&self) -> &Clock {
        &self.policy.clock
    }

    /// What holds for operations of this connection that are not HTTP.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Seconds by which this machine's clock is ahead of the provider's, by the date of its last answer.
    pub fn clock_ahead(&self) -> Option<i64> {
        Some(self.ahead.load(Ordering::Relaxed)).filter(|seconds| *seconds != UNKNOWN)
    }

    pub fn status(&self) -> GatewayStatus {
        let (calls, failures) = self.policy.counts();
        GatewayStatus {
            breaker: self.policy.breaker(),
            calls,
            failures,
            rate_per_second: self.policy.rate_per_second(),
            tokens_left: self.policy.tokens_left(),
            plain_http: self.base.is_plain(),
        }
    }

    /// Sends the call and gives back a successful (2xx) answer.
    ///
    /// Everything else is an error, classified by the provider's folder. Temporary ones are tried again where the
    /// call's [`RetryRule`] allows it, unless the provider asks for a longer pause than a caller can wait for.
    pub async fn send(&self, call: Call) -> Result<Reply, ProviderError> {
        let operation = Operation {
            name: call.operation,
            verb: call.method.as_str(),
            target: mask_path(&call.path_and_query),
            may_repeat: call.may_repeat(),
        };
        let attempt = || async {
            let reply = self.exchange(&call).await?;
            let (status, request_id) = (Some(reply.status.as_u16()), self.request_id(&reply.headers));
            Ok(Answered { value: reply, status, request_id })
        };
        // Boxed, because TLS makes it large and every action holds one.
        Box::pin(self.policy.run(&operation, attempt)).await
    }

    async fn exchange(&self, call: &Call) -> Result<Reply, ProviderError> {
        let mut request = self
            .http
            .request(call.method.clone(), format!("{}{}", self.base.as_str(), call.path_and_query))
            .headers(call.headers.clone());
        if let Some(content_type) = call.content_type {
            request = request.header(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if let Some(key) = &call.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        let asked = tokio::time::Instant::now();
        let sent = tokio::time::timeout(self.first_byte, request.send()).await;
        let mut response = match sent {
            Ok(sent) => sent.map_err(|error| self.unreachable(call, &error))?,
            Err(_) => return Err(self.error(call, ErrorKind::Unreachable, self.silence())),
        };
        let status = response.status();
        if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            let message = format!(
                "the proxy on the way to {} (HTTP_PROXY) wants a user and a password; write them into it, as in \
                 HTTP_PROXY=http://user:password@proxy:3128",
                self.base.peer()
            );
            return Err(self.error(call, ErrorKind::Unreachable, message));
        }
        let headers = std::mem::take(response.headers_mut());
        let date = headers.get(header::DATE).and_then(|value| value.to_str().ok()).and_then(parse_http_date);
        if let Some(date) = date {
            let ahead = (self.clock().now().0 - date.0).div_euclid(1_000_000);
            self.ahead.store(ahead, Ordering::Relaxed);
        }
        let body = self.read_body(call, response).await?;
        if status.is_success() {
            let took = Duration::from_secs(asked.elapsed().as_secs() + 1);
            let as_of = date.unwrap_or_else(|| self.clock().now()).minus(took);
            return Ok(Reply { status, headers, body, date, as_of });
        }
        let mut error = (self.classify)(status, &headers, &body);
        error.operation = call.operation.into();
        error.status = Some(status.as_u16());
        error.request_id = error.request_id.or_else(|| self.request_id(&headers));
        Err(error)
    }

    async fn read_body(&self, call: &Call, mut response: reqwest::Response) -> Result<Bytes, ProviderError> {
        let mut body = BytesMut::new();
        let announced = response.content_length().unwrap_or(0);
        if usize::try_from(announced).unwrap_or(usize::MAX) > self.largest_answer {
            return Err(self.too_large(call));
        }
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(call, &error))? {
            if body.len() + chunk.len() > self.largest_answer {
                return Err(self.too_large(call));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    fn too_large(&self, call: &Call) -> ProviderError {
        let message = format!(
            "the answer of {} is larger than {} bytes and was not read to its end. Is that address the provider's API?",
            self.base.peer(),
            self.largest_answer
        );
        self.error(call, ErrorKind::Unreadable, message)
    }

    fn silence(&self) -> String {
        format!(
            "{} did not begin to answer within {} s. It may be overloaded, or something in between hold the request back",
            self.base.peer(),
            self.first_byte.as_secs_f64()
        )
    }

    fn unreachable(&self, call: &Call, error: &reqwest::Error) -> ProviderError {
        if error.is_builder() {
            return self.error(call, ErrorKind::Refused, "the request could not be built");
        }
        let peer = self.base.peer();
        // Never the error's own text: the URL is in it, and its query may carry personal data.
        let message = if error.is_connect() && error.is_timeout() {
            no_connection(peer, Errand::Http)
        } else {
            explain(error, peer, Errand::Http)
                .unwrap_or_else(|| format!("the connection to {peer} failed: {}", root_cause(error)))
        };
        let mut unreachable = self.error(call, ErrorKind::Unreachable, message);
        unreachable.never_sent = error.is_connect();
        unreachable
    }

    /// An error of this gateway's provider and this call's operation.
    fn error(&self, call: &Call, kind: ErrorKind, message: impl Into<Box<str>>) -> ProviderError {
        ProviderError::new(self.policy.provider, call.operation, kind, message)
    }

    fn request_id(&self, headers: &HeaderMap) -> Option<Box<str>> {
        headers.get(self.request_id_header)?.to_str().ok().map(Into::into)
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("connection", &self.policy.connection)
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

/// The innermost sentence of an error, where the reason is: `Connection refused (os error 111)`.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// Parses an HTTP date (RFC 9110 §5.6.7), such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn parse_http_date(text: &str) -> Option<Timestamp> {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new();
    parser.parse_timestamp(text).ok().map(|at| Timestamp(at.as_microsecond()))
}
