//! Configuration: `patchbay.toml`, then the environment, which wins. `patchbay.example.toml` documents every key.

mod address;
mod billing;
mod connections;
mod database;
mod file;
pub mod limits;
mod logs;
pub mod metrics;
mod names;
mod outbound;
pub mod public_url;
mod redis;
mod retention;
#[cfg(feature = "sandbox")]
mod sandbox;
mod sections;
mod tls;
mod variables;

pub use address::cannot_listen;
pub use connections::ConnectionLimits;
pub use limits::Limits;
pub use logs::LogFormat;
pub use metrics::Metrics;
pub use outbound::Outbound;
pub use public_url::PublicUrl;
pub use redis::RedisAddress;
pub use sections::settings_of;
pub use tls::{AcmeAccount, TlsSource};
pub use variables::Variables;

use file::File;
use patchbay_engine::{BillingRules, Retention};
use patchbay_providers::manifest::Manifest;
use sections::Sections;
use std::{
    collections::BTreeSet,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Every key with its meaning; compiled in, printed by `patchbay config example`, and parsed by a test.
pub const EXAMPLE: &str = include_str!("../../patchbay.example.toml");

/// What the process runs with. Values of variables may be secrets, so they are never printed.
#[derive(Clone)]
pub struct Config {
    pub database_url: String,
    pub addr: SocketAddr,
    /// Rather than the usual one.
    pub addr_is_set: bool,
    pub public_url: PublicUrl,
    pub data_dir: PathBuf,
    /// Whether somebody named the database.
    #[cfg(feature = "sandbox")]
    has_database_url: bool,
    pub log_format: LogFormat,
    /// What `RUST_LOG` lets through; it can be read as a filter.
    pub log_filter: String,
    pub log_in_color: bool,
    pub retention: Retention,
    pub limits: Limits,
    pub metrics: Metrics,
    pub billing: BillingRules,
    pub outbound: Outbound,
    pub connections: ConnectionLimits,
    /// `None` is plain HTTP.
    pub tls: Option<TlsSource>,
    /// Where plain HTTP is answered with the address of HTTPS.
    pub redirect_addr: Option<SocketAddr>,
    /// File the configuration came from, if there was one.
    pub file: Option<PathBuf>,
    environment: Variables,
    sections: Sections,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path}: {message}")]
    Invalid { path: PathBuf, message: String },
    #[error("{name} is not valid: {message}")]
    Variable { name: &'static str, message: String },
    #[error("{name} {message}")]
    Setting { name: String, message: String },
}

/// Settings of the process that may be given as a file, because they may hold a secret.
const SECRETS: [&str; 3] = ["DATABASE_URL", "REDIS_URL", "PATCHBAY_METRICS_TOKEN"];

impl Config {
    /// Reads `file` (or `patchbay.toml` where it exists) and the environment handed in.
    pub fn load(file: Option<&Path>, mut environment: Variables) -> Result<Self, ConfigError> {
        let (parsed, used) = File::read(file)?;
        environment.read_files(SECRETS.into_iter().chain(settings_of_connections()));
        Self::merge(parsed, used, environment)
    }

    /// As if there were no file.
    #[cfg(test)]
    pub fn of_environment(environment: Variables) -> Result<Self, ConfigError> {
        Self::merge(File::default(), None, environment)
    }

    fn merge(mut file: File, path: Option<PathBuf>, mut environment: Variables) -> Result<Self, ConfigError> {
        let get = |name: &str| environment.get(name).map(str::to_owned);
        let addr = get("PATCHBAY_ADDR").or(file.addr);
        let addr_is_set = addr.is_some();
        let addr = address::read(addr)?;
        let log_format = logs::format(get("PATCHBAY_LOG_FORMAT").as_deref(), file.log_format)?;
        let log_filter = logs::filter(get("RUST_LOG").as_deref())?;
        let data_dir =
            get("PATCHBAY_DATA_DIR").map(PathBuf::from).or(file.data_dir).unwrap_or_else(|| PathBuf::from("data"));
        let named = get("DATABASE_URL").or(file.database_url);
        #[cfg(feature = "sandbox")]
        let has_database_url = {
            // Asked for here, so that it is known as a setting.
            get(sandbox::DATABASE);
            named.is_some()
        };
        let database_url = match named {
            Some(text) => database::read(&text)
                .map_err(|message| ConfigError::Setting { name: "DATABASE_URL".to_owned(), message })?,
            None => format!("sqlite://{}", data_dir.join("patchbay.db").display()),
        };
        let redirect_addr = get("PATCHBAY_REDIRECT_ADDR").or(file.tls.redirect_addr.take());
        let tls = TlsSource::read(file.tls, &environment, &data_dir)?;
        let public_url = match get("PATCHBAY_PUBLIC_URL").or(file.public_url) {
            Some(text) => PublicUrl::parse(&text)?,
            None => own_url(tls.as_ref(), addr)?,
        };
        let redirect_addr = tls::redirect_addr(redirect_addr.as_deref(), addr, &public_url)?;
        let kept = |name, from_file| retention::days(name, get(name), from_file);
        let retention = Retention {
            events: kept("PATCHBAY_KEEP_EVENTS_DAYS", file.keep_events_days)?,
            history: kept("PATCHBAY_KEEP_HISTORY_DAYS", file.keep_history_days)?,
            calls: kept("PATCHBAY_KEEP_CALLS_DAYS", file.keep_calls_days)?,
        };
        let limits = Limits::read(file.limits, &environment)?;
        let connections = ConnectionLimits::read(&file.connections, &environment)?;
        let metrics = Metrics::read(file.metrics, &environment)?;
        if let (Some(organisation), None) = (file.staff_organisation, get("PATCHBAY_STAFF_ORGANISATION")) {
            environment.set("PATCHBAY_STAFF_ORGANISATION", organisation);
        }
        let billing = billing::rules(file.billing, &mut environment);
        let config = Self {
            database_url,
            addr,
            addr_is_set,
            public_url,
            data_dir,
            #[cfg(feature = "sandbox")]
            has_database_url,
            log_format,
            log_filter,
            log_in_color: logs::in_color(&environment),
            retention,
            limits,
            metrics,
            billing,
            outbound: Outbound::read(file.outbound, &environment)?,
            connections,
            tls,
            redirect_addr,
            file: path,
            environment,
            sections: Sections::read(file.provider, file.connection),
        };
        config.environment.check()?;
        config.refuse_misspelt()?;
        Ok(config)
    }

    /// A variable of a connection. `stripe` reads the environment, then `[provider.stripe]`; `stripe/eu` reads
    /// `[connection."stripe/eu"]` alone, so that two accounts never share a key by accident.
    pub fn variable(&self, connection: &str, name: &str) -> Option<String> {
        if let Some(own) = self.sections.connection.get(connection) {
            return own.values.get(name).cloned();
        }
        let section = self.sections.provider.get(connection);
        let from_file = || section.and_then(|section| section.values.get(name)).cloned();
        self.environment.get(name).map(str::to_owned).or_else(from_file)
    }

    /// What is wrong with the settings of a connection, before its provider looks at what they say.
    pub fn problem_of(&self, connection: &str) -> Option<String> {
        let problems = if let Some(own) = self.sections.connection.get(connection) {
            own.problems.clone()
        } else {
            let section = self.sections.provider.get(connection);
            let variables = sections::manifest(connection).map(|manifest| manifest.variables).unwrap_or_default();
            let in_environment = variables.iter().filter_map(|variable| {
                Some(format!("{} {}", variable.name, self.environment.problem_of(variable.name)?))
            });
            section
                .map(|section| section.problems.clone())
                .unwrap_or_default()
                .into_iter()
                .chain(in_environment)
                .collect()
        };
        (!problems.is_empty()).then(|| problems.join("; "))
    }

    /// Whether anything is set of this connection: somebody wants it.
    pub fn is_wanted(&self, connection: &str, manifest: &Manifest) -> bool {
        self.sections.connection.contains_key(connection)
            || manifest.variables.iter().any(|variable| self.variable(connection, variable.name).is_some())
    }

    /// Rather than made of the address that is listened on.
    pub fn public_url_is_set(&self) -> bool {
        own_url(self.tls.as_ref(), self.addr).is_ok_and(|own| own != self.public_url)
    }

    /// The database's file, where it is one.
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        let path = self.database_url.strip_prefix("sqlite://")?;
        // What follows are SQLite's own parameters.
        Some(PathBuf::from(path.split('?').next().unwrap_or(path)))
    }

    /// Whether a variable that others read is set. Its value is none of our business.
    pub fn environment_has(&self, name: &str) -> bool {
        self.environment.all().any(|(known, value)| known == name && !value.trim().is_empty())
    }

    /// Names of the further connections of a provider: `stripe/eu`.
    pub fn further_connections<'a>(&'a self, provider: &'a str) -> impl Iterator<Item = &'a str> {
        self.sections
            .connection
            .keys()
            .map(String::as_str)
            .filter(move |name| name.split('/').next() == Some(provider) && *name != provider)
    }

    /// What was written and nobody reads: sections of no provider, and variables that look like ours. Each a sentence.
    pub fn unread(&self) -> Vec<String> {
        let known = self.known_names();
        let unread = self.environment.names().filter(|name| !known.contains(*name));
        let odd = unread.filter_map(|name| {
            if names::ours(name).is_some() {
                return Some(format!("{name} is set, but there is no such setting"));
            }
            // Where the right one is set too, somebody else may read the other.
            let meant = known.iter().find(|known| names::is_a_slip(name, known))?;
            let is_set = self.environment.names().any(|name| name == meant);
            (!is_set).then(|| format!("{name} is set, but there is no such setting; did you mean {meant}?"))
        });
        self.sections.strays.iter().cloned().chain(odd).collect()
    }

    /// A name that begins with ours and is nearly one that exists: going on without it would be silently wrong.
    fn refuse_misspelt(&self) -> Result<(), ConfigError> {
        let known = self.known_names();
        for name in self.environment.names().filter(|name| !known.contains(*name) && names::ours(name).is_some()) {
            let hint = names::did_you_mean(name, known.iter().map(String::as_str));
            if !hint.is_empty() {
                let message = format!("is set, but there is no such setting{hint}");
                return Err(ConfigError::Setting { name: name.to_owned(), message });
            }
        }
        Ok(())
    }

    /// Everything that was asked for, and what connections may ask for.
    fn known_names(&self) -> BTreeSet<String> {
        let mut known = self.environment.asked();
        known.extend(settings_of_connections().map(str::to_owned));
        known
    }
}

/// How it is reached unless the configuration says it.
fn own_url(tls: Option<&TlsSource>, addr: SocketAddr) -> Result<PublicUrl, ConfigError> {
    match tls.and_then(TlsSource::domain) {
        Some(domain) => PublicUrl::parse(&format!("https://{domain}")),
        None => Ok(PublicUrl::of_listener(addr, tls.is_some())),
    }
}

fn settings_of_connections() -> impl Iterator<Item = &'static str> {
    sections::manifests().flat_map(|manifest| manifest.variables).map(|variable| variable.name)
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("addr", &self.addr).field("data_dir", &self.data_dir).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
