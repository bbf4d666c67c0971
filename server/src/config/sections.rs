//! `[provider.stripe]` and `[connection."stripe/eu"]`: the settings of connections, as the providers name them.
//!
//! A mistake in one of them is the mistake of that connection alone: it is kept beside its values, and whoever connects it
//! is told. Nothing here stops the process.

use super::{
    names::did_you_mean,
    variables::{problem_with, read_secret},
};
use patchbay_providers::{
    clerk,
    manifest::{Manifest, Variable},
    registry::PROVIDERS,
};
use std::collections::BTreeMap;

/// As written in the file.
pub(super) type Tables = BTreeMap<String, toml::Value>;

/// The longest name of a connection behind its provider's.
const LONGEST_NAME: usize = 64;

/// Every provider that has settings, Clerk among them.
pub fn manifests() -> impl Iterator<Item = &'static Manifest> {
    PROVIDERS.iter().map(|entry| entry.manifest).chain([&clerk::MANIFEST])
}

pub fn manifest(id: &str) -> Option<&'static Manifest> {
    manifests().find(|manifest| manifest.id == id)
}

/// What a connection may be told.
pub fn settings_of(connection: &str) -> &'static [Variable] {
    let provider = connection.split('/').next().unwrap_or_default();
    manifest(provider).map(|manifest| manifest.variables).unwrap_or_default()
}

/// One section. Values may be secrets: there is no `Debug`.
#[derive(Clone, Default)]
pub(super) struct Section {
    pub values: BTreeMap<String, String>,
    /// Sentences that name the section and the setting, never a value.
    pub problems: Vec<String>,
}

#[derive(Clone, Default)]
pub(super) struct Sections {
    pub provider: BTreeMap<String, Section>,
    pub connection: BTreeMap<String, Section>,
    /// Sections that belong to no provider there is.
    pub strays: Vec<String>,
}

impl Sections {
    pub fn read(provider: Tables, connection: Tables) -> Self {
        let mut read = Self::default();
        for (name, value) in provider {
            let place = format!("[provider.{}]", key(&name));
            match manifest(&name) {
                Some(manifest) => drop(read.provider.insert(name, Section::read(&place, value, manifest))),
                None => read.strays.push(stray(&place, &name)),
            }
        }
        for (name, value) in connection {
            let place = format!("[connection.{}]", key(&name));
            let (provider, own) = name.split_once('/').unwrap_or((&name, ""));
            match manifest(provider) {
                // There is one Clerk: people sign in with it.
                Some(manifest) if manifest.id != clerk::MANIFEST.id => {
                    let mut section = match problem_of_name(provider, own) {
                        Some(problem) => {
                            Section { problems: vec![format!("{place}: {problem}")], ..Section::default() }
                        }
                        None => Section::read(&place, value, manifest),
                    };
                    if section.values.is_empty() && section.problems.is_empty() {
                        section.problems.push(format!("{place} is empty; give it settings, or remove it"));
                    }
                    read.connection.insert(name, section);
                }
                Some(_) => {
                    read.strays.push(format!("{place}: people sign in with one Clerk, which is [provider.clerk]"));
                }
                None => read.strays.push(stray(&place, provider)),
            }
        }
        read
    }
}

impl Section {
    fn read(place: &str, value: toml::Value, manifest: &Manifest) -> Self {
        let mut section = Self::default();
        let toml::Value::Table(table) = value else {
            section.problems.push(format!("{place} must be a section with settings in it"));
            return section;
        };
        let known = || manifest.variables.iter().map(|variable| variable.name);
        let mut from_files = Vec::new();
        for (name, value) in table {
            let of_file = name.strip_suffix("_FILE").filter(|name| known().any(|known| known == *name));
            if of_file.is_none() && !known().any(|known| known == name) {
                let hint = did_you_mean(&name, known());
                section.problems.push(format!("{place}: {name} is no setting of {}{hint}", manifest.name));
                continue;
            }
            let toml::Value::String(value) = value else {
                section.problems.push(format!("{place}: {name} must be a text in quotes"));
                continue;
            };
            if let Some(problem) = problem_with(&value) {
                section.problems.push(format!("{place}: {name} {problem}"));
            } else if let Some(name) = of_file {
                from_files.push((name.to_owned(), value));
            } else {
                section.values.insert(name, value.trim().to_owned());
            }
        }
        for (name, path) in from_files {
            if section.values.contains_key(&name) {
                section.problems.push(format!("{place}: {name} is set, and {name}_FILE is too; keep one of them"));
                continue;
            }
            match read_secret(path.trim()) {
                Ok(value) => drop(section.values.insert(name, value)),
                Err(why) => section.problems.push(format!("{place}: {name}_FILE cannot be read: {why}")),
            }
        }
        section
    }
}

/// What keeps `own`, the part behind the provider's id, out of an address.
fn problem_of_name(provider: &str, own: &str) -> Option<String> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let example = format!("such as [connection.\"{provider}/eu\"]");
    if own.is_empty() {
        Some(format!("a further connection needs a name of its own, {example}; the first one is [provider.{provider}]"))
    } else if own.contains('/') {
        Some(format!(
            "there can be one slash only in the name, {example}: webhooks are posted to /webhooks/{provider}/…"
        ))
    } else if own.len() > LONGEST_NAME {
        Some(format!("the name is longer than {LONGEST_NAME} bytes"))
    } else if !own.bytes().all(fine) || own.starts_with('.') {
        Some(format!("use letters, digits, - and _ in the name, {example}: it is part of the webhook's address"))
    } else {
        None
    }
}

fn stray(place: &str, provider: &str) -> String {
    let ids = || manifests().map(|manifest| manifest.id);
    if let Some((provider, _)) = provider.split_once('/')
        && ids().any(|id| id == provider)
    {
        return format!("{place}: further connections are written [connection.\"{provider}/…\"]");
    }
    let hint = did_you_mean(provider, ids());
    format!("{place}: there is no such provider{hint} (known are {})", ids().collect::<Vec<_>>().join(", "))
}

/// As it stands in the file.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if bare { name.to_owned() } else { format!("\"{}\"", name.escape_debug()) }
}
