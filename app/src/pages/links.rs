//! Where things are shown, and numbers as people read them.

use crate::components::url::encode;
use patchbay_domain::{Timestamp, money::group_thousands};
use std::time::Duration;

/// The page of a record; kinds without a page of their own lead to what was delivered about the object.
pub fn object_href(kind: &str, id: &str) -> String {
    let list = match kind {
        "subscription" => "subscriptions",
        "customer" => "customers",
        "invoice" => "invoices",
        "asset" => "videos",
        _ => return format!("/events?object={}", encode(id)),
    };
    format!("/{list}/{}", encode(id))
}

/// `1,204`.
pub fn count(number: i64) -> String {
    let digits = group_thousands(number.unsigned_abs());
    if number < 0 { format!("−{digits}") } else { digits }
}

/// `1 event`, `1,204 events`.
pub fn counted(number: i64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// `0.8 ms`, `240 ms`, `1.2 s`.
pub fn duration(micros: i64) -> String {
    let micros = micros.max(0);
    match micros {
        0..=9_999 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        10_000..=999_999 => format!("{} ms", micros / 1_000),
        1_000_000..=59_999_999 => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
        _ => format!("{} min {} s", micros / 60_000_000, micros % 60_000_000 / 1_000_000),
    }
}

/// Time between two instants, as [`duration`] says it.
pub fn between(from: Timestamp, to: Timestamp) -> String {
    duration(i64::try_from(to.since(from).as_micros()).unwrap_or(i64::MAX))
}

/// `640 B`, `3.2 kB`.
pub fn bytes(size: i64) -> String {
    let size = size.max(0);
    if size < 1_000 { format!("{size} B") } else { format!("{}.{} kB", size / 1_000, size % 1_000 / 100) }
}

/// For charts: counts never get so large that this loses any.
pub fn number(count: i64) -> f64 {
    f64::from(i32::try_from(count).unwrap_or(i32::MAX))
}

pub const HOUR: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kinds_with_a_page_lead_to_one() {
        assert_eq!(object_href("asset", "a1"), "/videos/a1");
        assert_eq!(object_href("price", "price_1"), "/events?object=price_1");
    }

    #[test]
    fn times_are_short_and_lose_nothing_that_matters() {
        assert_eq!(duration(840), "0.8 ms");
        assert_eq!(duration(240_500), "240 ms");
        assert_eq!(duration(1_250_000), "1.2 s");
        assert_eq!(duration(61_000_000), "1 min 1 s");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(counted(1, "event", "events"), "1 event");
        assert_eq!(counted(1_204, "event", "events"), "1,204 events");
    }
}
