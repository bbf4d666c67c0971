//! Who sent a delivery, and what it is about.

use super::{
    config::WEBHOOK_SECRET,
    types::{AssetPointer, Event, EventWith},
};
use crate::webhook::{Malformed, Rejection, Unverified, Verified, can_be_checked};
use hmac::{Hmac, Mac};
use http::HeaderMap;
use patchbay_domain::{ObjectKey, RecordBody, Timestamp, event::Envelope, video::Asset};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

const HEADER: &str = "mux-signature";
const TOLERANCE_SECONDS: i64 = 300;
/// A real header has one or two; more is somebody making us work.
const MAX_SIGNATURES: usize = 16;

/// Before the body is read.
pub(super) fn precheck(secrets: &[String], headers: &HeaderMap) -> Result<(), Rejection> {
    can_be_checked(headers, HEADER, secrets, WEBHOOK_SECRET)
}

/// Checks the signature against every active secret, then its age.
pub(super) fn verify<'a>(
    delivery: Unverified<'a>,
    secrets: &[String],
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
    let age = now.seconds().saturating_sub(signature.seconds);
    if age > TOLERANCE_SECONDS {
        return Err(Rejection::TooOld { age_seconds: age, tolerance_seconds: TOLERANCE_SECONDS });
    }
    if age < -TOLERANCE_SECONDS {
        return Err(Rejection::FromTheFuture {
            ahead_seconds: age.saturating_neg(),
            tolerance_seconds: TOLERANCE_SECONDS,
        });
    }
    Ok(Verified::new(delivery, secret_index))
}

/// `t=<unix seconds>,v1=<hex>[,v1=<hex>…]`; other parts are ignored.
struct Signature<'a> {
    /// As it was written: the signed text starts with these very characters.
    time: &'a str,
    seconds: i64,
    candidates: Vec<Vec<u8>>,
}

impl<'a> Signature<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let mut time = None;
        let mut candidates = Vec::new();
        for (name, value) in header.split(',').filter_map(|part| part.trim().split_once('=')) {
            match name {
                "t" => time = Some(value),
                "v1" if candidates.len() < MAX_SIGNATURES => candidates.extend(hex::decode(value).ok()),
                _ => {}
            }
        }
        let time = time?;
        (!candidates.is_empty()).then_some(Self { time, seconds: time.parse().ok()?, candidates })
    }

    fn matches(&self, secret: &str, body: &[u8]) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
        mac.update(self.time.as_bytes());
        mac.update(b".");
        mac.update(body);
        let expected = mac.finalize().into_bytes();
        let any =
            self.candidates.iter().fold(Choice::from(0), |any, one| any | one.as_slice().ct_eq(expected.as_slice()));
        any.into()
    }
}

/// Reads the envelope. Events about an asset are named after it, so that they are worked on in order.
pub(super) fn envelope(delivery: &Verified<'_>) -> Result<Envelope, Malformed> {
    let event: Event = serde_json::from_slice(delivery.body())
        .map_err(|error| Malformed(format!("line {} column {}", error.line(), error.column())))?;
    if event.id.is_empty() || event.name.is_empty() {
        return Err(Malformed("id or type is empty".to_owned()));
    }
    Ok(Envelope {
        object: object(&event, delivery.body()),
        external_id: event.id,
        event_type: event.name,
        occurred_at: event.created_at,
    })
}

fn object(event: &Event, body: &[u8]) -> Option<ObjectKey> {
    let object = event.object.as_ref()?;
    let id = object.id.as_deref()?;
    match object.object_type.as_deref()? {
        "asset" => Some(ObjectKey::new(Asset::KIND, id)),
        // A track, a rendition or an upload: what counts is the asset that it belongs to.
        other => {
            let pointed =
                serde_json::from_slice::<EventWith<AssetPointer>>(body).ok().and_then(|event| event.data.asset_id);
            Some(
                pointed
                    .map_or_else(|| ObjectKey::new(other.to_owned().into(), id), |id| ObjectKey::new(Asset::KIND, id)),
            )
        }
    }
}
