//! `patchbay connections`: what is kept of which connection, and another name for one.

use super::{
    Failure,
    audit::{self, Done},
};
use crate::{config::Config, lock, output, runtime};
use clap::Subcommand;
use patchbay_providers::registry::PROVIDERS;
use patchbay_store::{Journal, RenameError, Store};
use serde_json::json;
use std::process::ExitCode;

#[derive(Subcommand)]
pub enum ConnectionsCommand {
    /// List every connection that something is kept of, configured or not.
    List {
        /// One JSON value per connection.
        #[arg(long)]
        json: bool,
    },
    /// Keep everything of a connection under another name. Stop the server first, and rename its section in the
    /// configuration and its address at the provider too.
    Rename {
        /// The name so far, such as `stripe/eu`.
        old: String,
        /// The name from now on, such as `stripe/europe`.
        new: String,
    },
}

pub async fn run(config: &Config, command: ConnectionsCommand) -> Result<ExitCode, Failure> {
    let store = runtime::open_store_to_look(config).await?;
    match command {
        ConnectionsCommand::List { json } => list(&store, json).await?,
        ConnectionsCommand::Rename { old, new } => {
            let _lock = lock::take(config).await?;
            if store.workers_alive().await? > 0 {
                return Err("a worker runs on this database; stop every server and worker first".into());
            }
            let journal = runtime::open_journal(config, &store).await?;
            rename(&store, &journal, &old, &new).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(store: &Store, as_json: bool) -> Result<(), Failure> {
    for kept in store.connections_kept().await? {
        if as_json {
            output::json(&json!({
                "connection": kept.connection, "events": kept.events, "pending": kept.pending, "dead": kept.dead,
                "records": kept.records,
            }))?;
        } else {
            output::line(format_args!(
                "{}  {} events, {} pending, {} dead letters, {} records",
                kept.connection, kept.events, kept.pending, kept.dead, kept.records
            ));
        }
    }
    Ok(())
}

async fn rename(store: &Store, journal: &Journal, old: &str, new: &str) -> Result<(), Failure> {
    check_names(old, new)?;
    let mut waiting: Vec<String> =
        store.next_frames(journal).await?.into_iter().map(|frame| frame.connection).collect();
    waiting.extend(store.frames_aside(journal).await?.into_iter().map(|frame| frame.key.connection));
    if waiting.iter().any(|connection| connection == old) {
        return Err(RenameError::Unfiled(old.to_owned()).into());
    }
    let done = Done {
        action: "connection.rename",
        target_kind: "connection",
        target_id: new,
        after: json!({ "connection": new, "before": old }),
        error: None,
    };
    let entry = audit::entry(store, done);
    let (events, records) = store.rename_connection(old, new, &entry).await?;
    output::line(format_args!("{old} is {new} now, with {events} events and {records} records."));
    Ok(())
}

/// Records are read by their provider, so the name may change and the provider may not.
fn check_names(old: &str, new: &str) -> Result<(), Failure> {
    let provider = new.split('/').next().unwrap_or_default();
    if !PROVIDERS.iter().any(|entry| entry.manifest.id == provider) {
        return Err(format!("{new} is no name of a connection: it begins with a provider, such as stripe/eu").into());
    }
    let own = new.strip_prefix(provider).unwrap_or_default().trim_start_matches('/');
    let fine = own.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !fine || new.ends_with('/') || new.contains("//") {
        return Err(format!("{new} is no name of a connection: write it like {provider} or {provider}/eu").into());
    }
    if old.split('/').next() != Some(provider) {
        return Err(format!("{old} belongs to another provider than {new}").into());
    }
    if old == new {
        return Err("both names are the same".into());
    }
    Ok(())
}
