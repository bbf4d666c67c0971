//! One instant type for the whole product: microseconds since the Unix epoch, UTC.
//!
//! Both databases store it as a 64-bit integer, so the same SQL compares it in both.

use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    pub const fn micros(self) -> i64 {
        self.0
    }

    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros_of(duration)))
    }

    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros_of(duration)))
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 in UTC with whole seconds, such as `2026-11-20T09:30:00Z`.
    pub fn rfc3339(self) -> String {
        self.zoned("%Y-%m-%dT%H:%M:%SZ")
    }

    /// A date as people read it, such as `20 Nov 2026`.
    pub fn date(self) -> String {
        self.zoned("%-d %b %Y")
    }

    /// Date and time of day in UTC, such as `20 Nov 2026, 09:30:00`.
    pub fn date_time(self) -> String {
        self.zoned("%-d %b %Y, %H:%M:%S")
    }

    /// Formats in UTC with a `strftime` pattern; an instant outside the calendar's range shows as its number.
    pub fn zoned(self, pattern: &str) -> String {
        jiff::Timestamp::from_microsecond(self.0)
            .map_or_else(|_| self.0.to_string(), |at| at.strftime(pattern).to_string())
    }

    /// Parses RFC 3339, as Mux's documentation samples have it.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|at| Self(at.as_microsecond()))
    }

    /// How long ago this was at `now`, in one unit: `12 s ago`, `3 min ago`, `in 4 d`.
    pub fn relative_to(self, now: Self) -> String {
        let seconds = (now.0 - self.0) / 1_000_000;
        let text = match seconds.unsigned_abs() {
            0..=1 => return "just now".to_owned(),
            s @ 2..=59 => format!("{s} s"),
            s @ 60..=3_599 => format!("{} min", s / 60),
            s @ 3_600..=86_399 => format!("{} h", s / 3_600),
            s @ 86_400..=5_183_999 => format!("{} d", s / 86_400),
            s @ 5_184_000..=63_071_999 => format!("{} mo", s / 2_592_000),
            s => format!("{} y", s / 31_536_000),
        };
        if seconds > 0 { format!("{text} ago") } else { format!("in {text}") }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

fn micros_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_before_the_epoch_round_down() {
        assert_eq!(Timestamp(-1).seconds(), -1);
    }

    #[test]
    fn relative_time_names_one_unit_and_the_direction() {
        let now = Timestamp::from_seconds(1_000_000);
        assert_eq!(now.minus(Duration::from_secs(90)).relative_to(now), "1 min ago");
        assert_eq!(now.plus(Duration::from_hours(2)).relative_to(now), "in 2 h");
        assert_eq!(now.relative_to(now), "just now");
    }

    #[test]
    fn rfc3339_round_trips_to_the_second() {
        let at = Timestamp::parse_rfc3339("2018-02-15T01:04:45.000Z").unwrap();
        assert_eq!(at.rfc3339(), "2018-02-15T01:04:45Z");
    }
}
