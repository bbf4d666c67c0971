//! An envelope says what the whole JSON says, in whatever way it is read.

use crate::{
    delivery::{CANARY, MUX, STRIPE, Subject, signed, verified},
    json,
};
use patchbay_domain::{Kind, ObjectKey, RecordBody, Timestamp, event::Envelope, video::Asset};
use patchbay_providers::Received;
use serde_json::Value;

/// What the JSON tree says about an event.
enum Reading {
    Event(Envelope),
    /// A field that every event has is missing or of another type: it must be refused.
    NoEvent,
    /// The event is one, but what it is about is written in a way that no provider uses: refused or without an object.
    OddObject,
    /// Strange enough that either answer will do.
    Undecided,
}

pub fn stripe_envelope(data: &[u8]) {
    check(&STRIPE, data, stripe_reading);
}

pub fn mux_envelope(data: &[u8]) {
    check(&MUX, data, mux_reading);
}

/// Both providers send one event in a delivery, and want no answer of their own.
fn only_one(received: Received<'_>) -> Envelope {
    match received {
        Received::Events { mut events, reply: None } if events.len() == 1 => events.remove(0).envelope,
        other => panic!("not one event: {other:?}"),
    }
}

/// The input is the body, which is signed first: an envelope is read of verified deliveries only.
fn check(subject: &Subject, body: &[u8], reading: fn(&Value) -> Reading) {
    let headers = signed(subject, body);
    let delivery = verified(subject, &headers, body);
    let read = || subject.webhooks().receive(&delivery).map(only_one);
    let answer = read();
    assert_eq!(answer, read(), "the same bytes give the same envelope");
    match &answer {
        Ok(_) => assert!(json::is_json(body), "an envelope of what is not JSON"),
        Err(malformed) => assert!(!malformed.0.contains(CANARY), "the reason repeats content: {malformed}"),
    }
    let Some(value) = json::unambiguous(body) else { return };
    match reading(&value) {
        Reading::Event(expected) => assert_eq!(answer, Ok(expected)),
        Reading::NoEvent => assert!(answer.is_err(), "no event, and yet {answer:?}"),
        Reading::OddObject => assert!(!answer.as_ref().is_ok_and(|envelope| envelope.object.is_some()), "{answer:?}"),
        Reading::Undecided => {}
    }
}

/// A text that may be left out; `Err` for anything else.
fn optional_text(value: &Value) -> Result<Option<&str>, ()> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(()),
    }
}

/// Type and id of an object that may be left out, or may leave them out; `Err` for anything else.
fn optional_pair<'a>(value: &'a Value, kind: &str) -> Result<Option<(&'a str, &'a str)>, ()> {
    match value {
        Value::Null => Ok(None),
        Value::Object(_) => Ok(optional_text(&value[kind])?.zip(optional_text(&value["id"])?)),
        _ => Err(()),
    }
}

fn stripe_reading(value: &Value) -> Reading {
    if value.is_array() {
        return Reading::Undecided;
    }
    let occurred_at = match &value["created"] {
        Value::Number(seconds) => seconds.as_i64().map(Timestamp::from_seconds),
        Value::String(text) => Timestamp::parse_rfc3339(text),
        _ => None,
    };
    let (Some(id), Some(event_type), Some(occurred_at)) = (value["id"].as_str(), value["type"].as_str(), occurred_at)
    else {
        return Reading::NoEvent;
    };
    if id.is_empty() || event_type.is_empty() || value["data"].is_array() || value["data"]["object"].is_array() {
        return Reading::Undecided;
    }
    let data = &value["data"];
    let object = match data {
        Value::Null => Ok(None),
        Value::Object(_) => optional_pair(&data["object"], "object"),
        _ => Err(()),
    };
    let Ok(object) = object else { return Reading::OddObject };
    Reading::Event(Envelope {
        external_id: id.to_owned(),
        event_type: event_type.to_owned(),
        object: object.map(|(kind, id)| ObjectKey::new(Kind::from(kind.to_owned()), id)),
        occurred_at,
    })
}

fn mux_reading(value: &Value) -> Reading {
    if value.is_array() {
        return Reading::Undecided;
    }
    let occurred_at = match &value["created_at"] {
        // Fractions and seconds beyond 64 bits: Mux sends none.
        Value::Number(seconds) if seconds.as_i64().is_none() => return Reading::Undecided,
        Value::Number(seconds) => seconds.as_i64().map(Timestamp::from_seconds),
        Value::String(text) => match text.parse() {
            Ok(seconds) => Some(Timestamp::from_seconds(seconds)),
            Err(_) => Timestamp::parse_rfc3339(text),
        },
        _ => None,
    };
    let text = |name: &str| value[name].as_str().filter(|text| !text.is_empty());
    let (Some(id), Some(event_type), Some(occurred_at)) = (text("id"), text("type"), occurred_at) else {
        return Reading::NoEvent;
    };
    let data = &value["data"];
    if value["object"].is_array() || data.is_array() {
        return Reading::Undecided;
    }
    let Ok(object) = optional_pair(&value["object"], "type") else { return Reading::OddObject };
    let object = object.map(|(kind, id)| {
        let asset = data["asset_id"].as_str().filter(|_| kind != "asset");
        match asset {
            // What belongs to an asset is worked on in the asset's order.
            Some(asset) if optional_text(&data["id"]).is_ok() => ObjectKey::new(Asset::KIND, asset),
            _ => ObjectKey::new(Kind::from(kind.to_owned()), id),
        }
    });
    Reading::Event(Envelope { external_id: id.to_owned(), event_type: event_type.to_owned(), object, occurred_at })
}
