//! `patchbay worker`: events and syncs, and nothing for browsers.

use super::{Failure, serve::refuse_sandboxs};
use crate::{
    config::{self, Config},
    http, lock, logging,
    numbers::Numbers,
    runtime, schema, signals,
};
use clap::Args;
use std::{
    net::{SocketAddr, TcpListener},
    process::ExitCode,
    time::Duration,
};

/// How long the work in hand may take when the process stops.
const FINISH: Duration = Duration::from_secs(10);

#[derive(Args)]
pub struct WorkerArguments {
    /// Answer /healthz, /readyz and /metrics there, such as 127.0.0.1:3001.
    #[arg(long, value_name = "ADDRESS")]
    addr: Option<SocketAddr>,
}

pub async fn run(config: &Config, arguments: &WorkerArguments) -> Result<ExitCode, Failure> {
    let stopping = signals::listen()?;
    let numbers = Numbers::install()?;
    let _lock = lock::take(config).await?;
    let listener = listen(config, arguments)?;
    let store = runtime::open_store(config).await?;
    tokio::select! {
        waited = schema::wait(&store, None, false) => waited?,
        () = signals::stopped(stopping.clone()) => return Ok(ExitCode::SUCCESS),
    }
    refuse_sandboxs(&store).await?;
    let journal = runtime::open_journal(config, &store).await?;
    let engine = runtime::build(config, store, journal, &runtime::outbound(config)?.http).engine;
    engine.sync_new_connections().await?;
    logging::say("Patchbay works on events. Stop it with Ctrl-C.\n".to_owned());
    let (worker, filer) = (engine.clone(), engine.clone());
    let mut tasks =
        vec![tokio::spawn(async move { worker.work().await }), tokio::spawn(async move { filer.file().await })];
    if let Some(listener) = listener {
        listener.set_nonblocking(true)?;
        let access = config.metrics.clone();
        tasks.push(http::serve_worker(engine.clone(), numbers, access, listener, stopping.clone()));
    }
    signals::stopped(stopping).await;
    engine.stop().await;
    for task in tasks {
        tokio::time::timeout(FINISH, task).await.ok();
    }
    Ok(ExitCode::SUCCESS)
}

/// Where it was asked for, it must be had. The configuration's address may well be that of a server beside this worker.
fn listen(config: &Config, arguments: &WorkerArguments) -> Result<Option<TcpListener>, Failure> {
    if let Some(address) = arguments.addr {
        let listener = TcpListener::bind(address);
        return Ok(Some(listener.map_err(|error| config::cannot_listen(address, &error))?));
    }
    if !config.addr_is_set {
        return Ok(None);
    }
    match TcpListener::bind(config.addr) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) => {
            tracing::info!(address = %config.addr, %error, "this worker has no address of its own: nobody can watch it");
            Ok(None)
        }
    }
}
