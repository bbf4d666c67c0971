//! Limits how often one place in the program writes to the log, for whatever strangers or a long outage can repeat.

use crate::{Clock, Timestamp};
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering},
};

/// Lines a minute that one place writes; the rest is counted.
const LINES: u32 = 10;
const MINUTE: i64 = 60_000_000;

/// Places that left lines out since they were last summed up.
static SILENT: Mutex<Vec<&'static LogLimit>> = Mutex::new(Vec::new());
static ALL_LEFT_OUT: AtomicU64 = AtomicU64::new(0);

/// Of one place. [`crate::limited!`] makes it.
#[derive(Debug)]
pub struct LogLimit {
    place: &'static str,
    minute: AtomicI64,
    lines: AtomicU32,
    left_out: AtomicU64,
}

impl LogLimit {
    pub const fn new(place: &'static str) -> Self {
        Self { place, minute: AtomicI64::new(0), lines: AtomicU32::new(0), left_out: AtomicU64::new(0) }
    }

    /// Whether one more line may be written now.
    pub fn passes(&'static self) -> bool {
        self.passes_at(Clock::System.now())
    }

    fn passes_at(&'static self, now: Timestamp) -> bool {
        let minute = now.0.div_euclid(MINUTE);
        if self.minute.swap(minute, Ordering::Relaxed) != minute {
            self.lines.store(0, Ordering::Relaxed);
        }
        if self.lines.fetch_add(1, Ordering::Relaxed) < LINES {
            return true;
        }
        ALL_LEFT_OUT.fetch_add(1, Ordering::Relaxed);
        if self.left_out.fetch_add(1, Ordering::Relaxed) == 0 {
            SILENT.lock().unwrap_or_else(PoisonError::into_inner).push(self);
        }
        false
    }
}

/// How many lines each place left out since this was last asked, to be written as a summary.
pub fn left_out() -> Vec<(&'static str, u64)> {
    let silent = std::mem::take(&mut *SILENT.lock().unwrap_or_else(PoisonError::into_inner));
    silent.into_iter().map(|limit| (limit.place, limit.left_out.swap(0, Ordering::Relaxed))).collect()
}

/// Lines that were left out since the start.
pub fn all_left_out() -> u64 {
    ALL_LEFT_OUT.load(Ordering::Relaxed)
}

/// As `tracing`'s macro of that level, ten times a minute at most: `limited!(warn, %error, "…")`.
#[macro_export]
macro_rules! limited {
    ($level:ident, $($line:tt)+) => {{
        static LIMIT: $crate::log_limit::LogLimit = $crate::log_limit::LogLimit::new(concat!(file!(), ":", line!()));
        if LIMIT.passes() {
            tracing::$level!($($line)+);
        }
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_lines_a_minute_pass_and_the_rest_is_summed_up() {
        static LIMIT: LogLimit = LogLimit::new("here:1");
        let passed = |minute: i64| (0..50).filter(|_| LIMIT.passes_at(Timestamp(minute * MINUTE + 7))).count();
        let summed = || left_out().into_iter().filter(|(place, _)| *place == "here:1").collect::<Vec<_>>();
        assert_eq!((passed(1), passed(1)), (10, 0));
        assert_eq!(summed(), [("here:1", 90)]);
        assert_eq!(passed(2), 10);
        assert_eq!(summed(), [("here:1", 40)]);
        assert_eq!(summed(), []);
    }
}
