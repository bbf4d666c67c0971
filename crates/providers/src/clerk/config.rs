//! The settings of the one Clerk instance that people sign in with.

use crate::registry::ConfigError;
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use std::fmt;
use url::Url;

pub(super) const PUBLISHABLE_KEY: &str = "CLERK_PUBLISHABLE_KEY";
pub(super) const SECRET_KEY: &str = "CLERK_SECRET_KEY";
pub(super) const ISSUER: &str = "CLERK_ISSUER";
pub(super) const JWKS_URL: &str = "CLERK_JWKS_URL";
pub(super) const FAPI: &str = "CLERK_FAPI";
pub(super) const AUTHORIZED_PARTIES: &str = "CLERK_AUTHORIZED_PARTIES";
pub(super) const SIGN_IN_URL: &str = "CLERK_SIGN_IN_URL";
pub(super) const STAFF_ORGANISATION: &str = "PATCHBAY_STAFF_ORGANISATION";

/// Clerk leaves the padding out in some keys.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Who may sign in, and how that is checked. Its `Debug` shows no secret.
#[derive(Clone)]
pub struct ClerkConfig {
    /// The exact `iss` of valid tokens; no slash at the end.
    pub issuer: String,
    /// Where the issuer's public keys are.
    pub jwks_url: Url,
    /// Where the Frontend API is for browsers; no slash at the end. A path when it is on this very site.
    pub frontend_api: String,
    /// Origins a valid token may have been made for.
    pub authorized_parties: Vec<String>,
    /// Members of this organisation are staff.
    pub staff_organisation: String,
    /// Where people who are not signed in are sent.
    pub sign_in_url: Option<String>,
    /// For the browser; no secret.
    pub publishable_key: Option<String>,
    /// For the Backend API, which nothing calls yet.
    pub(super) secret_key: Option<String>,
}

impl ClerkConfig {
    /// Reads the settings by name. Fails when a required one is missing or one cannot be right.
    pub fn from_variables(variables: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let read = |name: &str| variables(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let publishable_key = read(PUBLISHABLE_KEY);
        let issuer = match (read(ISSUER), &publishable_key) {
            (Some(issuer), _) => Some(issuer.trim_end_matches('/').to_owned()),
            (None, Some(key)) => Some(issuer_of(key)?),
            (None, None) => None,
        };
        let parties = read(AUTHORIZED_PARTIES).map(|list| origins(&list)).filter(|list| !list.is_empty());
        let (issuer, authorized_parties, staff_organisation) = match (issuer, parties, read(STAFF_ORGANISATION)) {
            (Some(issuer), Some(parties), Some(staff)) => (issuer, parties, staff),
            (issuer, parties, staff) => {
                let missing = [
                    issuer.is_none().then_some(ISSUER),
                    parties.is_none().then_some(AUTHORIZED_PARTIES),
                    staff.is_none().then_some(STAFF_ORGANISATION),
                ];
                return Err(ConfigError::NotConfigured { missing: missing.into_iter().flatten().collect() });
            }
        };
        address(ISSUER, &issuer)?;
        let jwks_url = match read(JWKS_URL) {
            Some(url) => address(JWKS_URL, &url)?,
            None => address(ISSUER, &format!("{issuer}/.well-known/jwks.json"))?,
        };
        let frontend_api = match read(FAPI) {
            Some(place) => frontend_api(&place)?,
            None => issuer.clone(),
        };
        Ok(Self {
            issuer,
            jwks_url,
            frontend_api,
            authorized_parties,
            staff_organisation,
            sign_in_url: read(SIGN_IN_URL),
            publishable_key,
            secret_key: read(SECRET_KEY),
        })
    }
}

impl fmt::Debug for ClerkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClerkConfig")
            .field("issuer", &self.issuer)
            .field("jwks_url", &self.jwks_url.as_str())
            .field("frontend_api", &self.frontend_api)
            .field("authorized_parties", &self.authorized_parties)
            .field("staff_organisation", &self.staff_organisation)
            .field("sign_in_url", &self.sign_in_url)
            .field("publishable_key", &self.publishable_key)
            .field("secret_key", &self.secret_key.as_ref().map(|_| "***"))
            .finish()
    }
}

/// A publishable key is `pk_<live|test>_` and then base64 of `<host>$`.
fn issuer_of(publishable_key: &str) -> Result<String, ConfigError> {
    let encoded = publishable_key.strip_prefix("pk_live_").or_else(|| publishable_key.strip_prefix("pk_test_"));
    let decoded = encoded.and_then(|text| BASE64.decode(text).ok()).and_then(|bytes| String::from_utf8(bytes).ok());
    decoded
        .as_deref()
        .and_then(|text| text.strip_suffix('$'))
        .filter(|host| {
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte))
        })
        .map(|host| format!("https://{host}"))
        .ok_or_else(|| ConfigError::Invalid {
            variable: PUBLISHABLE_KEY,
            problem: "it is not a publishable key of Clerk".to_owned(),
        })
}

fn origins(list: &str) -> Vec<String> {
    list.split(',').map(|one| one.trim().trim_end_matches('/').to_owned()).filter(|one| !one.is_empty()).collect()
}

/// An address, or a path of this site.
fn frontend_api(place: &str) -> Result<String, ConfigError> {
    let place = place.trim_end_matches('/');
    if !place.starts_with('/') || place.starts_with("//") {
        address(FAPI, place)?;
    }
    Ok(place.to_owned())
}

fn address(variable: &'static str, text: &str) -> Result<Url, ConfigError> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| ConfigError::Invalid { variable, problem: "it is not an http or https address".to_owned() })
}
