//! `patchbay serve`.

#[cfg(feature = "sandbox")]
mod sandbox;
#[cfg(not(feature = "sandbox"))]
#[path = "serve/without_sandbox.rs"]
mod sandbox;

use super::{Failure, ServeArguments};
use crate::{
    assets,
    config::{self, Config},
    doctor::{self, Findings},
    http::{
        self, RateLimits, Streams,
        listener::{Listener, Tls},
        site::Site,
    },
    lock, logging,
    numbers::Numbers,
    runtime, schema, signals,
};
use leptos::config::LeptosOptions;
use patchbay_app::{
    context::{AppContext, AwaySince},
    cookies::Cookies,
};
use patchbay_engine::Engine;
use patchbay_store::Store;
use patchbay_supervise as supervise;
use std::{
    net::{SocketAddr, TcpListener},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

pub async fn run(mut config: Config, arguments: &ServeArguments) -> Result<ExitCode, Failure> {
    let stopping = signals::listen()?;
    let sandbox = if arguments.sandbox() { Some(sandbox::open(&mut config)?) } else { None };
    let numbers = Numbers::install()?;
    let _lock = lock::take(&config).await?;
    let store = runtime::open_store(&config).await?;
    let away = schema::begin(&store).await?;
    match (&away, &sandbox) {
        (Some(why), Some(_)) => return Err(sandbox::cannot_tell(why)),
        (None, Some(_)) => sandbox::claim(&store).await?,
        (None, None) => refuse_sandboxs(&store).await?,
        (Some(_), None) => {}
    }
    let outbound = runtime::outbound(&config)?;
    let journal = runtime::open_journal(&config, &store).await?;
    let application = runtime::build(&config, store, journal, &outbound.http);
    let engine = application.engine.clone();
    tell_findings(&config, &application, away.is_some()).await;
    let frontend_api = application.verifier.as_ref().map(|verifier| verifier.config().frontend_api.as_str());
    let redis = config.limits.redis.as_ref().map(|redis| redis.client(&outbound.trust)).transpose();
    let redis = redis.map_err(|error| format!("REDIS_URL cannot be used: {error}"))?;
    let rates = RateLimits::new(config.limits.rates, redis, engine.clock().clone());
    let state = http::AppState {
        app: app_context(&config, &application, sandbox.is_some(), rates.redis_away()),
        rates: Arc::new(rates),
        streams: Streams::new(config.limits.live_streams, config.limits.live_streams_per_person),
        metrics_access: config.metrics.clone(),
        site: Arc::new(Site::new(&config, frontend_api)),
        leptos: LeptosOptions::builder().output_name("patchbay").site_root("target/site").site_pkg_dir("pkg").build(),
        engine: engine.clone(),
        verifier: application.verifier,
        numbers,
        limits: config.limits.clone(),
        inbox_folder: runtime::journal_folder(&config),
    };
    if !assets::are_built() {
        tracing::warn!("the browser's files are not built, so pages have no style: `make run` builds them");
    }
    let mut router = http::router(&state, sandbox.as_ref().map(sandbox::router));
    if sandbox.is_some() {
        router = sandbox::around(router);
    }
    let address = config.addr;
    let tls = match &config.tls {
        Some(source) => Some(Tls::open(source, patchbay_domain::Clock::System, &outbound.http)?),
        None => None,
    };
    let mut listener = Listener::bind(address, config.connections, config.limits.trusted_proxies.clone(), tls)
        .map_err(|error| config::cannot_listen(address, &error))?;
    if let Some(address) = config.redirect_addr {
        let cannot =
            |error| format!("cannot listen on {address}: {error}. PATCHBAY_REDIRECT_ADDR chooses another address");
        listener.also_plain(address, http::redirect::router(config.public_url.clone())).map_err(cannot)?;
    }
    if let Some(why) = &away {
        engine.note_database_away(why);
    } else if !arguments.no_worker {
        engine.sync_new_connections().await?;
    }
    supervise::spawn("log summary", logging::sum_up, || false);
    // What runs all the time in it is kept alive by the engine.
    let background = background(engine.clone(), away, !arguments.no_worker);
    let mut tasks = vec![tokio::spawn(background)];
    if let Some(sandbox) = sandbox {
        tasks.push(tokio::spawn(sandbox::run(sandbox, stopping.clone())));
    }
    if let Some(address) = config.metrics.addr {
        tasks.push(http::serve_apart(state, listen_for_numbers(address)?, stopping.clone()));
    }
    greet(&config, arguments);
    listener.serve(router, stopping).await;
    engine.stop().await;
    for task in tasks {
        tokio::time::timeout(Duration::from_secs(10), task).await.ok();
    }
    Ok(ExitCode::SUCCESS)
}

/// What `patchbay doctor` would say, as far as that needs no call to a provider.
async fn tell_findings(config: &Config, application: &runtime::Application, away: bool) {
    let mut findings = Findings::default();
    let names: Vec<String> = application.engine.connection_names().map(str::to_owned).collect();
    doctor::check_settings(&mut findings, config, &names, &application.not_configured);
    if let Some(problem) = &application.sign_in_problem {
        findings.problem("sign-in", format!("{problem}; nobody can sign in"));
    }
    doctor::check_clock(&mut findings, application.engine.clock());
    doctor::check_certificate(&mut findings, config, application.engine.clock());
    doctor::check_machine(&mut findings, config);
    if !away {
        doctor::check_dead_letters(&mut findings, application.engine.store()).await;
    }
    findings.log();
}

/// Files and works, as soon as the database is there.
async fn background(engine: Engine, away: Option<schema::Awaited>, works: bool) {
    if away.is_some() {
        if let Err(error) = schema::wait(engine.store(), away, true).await {
            return tracing::error!(%error, "the database cannot be used; deliveries stay in the local journal");
        }
        while let Err(error) = refuse_sandboxs(engine.store()).await {
            tracing::error!(%error, "the database answers again, but cannot be used; deliveries stay in the local journal");
            tokio::time::sleep(schema::RETRY).await;
        }
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

/// What is in the sandbox's database is made up; nothing real may be added to it.
pub async fn refuse_sandboxs(store: &Store) -> Result<(), Failure> {
    if store.is_sandbox().await? {
        return Err(
            "this database belongs to the sandbox, and nothing in it is real. Name another one in DATABASE_URL".into(),
        );
    }
    Ok(())
}

/// `/metrics` on an address of its own.
fn listen_for_numbers(address: SocketAddr) -> Result<TcpListener, Failure> {
    let cannot = |error| format!("cannot listen on {address}: {error}. PATCHBAY_METRICS_ADDR chooses another address");
    let listener = TcpListener::bind(address).map_err(cannot)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn app_context(
    config: &Config,
    application: &runtime::Application,
    sandbox: bool,
    redis_away: AwaySince,
) -> AppContext {
    let not_configured: Vec<(String, String)> =
        application.not_configured.iter().map(|missing| (missing.provider.to_owned(), missing.why.clone())).collect();
    AppContext {
        engine: application.engine.clone(),
        sandbox,
        public_url: config.public_url.to_string(),
        cookies: Cookies::new(config.public_url.is_https()),
        sign_in_url: config.variable("clerk", "CLERK_SIGN_IN_URL"),
        sign_out_url: config.variable("clerk", "CLERK_SIGN_OUT_URL"),
        not_configured: Arc::from(not_configured),
        redis_away,
    }
}

fn greet(config: &Config, arguments: &ServeArguments) {
    let url = &config.public_url;
    let sandbox = if arguments.sandbox() {
        format!(
            "  Sandbox: nothing here is real. Sign in there as staff or as a customer.\n  Switches for the stand-in \
             providers: {url}/sandbox\n"
        )
    } else {
        String::new()
    };
    let data = if config.database_url.starts_with("sqlite") { config.database_url.as_str() } else { "PostgreSQL" };
    logging::say(format!("\n  Patchbay is at {url}\n{sandbox}  Data: {data}\n\n"));
}
