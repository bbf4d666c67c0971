//! Keys and address of one Stripe account.

use crate::{
    gateway::Base,
    registry::{ConfigError, ConnectArgs},
    shape::{self, invalid},
};
use http::HeaderValue;
use std::fmt;

pub(super) const SECRET_KEY: &str = "STRIPE_SECRET_KEY";
pub(super) const PUBLISHABLE_KEY: &str = "STRIPE_PUBLISHABLE_KEY";
pub(super) const WEBHOOK_SECRET: &str = "STRIPE_WEBHOOK_SECRET";
pub(super) const API_BASE: &str = "STRIPE_API_BASE";
pub(super) const FOLLOW: &str = "STRIPE_FOLLOW_ACCOUNTS";
const DEFAULT_BASE: &str = "https://api.stripe.com";

/// What [`super::connect`] needs. `Debug` shows no secret.
#[derive(Clone)]
pub struct Config {
    /// The value of the `Authorization` header, marked as sensitive.
    pub(super) authorization: HeaderValue,
    /// Secrets that are valid now; more than one while rotating.
    pub(super) webhook_secrets: Vec<String>,
    pub(super) base: Base,
    pub(super) livemode: bool,
    /// Ids of the connected accounts to follow.
    pub(super) follow: Vec<String>,
}

impl Config {
    /// Reads and checks the settings. The prefixes are Stripe's own and catch swapped keys.
    pub fn read(args: &ConnectArgs<'_>) -> Result<Self, ConfigError> {
        let Some(secret_key) = args.variable(SECRET_KEY) else {
            return Err(ConfigError::NotConfigured { missing: args.missing(&super::MANIFEST) });
        };
        let livemode = shape::check_key(SECRET_KEY, &secret_key, &["sk_", "rk_"])?;
        if let Some(publishable) = args.variable(PUBLISHABLE_KEY)
            && shape::check_key(PUBLISHABLE_KEY, &publishable, &["pk_"])? != livemode
        {
            return Err(invalid(PUBLISHABLE_KEY, "is of another mode (test, live) than the secret key"));
        }
        let webhook_secrets = shape::secrets(WEBHOOK_SECRET, args.variable(WEBHOOK_SECRET).as_deref(), "whsec_")?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {secret_key}"))
            .map_err(|_| invalid(SECRET_KEY, "has characters in it that no key has"))?;
        authorization.set_sensitive(true);
        let base = args.base(&super::MANIFEST, API_BASE, DEFAULT_BASE)?;
        let follow = shape::secrets(FOLLOW, args.variable(FOLLOW).as_deref(), "acct_")?;
        Ok(Self { authorization, webhook_secrets, base, livemode, follow })
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("webhook_secrets", &self.webhook_secrets.len())
            .field("base", &self.base.as_str())
            .field("livemode", &self.livemode)
            .field("follow", &self.follow)
            .finish_non_exhaustive()
    }
}
