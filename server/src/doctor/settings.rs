//! What the configuration says, held against itself.

use super::Findings;
use crate::{
    config::{Config, settings_of},
    runtime::NotConfigured,
};
use patchbay_providers::clerk::ClerkConfig;
use std::collections::BTreeMap;

/// How every provider calls the secret that its deliveries are signed with.
const WEBHOOK_SECRET: &str = "_WEBHOOK_SECRET";

pub fn check(findings: &mut Findings, config: &Config, connected: &[String], not_configured: &[NotConfigured]) {
    match &config.file {
        Some(path) => findings.ok("configuration", path.display().to_string()),
        None => findings.ok("configuration", "environment only, there is no patchbay.toml here"),
    }
    for unread in config.unread() {
        findings.problem("configuration", unread);
    }
    check_public_url(findings, config);
    for missing in not_configured {
        if missing.is_mistake {
            findings.problem(&missing.connection, missing.why.clone());
        } else {
            findings.unused(&missing.connection, missing.why.clone());
        }
    }
    for connection in connected {
        check_webhook_secret(findings, config, connection);
    }
    check_shared_secrets(findings, config, connected);
}

fn check_webhook_secret(findings: &mut Findings, config: &Config, connection: &str) {
    let names = settings_of(connection).iter().map(|variable| variable.name);
    for name in names.filter(|name| name.ends_with(WEBHOOK_SECRET)) {
        if config.variable(connection, name).is_none() {
            findings.problem(
                &format!("{connection} webhooks"),
                format!("{name} is not set: every delivery to {}/webhooks/{connection} is refused", config.public_url),
            );
        }
    }
}

/// Two connections with one key are one account twice.
fn check_shared_secrets(findings: &mut Findings, config: &Config, connected: &[String]) {
    let mut seen: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for connection in connected {
        for variable in settings_of(connection).iter().filter(|variable| variable.secret) {
            let Some(value) = config.variable(connection, variable.name) else { continue };
            if let Some(other) = seen.insert((variable.name, value), connection) {
                let text = format!("{} is the same as of {other}; is it the same account twice?", variable.name);
                findings.warning(connection, text);
            }
        }
    }
}

/// Where browsers are sent, and which tokens count, has to agree with where the pages are.
fn check_public_url(findings: &mut Findings, config: &Config) {
    let shown = &config.public_url;
    let clerk = ClerkConfig::from_variables(&|name: &str| config.variable("clerk", name));
    let is_set = config.public_url_is_set();
    if !is_set && config.addr.ip().is_unspecified() {
        let text = format!(
            "PATCHBAY_PUBLIC_URL is not set, and other machines cannot open {shown}; set it to what browsers use"
        );
        findings.warning("public address", text);
    } else if !shown.is_https() && !shown.is_loopback() {
        let text =
            format!("{shown} is not https: what people do, and who they are, can be read and changed on the way");
        match clerk {
            Ok(_) => findings.problem("public address", format!("{text}; Clerk needs https there")),
            Err(_) => findings.warning("public address", text),
        }
    } else {
        findings.ok("public address", shown.to_string());
    }
    let Ok(clerk) = clerk else { return };
    if !clerk.authorized_parties.iter().any(|party| party == shown.as_str()) {
        let text = format!("CLERK_AUTHORIZED_PARTIES does not list {shown}, so nobody stays signed in there");
        if is_set {
            findings.problem("sign-in", format!("{text}; add it, or correct PATCHBAY_PUBLIC_URL"));
        } else {
            findings.warning("sign-in", format!("{text}; set PATCHBAY_PUBLIC_URL to the address that browsers use"));
        }
    }
}
