//! `patchbay sync`: reads everything a connection has, with progress, in this process.

use super::{
    Failure,
    audit::{self, Done},
};
use crate::{config::Config, output, runtime};
use clap::Args;
use patchbay_store::SyncState;
use std::{process::ExitCode, time::Duration};

const LOOK_AGAIN: Duration = Duration::from_millis(500);

#[derive(Args)]
pub struct SyncArguments {
    /// Connection to read, such as `stripe` or `stripe/eu`; all of them when left out.
    connection: Option<String>,
    /// Look at every record that the provider's lists lack, also where they lack many.
    #[arg(long)]
    thorough: bool,
    /// Print one JSON value per connection.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, arguments: &SyncArguments) -> Result<ExitCode, Failure> {
    let store = runtime::open_store(config).await?;
    store.migrate().await?;
    super::serve::refuse_sandboxs(&store).await?;
    let journal = runtime::open_journal(config, &store).await?;
    let engine = runtime::build(config, store, journal, &runtime::outbound(config)?.http).engine;
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
        let run = engine.start_sync(name, arguments.thorough).await?;
        let after = serde_json::json!({ "sync": run.id, "thorough": arguments.thorough });
        let done = Done { action: "sync.start", target_kind: "sync", target_id: name, after, error: None };
        audit::tell(engine.store(), done).await?;
        let run = loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let run = engine.store().latest_sync(name).await?.ok_or("the sync is gone")?;
            if !run.is_running() {
                break run;
            }
            if !arguments.json {
                output::note(format_args!("{name}: {} objects read, {} changed", run.done, run.changed));
            }
        };
        failed |= run.state != SyncState::Done;
        if arguments.json {
            let missing: Vec<_> =
                run.missing().map(|(kind, problem)| serde_json::json!({ "kind": kind, "problem": problem })).collect();
            output::json(&serde_json::json!({
                "connection": name, "state": run.state.as_str(), "read": run.done, "changed": run.changed,
                "error": run.error, "missing": missing,
            }))?;
        } else {
            let why = run.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            output::line(format_args!(
                "{name}: {}{why}; {} objects read, {} changed",
                run.state, run.done, run.changed
            ));
            for (kind, problem) in run.missing() {
                output::line(format_args!("{name}, {}: {problem}", kind.plural()));
            }
        }
    }
    engine.stop().await;
    tokio::time::timeout(Duration::from_secs(10), worker).await.ok();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
