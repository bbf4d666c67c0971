//! `patchbay.toml` as it is written. Unknown keys are refused, so that a typing error is not silently ignored.

use super::{
    ConfigError, billing, connections, limits, logs::LogFormat, metrics, names::nearest, outbound, sections::Tables,
    tls, variables::problem_with,
};
use serde::Deserialize;
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub database_url: Option<String>,
    pub addr: Option<String>,
    pub public_url: Option<String>,
    pub data_dir: Option<PathBuf>,
    pub log_format: Option<LogFormat>,
    pub staff_organisation: Option<String>,
    pub keep_events_days: Option<u32>,
    pub keep_history_days: Option<u32>,
    pub keep_calls_days: Option<u32>,
    pub limits: limits::Table,
    pub metrics: metrics::Table,
    pub billing: billing::Table,
    pub outbound: outbound::Table,
    pub connections: connections::Table,
    pub tls: tls::Table,
    /// Variables of the first connection of each provider, by the provider's id.
    pub provider: Tables,
    /// Variables of further connections, by `<provider>/<name>`.
    pub connection: Tables,
}

impl File {
    /// `named`, or `patchbay.toml` where there is one; and where it was found.
    pub fn read(named: Option<&Path>) -> Result<(Self, Option<PathBuf>), ConfigError> {
        let path = named.unwrap_or(Path::new("patchbay.toml")).to_owned();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => return Ok((Self::default(), None)),
            Err(source) => return Err(ConfigError::Unreadable { path, source }),
        };
        match parse_text(&text) {
            Ok(file) => Ok((file, Some(path))),
            Err(message) => Err(ConfigError::Invalid { path, message }),
        }
    }
}

/// The message names the place, never the line's text: it may hold a secret.
pub(super) fn parse_text(text: &str) -> Result<File, String> {
    let explain = |error: &toml::de::Error| {
        let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        format!("line {line}: {}", with_hint(error.message()))
    };
    // First as it is, for what is wrong with its form has a line; then without the white space around its values.
    toml::from_str::<File>(text).map_err(|error| explain(&error))?;
    let mut table: toml::Table = toml::from_str(text).map_err(|error| explain(&error))?;
    for (key, value) in &mut table {
        // Those are judged for each connection.
        if key != "provider" && key != "connection" {
            tidy(key, value)?;
        }
    }
    File::deserialize(table).map_err(|error| error.message().to_owned())
}

/// Trims every text, and refuses those that cannot have been meant.
fn tidy(key: &str, value: &mut toml::Value) -> Result<(), String> {
    match value {
        toml::Value::String(text) => {
            if let Some(problem) = problem_with(text) {
                return Err(format!("{key} {problem}"));
            }
            *text = text.trim().to_owned();
            Ok(())
        }
        toml::Value::Array(values) => values.iter_mut().try_for_each(|value| tidy(key, value)),
        toml::Value::Table(table) => {
            table.iter_mut().try_for_each(|(inner, value)| tidy(&format!("{key}.{inner}"), value))
        }
        _ => Ok(()),
    }
}

/// "unknown field `adress`, expected one of `addr`, …" with the one that was meant.
fn with_hint(message: &str) -> String {
    let Some(rest) = message.strip_prefix("unknown field ") else { return message.to_owned() };
    let mut names = rest.split('`').skip(1).step_by(2);
    let hint = names.next().and_then(|name| nearest(name, names)).map(|known| format!("; did you mean {known}?"));
    format!("{message}{}", hint.unwrap_or_default())
}
