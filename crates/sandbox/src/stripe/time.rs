//! Months and years as billing counts them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

use super::model::Interval;

fn zoned(seconds: i64) -> Option<Zoned> {
    Some(Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC))
}

/// `count` intervals after `from`; the 31st becomes a short month's last day and comes back in a long one.
pub(crate) fn after(from: i64, interval: Interval, count: i32) -> i64 {
    let span = match interval {
        Interval::Month => Span::new().months(count),
        Interval::Year => Span::new().years(count),
    };
    zoned(from)
        .and_then(|z| z.checked_add(span).ok())
        .map_or(from + 30 * 86_400 * i64::from(count), |z| z.timestamp().as_second())
}

/// The end of the period that starts at `start`, counted from the billing anchor.
pub(crate) fn period_end(anchor: i64, start: i64, interval: Interval) -> i64 {
    let length = match interval {
        Interval::Month => 2_629_746,
        Interval::Year => 31_556_952,
    };
    let mut count = i32::try_from((start - anchor) / length).unwrap_or(0).max(0);
    loop {
        let end = after(anchor, interval, count);
        if end > start {
            return end;
        }
        count += 1;
    }
}

/// Such as `20 Nov 2026`.
pub(crate) fn day(seconds: i64) -> String {
    zoned(seconds).map_or_else(String::new, |z| z.strftime("%-d %b %Y").to_string())
}

/// The `Date` header.
pub(crate) fn http_date(seconds: i64) -> String {
    zoned(seconds).map_or_else(String::new, |z| z.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

/// The date at which a moment is.
pub(crate) fn date(seconds: i64) -> Date {
    zoned(seconds).map_or(Date::constant(1970, 1, 1), |z| z.date())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a time").as_second()
    }

    #[test]
    fn the_last_day_of_a_month_returns() {
        let anchor = at("2026-01-31T10:00:00Z");
        let february = period_end(anchor, anchor, Interval::Month);
        assert_eq!(february, at("2026-02-28T10:00:00Z"));
        assert_eq!(period_end(anchor, february, Interval::Month), at("2026-03-31T10:00:00Z"));
        assert_eq!(period_end(anchor, anchor, Interval::Year), at("2027-01-31T10:00:00Z"));
    }

    #[test]
    fn dates_are_written_as_headers_have_them() {
        assert_eq!(http_date(at("2026-11-01T08:49:37Z")), "Sun, 01 Nov 2026 08:49:37 GMT");
        assert_eq!(day(at("2026-11-01T08:49:37Z")), "1 Nov 2026");
    }
}
