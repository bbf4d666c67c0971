//! Months and years as billing counts them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

use super::model::{Every, Interval};

fn zoned(seconds: i64) -> Option<Zoned> {
    Some(Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC))
}

/// `count` intervals after `from`; the 31st becomes a short month's last day and comes back in a long one.
pub(crate) fn after(from: i64, every: Every, count: i32) -> i64 {
    let count = every.count * count;
    let span = match every.interval {
        Interval::Day => Span::new().days(count),
        Interval::Week => Span::new().weeks(count),
        Interval::Month => Span::new().months(count),
        Interval::Year => Span::new().years(count),
    };
    zoned(from)
        .and_then(|z| z.checked_add(span).ok())
        .map_or(from + 86_400 * i64::from(every.days()), |z| z.timestamp().as_second())
}

/// The end of the period in which `start` is, counted from the billing anchor.
pub(crate) fn period_end(anchor: i64, start: i64, every: Every) -> i64 {
    period(anchor, start, every).1
}

/// The period in which `at` is, counted from the billing anchor.
pub(crate) fn period(anchor: i64, at: i64, every: Every) -> (i64, i64) {
    // Months are at most so long; the rest is counted.
    let longest = i64::from(every.days()) * 86_400 * 106 / 100;
    let mut count = i32::try_from((at - anchor) / longest).unwrap_or(0) - 1;
    let mut from = after(anchor, every, count);
    loop {
        let until = after(anchor, every, count + 1);
        if until > at {
            return (from, until);
        }
        from = until;
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
        let february = period_end(anchor, anchor, Every::MONTH);
        assert_eq!(february, at("2026-02-28T10:00:00Z"));
        assert_eq!(period_end(anchor, february, Every::MONTH), at("2026-03-31T10:00:00Z"));
        assert_eq!(
            period_end(anchor, anchor, Every { interval: Interval::Year, count: 1 }),
            at("2027-01-31T10:00:00Z")
        );
    }

    #[test]
    fn a_period_is_the_one_of_its_anchor_before_and_after_it() {
        let anchor = at("2026-01-31T10:00:00Z");
        let quarter = Every { interval: Interval::Month, count: 3 };
        let found = period(anchor, at("2027-08-01T00:00:00Z"), quarter);
        assert_eq!(found, (at("2027-07-31T10:00:00Z"), at("2027-10-31T10:00:00Z")));
        assert_eq!(period(anchor, anchor - 1, Every::MONTH), (at("2025-12-31T10:00:00Z"), anchor));
        let fortnight = Every { interval: Interval::Week, count: 2 };
        assert_eq!(period(anchor, anchor + 86_400, fortnight), (anchor, anchor + 14 * 86_400));
    }

    #[test]
    fn dates_are_written_as_headers_have_them() {
        assert_eq!(http_date(at("2026-11-01T08:49:37Z")), "Sun, 01 Nov 2026 08:49:37 GMT");
        assert_eq!(day(at("2026-11-01T08:49:37Z")), "1 Nov 2026");
    }
}
