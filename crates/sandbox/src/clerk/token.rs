//! The issuer's key, and session tokens in the shape of Clerk's version 2.

use super::{
    people::Person,
    sessions::{Session, random_hex},
};
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{AlgorithmParameters, Jwk, ThumbprintHash},
};
use serde_json::{Value, json};

/// As Clerk's: the product renews them through the handshake.
pub(super) const LIFETIME_SECONDS: i64 = 60;

/// The issuer's key could not be made or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sandbox cannot make or use its signing key")]
pub struct KeyError;

pub(super) struct Signer {
    private: EncodingKey,
    kid: String,
    /// The key set, as it is served.
    public: Value,
}

impl Signer {
    /// A new key, and what [`Signer::from_base64`] reads it back from.
    pub(super) fn generate() -> Result<(Self, String), KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError)?;
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| KeyError)?;
        let key = STANDARD.encode(der.as_ref());
        Ok((Self::from_base64(&key)?, key))
    }

    /// The key of an earlier run: PKCS #8 in base64.
    pub(super) fn from_base64(key: &str) -> Result<Self, KeyError> {
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n");
        let private = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| KeyError)?;
        let jwk = Jwk::from_encoding_key(&private, Algorithm::RS256).map_err(|_| KeyError)?;
        let AlgorithmParameters::RSA(parts) = &jwk.algorithm else { return Err(KeyError) };
        // A new key has a new id, so that a verifier that knows the last one asks again.
        let print = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| KeyError)?;
        let kid = format!("ins_sandbox_{print}");
        let public =
            json!({"keys": [{"use": "sig", "kty": "RSA", "kid": kid, "alg": "RS256", "n": parts.n, "e": parts.e}]});
        Ok(Self { private, kid, public })
    }

    pub(super) fn public_keys(&self) -> Value {
        self.public.clone()
    }

    /// A token of `person`'s session, made for a page of `party`, at `now` in seconds.
    pub(super) fn session(
        &self,
        session: &Session,
        person: &Person,
        issuer: &str,
        party: &str,
        now: i64,
    ) -> Result<String, KeyError> {
        // Of the feature `panel`, bit 0 is `read` and bit 1 is `manage`.
        let (permissions, map) = if person.role == "admin" { ("read,manage", "3") } else { ("read", "1") };
        let mut claims = json!({
            "v": 2,
            "iss": issuer,
            "sub": person.user_id,
            "sid": session.id,
            "azp": party,
            "iat": now,
            "nbf": now - 10,
            "exp": now + LIFETIME_SECONDS,
            "jti": random_hex(12),
            "sts": "active",
            "fva": [now.saturating_sub(session.created) / 60, -1],
            "fea": "o:panel",
            "o": {"id": person.organisation, "slg": person.slug, "rol": person.role, "per": permissions, "fpm": map},
            // Custom claims, as the product's README asks for.
            "name": person.name,
            "org_name": person.organisation_name,
        });
        if let Some(impersonator) = person.impersonator {
            claims["act"] = json!({"iss": "https://dashboard.clerk.com", "sid": session.id, "sub": impersonator});
        }
        self.sign(&claims)
    }

    /// What the handshake hands over: cookies to be set.
    pub(super) fn handshake(&self, cookies: &[String]) -> Result<String, KeyError> {
        self.sign(&json!({ "handshake": cookies }))
    }

    fn sign(&self, claims: &Value) -> Result<String, KeyError> {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.private).map_err(|_| KeyError)
    }
}
