//! Builds the application from the configuration: the one place where time, randomness and HTTP come from.

use crate::config::Config;
use patchbay_domain::Clock;
use patchbay_engine::{Engine, EngineParts, EngineSettings, calls};
use patchbay_net::{ClientError, Trust, TrustError, http_client};
use patchbay_providers::{
    NamedConnection,
    clerk::{ClerkConfig, SessionVerifier},
    gateway::CallLog,
    registry::{self, ConfigError, ConnectArgs, ProviderEntry},
};
use patchbay_store::{IdSource, Journal, Store, StoreError, StoreOptions, private, wants_authorities};
use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Connections of the readers' pool; the writer is one more.
const READERS: u32 = 8;

/// A provider that lacks keys. Shown as it is; it disturbs nothing.
#[derive(Clone, Debug)]
pub struct NotConfigured {
    pub connection: String,
    pub provider: &'static str,
    pub why: String,
    /// Some keys are there but cannot be used: somebody meant to configure it.
    pub is_mistake: bool,
}

/// The running application.
pub struct Application {
    pub engine: Engine,
    pub verifier: Option<Arc<SessionVerifier>>,
    /// Why nobody can sign in, where that is so.
    pub sign_in_problem: Option<String>,
    pub not_configured: Vec<NotConfigured>,
}

/// The product's one HTTP client, and whom it trusts.
pub struct Outbound {
    pub http: reqwest::Client,
    pub trust: Trust,
}

#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("{0}")]
    Trust(#[from] TrustError),
    #[error("{0}")]
    Client(#[from] ClientError),
}

pub fn outbound(config: &Config) -> Result<Outbound, OutboundError> {
    let trust = Trust::load(&config.outbound.trust)?;
    let http = http_client(&trust, &config.outbound.proxies)?;
    Ok(Outbound { http, trust })
}

/// Refuses numbers of threads that tokio answers with a panic.
pub fn check_threads() -> Result<(), String> {
    const NAME: &str = "TOKIO_WORKER_THREADS";
    const MOST: usize = 1_024;
    let Some(value) = std::env::var_os(NAME) else { return Ok(()) };
    let number = value.to_str().and_then(|text| text.parse().ok());
    if number.is_some_and(|number: usize| (1..=MOST).contains(&number)) {
        return Ok(());
    }
    Err(format!("{NAME} is not valid: write a number from 1 to {MOST}, or remove it"))
}

/// The inbox's own file: beside the database with `SQLite`, in the data folder with `PostgreSQL`.
pub fn journal_file(config: &Config) -> PathBuf {
    config.sqlite_file().map_or_else(|| config.data_dir.join("inbox.db"), |path| path.with_extension("inbox.db"))
}

pub async fn open_store(config: &Config) -> Result<Store, StoreError> {
    if let Some(path) = config.sqlite_file() {
        make_folder_of(&path);
    }
    let options = StoreOptions { clock: Clock::System, ids: IdSource::Random, readers: READERS };
    let authorities = if wants_authorities(&config.database_url) {
        let trust = Trust::load(&config.outbound.trust);
        Some(trust.map_err(|error| StoreError::Address { problem: error.to_string() })?.pem())
    } else {
        None
    };
    Store::connect_trusting(&config.database_url, options, authorities.as_deref()).await
}

/// Where the inbox's own file lies.
pub fn journal_folder(config: &Config) -> PathBuf {
    match journal_file(config).parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// For those who only look: makes nothing, changes nothing, and refuses a schema of another version.
pub async fn open_store_to_look(config: &Config) -> Result<Store, Box<dyn Error + Send + Sync>> {
    if let Some(path) = config.sqlite_file()
        && !path.exists()
    {
        return Err(format!("there is no database at {}; `patchbay migrate` makes one", path.display()).into());
    }
    let store = open_store(config).await?;
    store.require_current_schema().await?;
    Ok(store)
}

pub async fn open_journal(config: &Config, store: &Store) -> Result<Journal, StoreError> {
    let path = journal_file(config);
    make_folder_of(&path);
    Journal::open(&format!("sqlite://{}", path.display()), store.new_id()).await
}

/// One that is there already; changes nothing.
pub async fn open_journal_to_look(config: &Config, store: &Store) -> Result<Journal, StoreError> {
    Journal::open_to_look(&format!("sqlite://{}", journal_file(config).display()), store.new_id()).await
}

fn make_folder_of(path: &Path) {
    if let Some(folder) = path.parent()
        && let Err(error) = private::create_folder(folder)
    {
        tracing::warn!(%error, folder = %folder.display(), "the folder of the database could not be made");
    }
}

pub fn build(config: &Config, store: Store, journal: Journal, http: &reqwest::Client) -> Application {
    let (log, call_log) = calls::queue();
    let (connections, not_configured) = connections(config, http, &log);
    let mistakes = not_configured.iter().filter(|missing| missing.is_mistake);
    let settings = EngineSettings {
        misconfigured: mistakes.map(|missing| (missing.connection.clone(), missing.why.clone())).collect(),
        retention: config.retention,
        billing: config.billing.clone(),
        public_url: config.public_url.to_string(),
        ..EngineSettings::new(rand::random(), rand::random())
    };
    let engine = Engine::start(EngineParts { store, journal, connections, call_log, settings });
    let (verifier, sign_in_problem) = match sign_in(config) {
        Ok(clerk) => (Some(Arc::new(SessionVerifier::new(clerk, http.clone(), Clock::System))), None),
        Err(problem) => (None, Some(problem)),
    };
    Application { engine, verifier, sign_in_problem, not_configured }
}

/// Every connection that can be made, and why others cannot. Sends nothing.
pub fn connections(
    config: &Config,
    http: &reqwest::Client,
    log: &Arc<dyn CallLog>,
) -> (Vec<NamedConnection>, Vec<NotConfigured>) {
    let mut connections = Vec::new();
    let mut not_configured = Vec::new();
    for entry in registry::PROVIDERS {
        let id = entry.manifest.id;
        for name in std::iter::once(id).chain(config.further_connections(id)) {
            if let Some(why) = config.problem_of(name) {
                let provider = entry.manifest.name;
                not_configured.push(NotConfigured { connection: name.to_owned(), provider, why, is_mistake: true });
                continue;
            }
            let variables = |variable: &str| config.variable(name, variable);
            let args = ConnectArgs {
                name: name.to_owned(),
                variables: &variables,
                clock: Clock::System,
                http: http.clone(),
                log: log.clone(),
            };
            match (entry.connect)(args) {
                Ok(connection) => {
                    connections.extend(connection.followed());
                    connections.push(NamedConnection { name: name.to_owned(), connection });
                }
                Err(error) => not_configured.push(missing(config, entry, name, &error)),
            }
        }
    }
    (connections, not_configured)
}

/// How people sign in, or why nobody can.
pub fn sign_in(config: &Config) -> Result<ClerkConfig, String> {
    match config.problem_of("clerk") {
        Some(problem) => Err(problem),
        None => {
            ClerkConfig::from_variables(&|name: &str| config.variable("clerk", name)).map_err(|error| error.to_string())
        }
    }
}

fn missing(config: &Config, entry: &ProviderEntry, name: &str, error: &ConfigError) -> NotConfigured {
    NotConfigured {
        connection: name.to_owned(),
        provider: entry.manifest.name,
        why: error.to_string(),
        is_mistake: !matches!(error, ConfigError::NotConfigured { .. }) || config.is_wanted(name, entry.manifest),
    }
}
