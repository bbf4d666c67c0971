//! Session tokens: genuine, ours, and still valid.

use super::{
    ClerkConfig,
    claims::{SessionClaims, Wire},
    keys::{KeyStore, NoKey},
};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use patchbay_domain::{Clock, Principal, Role, principal::Organisation};
use serde::de::DeserializeOwned;
use std::collections::HashSet;

/// How far the two clocks may be apart, as in Clerk's own SDK.
const SKEW_SECONDS: i64 = 5;
/// Browsers keep no larger cookie than 4 KiB; a header may carry a little more.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Why a token is refused. Never carries the token or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    #[error("it is not a session token")]
    Malformed,
    #[error("it is signed in a way that is not accepted: only RS256 is")]
    WrongAlgorithm,
    #[error("it is signed with a key that the issuer does not have")]
    UnknownKey,
    #[error("the public keys of the issuer cannot be read just now")]
    KeysUnavailable,
    #[error("its signature does not match")]
    WrongSignature,
    #[error("it comes from another issuer")]
    WrongIssuer,
    #[error("it is over")]
    Expired,
    #[error("it is from the future: check both clocks")]
    NotYetValid,
    #[error("it does not say which site it was made for")]
    NoParty,
    #[error("it was made for another site")]
    WrongParty,
    #[error("the session has a task to do before it counts")]
    Pending,
}

/// Checks session tokens. Share it by reference or `Arc`.
pub struct SessionVerifier {
    config: ClerkConfig,
    keys: KeyStore,
    clock: Clock,
    validation: Validation,
}

impl SessionVerifier {
    /// Asks for the issuer's keys with the first token, not before.
    pub fn new(config: ClerkConfig, http: reqwest::Client, clock: Clock) -> Self {
        Self { keys: KeyStore::new(&config, http, clock.clone()), config, clock, validation: signature_only() }
    }

    pub fn config(&self) -> &ClerkConfig {
        &self.config
    }

    /// The claims of a token that is genuine, ours and valid now.
    pub async fn verify(&self, token: &str) -> Result<SessionClaims, SessionError> {
        let claims = self.read(token).await?;
        if self.is_over(&claims) { Err(SessionError::Expired) } else { Ok(claims) }
    }

    /// The claims of a token that is genuine and ours, though it may be over: ask [`SessionVerifier::is_over`].
    pub async fn read(&self, token: &str) -> Result<SessionClaims, SessionError> {
        let wire: Wire = self.signed(token).await?;
        self.check(&wire)?;
        Ok(wire.into_claims())
    }

    /// Whether the token of these claims has ended, with the slack that all times have.
    pub fn is_over(&self, claims: &SessionClaims) -> bool {
        claims.expires_at.seconds() <= self.clock.now().seconds().saturating_sub(SKEW_SECONDS)
    }

    /// What a token says that carries the issuer's signature, whatever it is about.
    pub(super) async fn signed<T: DeserializeOwned>(&self, token: &str) -> Result<T, SessionError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(SessionError::Malformed);
        }
        let header = decode_header(token).map_err(|_| SessionError::Malformed)?;
        if header.alg != Algorithm::RS256 {
            return Err(SessionError::WrongAlgorithm);
        }
        // Nothing that we would have to understand and do not.
        if header.typ.as_deref() != Some("JWT") || header.crit.is_some() {
            return Err(SessionError::Malformed);
        }
        let kid = header.kid.ok_or(SessionError::Malformed)?;
        let key = self.keys.key(&kid).await.map_err(|why| match why {
            NoKey::Unknown => SessionError::UnknownKey,
            NoKey::Unavailable => SessionError::KeysUnavailable,
        })?;
        let decoded = decode::<T>(token, &key, &self.validation).map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::InvalidSignature => SessionError::WrongSignature,
            _ => SessionError::Malformed,
        })?;
        Ok(decoded.claims)
    }

    fn check(&self, claims: &Wire) -> Result<(), SessionError> {
        if claims.iss != self.config.issuer {
            return Err(SessionError::WrongIssuer);
        }
        let latest = self.clock.now().seconds().saturating_add(SKEW_SECONDS);
        if [claims.nbf, claims.iat].into_iter().flatten().any(|from| from > latest) {
            return Err(SessionError::NotYetValid);
        }
        let party = claims.azp.as_ref().ok_or(SessionError::NoParty)?;
        if !self.config.authorized_parties.contains(party) {
            return Err(SessionError::WrongParty);
        }
        if claims.sts.as_deref() == Some("pending") {
            return Err(SessionError::Pending);
        }
        Ok(())
    }

    /// Who the claims make somebody here; nobody without an organisation.
    pub fn principal(&self, claims: &SessionClaims) -> Option<Principal> {
        let organisation = claims.organisation.as_ref()?;
        let is_staff = organisation.id == self.config.staff_organisation;
        let role = match (is_staff, organisation.role.as_str()) {
            (true, "admin") => Role::StaffAdmin,
            (true, _) => Role::StaffViewer,
            (false, _) if self.config.billing_roles.iter().any(|role| organisation.has(role)) => Role::CustomerManager,
            (false, _) => Role::CustomerMember,
        };
        let name = organisation.name.as_ref().or(organisation.slug.as_ref()).unwrap_or(&organisation.id);
        Some(Principal {
            user_id: claims.user_id.clone(),
            name: claims.name.clone().unwrap_or_else(|| claims.user_id.clone()),
            role,
            organisation: (!is_staff).then(|| Organisation { id: organisation.id.clone(), name: name.clone() }),
            session: claims.session_id.clone(),
            impersonator: claims.impersonator.clone(),
        })
    }
}

/// The signature is the library's work; times and issuer are ours, because our clock comes in as an argument.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims = HashSet::new();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}
