//! Keys and address of one Stripe account.

use crate::registry::{ConfigError, ConnectArgs};
use http::HeaderValue;
use std::fmt;
use url::Url;

pub(super) const SECRET_KEY: &str = "STRIPE_SECRET_KEY";
pub(super) const PUBLISHABLE_KEY: &str = "STRIPE_PUBLISHABLE_KEY";
pub(super) const WEBHOOK_SECRET: &str = "STRIPE_WEBHOOK_SECRET";
pub(super) const API_BASE: &str = "STRIPE_API_BASE";
const DEFAULT_BASE: &str = "https://api.stripe.com";

/// What [`super::connect`] needs. `Debug` shows no secret.
#[derive(Clone)]
pub struct Config {
    /// The value of the `Authorization` header, marked as sensitive.
    pub(super) authorization: HeaderValue,
    /// Secrets that are valid now; more than one while rotating.
    pub(super) webhook_secrets: Vec<String>,
    pub(super) base: Url,
    pub(super) livemode: bool,
}

impl Config {
    /// Reads and checks the settings. The prefixes are Stripe's own and catch swapped keys.
    pub fn read(args: &ConnectArgs<'_>) -> Result<Self, ConfigError> {
        let Some(secret_key) = args.variable(SECRET_KEY) else {
            return Err(ConfigError::NotConfigured { missing: args.missing(&super::MANIFEST) });
        };
        let livemode = mode_of(&secret_key, &["sk_", "rk_"])
            .ok_or_else(|| invalid(SECRET_KEY, "must start with sk_test_, sk_live_, rk_test_ or rk_live_"))?;
        if let Some(publishable) = args.variable(PUBLISHABLE_KEY) {
            let mode = mode_of(&publishable, &["pk_"])
                .ok_or_else(|| invalid(PUBLISHABLE_KEY, "must start with pk_test_ or pk_live_"))?;
            if mode != livemode {
                return Err(invalid(PUBLISHABLE_KEY, "is of another mode (test, live) than the secret key"));
            }
        }
        let listed = args.variable(WEBHOOK_SECRET).unwrap_or_default();
        let webhook_secrets: Vec<String> =
            listed.split(',').map(str::trim).filter(|secret| !secret.is_empty()).map(str::to_owned).collect();
        if !webhook_secrets.iter().all(|secret| secret.starts_with("whsec_")) {
            return Err(invalid(WEBHOOK_SECRET, "every secret in the list must start with whsec_"));
        }
        // `HeaderValue` alone would let bytes beyond ASCII pass.
        let authorization = secret_key
            .bytes()
            .all(|byte| byte.is_ascii_graphic())
            .then(|| HeaderValue::try_from(format!("Bearer {secret_key}")));
        let Some(Ok(mut authorization)) = authorization else {
            return Err(invalid(SECRET_KEY, "has characters in it that no key has"));
        };
        authorization.set_sensitive(true);
        let base = args.variable(API_BASE).unwrap_or_else(|| DEFAULT_BASE.to_owned());
        let base = Url::parse(&base).map_err(|error| invalid(API_BASE, &error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(invalid(API_BASE, "must be an http or https address"));
        }
        Ok(Self { authorization, webhook_secrets, base, livemode })
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("webhook_secrets", &self.webhook_secrets.len())
            .field("base", &self.base.as_str())
            .field("livemode", &self.livemode)
            .finish_non_exhaustive()
    }
}

/// Whether a key is for live mode; none when it is not such a key at all.
fn mode_of(key: &str, prefixes: &[&str]) -> Option<bool> {
    let rest = prefixes.iter().find_map(|prefix| key.strip_prefix(prefix))?;
    if rest.starts_with("live_") { Some(true) } else { rest.starts_with("test_").then_some(false) }
}

fn invalid(variable: &'static str, problem: &str) -> ConfigError {
    ConfigError::Invalid { variable, problem: problem.to_owned() }
}
