//! Who sent a delivery, and what it is about.

use super::{config::WEBHOOK_SECRET, origin::Origin};
use crate::{
    signature::Stamped,
    webhook::{Malformed, Verified},
};
use patchbay_domain::{Kind, ObjectKey, Timestamp, event::Envelope};
use serde::Deserialize;
use std::borrow::Cow;

/// Keyed with the whole `whsec_…` string.
pub(super) const SCHEME: Stamped =
    Stamped { header: "stripe-signature", setting: WEBHOOK_SECRET, tolerance_seconds: 300 };

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    created: Created,
    data: Option<Data>,
}

/// Unix seconds; thin events write RFC 3339 instead.
#[derive(Deserialize)]
#[serde(untagged)]
enum Created {
    Seconds(i64),
    Text(String),
}

/// Where an event says which account it is from.
#[derive(Deserialize)]
struct Sender<'a> {
    #[serde(borrow)]
    account: Option<Cow<'a, str>>,
    #[serde(borrow)]
    context: Option<Cow<'a, str>>,
}

/// The account that a delivery names, if it names one.
pub(super) fn account(delivery: &Verified<'_>) -> Option<String> {
    let sender: Sender<'_> = serde_json::from_slice(delivery.body()).ok()?;
    let origin = Origin { account: sender.account.as_deref(), context: sender.context.as_deref(), ..Origin::default() };
    origin.named().map(str::to_owned)
}

#[derive(Deserialize)]
struct Data {
    object: Option<Object>,
}

#[derive(Deserialize)]
struct Object {
    id: Option<String>,
    object: Option<String>,
}

/// Reads the few fields that say what an event is about and skips the rest of the body.
pub(super) fn envelope(delivery: &Verified<'_>) -> Result<Envelope, Malformed> {
    let event: Event<'_> =
        serde_json::from_slice(delivery.body()).map_err(|error| Malformed(super::client::describe(&error)))?;
    let occurred_at = match event.created {
        Created::Seconds(seconds) => Timestamp::from_seconds(seconds),
        Created::Text(text) => {
            Timestamp::parse_rfc3339(&text).ok_or_else(|| Malformed("`created` is no time".to_owned()))?
        }
    };
    let object = event.data.and_then(|data| data.object).and_then(|object| {
        let kind = Kind::from(object.object?);
        Some(ObjectKey::new(kind, object.id?))
    });
    Ok(Envelope { external_id: event.id.into_owned(), event_type: event.r#type.into_owned(), object, occurred_at })
}
