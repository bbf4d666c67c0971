//! A stored event means the same every time, about the object it names, and can be stored.

use crate::{
    delivery::{CANARY, MUX, STRIPE, Subject},
    json,
};
use patchbay_domain::{Change, State, Timestamp, Version};
use patchbay_providers::{ErrorKind, Projection, ProviderError};
use serde_json::Value;

pub fn stripe_project(data: &[u8]) {
    let Some((event_type, body)) = split(data) else { return };
    let Some(changes) = check(&STRIPE, event_type, body) else { return };
    let Some(event) = json::unambiguous(body).filter(names_all_fields) else { return };
    let seconds = event["created"].as_i64().expect("what was projected has a time");
    assert_about(&changes, &event["data"]["object"]["id"], Timestamp::from_seconds(seconds));
}

pub fn mux_project(data: &[u8]) {
    let Some((event_type, body)) = split(data) else { return };
    let Some(changes) = check(&MUX, event_type, body) else { return };
    let Some(event) = json::unambiguous(body).filter(names_all_fields) else { return };
    if let Some(seconds) = event["created_at"].as_i64() {
        assert_about(&changes, &event["data"]["id"], Timestamp::from_seconds(seconds));
    }
}

/// The input is the event's type, a line break, and the body.
fn split(data: &[u8]) -> Option<(&str, &[u8])> {
    let end = data.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&data[..end]).ok()?, &data[end + 1..]))
}

/// What holds for every provider. Gives the changes, where the event brings some.
fn check(subject: &Subject, event_type: &str, body: &[u8]) -> Option<Vec<Change>> {
    let manifest = subject.connection.manifest();
    let reads = subject.connection.project().expect("it tells of changes");
    let project = |body: &[u8]| reads.event(event_type, body);
    let answer = project(body);
    assert_eq!(answer, project(body), "the same bytes give the same changes");
    if let Some(other) = in_another_order(body) {
        assert_same_meaning(&answer, &project(&other));
    }
    match answer {
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::Unreadable, "{error}");
            assert!(!error.is_temporary(), "trying again gives the same: {error}");
            assert!(!error.message.contains(CANARY), "the error repeats content: {error}");
            None
        }
        Ok(Projection::Skipped | Projection::Undecided(_) | Projection::Incomplete) => None,
        Ok(Projection::SetAside(why)) => {
            assert!(!why.contains(CANARY), "the reason repeats content: {why}");
            None
        }
        Ok(Projection::Refetch(keys)) => {
            assert!(!keys.is_empty(), "asks for nothing");
            assert!(keys.iter().all(|key| manifest.kind(&key.kind).is_some()), "{keys:?}");
            None
        }
        Ok(Projection::Changes(changes) | Projection::Partial(changes)) => {
            assert!(!changes.is_empty(), "brings nothing");
            for change in &changes {
                assert!(manifest.kind(&change.key.kind).is_some(), "{change:?}");
                assert_storable(change);
            }
            Some(changes)
        }
    }
}

/// A change is about this object, as of this moment.
fn assert_about(changes: &[Change], id: &Value, at: Timestamp) {
    for change in changes {
        assert_eq!((Some(change.key.id.as_str()), change.version), (id.as_str(), Version::from(at)));
    }
}

/// A record is compared with the next change after a way through the database, which must not alter it.
fn assert_storable(change: &Change) {
    let State::Present { index, body } = &change.state else { return };
    let stored = serde_json::to_string(body).expect("a record is JSON");
    assert_eq!(&serde_json::from_str::<Value>(&stored).expect("what we wrote is JSON"), body, "{stored}");
    let stored = serde_json::to_string(index).expect("an index is JSON");
    assert_eq!(&serde_json::from_str::<patchbay_domain::Index>(&stored).expect("what we wrote is an index"), index);
}

/// Structs can be read of arrays, too, which has no field names; no provider writes so.
fn names_all_fields(event: &Value) -> bool {
    event.is_object() && event["data"].is_object() && !event["data"]["object"].is_array()
}

/// The same content with white space between, and keys in the order of the alphabet. None when the body has no plain
/// content: keys that stand twice, or numbers that an oracle cannot hold.
fn in_another_order(body: &[u8]) -> Option<Vec<u8>> {
    let value = json::unambiguous(body)?;
    if holds_fraction(&value) {
        return None;
    }
    serde_json::to_vec_pretty(&sorted(value)).ok()
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            entries.into_iter().map(|(key, value)| (key, sorted(value))).collect()
        }
        other => other,
    }
}

/// Fractions may be written in many ways, not all of which come back as they were.
fn holds_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(holds_fraction),
        Value::Object(entries) => entries.values().any(holds_fraction),
        _ => false,
    }
}

/// Errors name line and column, which differ.
fn assert_same_meaning(one: &Result<Projection, ProviderError>, other: &Result<Projection, ProviderError>) {
    match (one, other) {
        (Ok(one), Ok(other)) => assert_eq!(one, other, "the order of keys changes what an event means"),
        (Err(_), Err(_)) => {}
        _ => panic!("the order of keys decides whether an event can be read: {one:?}, {other:?}"),
    }
}
