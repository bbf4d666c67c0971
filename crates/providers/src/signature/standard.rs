//! Standard Webhooks: an id, a stamp and `v1,<base64>[ v1,<base64>…]` in three headers. HMAC-SHA256 over `{id}.{stamp}.{body}`,
//! keyed with what the secret holds in base64 behind `whsec_`.

use super::{MOST, any_matches, can_be_checked, is_fresh, text};
use crate::webhook::{Rejection, Unverified, Verified};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::HeaderMap;
use patchbay_domain::Timestamp;

const TOLERANCE_SECONDS: i64 = 300;

/// The scheme of everybody who sends through Svix, and of those who follow the standard.
pub struct Standard {
    pub id: &'static str,
    pub stamp: &'static str,
    pub signature: &'static str,
    /// The setting that holds the secrets.
    pub setting: &'static str,
}

impl Standard {
    /// With the names that Svix gives its headers.
    pub const fn of_svix(setting: &'static str) -> Self {
        Self { id: "svix-id", stamp: "svix-timestamp", signature: "svix-signature", setting }
    }

    /// Before the body is read.
    pub fn precheck(&self, secrets: &[String], headers: &HeaderMap) -> Result<(), Rejection> {
        can_be_checked(headers, self.signature, secrets, self.setting)?;
        text(headers, self.id)?;
        text(headers, self.stamp).map(drop)
    }

    pub fn verify<'a>(
        &self,
        secrets: &[String],
        delivery: Unverified<'a>,
        now: Timestamp,
    ) -> Result<Verified<'a>, Rejection> {
        self.precheck(secrets, delivery.headers)?;
        let (id, stamp) = (text(delivery.headers, self.id)?, text(delivery.headers, self.stamp)?);
        let seconds: i64 = stamp.parse().map_err(|_| Rejection::MalformedSignature(self.stamp))?;
        let given = signatures(text(delivery.headers, self.signature)?);
        if given.is_empty() {
            return Err(Rejection::MalformedSignature(self.signature));
        }
        let parts = [id.as_bytes(), b".", stamp.as_bytes(), b".", delivery.body];
        let matches = |secret: &String| key(secret).is_some_and(|key| any_matches(&key, &parts, &given));
        let secret_index = secrets.iter().position(matches).ok_or(Rejection::SignatureMismatch)?;
        is_fresh(seconds, now, TOLERANCE_SECONDS)?;
        Ok(Verified::new(delivery, secret_index))
    }

    /// The id of a verified delivery: the same when it is sent again.
    pub fn delivery_id<'a>(&self, delivery: &Verified<'a>) -> &'a str {
        text(delivery.headers(), self.id).unwrap_or_default()
    }
}

/// What a secret holds; settings are checked for it when they are read.
pub fn key(secret: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(secret.strip_prefix("whsec_")?).ok().filter(|key| !key.is_empty())
}

/// Those of the version that is known; others never count.
fn signatures(header: &str) -> Vec<Vec<u8>> {
    let known = header.split(' ').filter_map(|part| part.strip_prefix("v1,"));
    known.take(MOST).filter_map(|text| BASE64_STANDARD.decode(text).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    const SCHEME: Standard = Standard::of_svix("SOME_WEBHOOK_SECRET");

    fn verify(secrets: &[&str], headers: [&str; 3], body: &str, seconds: i64) -> Result<usize, Rejection> {
        let names = [SCHEME.id, SCHEME.stamp, SCHEME.signature];
        let headers =
            names.iter().zip(headers).map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let headers: HeaderMap = headers.collect();
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        let delivery = Unverified::posted(&headers, body.as_bytes());
        SCHEME.verify(&secrets, delivery, Timestamp::from_seconds(seconds)).map(|verified| verified.secret_index)
    }

    /// From the documentation of Svix and the test of the standard's own library.
    #[test]
    fn the_official_vectors_are_accepted_by_their_own_secret_alone() {
        let svix = "whsec_plJ3nmyCDGBKInavdOK15jsl";
        let standard = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let ping = r#"{"event_type":"ping","data":{"success":true}}"#;
        let of_svix = ["msg_loFOjxBNrRLzqYUf", "1731705121", "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="];
        assert_eq!(verify(&[svix], of_svix, ping, 1_731_705_121), Ok(0));
        assert_eq!(verify(&[standard, svix], of_svix, ping, 1_731_705_121), Ok(1));
        assert_eq!(verify(&[standard], of_svix, ping, 1_731_705_121), Err(Rejection::SignatureMismatch));
        let of_standard =
            ["msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="];
        assert_eq!(verify(&[standard], of_standard, r#"{"test": 2432232314}"#, 1_614_265_330), Ok(0));
        assert_eq!(
            verify(&[standard], of_standard, r#"{"test":2432232314}"#, 1_614_265_330),
            Err(Rejection::SignatureMismatch)
        );
    }

    #[test]
    fn one_of_several_signatures_counts_and_another_version_never_does() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let body = r#"{"test": 2432232314}"#;
        let of = |signature: &'static str| ["msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", signature];
        let rotated = of(
            "v1,AAAA v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        );
        assert_eq!(verify(&[secret], rotated, body, 1_614_265_330), Ok(0));
        let other = of("v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(verify(&[secret], other, body, 1_614_265_330), Err(Rejection::MalformedSignature("svix-signature")));
        let good = of("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let late = verify(&[secret], good, body, 1_614_265_330 + 301);
        assert_eq!(late, Err(Rejection::TooOld { age_seconds: 301, tolerance_seconds: 300 }));
        let no_stamp = ["msg_1", "soon", "v1,AAAA"];
        assert_eq!(verify(&[secret], no_stamp, body, 0), Err(Rejection::MalformedSignature("svix-timestamp")));
        assert_eq!(verify(&[], good, body, 0), Err(Rejection::NoSecret("SOME_WEBHOOK_SECRET")));
    }
}
