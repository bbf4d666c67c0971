//! The token bucket: how fast we may ask, whatever the callers want.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Refills at a steady rate up to its size; every call takes one token.
///
/// The count may go below zero: those are tokens that waiting calls have reserved, in the order they came.
pub(super) struct TokenBucket {
    rate_per_second: f64,
    size: f64,
    level: Mutex<Level>,
}

struct Level {
    tokens: f64,
    at: Instant,
}

impl TokenBucket {
    /// Starts full. A rate of zero or less would never refill, so it is taken as one call in a thousand seconds.
    pub(super) fn new(rate_per_second: f64, burst: u32) -> Self {
        let size = f64::from(burst.max(1));
        Self {
            rate_per_second: rate_per_second.max(0.001),
            size,
            level: Mutex::new(Level { tokens: size, at: Instant::now() }),
        }
    }

    pub(super) fn rate_per_second(&self) -> f64 {
        self.rate_per_second
    }

    /// Tokens at hand; never below zero.
    pub(super) fn tokens_left(&self) -> f64 {
        self.refilled().tokens.max(0.0)
    }

    /// Takes a token, waiting up to `limit` for it. Answers how long it waited, or how long it would have to.
    pub(super) async fn take(&self, limit: Duration) -> Result<Duration, Duration> {
        let wait = {
            let mut level = self.refilled();
            let missing = (1.0 - level.tokens).max(0.0);
            let wait = Duration::from_secs_f64(missing / self.rate_per_second);
            if wait > limit {
                return Err(wait);
            }
            level.tokens -= 1.0;
            wait
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(wait)
    }

    fn refilled(&self) -> MutexGuard<'_, Level> {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let gained = now.duration_since(level.at).as_secs_f64() * self.rate_per_second;
        level.tokens = (level.tokens + gained).min(self.size);
        level.at = now;
        level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_next_call_waits_its_turn() {
        let bucket = TokenBucket::new(2.0, 3);
        for _ in 0..3 {
            assert_eq!(bucket.take(LIMIT).await, Ok(Duration::ZERO));
        }
        assert_eq!(bucket.take(LIMIT).await, Ok(Duration::from_millis(500)));
    }

    #[tokio::test(start_paused = true)]
    async fn callers_queue_up_one_behind_the_other() {
        let bucket = TokenBucket::new(1.0, 1);
        bucket.take(LIMIT).await.unwrap();
        let (first, second) = tokio::join!(bucket.take(LIMIT), bucket.take(LIMIT));
        assert_eq!((first, second), (Ok(Duration::from_secs(1)), Ok(Duration::from_secs(2))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_limit_is_refused_and_takes_nothing() {
        let bucket = TokenBucket::new(0.05, 1);
        bucket.take(LIMIT).await.unwrap();
        assert_eq!(bucket.take(LIMIT).await, Err(Duration::from_secs(20)));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(bucket.take(LIMIT).await, Ok(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn it_refills_up_to_its_size() {
        let bucket = TokenBucket::new(2.0, 3);
        tokio::time::advance(Duration::from_secs(100)).await;
        assert!((bucket.tokens_left() - 3.0).abs() < 1e-9);
    }
}
