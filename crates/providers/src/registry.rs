//! Every provider there is, in the order people see them. A new one is one line here.

use crate::{
    gateway::CallLog,
    mux,
    provider::{Connection, Manifest},
    stripe,
};
use patchbay_domain::Clock;
use std::sync::Arc;

/// A provider and how to connect one account of it.
pub struct ProviderEntry {
    pub manifest: &'static Manifest,
    pub connect: fn(ConnectArgs<'_>) -> Result<Arc<dyn Connection>, ConfigError>,
}

/// What a connection is made of. Nothing is read from the process's environment directly.
pub struct ConnectArgs<'a> {
    /// Name of the connection: `stripe`, or `stripe/<name>` for further accounts.
    pub name: String,
    /// Looks a setting up by the name in the manifest.
    pub variables: &'a dyn Fn(&str) -> Option<String>,
    pub clock: Clock,
    pub http: reqwest::Client,
    pub log: Arc<dyn CallLog>,
}

impl ConnectArgs<'_> {
    /// A setting without the white space around it; empty is the same as not set.
    pub fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Names of the manifest's required settings that are not set.
    pub fn missing(&self, manifest: &'static Manifest) -> Vec<&'static str> {
        let required = manifest.variables.iter().filter(|variable| variable.required);
        required.map(|variable| variable.name).filter(|name| self.variable(name).is_none()).collect()
    }
}

/// Why an account cannot be connected. Never carries the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Required settings are not set: the provider is simply not in use.
    #[error("not configured: set {}", missing.join(", "))]
    NotConfigured { missing: Vec<&'static str> },
    /// A setting is there but cannot be right.
    #[error("{variable}: {problem}")]
    Invalid { variable: &'static str, problem: String },
}

/// Every provider, one line each.
pub const PROVIDERS: &[ProviderEntry] = &[
    ProviderEntry { manifest: &stripe::MANIFEST, connect: stripe::connect },
    ProviderEntry { manifest: &mux::MANIFEST, connect: mux::connect },
];
