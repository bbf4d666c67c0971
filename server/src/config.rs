//! Configuration: `patchbay.toml`, then the environment, which wins. `patchbay.example.toml` documents every key.

use patchbay_engine::Retention;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// Every key with its meaning; compiled in, printed by `patchbay config example`, and parsed by a test.
pub const EXAMPLE: &str = include_str!("../patchbay.example.toml");

/// The file as written. Unknown keys are refused, so that a typing error is not silently ignored.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    database_url: Option<String>,
    addr: Option<SocketAddr>,
    public_url: Option<String>,
    data_dir: Option<PathBuf>,
    log_format: Option<LogFormat>,
    staff_organisation: Option<String>,
    keep_events_days: Option<u32>,
    keep_history_days: Option<u32>,
    keep_calls_days: Option<u32>,
    /// Variables of the first connection of each provider, by the provider's id.
    provider: BTreeMap<String, BTreeMap<String, String>>,
    /// Variables of further connections, by `<provider>/<name>`.
    connection: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Pretty,
    Json,
}

/// What the process runs with. Values of variables may be secrets, so they are never printed.
#[derive(Clone)]
pub struct Config {
    pub database_url: String,
    pub addr: SocketAddr,
    /// How browsers reach the product: scheme, host and port, no trailing slash.
    pub public_url: String,
    pub data_dir: PathBuf,
    pub log_format: LogFormat,
    pub retention: Retention,
    /// File the configuration came from, if there was one.
    pub file: Option<PathBuf>,
    environment: BTreeMap<String, String>,
    provider: BTreeMap<String, BTreeMap<String, String>>,
    connection: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path}: {message}")]
    Invalid { path: PathBuf, message: String },
    #[error("{name} is not valid: {message}")]
    Variable { name: &'static str, message: String },
}

impl Config {
    /// Reads `file` (or `patchbay.toml` where it exists) and the environment handed in.
    pub fn load(file: Option<&Path>, environment: BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let path = file.map_or_else(|| PathBuf::from("patchbay.toml"), Path::to_owned);
        let (parsed, used) =
            if file.is_some() || path.exists() { (parse(&path)?, Some(path)) } else { (File::default(), None) };
        Self::merge(parsed, used, environment)
    }

    fn merge(
        file: File,
        path: Option<PathBuf>,
        mut environment: BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let get = |name: &str| environment.get(name).filter(|value| !value.is_empty()).cloned();
        let addr = match get("PATCHBAY_ADDR") {
            Some(text) => text.parse().map_err(|error| ConfigError::Variable {
                name: "PATCHBAY_ADDR",
                message: format!("{error}; write it like 127.0.0.1:3000"),
            })?,
            None => file.addr.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 3000))),
        };
        let log_format = match get("PATCHBAY_LOG_FORMAT").as_deref() {
            None => file.log_format.unwrap_or(LogFormat::Pretty),
            Some("pretty") => LogFormat::Pretty,
            Some("json") => LogFormat::Json,
            Some(_) => {
                return Err(ConfigError::Variable {
                    name: "PATCHBAY_LOG_FORMAT",
                    message: "use pretty or json".to_owned(),
                });
            }
        };
        let data_dir =
            get("PATCHBAY_DATA_DIR").map(PathBuf::from).or(file.data_dir).unwrap_or_else(|| PathBuf::from("data"));
        let database_url = get("DATABASE_URL")
            .or(file.database_url)
            .unwrap_or_else(|| format!("sqlite://{}", data_dir.join("patchbay.db").display()));
        let public_url = get("PATCHBAY_PUBLIC_URL").or(file.public_url).unwrap_or_else(|| format!("http://{addr}"));
        let kept = |name, from_file| days(name, get(name), from_file);
        let retention = Retention {
            events: kept("PATCHBAY_KEEP_EVENTS_DAYS", file.keep_events_days)?,
            history: kept("PATCHBAY_KEEP_HISTORY_DAYS", file.keep_history_days)?,
            calls: kept("PATCHBAY_KEEP_CALLS_DAYS", file.keep_calls_days)?,
        };
        if let (Some(organisation), None) = (file.staff_organisation, get("PATCHBAY_STAFF_ORGANISATION")) {
            environment.insert("PATCHBAY_STAFF_ORGANISATION".to_owned(), organisation);
        }
        Ok(Self {
            database_url,
            addr,
            public_url: public_url.trim_end_matches('/').to_owned(),
            data_dir,
            log_format,
            retention,
            file: path,
            environment,
            provider: file.provider,
            connection: file.connection,
        })
    }

    /// A variable of a connection. `stripe` reads the environment, then `[provider.stripe]`; `stripe/eu` reads
    /// `[connection."stripe/eu"]` alone, so that two accounts never share a key by accident.
    pub fn variable(&self, connection: &str, name: &str) -> Option<String> {
        if let Some(own) = self.connection.get(connection) {
            return own.get(name).cloned();
        }
        let from_file = || self.provider.get(connection).and_then(|variables| variables.get(name)).cloned();
        self.environment.get(name).filter(|value| !value.is_empty()).cloned().or_else(from_file)
    }

    /// Names of the further connections of a provider: `stripe/eu`.
    pub fn further_connections<'a>(&'a self, provider: &'a str) -> impl Iterator<Item = &'a str> {
        self.connection
            .keys()
            .map(String::as_str)
            .filter(move |name| name.strip_prefix(provider).is_some_and(|rest| rest.starts_with('/') && rest.len() > 1))
    }

    /// Connections in the file whose provider does not exist.
    pub fn unknown_providers(&self, known: &[&str]) -> Vec<String> {
        let names = self.provider.keys().chain(self.connection.keys());
        names.filter(|name| !known.contains(&name.split('/').next().unwrap_or_default())).cloned().collect()
    }

    /// Points providers somewhere else (the sandbox). Refuses to hide a live key.
    pub fn point_at(&mut self, variables: Vec<(String, String)>) -> Result<(), ConfigError> {
        let file_values = self.provider.values().chain(self.connection.values()).flatten();
        let live = self.environment.iter().chain(file_values).find(|(_, value)| is_live_key(value));
        if let Some((name, _)) = live {
            return Err(ConfigError::Variable {
                name: "--sandbox",
                message: format!("{name} holds a live key. Remove it, or start without --sandbox"),
            });
        }
        self.connection.clear();
        self.environment.extend(variables);
        Ok(())
    }
}

/// The fewest days that anything is kept. Stripe sends an event again for three days: one that was dropped sooner would
/// be taken for a new one.
const FEWEST_DAYS: u32 = 7;

/// `None` and 0 are for ever.
fn days(name: &'static str, variable: Option<String>, file: Option<u32>) -> Result<Option<Duration>, ConfigError> {
    let days = match variable {
        None => file.unwrap_or(0),
        Some(text) => text.parse().map_err(|_| ConfigError::Variable {
            name,
            message: format!("write a number of days, such as 90, or 0 for ever; it is \"{text}\""),
        })?,
    };
    match days {
        0 => Ok(None),
        1..FEWEST_DAYS => {
            let message = format!("{days} is too few: use {FEWEST_DAYS} or more, or 0 for ever");
            Err(ConfigError::Variable { name, message })
        }
        days => Ok(Some(Duration::from_hours(24 * u64::from(days)))),
    }
}

fn is_live_key(value: &str) -> bool {
    ["sk_live_", "rk_live_", "pk_live_"].iter().any(|prefix| value.trim().starts_with(prefix))
}

fn parse(path: &Path) -> Result<File, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    parse_text(&text).map_err(|message| ConfigError::Invalid { path: path.to_owned(), message })
}

/// The message names the place, never the line's text: it may hold a secret.
fn parse_text(text: &str) -> Result<File, String> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        format!("line {line}: {}", error.message())
    })
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("addr", &self.addr).field("data_dir", &self.data_dir).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn config(text: &str, pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::merge(parse_text(text).unwrap(), None, environment(pairs))
    }

    #[test]
    fn the_example_is_valid_as_it_is_and_with_every_key_switched_on() {
        parse_text(EXAMPLE).unwrap();
        let switched_on: String = EXAMPLE
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line))
            .fold(String::new(), |all, line| all + line + "\n");
        let file = parse_text(&switched_on).unwrap();
        assert!(file.database_url.is_some() && file.addr.is_some() && file.data_dir.is_some());
        assert!(file.public_url.is_some() && file.log_format.is_some() && file.staff_organisation.is_some());
        assert!(file.keep_events_days.is_some() && file.keep_history_days.is_some() && file.keep_calls_days.is_some());
        for entry in patchbay_providers::registry::PROVIDERS {
            let section = file.provider.get(entry.manifest.id).expect("every provider has its section");
            for variable in entry.manifest.variables {
                assert!(section.contains_key(variable.name), "{} is not in the example", variable.name);
            }
        }
        assert!(file.connection.contains_key("stripe/eu"));
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let config = config("addr = '127.0.0.1:1'", &[("PATCHBAY_ADDR", "127.0.0.1:2")]).unwrap();
        assert_eq!(config.addr.port(), 2);
    }

    #[test]
    fn everything_is_kept_for_ever_unless_it_says_for_how_many_days() {
        assert_eq!(config("", &[]).unwrap().retention, Retention::default());
        let kept = config("keep_events_days = 90\nkeep_calls_days = 30", &[("PATCHBAY_KEEP_CALLS_DAYS", "0")]).unwrap();
        assert_eq!(
            kept.retention,
            Retention { events: Some(Duration::from_hours(90 * 24)), history: None, calls: None }
        );
    }

    #[test]
    fn events_are_kept_for_longer_than_providers_send_them_again() {
        for text in ["1", "6", "a while", "-1"] {
            let error = config("", &[("PATCHBAY_KEEP_EVENTS_DAYS", text)]).unwrap_err().to_string();
            assert!(error.starts_with("PATCHBAY_KEEP_EVENTS_DAYS") && error.contains("0 for ever"), "{error}");
        }
    }

    #[test]
    fn a_further_connection_never_borrows_keys_from_the_environment() {
        let config = config("[connection.'stripe/eu']\nA = 'own'", &[("A", "shared"), ("B", "shared")]).unwrap();
        assert_eq!(config.variable("stripe/eu", "A").as_deref(), Some("own"));
        assert_eq!(config.variable("stripe/eu", "B"), None);
        assert_eq!(config.further_connections("stripe").collect::<Vec<_>>(), ["stripe/eu"]);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_without_its_value() {
        let error = parse_text("addr = '127.0.0.1:1'\nadress = 'secret-value'").err().unwrap();
        assert!(error.starts_with("line 2") && !error.contains("secret-value"), "{error}");
    }

    #[test]
    fn the_sandbox_refuses_to_start_beside_a_live_key() {
        let mut config = config("", &[("STRIPE_SECRET_KEY", "sk_live_123")]).unwrap();
        let error = config.point_at(Vec::new()).unwrap_err().to_string();
        assert!(error.contains("STRIPE_SECRET_KEY") && !error.contains("sk_live_123"), "{error}");
    }

    #[test]
    fn debug_output_holds_no_variable() {
        let config = config("", &[("STRIPE_SECRET_KEY", "sk_test_123")]).unwrap();
        assert!(!format!("{config:?}").contains("sk_test_123"));
    }
}
