//! How providers sign their deliveries. A scheme is one piece, which a provider's folder names together with its header; each is
//! held against its official vectors.

mod stamped;
mod standard;

pub use stamped::Stamped;
pub use standard::Standard;

use crate::webhook::Rejection;
use hmac::{Hmac, Mac};
use http::HeaderMap;
use patchbay_domain::Timestamp;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

/// Signatures of one delivery that are looked at. A real one has one or two; more is somebody making us work.
const MOST: usize = 16;

/// Whether a signature could be checked at all, which is known before the body is read.
fn can_be_checked(
    headers: &HeaderMap,
    header: &'static str,
    secrets: &[String],
    setting: &'static str,
) -> Result<(), Rejection> {
    if secrets.is_empty() {
        return Err(Rejection::NoSecret(setting));
    }
    text(headers, header).map(drop)
}

fn text<'a>(headers: &'a HeaderMap, header: &'static str) -> Result<&'a str, Rejection> {
    let value = headers.get(header).ok_or(Rejection::MissingSignature(header))?;
    value.to_str().map_err(|_| Rejection::MalformedSignature(header))
}

/// Whether one of the given signatures is that of these parts under this key. All are compared, in the same time.
fn any_matches(key: &[u8], parts: &[&[u8]], given: &[Vec<u8>]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
    for part in parts {
        mac.update(part);
    }
    let expected = mac.finalize().into_bytes();
    given.iter().fold(Choice::from(0), |any, given| any | expected.as_slice().ct_eq(given)).into()
}

/// Asked after the signature matched, so that only the real sender learns about our clock.
fn is_fresh(stamp: i64, now: Timestamp, tolerance_seconds: i64) -> Result<(), Rejection> {
    let age_seconds = now.seconds().saturating_sub(stamp);
    if age_seconds > tolerance_seconds {
        return Err(Rejection::TooOld { age_seconds, tolerance_seconds });
    }
    if age_seconds < -tolerance_seconds {
        return Err(Rejection::FromTheFuture { ahead_seconds: age_seconds.saturating_neg(), tolerance_seconds });
    }
    Ok(())
}
