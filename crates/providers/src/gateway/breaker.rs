//! The circuit breaker: after repeated failures, stop asking for a while, then ask once.

use patchbay_domain::Timestamp;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Failures in a row that open it.
const FAILURES_TO_OPEN: u32 = 5;
/// How long it stays open before one call is let through.
const OPEN_FOR: Duration = Duration::from_secs(15);

/// The breaker as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    /// Calls go out.
    Closed,
    /// Calls are refused at once, until then.
    Open { until: Timestamp },
    /// The next call, or the one on its way, decides.
    HalfOpen,
}

#[derive(Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    Probing,
}

pub(super) struct CircuitBreaker(Mutex<State>);

/// The right to make one call. Dropping it unfinished (the caller gave up) counts as nothing.
pub(super) struct Permit<'a> {
    breaker: &'a CircuitBreaker,
    probe: bool,
    finished: bool,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self(Mutex::new(State::Closed { failures: 0 }))
    }
}

impl CircuitBreaker {
    /// Lets a call through, or says how long to wait.
    pub(super) fn enter(&self) -> Result<Permit<'_>, Duration> {
        let mut state = self.lock();
        let probe = match *state {
            State::Closed { .. } => false,
            State::Open { until } if until > Instant::now() => return Err(until - Instant::now()),
            State::Open { .. } => {
                *state = State::Probing;
                true
            }
            State::Probing => return Err(Duration::from_secs(1)),
        };
        drop(state);
        Ok(Permit { breaker: self, probe, finished: false })
    }

    pub(super) fn status(&self, now: Timestamp) -> Breaker {
        match *self.lock() {
            State::Closed { .. } => Breaker::Closed,
            State::Open { until } if until > Instant::now() => {
                Breaker::Open { until: now.plus(until - Instant::now()) }
            }
            State::Open { .. } | State::Probing => Breaker::HalfOpen,
        }
    }

    /// The state is a plain value, sound even if a thread panicked while it held the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// States how the call went; answers whether this opened the breaker.
    pub(super) fn finish(mut self, failed: bool) -> bool {
        self.finished = true;
        let mut state = self.breaker.lock();
        let open = State::Open { until: Instant::now() + OPEN_FOR };
        match (*state, failed) {
            (State::Closed { .. }, false) => *state = State::Closed { failures: 0 },
            (State::Closed { failures }, true) if failures + 1 < FAILURES_TO_OPEN => {
                *state = State::Closed { failures: failures + 1 };
            }
            (State::Closed { .. }, true) => {
                *state = open;
                return true;
            }
            (State::Probing, false) if self.probe => *state = State::Closed { failures: 0 },
            (State::Probing, true) if self.probe => {
                *state = open;
                return true;
            }
            // A call from before it opened: too late to matter.
            (State::Open { .. } | State::Probing, _) => {}
        }
        false
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.probe && !self.finished {
            *self.breaker.lock() = State::Open { until: Instant::now() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &CircuitBreaker) -> bool {
        breaker.enter().ok().unwrap().finish(true)
    }

    fn opened() -> CircuitBreaker {
        let breaker = CircuitBreaker::default();
        for _ in 1..FAILURES_TO_OPEN {
            assert!(!fail(&breaker));
        }
        assert!(fail(&breaker));
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_five_failures_in_a_row() {
        let breaker = opened();
        assert_eq!(breaker.enter().err(), Some(OPEN_FOR));
        let now = Timestamp::from_seconds(100);
        assert_eq!(breaker.status(now), Breaker::Open { until: Timestamp::from_seconds(115) });
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_in_between_starts_the_count_again() {
        let breaker = CircuitBreaker::default();
        for _ in 0..10 {
            fail(&breaker);
            fail(&breaker);
            breaker.enter().ok().unwrap().finish(false);
        }
        assert_eq!(breaker.status(Timestamp(0)), Breaker::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn half_open_lets_exactly_one_through_and_its_success_closes() {
        let breaker = opened();
        tokio::time::advance(OPEN_FOR).await;
        assert_eq!(breaker.status(Timestamp(0)), Breaker::HalfOpen);
        let probe = breaker.enter().ok().unwrap();
        assert!(breaker.enter().is_err());
        probe.finish(false);
        assert_eq!(breaker.status(Timestamp(0)), Breaker::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_probe_opens_it_again() {
        let breaker = opened();
        tokio::time::advance(OPEN_FOR).await;
        assert!(fail(&breaker));
        assert_eq!(breaker.enter().err(), Some(OPEN_FOR));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_dropped_leaves_room_for_the_next() {
        let breaker = opened();
        tokio::time::advance(OPEN_FOR).await;
        drop(breaker.enter());
        assert!(breaker.enter().is_ok());
    }
}
