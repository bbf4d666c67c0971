//! The issuer's key, and session tokens in the shape of Clerk's version 2.

use super::people::Person;
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{AlgorithmParameters, Jwk, ThumbprintHash},
};
use rand::Rng;
use serde_json::{Value, json};

/// Clerk's tokens live for 60 seconds, and its script in the browser fetches the next one. There is no such script here: pages
/// work without it, so a token has to last a working day.
pub(super) const LIFETIME_SECONDS: i64 = 12 * 60 * 60;

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
    pub(super) fn generate() -> Result<Self, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError)?;
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| KeyError)?;
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
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

    /// A token for `person`, made for a page of `party`, at `now` in seconds.
    pub(super) fn session(&self, person: &Person, issuer: &str, party: &str, now: i64) -> Result<String, KeyError> {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.kid.clone());
        // Of the feature `panel`, bit 0 is `read` and bit 1 is `manage`.
        let (permissions, map) = if person.role == "admin" { ("read,manage", "3") } else { ("read", "1") };
        let claims = json!({
            "v": 2,
            "iss": issuer,
            "sub": person.user_id,
            "sid": format!("sess_{}", random_hex()),
            "azp": party,
            "iat": now,
            "nbf": now - 10,
            "exp": now + LIFETIME_SECONDS,
            "jti": random_hex(),
            "sts": "active",
            "fva": [0, -1],
            "fea": "o:panel",
            "o": {"id": person.organisation, "slg": person.slug, "rol": person.role, "per": permissions, "fpm": map},
            // Custom claims, as the product's README asks for.
            "name": person.name,
            "org_name": person.organisation_name,
        });
        jsonwebtoken::encode(&header, &claims, &self.private).map_err(|_| KeyError)
    }
}

fn random_hex() -> String {
    hex::encode(rand::rng().random::<[u8; 12]>())
}
