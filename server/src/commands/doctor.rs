//! `patchbay doctor`: one line per check; a non-zero exit when one fails.

use super::Failure;
use crate::{
    config::Config,
    runtime::{self, Application},
};
use patchbay_domain::{Clock, Timestamp};
use patchbay_store::{Journal, Store};
use std::process::ExitCode;

struct Report {
    problems: usize,
}

impl Report {
    fn fine(text: &str) {
        println!("ok       {text}");
    }

    fn problem(&mut self, text: &str) {
        self.problems += 1;
        println!("problem  {text}");
    }
}

pub async fn run(config: &Config) -> Result<ExitCode, Failure> {
    let mut report = Report { problems: 0 };
    match &config.file {
        Some(path) => Report::fine(&format!("configuration: {}", path.display())),
        None => Report::fine("configuration: environment only, there is no patchbay.toml here"),
    }
    let known: Vec<&str> =
        patchbay_providers::registry::PROVIDERS.iter().map(|entry| entry.manifest.id).chain(["clerk"]).collect();
    for name in config.unknown_providers(&known) {
        report.problem(&format!("configuration: there is no provider for [{name}]; known are {}", known.join(", ")));
    }
    check_clock(&mut report);
    match runtime::open_store(config).await {
        Ok(store) => {
            match store.migrate().await {
                Ok(()) => Report::fine(&format!("database: {} answers and is up to date", store.engine_name())),
                Err(error) => report.problem(&format!("database: migrations failed: {error}")),
            }
            let journal = runtime::open_journal(config, &store).await?;
            check_inbox(&mut report, &store, &journal).await;
            let application = runtime::build(config, store, journal, &runtime::http_client()?);
            check_sign_in(&mut report, &application);
            check_connections(&mut report, &application).await;
        }
        Err(error) => report.problem(&format!("database: {error}; check DATABASE_URL")),
    }
    Ok(if report.problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A clock before this build cannot be right.
fn check_clock(report: &mut Report) {
    let earliest = Timestamp::from_seconds(1_790_000_000);
    let now = Clock::System.now();
    if now < earliest {
        report.problem(&format!("clock: it says {now}, before this version was made; signatures will be refused"));
    } else {
        Report::fine(&format!("clock: {now}"));
    }
}

/// Deliveries wait here for milliseconds; many of them mean that nobody files.
async fn check_inbox(report: &mut Report, store: &Store, journal: &Journal) {
    match (store.unfiled(journal).await, journal.damaged().await) {
        (Ok(waiting), Ok(0)) => Report::fine(&format!("inbox: {waiting} deliveries wait to be filed")),
        (Ok(_), Ok(damaged)) => {
            report.problem(&format!("inbox: {damaged} frames could not be unpacked; keep the file and ask for help"));
        }
        (Err(error), _) | (_, Err(error)) => report.problem(&format!("inbox: {error}")),
    }
}

fn check_sign_in(report: &mut Report, application: &Application) {
    match &application.sign_in_problem {
        Some(problem) => report.problem(&format!("sign-in: {problem}")),
        None => Report::fine("sign-in: configured"),
    }
}

async fn check_connections(report: &mut Report, application: &Application) {
    for missing in &application.not_configured {
        if missing.is_mistake {
            report.problem(&format!("{}: {}", missing.connection, missing.why));
        } else {
            println!("-        {}: not configured ({})", missing.connection, missing.why);
        }
    }
    let names: Vec<String> = application.engine.connection_names().map(str::to_owned).collect();
    for name in names {
        let Some(connection) = application.engine.connection(&name) else { continue };
        match connection.health().await {
            Ok(health) => Report::fine(&format!("{name}: answers as {}", health.account)),
            Err(error) => report.problem(&format!("{name}: {error}")),
        }
    }
}
