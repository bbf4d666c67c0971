//! The settings of the one Clerk instance that people sign in with.

use crate::{
    gateway::Base,
    registry::{self, ConfigError},
    shape::{self, invalid},
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use std::fmt;

pub(super) const PUBLISHABLE_KEY: &str = "CLERK_PUBLISHABLE_KEY";
pub(super) const SECRET_KEY: &str = "CLERK_SECRET_KEY";
pub(super) const ISSUER: &str = "CLERK_ISSUER";
pub(super) const JWKS_URL: &str = "CLERK_JWKS_URL";
pub(super) const FAPI: &str = "CLERK_FAPI";
pub(super) const AUTHORIZED_PARTIES: &str = "CLERK_AUTHORIZED_PARTIES";
pub(super) const SIGN_IN_URL: &str = "CLERK_SIGN_IN_URL";
pub(super) const SIGN_OUT_URL: &str = "CLERK_SIGN_OUT_URL";
pub(super) const STAFF_ORGANISATION: &str = "PATCHBAY_STAFF_ORGANISATION";
/// Roles (`admin`) and permissions (`org:billing:manage`) of which one lets a customer act; commas between them.
pub(super) const BILLING_ROLES: &str = "PATCHBAY_BILLING_ROLES";

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
    pub jwks_base: Base,
    pub jwks_path: String,
    /// Where the Frontend API is for browsers; no slash at the end. A path when it is on this very site.
    pub frontend_api: String,
    /// Origins a valid token may have been made for.
    pub authorized_parties: Vec<String>,
    /// Members of this organisation are staff.
    pub staff_organisation: String,
    /// Members of other organisations need one of these roles or permissions to act in its billing.
    pub billing_roles: Vec<String>,
    /// Where people who are not signed in are sent.
    pub sign_in_url: Option<String>,
    /// Where people go who sign out.
    pub sign_out_url: Option<String>,
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
        let secret_key = read(SECRET_KEY);
        let mode = |key: &Option<String>, variable, prefix| {
            key.as_ref().map(|key| shape::check_key(variable, key, &[prefix])).transpose()
        };
        let published = mode(&publishable_key, PUBLISHABLE_KEY, "pk_")?;
        let secret = mode(&secret_key, SECRET_KEY, "sk_")?;
        if published.zip(secret).is_some_and(|(published, secret)| published != secret) {
            return Err(invalid(SECRET_KEY, "is of another mode (test, live) than CLERK_PUBLISHABLE_KEY"));
        }
        let issuer = match (read(ISSUER), &publishable_key) {
            (Some(issuer), _) => Some(issuer.trim_end_matches('/').to_owned()),
            (None, Some(key)) => Some(issuer_of(key)?),
            (None, None) => None,
        };
        let parties = read(AUTHORIZED_PARTIES).map(|list| origins(&list)).transpose()?.filter(|list| !list.is_empty());
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
        check_organisation(&staff_organisation)?;
        let check = |variable, text: &str| registry::base(&super::MANIFEST, &read, variable, text);
        check(ISSUER, &issuer)?;
        let jwks = read(JWKS_URL).unwrap_or_else(|| format!("{issuer}/.well-known/jwks.json"));
        let (jwks_base, jwks_path) = split(check(JWKS_URL, &jwks)?.as_str(), &check)?;
        let frontend_api = match read(FAPI) {
            Some(place) => {
                let place = place.trim_end_matches('/').to_owned();
                if !is_path(&place) {
                    check(FAPI, &place)?;
                }
                place
            }
            None => issuer.clone(),
        };
        let page = |variable| read(variable).map(|place| page(variable, place, &check)).transpose();
        Ok(Self {
            issuer,
            jwks_base,
            jwks_path,
            frontend_api,
            authorized_parties,
            staff_organisation,
            billing_roles: read(BILLING_ROLES).map_or_else(|| vec!["admin".to_owned()], |list| words(&list)),
            sign_in_url: page(SIGN_IN_URL)?,
            sign_out_url: page(SIGN_OUT_URL)?,
            publishable_key,
            secret_key,
        })
    }
}

impl fmt::Debug for ClerkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClerkConfig")
            .field("issuer", &self.issuer)
            .field("jwks_base", &self.jwks_base.as_str())
            .field("jwks_path", &self.jwks_path)
            .field("frontend_api", &self.frontend_api)
            .field("authorized_parties", &self.authorized_parties)
            .field("staff_organisation", &self.staff_organisation)
            .field("billing_roles", &self.billing_roles)
            .field("sign_in_url", &self.sign_in_url)
            .field("sign_out_url", &self.sign_out_url)
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

fn words(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

/// Each exactly as a browser names it: scheme, host and port.
fn origins(list: &str) -> Result<Vec<String>, ConfigError> {
    if shape::is_quoted(list) {
        return Err(invalid(AUTHORIZED_PARTIES, "has quotes around it; remove them"));
    }
    let parts = list.split(|c: char| c == ',' || c == ';' || c.is_whitespace()).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let url = shape::address(AUTHORIZED_PARTIES, part)?;
            if url.path() != "/" {
                return Err(invalid(
                    AUTHORIZED_PARTIES,
                    "must list origins without a path, such as https://panel.example.com",
                ));
            }
            Ok(url.origin().ascii_serialization())
        })
        .collect()
}

fn check_organisation(id: &str) -> Result<(), ConfigError> {
    shape::check_token(STAFF_ORGANISATION, id)?;
    if id.strip_prefix("org_").is_some_and(|rest| !rest.is_empty()) {
        return Ok(());
    }
    let is =
        shape::kind_of(id).filter(|_| !id.starts_with("org_")).map(|kind| format!("is {kind}; ")).unwrap_or_default();
    Err(invalid(STAFF_ORGANISATION, format!("{is}must be the id of an organization, which starts with org_")))
}

/// Checks the address that a variable holds.
type Check<'a> = &'a dyn Fn(&'static str, &str) -> Result<Base, ConfigError>;

/// Where a browser is sent: an address, which may have a query, or a path of this site.
fn page(variable: &'static str, place: String, check: Check<'_>) -> Result<String, ConfigError> {
    let bare = place.split(['?', '#']).next().unwrap_or_default();
    if place.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(invalid(variable, "has white space in it"));
    }
    if !is_path(bare) {
        check(variable, bare)?;
    }
    Ok(place)
}

/// Takes an address apart: what is called, and what is asked for there.
fn split(url: &str, check: Check<'_>) -> Result<(Base, String), ConfigError> {
    let url = shape::address(JWKS_URL, url)?;
    Ok((check(JWKS_URL, &url.origin().ascii_serialization())?, url.path().to_owned()))
}

fn is_path(place: &str) -> bool {
    place.starts_with('/') && !place.starts_with("//") && !place.contains(|c: char| c.is_whitespace() || c == '\\')
}
