//! The settings of one Mux environment.

use crate::registry::{ConfigError, ConnectArgs};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderValue;
use std::fmt;
use url::Url;

pub(super) const TOKEN_ID: &str = "MUX_TOKEN_ID";
pub(super) const TOKEN_SECRET: &str = "MUX_TOKEN_SECRET";
pub(super) const WEBHOOK_SECRET: &str = "MUX_WEBHOOK_SECRET";
pub(super) const BASE_URL: &str = "MUX_BASE_URL";
pub(super) const IMAGE_BASE_URL: &str = "MUX_IMAGE_BASE_URL";

const DEFAULT_BASE_URL: &str = "https://api.mux.com";
const DEFAULT_IMAGE_BASE_URL: &str = "https://image.mux.com";

/// Keys and hosts of one Mux environment. Its `Debug` shows no secret.
pub struct MuxConfig {
    /// The `Authorization` header of every call, marked as sensitive.
    pub(super) authorization: HeaderValue,
    /// Every secret a delivery may be signed with.
    pub(super) webhook_secrets: Vec<String>,
    pub(super) base_url: Url,
    /// Without a slash at the end.
    pub(super) image_base_url: String,
}

impl MuxConfig {
    /// Reads the settings; fails when a required one is missing or an address cannot be right.
    pub fn read(args: &ConnectArgs<'_>) -> Result<Self, ConfigError> {
        let (Some(id), Some(secret)) = (args.variable(TOKEN_ID), args.variable(TOKEN_SECRET)) else {
            return Err(ConfigError::NotConfigured { missing: args.missing(&super::MANIFEST) });
        };
        let secrets = args.variable(WEBHOOK_SECRET).unwrap_or_default();
        let image_base_url = url(args, IMAGE_BASE_URL, DEFAULT_IMAGE_BASE_URL)?;
        Ok(Self {
            authorization: basic(&id, &secret)?,
            webhook_secrets: secrets
                .split(',')
                .map(str::trim)
                .filter(|one| !one.is_empty())
                .map(str::to_owned)
                .collect(),
            base_url: url(args, BASE_URL, DEFAULT_BASE_URL)?,
            image_base_url: image_base_url.as_str().trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Debug for MuxConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MuxConfig")
            .field("base_url", &self.base_url.as_str())
            .field("image_base_url", &self.image_base_url)
            .field("webhook_secrets", &self.webhook_secrets.len())
            .finish_non_exhaustive()
    }
}

fn basic(id: &str, secret: &str) -> Result<HeaderValue, ConfigError> {
    let text = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let mut value = HeaderValue::from_str(&text).map_err(|_| ConfigError::Invalid {
        variable: TOKEN_SECRET,
        problem: "it cannot be sent in a header".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn url(args: &ConnectArgs<'_>, variable: &'static str, default: &str) -> Result<Url, ConfigError> {
    let text = args.variable(variable).unwrap_or_else(|| default.to_owned());
    Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| ConfigError::Invalid { variable, problem: "it is not an http or https address".to_owned() })
}
