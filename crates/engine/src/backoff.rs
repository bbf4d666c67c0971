//! When to try again, and when to give up.

use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// After this many attempts an event is a dead letter.
pub const MAX_ATTEMPTS: i64 = 8;

const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_hours(1);

/// Injected randomness: the same seed gives the same schedule.
pub struct Jitter(Mutex<StdRng>);

impl Jitter {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// Wait before the next attempt after `attempts` failed ones: about 2 s, 8 s, 32 s, 2 min, 9 min, 34 min, 1 h,
    /// each between half and the whole of it. A provider that asks for longer gets it.
    pub fn delay(&self, attempts: i64, asked_for: Option<Duration>) -> Duration {
        let exponent = u32::try_from(attempts.clamp(1, 12) - 1).unwrap_or(0);
        let whole = FIRST.saturating_mul(4_u32.saturating_pow(exponent)).min(LONGEST);
        let share = self.0.lock().unwrap_or_else(PoisonError::into_inner).random_range(0.5..=1.0);
        whole.mul_f64(share).max(asked_for.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_fourfold_up_to_an_hour() {
        let jitter = Jitter::new(7);
        for (attempts, whole) in [(1, 2), (2, 8), (3, 32), (7, 3_600), (50, 3_600)] {
            let delay = jitter.delay(attempts, None);
            let whole = Duration::from_secs(whole);
            assert!(delay >= whole / 2 && delay <= whole, "attempt {attempts}: {delay:?}");
        }
    }

    #[test]
    fn a_provider_that_asks_for_longer_gets_it() {
        let hour = Duration::from_hours(1);
        assert_eq!(Jitter::new(7).delay(1, Some(hour)), hour);
    }

    #[test]
    fn the_same_seed_gives_the_same_schedule() {
        let schedule = |seed| (1..6).map(|n| Jitter::new(seed).delay(n, None)).collect::<Vec<_>>();
        assert_eq!(schedule(1), schedule(1));
        assert_ne!(schedule(1), schedule(2));
    }

    #[test]
    fn any_seed_keeps_within_its_bounds_and_what_a_provider_asks_for() {
        for seed in 0..3_000 {
            let (mut random, jitter) = (StdRng::seed_from_u64(seed), Jitter::new(seed));
            for attempts in 1..=MAX_ATTEMPTS {
                let asked = random.random_bool(0.5).then(|| Duration::from_secs(random.random_range(0..7_200)));
                let bound = Duration::from_secs(2 * 4_u64.pow(u32::try_from(attempts - 1).unwrap())).min(LONGEST);
                let delay = jitter.delay(attempts, asked);
                let asked = asked.unwrap_or_default();
                assert!(delay >= (bound / 2).max(asked), "seed {seed}, attempt {attempts}: {delay:?} is too soon");
                assert!(delay <= bound.max(asked), "seed {seed}, attempt {attempts}: {delay:?} is too late");
            }
        }
    }
}
