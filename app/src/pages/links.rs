//! Where things are shown, and numbers as people read them.

use crate::components::url;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use patchbay_domain::{
    Kind, ObjectKey, RecordBody, RecordRef, Timestamp, UserError,
    billing::{CUSTOMER, INVOICE, SUBSCRIPTION},
    money::group_thousands,
    segment,
    video::Asset,
};
use patchbay_store::Record;
use std::time::Duration;

/// Kinds with a page of their own, and the first part of its address.
const SLUGS: [(Kind, &str); 4] =
    [(SUBSCRIPTION, "subscriptions"), (CUSTOMER, "customers"), (INVOICE, "invoices"), (Asset::KIND, "videos")];

/// `/{slug}/{connection}/{id}`, the one address of a record; kinds without a page lead to what was delivered about it.
pub fn record_href(record: &RecordRef) -> String {
    match SLUGS.iter().find(|(kind, _)| *kind == record.key.kind) {
        Some((_, slug)) => format!("/{slug}/{}", record.path()),
        None => list_href("/events", record, "object"),
    }
}

/// A list of what belongs to a record. `name` is the list's filter by its id.
pub fn list_href(list: &str, record: &RecordRef, name: &str) -> String {
    let of = [("connection", &record.connection), (name, &record.key.id)];
    url::with_query(list, of.map(|(name, value)| (name.to_owned(), value.clone())))
}

/// As [`record_href`], but kinds without a page lead to the customer they belong to, where there is one.
pub fn record_or_owner_href(record: &Record) -> String {
    let has_page = SLUGS.iter().any(|(kind, _)| *kind == record.key.kind);
    let owner = record.index.owner.as_ref().filter(|_| !has_page);
    record_href(&owner.map_or_else(|| record.reference(), |owner| record.related(CUSTOMER, owner)))
}

/// The record of this kind that the page's address names. To be asked before the page waits for anything.
pub fn addressed(kind: &Kind) -> Result<RecordRef, UserError> {
    let part = |name: &str| use_params_map().with_untracked(|params| segment::read(&params.get(name)?));
    let found = part("connection").zip(part("id"));
    let found = found.map(|(connection, id)| RecordRef::new(connection, ObjectKey::new(kind.clone(), id)));
    found.ok_or_else(|| UserError::not_found(kind.as_str()))
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
        let record = |kind, id| RecordRef::new("stripe", ObjectKey::new(Kind::new(kind), id));
        assert_eq!(record_href(&record("asset", "a1")), "/videos/stripe/a1");
        assert_eq!(record_href(&record("price", "price_1")), "/events?connection=stripe&object=price_1");
    }

    #[test]
    fn an_id_stays_within_its_part_of_the_address() {
        let record = RecordRef::new("stripe", ObjectKey::new(CUSTOMER, "../audit?x#y"));
        assert_eq!(record_href(&record), "/customers/stripe/~Li4vYXVkaXQ_eCN5");
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
