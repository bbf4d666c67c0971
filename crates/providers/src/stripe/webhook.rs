//! Who sent a delivery, and what it is about.

use super::{config::WEBHOOK_SECRET, origin::Origin};
use crate::webhook::{Malformed, Rejection, Unverified, Verified, can_be_checked};
use hmac::{Hmac, Mac};
use http::HeaderMap;
use patchbay_domain::{Kind, ObjectKey, Timestamp, event::Envelope};
use serde::Deserialize;
use sha2::Sha256;
use std::borrow::Cow;
use subtle::{Choice, ConstantTimeEq};

const HEADER: &str = "Stripe-Signature";
/// Seconds that the stamp may be off, either way.
const TOLERANCE_SECONDS: i64 = 300;

/// Before the body is read.
pub(super) fn precheck(secrets: &[String], headers: &HeaderMap) -> Result<(), Rejection> {
    can_be_checked(headers, HEADER, secrets, WEBHOOK_SECRET)
}

/// Checks `Stripe-Signature` against every secret: HMAC-SHA256 over `{t}.{body}`, keyed with the whole `whsec_…` string.
pub(super) fn verify<'a>(
    secrets: &[String],
    delivery: Unverified<'a>,
    now: Timestamp,
) -> Result<Verified<'a>, Rejection> {
    if secrets.is_empty() {
        return Err(Rejection::NoSecret(WEBHOOK_SECRET));
    }
    let header = delivery.headers.get(HEADER).ok_or(Rejection::MissingSignature(HEADER))?;
    let header = header.to_str().map_err(|_| Rejection::MalformedSignature(HEADER))?;
    let signature = Signature::parse(header).ok_or(Rejection::MalformedSignature(HEADER))?;
    let matching = secrets.iter().position(|secret| signature.matches(secret, delivery.body));
    let secret_index = matching.ok_or(Rejection::SignatureMismatch)?;
    // After the signature, so that only the real sender learns about our clock.
    let age_seconds = now.seconds().saturating_sub(signature.seconds);
    if age_seconds > TOLERANCE_SECONDS {
        return Err(Rejection::TooOld { age_seconds, tolerance_seconds: TOLERANCE_SECONDS });
    }
    if age_seconds < -TOLERANCE_SECONDS {
        let ahead_seconds = age_seconds.saturating_neg();
        return Err(Rejection::FromTheFuture { ahead_seconds, tolerance_seconds: TOLERANCE_SECONDS });
    }
    Ok(Verified::new(delivery, secret_index))
}

struct Signature<'a> {
    /// The stamp as it is written, because that is what is signed.
    stamp: &'a str,
    seconds: i64,
    /// All `v1` values; one per live secret while Stripe rotates. Other schemes never count.
    v1: Vec<Vec<u8>>,
}

impl<'a> Signature<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let mut stamp = None;
        let mut v1 = Vec::new();
        for part in header.split(',') {
            match part.trim().split_once('=') {
                Some(("t", value)) => stamp = Some(value),
                Some(("v1", value)) => v1.extend(hex::decode(value)),
                _ => {}
            }
        }
        let stamp = stamp?;
        let seconds = stamp.parse().ok()?;
        (!v1.is_empty()).then_some(Self { stamp, seconds, v1 })
    }

    fn matches(&self, secret: &str, body: &[u8]) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
        mac.update(self.stamp.as_bytes());
        mac.update(b".");
        mac.update(body);
        let expected = mac.finalize().into_bytes();
        let any = self.v1.iter().fold(Choice::from(0), |any, given| any | expected.as_slice().ct_eq(given));
        any.into()
    }
}

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
