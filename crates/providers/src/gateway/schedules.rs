//! Breaker, bucket and retries under thousands of random schedules, each named by its seed in what a failure prints.

use super::{
    breaker::{Breaker, CircuitBreaker, Permit},
    bucket::TokenBucket,
    retry,
};
use patchbay_domain::Timestamp;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::time::Duration;
use tokio::time::Instant;

const SEEDS: u64 = 3_000;
const STEPS: usize = 40;
const OPEN_FOR: Duration = Duration::from_secs(15);
const FAILURES_TO_OPEN: u32 = 5;

/// `PATCHBAY_SIM_SEED` runs one alone, `PATCHBAY_SIM_SEEDS` so many.
fn for_each_seed(mut schedule: impl FnMut(u64)) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("PATCHBAY_SIM_SEED") {
        return schedule(seed);
    }
    (0..number("PATCHBAY_SIM_SEEDS").unwrap_or(SEEDS)).for_each(schedule);
}

/// Runs on a clock that only the schedule moves.
fn paused(schedule: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(schedule);
}

/// The breaker as its description says, without permits and locks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Model {
    Closed { failures: u32 },
    Open { until: Instant },
    Probing,
}

impl Model {
    fn finish(self, probe: bool, failed: bool) -> Self {
        match self {
            Self::Closed { .. } if !failed => Self::Closed { failures: 0 },
            Self::Closed { failures } if failures + 1 < FAILURES_TO_OPEN => Self::Closed { failures: failures + 1 },
            Self::Probing if !probe => self,
            Self::Probing if !failed => Self::Closed { failures: 0 },
            Self::Closed { .. } | Self::Probing => Self::Open { until: Instant::now() + OPEN_FOR },
            Self::Open { .. } => self,
        }
    }

    fn is_open(self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

#[test]
fn the_breaker_lets_through_what_its_model_does_and_one_probe_at_a_time() {
    for_each_seed(|seed| paused(breaker_schedule(seed)));
}

async fn breaker_schedule(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let failing = random.random_range(0.2..1.0);
    let breaker = CircuitBreaker::default();
    let mut model = Model::Closed { failures: 0 };
    // Calls under way, and whether each is a probe.
    let mut calls: Vec<(Permit<'_>, bool)> = Vec::new();
    for step in 0..STEPS {
        let at = format!("seed {seed}, step {step}, {model:?}");
        match random.random_range(0..10) {
            0..5 => {
                let admits = match model {
                    Model::Closed { .. } => true,
                    Model::Open { until } => until <= Instant::now(),
                    Model::Probing => false,
                };
                let permit = breaker.enter();
                assert_eq!(permit.is_ok(), admits, "{at}");
                if let Ok(permit) = permit {
                    let probe = model.is_open();
                    if probe {
                        model = Model::Probing;
                    }
                    calls.push((permit, probe));
                }
            }
            5..8 if !calls.is_empty() => {
                let (permit, probe) = calls.swap_remove(random.random_range(0..calls.len()));
                let failed = random.random_bool(failing);
                let next = model.finish(probe, failed);
                assert_eq!(permit.finish(failed), next.is_open() && !model.is_open(), "{at}");
                model = next;
            }
            8 if !calls.is_empty() => {
                let (permit, probe) = calls.swap_remove(random.random_range(0..calls.len()));
                drop(permit);
                if probe {
                    model = Model::Open { until: Instant::now() };
                }
            }
            _ => tokio::time::advance(Duration::from_millis(random.random_range(1..16_000))).await,
        }
        assert!(calls.iter().filter(|(_, probe)| *probe).count() <= 1, "{at}: two probes");
        let shown = match model {
            Model::Closed { .. } => Breaker::Closed,
            Model::Open { until } if until > Instant::now() => {
                Breaker::Open { until: Timestamp(0).plus(until - Instant::now()) }
            }
            Model::Open { .. } | Model::Probing => Breaker::HalfOpen,
        };
        assert_eq!(breaker.status(Timestamp(0)), shown, "{at}");
    }
}

#[test]
fn the_bucket_never_lets_more_through_than_its_burst_and_rate() {
    for_each_seed(|seed| paused(bucket_schedule(seed)));
}

async fn bucket_schedule(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let (rate, burst) = (random.random_range(0.5..50.0), random.random_range(1..10));
    let bucket = TokenBucket::new(rate, burst);
    let mut went_out: Vec<Instant> = Vec::new();
    for _ in 0..8 {
        let limit = Duration::from_millis(random.random_range(0..3_000));
        let callers = random.random_range(1..8);
        let takes = (0..callers).map(|_| async {
            let asked = Instant::now();
            (asked, bucket.take(limit).await, Instant::now())
        });
        for (asked, taken, at) in futures::future::join_all(takes).await {
            match taken {
                Ok(wait) => {
                    assert!(wait <= limit && at - asked >= wait, "seed {seed}: goes before its turn");
                    went_out.push(at);
                }
                Err(wait) => assert!(wait > limit && at == asked, "seed {seed}: refused, though {wait:?} would do"),
            }
        }
        tokio::time::advance(Duration::from_millis(random.random_range(0..2_000))).await;
    }
    went_out.sort_unstable();
    for (first, start) in went_out.iter().enumerate() {
        for (last, end) in went_out.iter().enumerate().skip(first) {
            // Timers are true to a millisecond, one at each end.
            let seconds = (*end - *start).as_secs_f64() + 0.002;
            let calls = f64::from(u32::try_from(last - first + 1).unwrap());
            assert!(calls <= f64::from(burst) + rate * seconds + 1e-6, "seed {seed}: {calls} calls in {seconds} s");
        }
    }
}

#[test]
fn pauses_stay_between_half_and_the_whole_of_a_bound_that_only_grows() {
    for_each_seed(|seed| {
        let mut random = StdRng::seed_from_u64(seed);
        let mut longest = Duration::ZERO;
        for attempt in 0..12 {
            let bound = Duration::from_millis(500 << attempt).min(retry::MAX_PAUSE);
            assert!(bound >= longest);
            longest = bound;
            let pause = retry::pause(attempt, &mut random);
            assert!(pause >= bound / 2 && pause <= bound, "seed {seed}, attempt {attempt}: {pause:?}");
        }
    });
}
