//! `patchbay records`: look at our copies of what providers have. They change by webhooks, syncs and actions only.

use super::Failure;
use crate::{config::Config, output, runtime};
use clap::{Args, Subcommand};
use patchbay_domain::{Kind, Money, ObjectKey};
use patchbay_providers::registry::PROVIDERS;
use patchbay_store::{PageRequest, Record, RecordFilter, Store};
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Subcommand)]
pub enum RecordsCommand {
    /// List records of one kind, newest first.
    List {
        /// Such as customer, subscription or asset.
        kind: String,
        #[command(flatten)]
        filter: FilterArguments,
        /// Rows of a page, 1 to 500.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Cursor that the page before printed.
        #[arg(long)]
        after: Option<String>,
        /// One JSON value per record.
        #[arg(long)]
        json: bool,
    },
    /// Show one record with its content.
    Show {
        /// Such as customer, subscription or asset.
        kind: String,
        /// The provider's id of it.
        id: String,
        /// Connection, where several have a record of that id.
        #[arg(long)]
        connection: Option<String>,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub struct FilterArguments {
    /// Connection, such as `stripe`.
    #[arg(long)]
    connection: Option<String>,
    /// The provider's word for its state, such as `active`.
    #[arg(long)]
    status: Option<String>,
    /// Id of the customer it belongs to.
    #[arg(long)]
    owner: Option<String>,
    /// Text in its title, subtitle or id.
    #[arg(long)]
    text: Option<String>,
    /// Also those that are deleted at the provider.
    #[arg(long)]
    deleted: bool,
}

pub async fn run(config: &Config, command: RecordsCommand) -> Result<ExitCode, Failure> {
    match command {
        RecordsCommand::List { kind, filter, limit, after, json } => {
            let filter = RecordFilter {
                connection: filter.connection,
                status: filter.status,
                owner: filter.owner,
                text: filter.text,
                include_deleted: filter.deleted,
                ..RecordFilter::of(known(&kind)?)
            };
            let store = runtime::open_store_to_look(config).await?;
            list(&store, &filter, &PageRequest { after, before: None, limit }, json).await?;
        }
        RecordsCommand::Show { kind, id, connection, json } => {
            let key = ObjectKey::new(known(&kind)?, id);
            let store = runtime::open_store_to_look(config).await?;
            show(&store, &key, connection.as_deref(), json).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A kind that some provider declares.
fn known(name: &str) -> Result<Kind, Failure> {
    let mut kinds: Vec<&Kind> =
        PROVIDERS.iter().flat_map(|entry| entry.manifest.kinds).map(|spec| &spec.kind).collect();
    kinds.sort_by_key(|kind| kind.as_str());
    kinds.dedup();
    if let Some(kind) = kinds.iter().find(|kind| kind.as_str() == name) {
        return Ok((*kind).clone());
    }
    let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    Err(format!("there are no records of the kind {name:?}; there are {}", names.join(", ")).into())
}

async fn list(store: &Store, filter: &RecordFilter, page: &PageRequest, as_json: bool) -> Result<(), Failure> {
    let found = store.list_records(filter, page).await?;
    for record in &found.items {
        if as_json {
            output::json(&as_value(record))?;
        } else {
            let index = &record.index;
            let amount = index.amount.zip(index.currency.clone());
            let amount = amount.map(|(minor, currency)| Money::new(minor, currency).to_string()).unwrap_or_default();
            let status = if record.deleted { "deleted" } else { &index.status };
            output::line(format_args!(
                "{}  {:<10}  {status:<12}  {amount:>16}  {:<32}  {}",
                index.created_at, record.connection, record.key.id, index.title
            ));
        }
    }
    if let Some(next) = found.next {
        output::note(format_args!("More: --after {next}"));
    }
    Ok(())
}

async fn show(store: &Store, key: &ObjectKey, connection: Option<&str>, as_json: bool) -> Result<(), Failure> {
    let record = find(store, key, connection).await?;
    if as_json {
        return output::json(&as_value(&record));
    }
    let state = if record.deleted { "deleted at the provider" } else { record.index.status.as_str() };
    output::line(format_args!("{}  {state}", record.reference()));
    output::line(format_args!(
        "first recorded {}, last written {}, {} writes",
        record.recorded_at, record.updated_at, record.revision
    ));
    output::line(format_args!("{}", serde_json::to_string_pretty(&record.body)?));
    Ok(())
}

/// The one that is meant. Ids of two accounts may be the same, so that nothing is guessed.
async fn find(store: &Store, key: &ObjectKey, connection: Option<&str>) -> Result<Record, Failure> {
    let mut found = store.records_everywhere(key).await?;
    found.retain(|record| connection.is_none_or(|connection| record.connection == connection));
    if found.len() > 1 {
        let names: Vec<&str> = found.iter().map(|record| record.connection.as_str()).collect();
        return Err(format!("several connections have {key}; say which with --connection: {}", names.join(", ")).into());
    }
    found.pop().ok_or_else(|| format!("there is no record {key}").into())
}

fn as_value(record: &Record) -> Value {
    json!({
        "connection": record.connection, "kind": record.key.kind.as_str(), "id": record.key.id,
        "title": record.index.title, "status": record.index.status, "owner": record.index.owner,
        "amount": record.index.amount, "currency": record.index.currency,
        "created_at": record.index.created_at.rfc3339(), "updated_at": record.updated_at.rfc3339(),
        "revision": record.revision, "deleted": record.deleted, "body": record.body,
    })
}
