//! `patchbay serve` and `patchbay worker`.

use super::{Failure, ServeArguments};
use crate::{
    assets,
    config::Config,
    http::{
        self,
        doors::{self, Door, Doors, Remote},
    },
    runtime,
};
use axum::Router;
use leptos::config::LeptosOptions;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use patchbay_app::context::AppContext;
use patchbay_engine::Engine;
use std::{process::ExitCode, sync::Arc, time::Duration};
use tokio::{
    runtime::{Handle, Runtime},
    sync::watch,
};

/// Seconds; from under a millisecond to the time limit of a call.
const SECONDS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// Between two tries to reach a database that was away at the start.
const RETRY_DATABASE: Duration = Duration::from_secs(1);

pub async fn run(mut config: Config, arguments: &ServeArguments) -> Result<ExitCode, Failure> {
    let sandbox = if arguments.sandbox { Some(sandbox::open(&mut config)?) } else { None };
    let metrics = install_metrics()?;
    let store = runtime::open_store(&config).await?;
    let away = match store.migrate().await {
        Err(error) if error.is_away() => Some(error),
        result => result.map(|()| None)?,
    };
    let http_client = runtime::http_client()?;
    let journal = runtime::open_journal(&config, &store).await?;
    let application = runtime::build(&config, store, journal, &http_client);
    let engine = application.engine.clone();
    for missing in application.not_configured.iter().filter(|missing| missing.is_mistake) {
        tracing::warn!(connection = %missing.connection, why = %missing.why, "a connection is configured wrongly");
    }
    if let Some(problem) = &application.sign_in_problem {
        tracing::warn!(problem, "nobody can sign in");
    }
    let state = http::AppState {
        app: app_context(&config, &application, sandbox.is_some()),
        leptos: LeptosOptions::builder().output_name("patchbay").site_root("target/site").site_pkg_dir("pkg").build(),
        engine: engine.clone(),
        verifier: application.verifier,
        metrics,
    };
    if !assets::are_built() {
        tracing::warn!("the browser's files are not built, so pages have no style: `make run` builds them");
    }
    let router = http::router(&state, sandbox.as_ref().map(sandbox::router));
    let front = Front::start()?;
    let address = config.addr;
    let Doors { deliveries, people } = doors::open(address).map_err(|error| {
        format!("cannot listen on {address}: {error}. Is another server running? PATCHBAY_ADDR chooses another address")
    })?;
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(async move {
        stop_signal().await;
        stop.send_replace(true);
    });
    if let Some(error) = &away {
        engine.note_database_away(error);
    } else if !arguments.no_worker {
        engine.sync_new_connections().await?;
    }
    let background = background(engine.clone(), away.is_some(), !arguments.no_worker);
    let mut tasks = vec![tokio::spawn(background)];
    if let Some(sandbox) = sandbox {
        tasks.push(tokio::spawn(sandbox::run(sandbox, stopping.clone())));
    }
    greet(&config, arguments);
    let deliveries = front.handle.spawn(serve(deliveries, router.clone(), stopping.clone()));
    serve(people, router, stopping).await?;
    deliveries.await??;
    engine.stop().await;
    for task in tasks {
        tokio::time::timeout(Duration::from_secs(10), task).await.ok();
    }
    Ok(ExitCode::SUCCESS)
}

/// Threads of their own for deliveries: a flood of them shall not keep pages, filing and work waiting in one line.
/// `http::doors` tells which connections are served by them, and `http::router` sends back what else comes on those.
struct Front {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Front {
    fn start() -> Result<Self, std::io::Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("http").enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // Dropping it would wait for what still runs, which no task may.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Files and works, as soon as the database is there.
async fn background(engine: Engine, away: bool, works: bool) {
    if away {
        until_migrated(&engine).await;
        if works && let Err(error) = engine.sync_new_connections().await {
            tracing::error!(%error, "first syncs were not begun; restart, or begin them on the page Connections");
        }
    }
    if works {
        tokio::join!(engine.work(), engine.file());
    } else {
        engine.file().await;
    }
}

async fn until_migrated(engine: &Engine) {
    while let Err(error) = engine.store().migrate().await {
        if !error.is_away() {
            tracing::error!(%error, "the database answers again, but cannot be used; deliveries stay in the local journal");
        }
        tokio::time::sleep(RETRY_DATABASE).await;
    }
}

pub async fn run_worker(config: &Config) -> Result<ExitCode, Failure> {
    let store = runtime::open_store(config).await?;
    store.migrate().await?;
    let journal = runtime::open_journal(config, &store).await?;
    let engine = runtime::build(config, store, journal, &runtime::http_client()?).engine;
    engine.sync_new_connections().await?;
    eprintln!("Patchbay works on events. Stop it with Ctrl-C.");
    tokio::select! {
        ((), ()) = async { tokio::join!(engine.work(), engine.file()) } => {}
        () = stop_signal() => {}
    }
    engine.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Until the stop signal; open answers are finished, live streams are cut.
async fn serve(door: Door, router: Router, mut stopping: watch::Receiver<bool>) -> Result<(), Failure> {
    let mut cut = stopping.clone();
    let service = router.into_make_service_with_connect_info::<Remote>();
    let server = axum::serve(door, service).with_graceful_shutdown(async move {
        stopping.wait_for(|stop| *stop).await.ok();
    });
    tokio::select! {
        result = server => result?,
        () = async move {
            cut.wait_for(|stop| *stop).await.ok();
            tokio::time::sleep(Duration::from_secs(3)).await;
        } => {}
    }
    Ok(())
}

async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            interrupt.await.ok();
        }
    }
}

fn install_metrics() -> Result<PrometheusHandle, Failure> {
    let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?;
    Ok(builder.install_recorder()?)
}

fn app_context(config: &Config, application: &runtime::Application, sandbox: bool) -> AppContext {
    let not_configured: Vec<(String, String)> =
        application.not_configured.iter().map(|missing| (missing.provider.to_owned(), missing.why.clone())).collect();
    AppContext {
        engine: application.engine.clone(),
        sandbox,
        public_url: config.public_url.clone(),
        sign_in_url: config.variable("clerk", "CLERK_SIGN_IN_URL"),
        sign_out_url: config.variable("clerk", "CLERK_SIGN_OUT_URL"),
        not_configured: Arc::from(not_configured),
    }
}

fn greet(config: &Config, arguments: &ServeArguments) {
    println!("\n  Patchbay is at {}", config.public_url);
    if arguments.sandbox {
        println!(
            "  Sandbox: nothing here is real. Sign in there as a staff admin, a staff viewer or one of two customers."
        );
        println!("  Switches for the stand-in providers: {}/sandbox", config.public_url);
    }
    let data = if config.database_url.starts_with("sqlite") { config.database_url.as_str() } else { "PostgreSQL" };
    println!("  Data: {data}\n");
}

#[cfg(feature = "sandbox")]
mod sandbox {
    use super::{Config, Failure, Router, watch};
    use patchbay_sandbox::{Sandbox, SandboxOptions};
    use std::sync::Arc;

    pub fn open(config: &mut Config) -> Result<Sandbox, Failure> {
        if !config.addr.ip().is_loopback() {
            return Err(format!(
                "--sandbox lets anybody sign in as an admin, so it listens on this machine only, not on {}",
                config.addr
            )
            .into());
        }
        std::fs::create_dir_all(&config.data_dir)?;
        let options = SandboxOptions {
            base_url: config.public_url.clone(),
            state_file: Some(config.data_dir.join("sandbox.jsonl")),
            seed: 2026,
            customers: 400,
            now: Arc::new(|| patchbay_domain::Clock::System.now().micros()),
            traffic: true,
        };
        let sandbox = Sandbox::open(options)?;
        config.point_at(sandbox.environment())?;
        Ok(sandbox)
    }

    pub fn router(sandbox: &Sandbox) -> Router {
        sandbox.router()
    }

    pub async fn run(sandbox: Sandbox, mut stopping: watch::Receiver<bool>) {
        sandbox
            .run(async move {
                stopping.wait_for(|stop| *stop).await.ok();
            })
            .await;
    }
}

#[cfg(not(feature = "sandbox"))]
mod sandbox {
    use super::{Config, Failure, Router, watch};

    /// Never made in this build.
    pub enum Sandbox {}

    pub fn open(_config: &mut Config) -> Result<Sandbox, Failure> {
        Err("this build has no sandbox; build it with the `sandbox` feature".into())
    }

    pub fn router(sandbox: &Sandbox) -> Router {
        match *sandbox {}
    }

    pub async fn run(sandbox: Sandbox, _stopping: watch::Receiver<bool>) {
        match sandbox {}
    }
}
