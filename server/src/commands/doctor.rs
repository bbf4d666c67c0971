//! `patchbay doctor`: one line per check; a non-zero exit when one finds a problem. It changes nothing.

use super::Failure;
use crate::{
    config::{Config, ConfigError},
    doctor::{self, Findings, Level},
    output, runtime,
};
use clap::Args;
use patchbay_domain::Clock;
use patchbay_providers::gateway::NoCallLog;
use patchbay_store::Schema;
use std::{process::ExitCode, sync::Arc};

#[derive(Args)]
pub struct DoctorArguments {
    /// One JSON value per check.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, arguments: &DoctorArguments) -> Result<ExitCode, Failure> {
    let mut findings = Findings::default();
    let (connections, not_configured) = match runtime::outbound(config) {
        Ok(outbound) => {
            findings.ok("trust", outbound.trust.summary());
            doctor::check_rate_limits(&mut findings, config, &outbound.trust).await;
            runtime::connections(config, &outbound.http, &(Arc::new(NoCallLog) as _))
        }
        Err(error) => {
            // Without a client there is nothing to ask anybody with.
            findings.problem("trust", error.to_string());
            (Vec::new(), Vec::new())
        }
    };
    let names: Vec<String> = connections.iter().map(|named| named.name.clone()).collect();
    doctor::check_settings(&mut findings, config, &names, &not_configured);
    match runtime::sign_in(config) {
        Ok(_) => findings.ok("sign-in", "configured"),
        Err(problem) => findings.problem("sign-in", problem),
    }
    doctor::check_clock(&mut findings, &Clock::System);
    doctor::check_certificate(&mut findings, config, &Clock::System);
    doctor::check_machine(&mut findings, config);
    doctor::check_modes(&mut findings, config);
    let mistaken = not_configured.iter().filter(|missing| missing.is_mistake).map(|missing| missing.connection.clone());
    let meant: Vec<String> = names.iter().cloned().chain(mistaken).collect();
    check_database(&mut findings, config, &meant).await;
    doctor::check_providers(&mut findings, &connections).await;
    print(&findings, arguments)
}

/// Nothing else can be checked with a configuration that cannot be read.
pub fn refuse(error: &ConfigError, arguments: &DoctorArguments) -> Result<ExitCode, Failure> {
    let mut findings = Findings::default();
    findings.problem("configuration", error.to_string());
    print(&findings, arguments)
}

fn print(findings: &Findings, arguments: &DoctorArguments) -> Result<ExitCode, Failure> {
    for finding in findings.all() {
        if arguments.json {
            output::json(finding)?;
        } else {
            let level = match finding.level {
                Level::Ok => "ok",
                Level::Unused => "-",
                Level::Warning => "warning",
                Level::Problem => "problem",
            };
            output::line(format_args!("{level:<8} {}: {}", finding.about, finding.text));
        }
    }
    Ok(if findings.has_problems() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn check_database(findings: &mut Findings, config: &Config, connections: &[String]) {
    // Opening it would make it.
    if let Some(file) = config.sqlite_file()
        && !file.exists()
    {
        return findings.ok("database", format!("{} is not there yet; `patchbay serve` makes it", file.display()));
    }
    let store = match runtime::open_store(config).await {
        Ok(store) => store,
        Err(error) => return findings.problem("database", format!("{error}; check DATABASE_URL")),
    };
    match store.schema().await {
        Ok(Schema::Current) => findings.ok("database", format!("{} answers and is up to date", store.engine_name())),
        Ok(Schema::Older { missing, of }) if missing == of => {
            let text = format!("{} answers and is empty; `patchbay serve` makes the tables", store.engine_name());
            return findings.ok("database", text);
        }
        // For `patchbay migrate`, after a backup, or for another version.
        Ok(_) => {
            if let Err(error) = store.require_current_schema().await {
                findings.problem("database", error.to_string());
            }
            return;
        }
        Err(error) => return findings.problem("database", format!("{error}; check DATABASE_URL")),
    }
    match store.is_sandbox().await {
        Ok(true) => findings.problem(
            "database",
            "it belongs to the sandbox, and nothing in it is real: `patchbay serve` refuses it. Name another one in \
             DATABASE_URL, or start with --sandbox",
        ),
        Ok(false) => {}
        Err(error) => findings.problem("database", error.to_string()),
    }
    let path = runtime::journal_file(config);
    if path.exists() {
        match runtime::open_journal_to_look(config, &store).await {
            Ok(journal) => doctor::check_inbox(findings, &store, &journal).await,
            Err(error) => findings.problem("inbox", error.to_string()),
        }
    } else {
        findings.ok("inbox", format!("{} is not there yet; `patchbay serve` makes it", path.display()));
    }
    doctor::check_work(findings, &store).await;
    doctor::check_kept(findings, &store, connections).await;
}
