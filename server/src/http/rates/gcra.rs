//! The generic cell rate algorithm: one number for each key, the time at which it owes nothing any more.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// So many requests in so long. All of them may come at once; then they come back one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub quota: u32,
    pub window_seconds: u32,
}

impl Rate {
    pub const fn per_minute(quota: u32) -> Self {
        Self { quota, window_seconds: 60 }
    }

    /// Microseconds.
    pub fn window(self) -> i64 {
        i64::from(self.window_seconds) * 1_000_000
    }

    /// Microseconds that one request costs; at least one.
    pub fn cost(self) -> i64 {
        (self.window() / i64::from(self.quota.max(1))).max(1)
    }
}

/// What came of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub allowed: bool,
    /// Microseconds until nothing is owed.
    pub owed: i64,
}

/// `free_at` is what was kept of the key; the second value is to be kept where the request is allowed.
pub fn judge(free_at: Option<i64>, now: i64, rate: Rate) -> (Outcome, i64) {
    // A clock that was stepped back must lock nobody out; one that only reads a little less lets nobody in.
    let free_at = free_at.filter(|free_at| *free_at <= now + 2 * rate.window()).unwrap_or(now);
    let free_at = free_at.clamp(now, now + rate.window());
    let next = free_at + rate.cost();
    if next - now > rate.window() {
        (Outcome { allowed: false, owed: free_at - now }, free_at)
    } else {
        (Outcome { allowed: true, owed: next - now }, next)
    }
}

/// The keys of this process, with a bound on their number.
pub struct Buckets {
    free_at: Mutex<HashMap<String, i64>>,
    most: usize,
}

impl Buckets {
    pub fn new(most: usize) -> Self {
        Self { free_at: Mutex::default(), most }
    }

    pub fn take(&self, key: &str, now: i64, rate: Rate) -> Outcome {
        let mut all = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let (outcome, next) = judge(all.get(key).copied(), now, rate);
        if outcome.allowed {
            if !all.contains_key(key) && all.len() >= self.most {
                make_room(&mut all, now);
            }
            all.insert(key.to_owned(), next);
        }
        outcome
    }
}

/// First those go that owe nothing. Where everybody owes something, those do that owe least: who is close to the limit stays.
fn make_room(all: &mut HashMap<String, i64>, now: i64) {
    let before = all.len();
    all.retain(|_, free_at| *free_at > now);
    if all.len() > before / 2 {
        let mut times: Vec<i64> = all.values().copied().collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        all.retain(|_, free_at| *free_at > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const RATE: Rate = Rate::per_minute(6);

    #[test]
    fn a_quota_may_be_used_at_once_and_comes_back_one_by_one() {
        let buckets = Buckets::new(10);
        let take = |now| buckets.take("ada", now, RATE);
        for number in 1..=6 {
            assert_eq!(take(0), Outcome { allowed: true, owed: number * 10 * SECOND });
        }
        assert_eq!(take(0), Outcome { allowed: false, owed: 60 * SECOND });
        assert!(!take(9 * SECOND).allowed);
        assert!(take(10 * SECOND).allowed && !take(10 * SECOND).allowed);
        assert!(take(100 * SECOND).allowed);
        assert_eq!(buckets.take("ben", 0, RATE).owed, 10 * SECOND, "others have their own");
    }

    #[test]
    fn a_clock_that_is_stepped_back_locks_nobody_out() {
        let buckets = Buckets::new(10);
        assert!(buckets.take("ada", 1_000_000 * SECOND, RATE).allowed);
        assert_eq!(buckets.take("ada", 0, RATE), Outcome { allowed: true, owed: 10 * SECOND });
    }

    #[test]
    fn a_clock_that_reads_a_little_less_lets_nobody_in() {
        let buckets = Buckets::new(10);
        while buckets.take("ada", SECOND, RATE).allowed {}
        assert!(!buckets.take("ada", SECOND - 1, RATE).allowed);
    }

    #[test]
    fn any_number_of_keys_takes_bounded_memory_and_whoever_is_at_the_limit_stays_there() {
        let buckets = Buckets::new(100);
        while buckets.take("greedy", 0, RATE).allowed {}
        for number in 0..10_000 {
            buckets.take(&number.to_string(), 0, RATE);
        }
        assert!(buckets.free_at.lock().unwrap().len() <= 100);
        assert!(!buckets.take("greedy", 0, RATE).allowed);
    }
}
