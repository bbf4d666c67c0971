//! How long to wait before trying again.

use rand::Rng;
use std::time::Duration;

/// Never longer than this between two attempts of one call; whoever must wait longer tries again later.
pub(super) const MAX_PAUSE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// `0.5 s · 2^attempt`, at most 5 s, of which the upper half is random, so that callers do not march in step.
pub(super) fn pause(attempt: u32, rng: &mut impl Rng) -> Duration {
    let full = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempt)).min(MAX_PAUSE);
    full.mul_f64(rng.random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn pauses_double_up_to_the_limit_and_keep_at_least_half() {
        let mut rng = StdRng::seed_from_u64(7);
        for (attempt, full_ms) in [(0, 500), (1, 1_000), (2, 2_000), (3, 4_000), (4, 5_000), (60, 5_000)] {
            for _ in 0..100 {
                let pause = pause(attempt, &mut rng);
                assert!(pause <= Duration::from_millis(full_ms), "{attempt}: {pause:?}");
                assert!(pause >= Duration::from_millis(full_ms / 2), "{attempt}: {pause:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_pauses() {
        let schedule = || {
            let mut rng = StdRng::seed_from_u64(1);
            (0..3).map(|attempt| pause(attempt, &mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(schedule(), schedule());
    }
}
