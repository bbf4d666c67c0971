//! `patchbay sync`: reads everything a connection has, with progress, in this process.

use super::{Failure, print_json};
use crate::{config::Config, runtime};
use clap::Args;
use std::{process::ExitCode, time::Duration};

const LOOK_AGAIN: Duration = Duration::from_millis(500);

#[derive(Args)]
pub struct SyncArguments {
    /// Connection to read, such as `stripe` or `stripe/eu`; all of them when left out.
    connection: Option<String>,
    /// Print one JSON value per connection.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, arguments: &SyncArguments) -> Result<ExitCode, Failure> {
    let store = runtime::open_store(config).await?;
    store.migrate().await?;
    let journal = runtime::open_journal(config, &store).await?;
    let engine = runtime::build(config, store, journal, &runtime::http_client()?).engine;
    let names: Vec<String> = match &arguments.connection {
        Some(name) => vec![name.clone()],
        None => engine.connection_names().map(str::to_owned).collect(),
    };
    let worker = tokio::spawn({
        let engine = engine.clone();
        async move { engine.work().await }
    });
    let mut failed = false;
    for name in &names {
        engine.start_sync(name).await?;
        let run = loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let run = engine.store().latest_sync(name).await?.ok_or("the sync is gone")?;
            if run.state != "running" {
                break run;
            }
            if !arguments.json {
                eprintln!("{name}: {} objects read, {} changed", run.done, run.changed);
            }
        };
        failed |= run.state != "done";
        if arguments.json {
            print_json(
                &serde_json::json!({ "connection": name, "state": run.state, "read": run.done, "changed": run.changed, "error": run.error }),
            )?;
        } else {
            let why = run.error.map(|error| format!(": {error}")).unwrap_or_default();
            println!("{name}: {}{why}; {} objects read, {} changed", run.state, run.done, run.changed);
        }
    }
    engine.stop().await;
    tokio::time::timeout(Duration::from_secs(10), worker).await.ok();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
