//! The only place that makes ids.

use patchbay_domain::Timestamp;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::sync::{Mutex, PoisonError};
use uuid::{Builder, Uuid};

/// Where the random part of ids comes from. The rest is the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdSource {
    /// The machine's randomness.
    Random,
    /// The same ids in every run, for tests.
    Seeded(u64),
}

/// A `UUIDv7` carries 74 bits besides the milliseconds, version and variant.
const TAIL_BITS: u32 = 74;

/// Makes `UUIDv7`s that only grow within this process, so that their order is the order of their making.
#[derive(Debug)]
pub(crate) struct Ids(Mutex<State>);

#[derive(Debug)]
struct State {
    rng: StdRng,
    millis: u64,
    tail: u128,
}

impl Ids {
    pub fn new(source: IdSource) -> Self {
        let rng = match source {
            IdSource::Random => StdRng::from_os_rng(),
            IdSource::Seeded(seed) => StdRng::seed_from_u64(seed),
        };
        Self(Mutex::new(State { rng, millis: 0, tail: 0 }))
    }

    pub fn next(&self, now: Timestamp) -> Uuid {
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if millis > state.millis {
            state.millis = millis;
            // The top bit stays free, so that counting on within a millisecond has room.
            state.tail = state.rng.random::<u128>() >> (128 - TAIL_BITS + 1);
        } else {
            // Same millisecond, or the clock went back: count on by an unguessable step.
            state.tail += 1 + u128::from(state.rng.random::<u32>());
            if state.tail >> TAIL_BITS != 0 {
                state.tail = 0;
                state.millis += 1;
            }
        }
        build(state.millis, state.tail)
    }
}

fn build(millis: u64, tail: u128) -> Uuid {
    let bytes = tail.to_be_bytes();
    let mut parts = [0_u8; 10];
    // 62 bits end up behind the variant, 12 behind the version.
    parts[2..].copy_from_slice(&bytes[8..]);
    parts[2] &= 0x3f;
    let high = (tail >> 62).to_be_bytes();
    parts[..2].copy_from_slice(&high[14..]);
    Builder::from_unix_timestamp_millis(millis, &parts).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_even_when_the_clock_stands_still_or_goes_back() {
        let ids = Ids::new(IdSource::Seeded(1));
        let made: Vec<Uuid> =
            (0..2_000).map(|n| ids.next(Timestamp::from_millis(if n < 1_000 { 50 } else { 40 }))).collect();
        assert!(made.is_sorted_by(|one, next| one < next));
        assert!(made.iter().all(|id| id.get_version_num() == 7));
    }

    #[test]
    fn one_seed_makes_one_sequence() {
        let first = |seed| Ids::new(IdSource::Seeded(seed)).next(Timestamp::from_seconds(7));
        assert_eq!(first(3), first(3));
        assert_ne!(first(3), first(4));
    }
}
