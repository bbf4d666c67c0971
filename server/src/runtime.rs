//! Builds the application from the configuration: the one place where time, randomness and HTTP come from.

use crate::config::Config;
use patchbay_domain::Clock;
use patchbay_engine::{Engine, EngineParts, calls};
use patchbay_providers::{
    NamedConnection,
    clerk::{ClerkConfig, SessionVerifier},
    registry::{self, ConfigError, ConnectArgs, ProviderEntry},
};
use patchbay_store::{IdSource, Journal, Store, StoreError, StoreOptions};
use std::sync::Arc;

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

/// The product's one HTTP client.
#[expect(clippy::disallowed_methods, reason = "this is the client that everything else is given")]
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(concat!("patchbay/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(std::time::Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

pub async fn open_store(config: &Config) -> Result<Store, StoreError> {
    if let Some(path) = config.database_url.strip_prefix("sqlite://")
        && let Some(folder) = std::path::Path::new(path).parent()
        && let Err(error) = std::fs::create_dir_all(folder)
    {
        tracing::warn!(%error, folder = %folder.display(), "the folder of the database could not be made");
    }
    let options = StoreOptions { clock: Clock::System, ids: IdSource::Random, readers: READERS };
    Store::connect(&config.database_url, options).await
}

/// The inbox's own file: beside the database with `SQLite`, in the data folder with `PostgreSQL`.
pub async fn open_journal(config: &Config, store: &Store) -> Result<Journal, StoreError> {
    let path = match config.database_url.strip_prefix("sqlite://") {
        Some(rest) => {
            let path = rest.split('?').next().unwrap_or(rest);
            std::path::Path::new(path).with_extension("inbox.db")
        }
        None => config.data_dir.join("inbox.db"),
    };
    if let Some(folder) = path.parent()
        && let Err(error) = std::fs::create_dir_all(folder)
    {
        tracing::warn!(%error, folder = %folder.display(), "the folder of the inbox could not be made");
    }
    Journal::open(&format!("sqlite://{}", path.display()), store.new_id()).await
}

pub fn build(config: &Config, store: Store, journal: Journal, http: &reqwest::Client) -> Application {
    let (log, call_log) = calls::queue();
    let mut connections = Vec::new();
    let mut not_configured = Vec::new();
    for entry in registry::PROVIDERS {
        let id = entry.manifest.id;
        for name in std::iter::once(id).chain(config.further_connections(id)) {
            let variables = |variable: &str| config.variable(name, variable);
            let args = ConnectArgs {
                name: name.to_owned(),
                variables: &variables,
                clock: Clock::System,
                http: http.clone(),
                log: log.clone(),
            };
            match (entry.connect)(args) {
                Ok(connection) => connections.push(NamedConnection { name: name.to_owned(), connection }),
                Err(error) => not_configured.push(missing(entry, name, &error)),
            }
        }
    }
    let retention = config.retention;
    let engine = Engine::start(EngineParts { store, journal, connections, call_log, retention, seed: rand::random() });
    let clerk = ClerkConfig::from_variables(&|name: &str| config.variable("clerk", name));
    let (verifier, sign_in_problem) = match clerk {
        Ok(clerk) => (Some(Arc::new(SessionVerifier::new(clerk, http.clone(), Clock::System))), None),
        Err(error) => (None, Some(error.to_string())),
    };
    Application { engine, verifier, sign_in_problem, not_configured }
}

fn missing(entry: &ProviderEntry, name: &str, error: &ConfigError) -> NotConfigured {
    NotConfigured {
        connection: name.to_owned(),
        provider: entry.manifest.name,
        why: error.to_string(),
        is_mistake: !matches!(error, ConfigError::NotConfigured { .. }),
    }
}
