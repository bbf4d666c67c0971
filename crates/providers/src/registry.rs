//! Every provider there is, in the order people see them. A new one is one line here.

use crate::{
    gateway::{BadBase, Base, CallLog},
    manifest::{Manifest, Variable},
    mux,
    provider::Connection,
    shape::{self, invalid},
    stripe,
};
use patchbay_domain::{Clock, Kind, kind::Rules};
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

    /// The address of an API: what `variable` says, or `default`.
    pub fn base(
        &self,
        manifest: &'static Manifest,
        variable: &'static str,
        default: &str,
    ) -> Result<Base, ConfigError> {
        let read = |name: &str| self.variable(name);
        base(manifest, &read, variable, &read(variable).unwrap_or_else(|| default.to_owned()))
    }
}

/// The variable that every provider has for addresses without TLS; `name` is its id in capitals and `_ALLOW_PLAIN_HTTP`.
pub const fn allow_plain_http(name: &'static str) -> Variable {
    Variable {
        name,
        required: false,
        secret: false,
        help: "true lets addresses be plain http on other machines: whoever is in between reads and changes everything.",
    }
}

/// An address that may be called: https, or plain http on this machine or where the provider's variable allows it.
pub(crate) fn base(
    manifest: &'static Manifest,
    read: &dyn Fn(&str) -> Option<String>,
    variable: &'static str,
    text: &str,
) -> Result<Base, ConfigError> {
    let switch = plain_http_switch(manifest);
    let allowed = match read(switch).as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(invalid(switch, "must be true or false")),
    };
    shape::address(variable, text)?;
    Base::parse(text, allowed).map_err(|bad| match bad {
        BadBase::NoAddress => invalid(variable, "is not an http or https address"),
        BadBase::More => invalid(variable, "must be an address alone, without user, password, ? and #"),
        BadBase::Plain => ConfigError::Invalid {
            variable,
            problem: format!(
                "is plain http to another machine, so keys and personal data would cross the network unencrypted. Use https, or \
                 set {switch} = \"true\" for this connection if nobody else can be in between"
            ),
        },
    })
}

/// The name of the provider's variable for addresses without TLS.
pub fn plain_http_switch(manifest: &'static Manifest) -> &'static str {
    manifest
        .variables
        .iter()
        .map(|variable| variable.name)
        .find(|name| name.ends_with(PLAIN_HTTP))
        .unwrap_or(PLAIN_HTTP)
}

const PLAIN_HTTP: &str = "_ALLOW_PLAIN_HTTP";

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

/// The rules of a kind, as its provider declares them.
pub fn rules(kind: &Kind) -> Rules {
    PROVIDERS.iter().find_map(|entry| entry.manifest.kind(kind)).map_or(Rules::WHOLE, |spec| spec.rules)
}

/// Every provider, one line each.
pub const PROVIDERS: &[ProviderEntry] = &[
    ProviderEntry { manifest: &stripe::MANIFEST, connect: stripe::connect },
    ProviderEntry { manifest: &mux::MANIFEST, connect: mux::connect },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clerk, gateway::NoCallLog};

    #[test]
    fn every_provider_has_the_same_switch_for_plain_http() {
        for manifest in PROVIDERS.iter().map(|entry| entry.manifest).chain([&clerk::MANIFEST]) {
            let name = format!("{}{PLAIN_HTTP}", manifest.id.to_uppercase());
            let found = manifest.variables.iter().filter(|variable| variable.name == name && !variable.required);
            assert_eq!(found.count(), 1, "{name}");
        }
    }

    /// Connects every provider with an address of its API on another machine, written as plain http.
    #[expect(clippy::disallowed_methods, reason = "a test injects its own client")]
    fn connect_plainly(entry: &ProviderEntry, allowed: Option<&str>) -> Result<Arc<dyn Connection>, ConfigError> {
        let variables = |name: &str| match name {
            _ if name.ends_with(PLAIN_HTTP) => allowed.map(str::to_owned),
            _ if name.ends_with("_BASE") || name.ends_with("_URL") => Some("http://api.example.com".to_owned()),
            "STRIPE_SECRET_KEY" => Some("sk_test_1".to_owned()),
            "STRIPE_PUBLISHABLE_KEY" | "STRIPE_FOLLOW_ACCOUNTS" => None,
            "STRIPE_WEBHOOK_SECRET" => Some("whsec_1".to_owned()),
            _ => Some("secret_1".to_owned()),
        };
        let http = reqwest::Client::new();
        let name = entry.manifest.id.to_owned();
        (entry.connect)(ConnectArgs {
            name,
            variables: &variables,
            clock: Clock::System,
            http,
            log: Arc::new(NoCallLog),
        })
    }

    #[test]
    fn no_provider_calls_another_machine_over_plain_http_unless_it_is_allowed() {
        for entry in PROVIDERS {
            for not_allowed in [None, Some("false")] {
                let error = connect_plainly(entry, not_allowed).err().expect("it is refused").to_string();
                assert!(error.contains("plain http") && error.contains(PLAIN_HTTP), "{error}");
            }
            let odd = connect_plainly(entry, Some("yes")).err().expect("it is refused").to_string();
            assert!(odd.contains(&format!("{PLAIN_HTTP}: must be true or false")), "{odd}");
            let allowed = connect_plainly(entry, Some("true")).expect("it is allowed");
            assert!(allowed.gateway().status().plain_http, "{}", entry.manifest.id);
        }
    }
}
