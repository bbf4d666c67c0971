//! The one way out: every call to an outside service goes through a [`Gateway`].
//!
//! One gateway per connection. It brings limits of time and size, retries where they are safe, a circuit breaker, a token bucket,
//! a short cache, metrics and a masked row per attempt in the call log. It knows nothing of any provider but the
//! classifier that the provider's folder hands in.

mod base;
mod breaker;
mod bucket;
mod cache;
mod call;
mod call_log;
mod mask;
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

use crate::error::{ErrorKind, ProviderError};
use breaker::CircuitBreaker;
use bucket::TokenBucket;
use bytes::{Bytes, BytesMut};
use cache::ReplyCache;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use patchbay_domain::{Clock, Timestamp};
use patchbay_net::{Errand, explain, no_connection};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// Attempts after the first one, at most.
const MAX_RETRIES: u32 = 2;

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
    /// How long a cached answer is given out.
    pub cache_ttl: Duration,
    /// The answer's header with the provider's id of the request.
    pub request_id_header: &'static str,
    pub classify: Classify,
    pub clock: Clock,
    /// Where the jitter of retries comes from.
    pub rng: StdRng,
}

impl GatewayConfig {
    /// The defaults: 10 s to the head of an answer and 20 s to its end, 16 MiB of it (no list page of a provider comes near
    /// that), 20 calls per second in bursts of 40, answers cached for 5 s.
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
            cache_ttl: Duration::from_secs(5),
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

/// The way out of one connection. Share it by reference or `Arc`.
pub struct Gateway {
    connection: String,
    provider: &'static str,
    base: Base,
    timeout: Duration,
    first_byte: Duration,
    largest_answer: usize,
    request_id_header: &'static str,
    classify: Classify,
    clock: Clock,
    http: reqwest::Client,
    log: Arc<dyn CallLog>,
    breaker: CircuitBreaker,
    bucket: TokenBucket,
    cache: ReplyCache,
    rng: Mutex<StdRng>,
    calls: AtomicU64,
    failures: AtomicU64,
    /// Seconds by which this machine's clock was ahead of the provider's at its last answer.
    ahead: AtomicI64,
}

/// Of a provider that has not told the time yet.
const UNKNOWN: i64 = i64::MIN;

impl Gateway {
    pub fn new(config: GatewayConfig, http: reqwest::Client, log: Arc<dyn CallLog>) -> Self {
        Self {
            base: config.base,
            connection: config.connection,
            provider: config.provider,
            timeout: config.timeout,
            first_byte: config.first_byte,
            largest_answer: config.largest_answer,
            request_id_header: config.request_id_header,
            classify: config.classify,
            clock: config.clock,
            http,
            log,
            breaker: CircuitBreaker::default(),
            bucket: TokenBucket::new(config.rate_per_second, config.burst),
            cache: ReplyCache::new(config.cache_ttl),
            rng: Mutex::new(config.rng),
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            ahead: AtomicI64::new(UNKNOWN),
        }
    }

    /// Name of the connection this gateway belongs to.
    pub fn connection(&self) -> &str {
        &self.connection
    }

    /// The clock that was handed in, for answers without a date.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Seconds by which this machine's clock is ahead of the provider's, by the date of its last answer.
    pub fn clock_ahead(&self) -> Option<i64> {
        Some(self.ahead.load(Ordering::Relaxed)).filter(|seconds| *seconds != UNKNOWN)
    }

    pub fn status(&self) -> GatewayStatus {
        GatewayStatus {
            breaker: self.breaker.status(self.clock.now()),
            calls: self.calls.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            rate_per_second: self.bucket.rate_per_second(),
            tokens_left: self.bucket.tokens_left(),
            plain_http: self.base.is_plain(),
        }
    }

    /// Forgets the cached answer of this key; answers still on their way are not cached either.
    pub fn invalidate(&self, key: &str) {
        self.cache.invalidate(key);
    }

    /// Sends the call and gives back a successful (2xx) answer.
    ///
    /// Everything else is an error, classified by the provider's folder. Temporary ones are tried again where the
    /// call's [`RetryRule`] allows it, unless the provider asks for a longer pause than a caller can wait for.
    pub async fn send(&self, call: Call) -> Result<Reply, ProviderError> {
        let Some(key) = call.cache_key.as_deref() else { return self.send_with_retries(&call).await };
        let seen = match self.cache.get(key) {
            Ok(reply) => return Ok(reply),
            Err(generation) => generation,
        };
        let reply = self.send_with_retries(&call).await?;
        self.cache.put(key, seen, &reply);
        Ok(reply)
    }

    async fn send_with_retries(&self, call: &Call) -> Result<Reply, ProviderError> {
        let mut attempt = 0;
        loop {
            // Boxed, because TLS makes it large and every action holds one.
            let error = match Box::pin(self.attempt(call, attempt + 1)).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            let pause = self.pause_before_retry(call, attempt, &error);
            let Some(pause) = pause else { return Err(error) };
            tracing::debug!(connection = %self.connection, operation = call.operation, %error, ?pause, "trying again");
            metrics::counter!("patchbay_provider_retries_total", "connection" => self.connection.clone()).increment(1);
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// How long to wait before the next attempt; none when this error is the answer.
    fn pause_before_retry(&self, call: &Call, attempt: u32, error: &ProviderError) -> Option<Duration> {
        let may =
            attempt < MAX_RETRIES && error.is_temporary() && error.kind != ErrorKind::BreakerOpen && call.may_repeat();
        if !may {
            return None;
        }
        match error.retry_after {
            Some(asked) => (asked <= retry::MAX_PAUSE).then_some(asked),
            None => Some(retry::pause(attempt, &mut *self.rng.lock().unwrap_or_else(PoisonError::into_inner))),
        }
    }

    /// One attempt: breaker, token, request, log row. `number` counts from 1.
    async fn attempt(&self, call: &Call, number: u32) -> Result<Reply, ProviderError> {
        let permit = self.breaker.enter().map_err(|wait| {
            let message = format!("calls are paused for {} s after repeated failures", wait.as_secs().max(1));
            let mut error = self.error(call, ErrorKind::BreakerOpen, message);
            error.retry_after = Some(wait);
            error
        })?;
        self.wait_for_token(call).await?;

        let at = self.clock.now();
        let started = Instant::now();
        let outcome = tokio::time::timeout(self.timeout, self.exchange(call)).await.unwrap_or_else(|_| {
            let message = format!(
                "{} had not finished its answer within {} s. It may be overloaded, or the network slow",
                self.base.peer(),
                self.timeout.as_secs_f64()
            );
            Err(self.error(call, ErrorKind::Unreachable, message))
        });
        let duration = started.elapsed();

        if permit.finish(outcome.as_ref().is_err_and(is_providers_failure)) {
            patchbay_domain::limited!(warn, connection = %self.connection, "circuit breaker opened");
            metrics::counter!("patchbay_provider_breaker_opened_total", "connection" => self.connection.clone())
                .increment(1);
        }
        self.count(&outcome, duration);
        self.log.record(self.record(call, number, at, duration, &outcome));
        outcome
    }

    async fn wait_for_token(&self, call: &Call) -> Result<(), ProviderError> {
        match self.bucket.take(self.timeout).await {
            Ok(waited) => {
                if !waited.is_zero() {
                    metrics::histogram!("patchbay_provider_rate_wait_seconds").record(waited.as_secs_f64());
                }
                Ok(())
            }
            Err(wait) => {
                let mut error =
                    self.error(call, ErrorKind::RateLimited, "our own rate limit for this connection is used up");
                error.retry_after = Some(wait);
                Err(error)
            }
        }
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
            let ahead = (self.clock.now().0 - date.0).div_euclid(1_000_000);
            self.ahead.store(ahead, Ordering::Relaxed);
        }
        let body = self.read_body(call, response).await?;
        if status.is_success() {
            let took = Duration::from_secs(asked.elapsed().as_secs() + 1);
            let as_of = date.unwrap_or_else(|| self.clock.now()).minus(took);
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
        self.error(call, ErrorKind::Unreachable, message)
    }

    /// An error of this gateway's provider and this call's operation.
    fn error(&self, call: &Call, kind: ErrorKind, message: impl Into<Box<str>>) -> ProviderError {
        ProviderError::new(self.provider, call.operation, kind, message)
    }

    fn request_id(&self, headers: &HeaderMap) -> Option<Box<str>> {
        headers.get(self.request_id_header)?.to_str().ok().map(Into::into)
    }

    fn count(&self, outcome: &Result<Reply, ProviderError>, duration: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let word = match outcome {
            Ok(_) => "ok",
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                error.kind.name()
            }
        };
        // No label for the operation: times connections, outcomes and buckets that would be a series for every moment of
        // the day. Which operation it was stands in the call log.
        let connection = metrics::SharedString::from(self.connection.clone());
        metrics::counter!("patchbay_provider_calls_total", "connection" => connection.clone(), "outcome" => word)
            .increment(1);
        metrics::histogram!("patchbay_provider_call_duration_seconds", "connection" => connection)
            .record(duration.as_secs_f64());
    }

    fn record(
        &self,
        call: &Call,
        number: u32,
        at: Timestamp,
        duration: Duration,
        outcome: &Result<Reply, ProviderError>,
    ) -> CallRecord {
        let (status, request_id, error) = match outcome {
            Ok(reply) => (Some(reply.status.as_u16()), self.request_id(&reply.headers), None),
            Err(error) => (error.status, error.request_id.clone(), Some(error.message.to_string())),
        };
        CallRecord {
            at,
            connection: self.connection.clone(),
            operation: call.operation.to_owned(),
            method: call.method.to_string(),
            path: mask_path(&call.path_and_query),
            status,
            duration_us: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
            attempt: i32::try_from(number).unwrap_or(i32::MAX),
            request_id: request_id.map(String::from),
            error,
            cause: call_log::current_cause(),
        }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("connection", &self.connection)
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

/// Failures that say the service is in trouble, rather than our request.
fn is_providers_failure(error: &ProviderError) -> bool {
    matches!(error.kind, ErrorKind::Unreachable | ErrorKind::ProviderFault | ErrorKind::RateLimited)
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
