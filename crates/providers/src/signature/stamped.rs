//! `t=<unix seconds>,v1=<hex>[,v1=<hex>…]` in one header: HMAC-SHA256 over `{t}.{body}`, keyed with the secret as it is written.

use super::{MOST, any_matches, can_be_checked, is_fresh, text};
use crate::webhook::{Rejection, Unverified, Verified};
use http::HeaderMap;
use patchbay_domain::Timestamp;

/// The scheme of Stripe, Mux and Cint.
pub struct Stamped {
    pub header: &'static str,
    /// The setting that holds the secrets.
    pub setting: &'static str,
    /// Seconds that the stamp may be off, either way.
    pub tolerance_seconds: i64,
}

impl Stamped {
    /// Before the body is read.
    pub fn precheck(&self, secrets: &[String], headers: &HeaderMap) -> Result<(), Rejection> {
        can_be_checked(headers, self.header, secrets, self.setting)
    }

    pub fn verify<'a>(
        &self,
        secrets: &[String],
        delivery: Unverified<'a>,
        now: Timestamp,
    ) -> Result<Verified<'a>, Rejection> {
        self.precheck(secrets, delivery.headers)?;
        let signature =
            Signature::parse(text(delivery.headers, self.header)?).ok_or(Rejection::MalformedSignature(self.header))?;
        let parts = [signature.stamp.as_bytes(), b".", delivery.body];
        let matching = secrets.iter().position(|secret| any_matches(secret.as_bytes(), &parts, &signature.v1));
        let secret_index = matching.ok_or(Rejection::SignatureMismatch)?;
        is_fresh(signature.seconds, now, self.tolerance_seconds)?;
        Ok(Verified::new(delivery, secret_index))
    }
}

struct Signature<'a> {
    /// As it is written, because that is what is signed.
    stamp: &'a str,
    seconds: i64,
    /// One per secret that is live while one is replaced. Other schemes never count.
    v1: Vec<Vec<u8>>,
}

impl<'a> Signature<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let mut stamp = None;
        let mut v1 = Vec::new();
        for (name, value) in header.split(',').filter_map(|part| part.trim().split_once('=')) {
            match name {
                "t" => stamp = Some(value),
                "v1" if v1.len() < MOST => v1.extend(hex::decode(value)),
                _ => {}
            }
        }
        let stamp = stamp?;
        let seconds = stamp.parse().ok()?;
        (!v1.is_empty()).then_some(Self { stamp, seconds, v1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEME: Stamped =
        Stamped { header: "cint-signature", setting: "CINT_WEBHOOK_SECRET", tolerance_seconds: 300 };

    /// Published by Cint for its own webhooks.
    #[test]
    fn the_official_vector_of_cint_is_accepted_and_nothing_near_it() {
        let secrets = ["FP7UPZpATKBcYJj4va95PYud+a3gCidRERiLO+9MoFE=".to_owned()];
        let signature = "t=1732526080,v1=6532d4777122acc32cd388763fc0c0ba8732698d09cf99eea086e5a86f8d3ebe";
        let verify = |header: &str, body: &[u8], seconds| {
            let headers =
                HeaderMap::from_iter([(http::header::HeaderName::from_static(SCHEME.header), header.parse().unwrap())]);
            let delivery = Unverified::posted(&headers, body);
            SCHEME.verify(&secrets, delivery, Timestamp::from_seconds(seconds)).map(|verified| verified.secret_index)
        };
        assert_eq!(verify(signature, br#"{"foo":"bar"}"#, 1_732_526_080), Ok(0));
        assert_eq!(verify(signature, br#"{"foo":"baz"}"#, 1_732_526_080), Err(Rejection::SignatureMismatch));
        let later = signature.replace("t=1732526080", "t=1732526081");
        assert_eq!(verify(&later, br#"{"foo":"bar"}"#, 1_732_526_080), Err(Rejection::SignatureMismatch));
        let old = verify(signature, br#"{"foo":"bar"}"#, 1_732_526_381);
        assert_eq!(old, Err(Rejection::TooOld { age_seconds: 301, tolerance_seconds: 300 }));
        let malformed = Err(Rejection::MalformedSignature(SCHEME.header));
        assert_eq!(verify("t=1732526080", b"", 1_732_526_080), malformed);
        assert_eq!(verify("v1=00", b"", 1_732_526_080), malformed);
    }
}
