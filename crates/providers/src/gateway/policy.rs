//! What holds for every outside operation, whatever it is made of: a time limit, a breaker, a rate limit, retries where they are
//! safe, figures and a masked row per attempt in the call log. HTTP is one thing that runs under it.

use super::{
    breaker::{Breaker, CircuitBreaker},
    bucket::TokenBucket,
    call_log::{self, CallLog, CallRecord},
    retry,
};
use crate::error::{ErrorKind, ProviderError};
use patchbay_domain::Clock;
use rand::rngs::StdRng;
use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// Attempts after the first one, at most.
pub(super) const MAX_RETRIES: u32 = 2;

/// One operation, as the call log has it.
pub struct Operation<'a> {
    /// What it does: `subscriptions.update`. No ids in it.
    pub name: &'static str,
    /// The protocol's word for it: `POST`, `publish`.
    pub verb: &'a str,
    /// What it is done to, free of personal data.
    pub target: String,
    /// Doing it twice is the same as once.
    pub may_repeat: bool,
}

/// What an attempt came to.
pub struct Answered<T> {
    pub value: T,
    /// The status of the protocol, where it has one.
    pub status: Option<u16>,
    /// The provider's id of the request, for its support.
    pub request_id: Option<Box<str>>,
}

/// The policy of one connection.
pub struct Policy {
    pub(super) connection: String,
    /// As people write it: `Stripe`.
    pub(super) provider: &'static str,
    /// Who is asked, for sentences: `api.stripe.com`.
    pub(super) peer: String,
    /// Time limit of one attempt, and of the wait for a token.
    pub(super) timeout: Duration,
    pub(super) clock: Clock,
    log: Arc<dyn CallLog>,
    breaker: CircuitBreaker,
    bucket: TokenBucket,
    rng: Mutex<StdRng>,
    calls: AtomicU64,
    failures: AtomicU64,
}

/// What a policy is made of.
pub struct PolicyConfig {
    pub connection: String,
    pub provider: &'static str,
    pub peer: String,
    pub timeout: Duration,
    /// Operations per second in the long run.
    pub rate_per_second: f64,
    /// Operations at once after a quiet time.
    pub burst: u32,
    pub clock: Clock,
    /// Where the jitter of retries comes from.
    pub rng: StdRng,
}

impl Policy {
    pub fn new(config: PolicyConfig, log: Arc<dyn CallLog>) -> Self {
        Self {
            connection: config.connection,
            provider: config.provider,
            peer: config.peer,
            timeout: config.timeout,
            clock: config.clock,
            log,
            breaker: CircuitBreaker::default(),
            bucket: TokenBucket::new(config.rate_per_second, config.burst),
            rng: Mutex::new(config.rng),
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// Runs an operation, again where that is safe and may help, unless the provider asks for a longer pause than a caller can
    /// wait for.
    pub async fn run<T, F>(&self, operation: &Operation<'_>, mut attempt: impl FnMut() -> F) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<Answered<T>, ProviderError>>,
    {
        let mut retries = 0;
        let mut in_doubt = false;
        loop {
            let mut error = match self.attempt(operation, retries + 1, attempt()).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            error.in_doubt = in_doubt;
            in_doubt = error.may_be_done();
            let Some(pause) = self.pause_before_retry(operation, retries, &error) else { return Err(error) };
            tracing::debug!(connection = %self.connection, operation = operation.name, %error, ?pause, "trying again");
            metrics::counter!("patchbay_provider_retries_total", "connection" => self.connection.clone()).increment(1);
            tokio::time::sleep(pause).await;
            retries += 1;
        }
    }

    pub fn breaker(&self) -> Breaker {
        self.breaker.status(self.clock.now())
    }

    /// Attempts since the start of the process, and how many of them failed, whatever the reason.
    pub fn counts(&self) -> (u64, u64) {
        (self.calls.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }

    pub fn rate_per_second(&self) -> f64 {
        self.bucket.rate_per_second()
    }

    pub fn tokens_left(&self) -> f64 {
        self.bucket.tokens_left()
    }

    /// How long to wait before the next attempt; none when this error is the answer.
    pub(super) fn pause_before_retry(
        &self,
        operation: &Operation<'_>,
        retries: u32,
        error: &ProviderError,
    ) -> Option<Duration> {
        let may = retries < MAX_RETRIES
            && error.is_temporary()
            && error.kind != ErrorKind::BreakerOpen
            && operation.may_repeat;
        if !may {
            return None;
        }
        match error.retry_after {
            Some(asked) => (asked <= retry::MAX_PAUSE).then_some(asked),
            None => Some(retry::pause(retries, &mut *self.rng.lock().unwrap_or_else(PoisonError::into_inner))),
        }
    }

    /// One attempt: breaker, token, the thing itself, log row. `number` counts from 1.
    async fn attempt<T>(
        &self,
        operation: &Operation<'_>,
        number: u32,
        attempt: impl Future<Output = Result<Answered<T>, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let permit = self.breaker.enter().map_err(|wait| {
            let message = format!("calls are paused for {} s after repeated failures", wait.as_secs().max(1));
            let mut error = self.error(operation, ErrorKind::BreakerOpen, message);
            error.retry_after = Some(wait);
            error
        })?;
        self.wait_for_token(operation).await?;

        let at = self.clock.now();
        let started = Instant::now();
        let outcome = tokio::time::timeout(self.timeout, attempt).await.unwrap_or_else(|_| {
            let message = format!(
                "{} had not finished its answer within {} s. It may be overloaded, or the network slow",
                self.peer,
                self.timeout.as_secs_f64()
            );
            Err(self.error(operation, ErrorKind::Unreachable, message))
        });
        let duration = started.elapsed();

        if permit.finish(outcome.as_ref().is_err_and(is_providers_failure)) {
            patchbay_domain::limited!(warn, connection = %self.connection, "circuit breaker opened");
            metrics::counter!("patchbay_provider_breaker_opened_total", "connection" => self.connection.clone())
                .increment(1);
        }
        self.count(outcome.as_ref().err(), duration);
        let (status, request_id, error) = match &outcome {
            Ok(answered) => (answered.status, answered.request_id.clone(), None),
            Err(error) => (error.status, error.request_id.clone(), Some(error.message.to_string())),
        };
        self.log.record(CallRecord {
            at,
            connection: self.connection.clone(),
            operation: operation.name.to_owned(),
            method: operation.verb.to_owned(),
            path: operation.target.clone(),
            status,
            duration_us: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
            attempt: i32::try_from(number).unwrap_or(i32::MAX),
            request_id: request_id.map(String::from),
            error,
            cause: call_log::current_cause(),
        });
        outcome.map(|answered| answered.value)
    }

    async fn wait_for_token(&self, operation: &Operation<'_>) -> Result<(), ProviderError> {
        match self.bucket.take(self.timeout).await {
            Ok(waited) => {
                if !waited.is_zero() {
                    metrics::histogram!("patchbay_provider_rate_wait_seconds").record(waited.as_secs_f64());
                }
                Ok(())
            }
            Err(wait) => {
                let message = "our own rate limit for this connection is used up";
                let mut error = self.error(operation, ErrorKind::RateLimited, message);
                error.retry_after = Some(wait);
                Err(error)
            }
        }
    }

    fn error(&self, operation: &Operation<'_>, kind: ErrorKind, message: impl Into<Box<str>>) -> ProviderError {
        ProviderError::new(self.provider, operation.name, kind, message)
    }

    fn count(&self, error: Option<&ProviderError>, duration: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.failures.fetch_add(u64::from(error.is_some()), Ordering::Relaxed);
        let outcome = error.map_or("ok", |error| error.kind.name());
        // No label for the operation: times connections, outcomes and buckets that would be a series for every moment of
        // the day. Which operation it was stands in the call log.
        let connection = metrics::SharedString::from(self.connection.clone());
        metrics::counter!("patchbay_provider_calls_total", "connection" => connection.clone(), "outcome" => outcome)
            .increment(1);
        metrics::histogram!("patchbay_provider_call_duration_seconds", "connection" => connection)
            .record(duration.as_secs_f64());
    }
}

/// Failures that say the service is in trouble, rather than our request.
fn is_providers_failure(error: &ProviderError) -> bool {
    matches!(error.kind, ErrorKind::Unreachable | ErrorKind::ProviderFault | ErrorKind::RateLimited)
}
