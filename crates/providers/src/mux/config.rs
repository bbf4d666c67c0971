//! The settings of one Mux environment.

use super::MANIFEST;
use crate::{
    gateway::Base,
    registry::{ConfigError, ConnectArgs},
    shape::{self, invalid},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderValue;
use std::fmt;

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
    pub(super) base: Base,
    /// Without a slash at the end.
    pub(super) image_base_url: String,
}

impl MuxConfig {
    /// Reads the settings; fails when a required one is missing or an address cannot be right.
    pub fn read(args: &ConnectArgs<'_>) -> Result<Self, ConfigError> {
        let (Some(id), Some(secret)) = (args.variable(TOKEN_ID), args.variable(TOKEN_SECRET)) else {
            return Err(ConfigError::NotConfigured { missing: args.missing(&MANIFEST) });
        };
        for (variable, value) in [(TOKEN_ID, &id), (TOKEN_SECRET, &secret)] {
            shape::check_token(variable, value)?;
            if let Some(kind) = shape::kind_of(value) {
                return Err(invalid(variable, format!("is {kind}; it is not of Mux")));
            }
        }
        // Basic authentication ends the name at the first colon.
        if id.contains(':') {
            return Err(invalid(TOKEN_ID, "has a colon in it; the id and the secret of the token are two settings"));
        }
        let image_base = args.base(&MANIFEST, IMAGE_BASE_URL, DEFAULT_IMAGE_BASE_URL)?;
        Ok(Self {
            authorization: basic(&id, &secret)?,
            webhook_secrets: shape::secrets(WEBHOOK_SECRET, args.variable(WEBHOOK_SECRET).as_deref(), "")?,
            base: args.base(&MANIFEST, BASE_URL, DEFAULT_BASE_URL)?,
            image_base_url: image_base.as_str().to_owned(),
        })
    }
}

impl fmt::Debug for MuxConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MuxConfig")
            .field("base", &self.base.as_str())
            .field("image_base_url", &self.image_base_url)
            .field("webhook_secrets", &self.webhook_secrets.len())
            .finish_non_exhaustive()
    }
}

fn basic(id: &str, secret: &str) -> Result<HeaderValue, ConfigError> {
    let text = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let mut value = HeaderValue::from_str(&text).map_err(|_| invalid(TOKEN_SECRET, "cannot be sent in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}
