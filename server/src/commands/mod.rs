//! The command line. One file per command.

mod doctor;
mod events;
mod serve;
mod sync;

use crate::{
    config::{Config, EXAMPLE, LogFormat},
    runtime,
};
use clap::{Args, Parser, Subcommand};
use std::{error::Error, path::PathBuf, process::ExitCode};
use tracing_subscriber::EnvFilter;

/// One panel for every outside service your company runs on.
#[derive(Parser)]
#[command(name = "patchbay", version, max_term_width = 100)]
pub struct Arguments {
    /// Configuration file; `patchbay.toml` in this folder is read when it is there.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the panel and the webhooks, and work on events.
    Serve(ServeArguments),
    /// Work on events and syncs only, beside servers that run with --no-worker.
    Worker,
    /// Bring the database up to this version.
    Migrate,
    /// Check configuration, database, clock and every connection; one line per problem.
    Doctor,
    /// Look at events and replay them.
    #[command(subcommand)]
    Events(events::EventsCommand),
    /// Read everything a connection has.
    Sync(sync::SyncArguments),
    /// About the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Args)]
pub struct ServeArguments {
    /// Leave events to `patchbay worker` processes.
    #[arg(long)]
    no_worker: bool,
    /// Run against stand-ins of all providers: no account, no key, no internet.
    #[arg(long)]
    sandbox: bool,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Print the documented example of patchbay.toml.
    Example,
}

pub type Failure = Box<dyn Error + Send + Sync>;

pub async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    if let Command::Config(ConfigCommand::Example) = arguments.command {
        print!("{EXAMPLE}");
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load(arguments.config.as_deref(), std::env::vars().collect())?;
    init_tracing(config.log_format);
    match arguments.command {
        Command::Serve(serve) => serve::run(config, &serve).await,
        Command::Worker => serve::run_worker(&config).await,
        Command::Migrate => migrate(&config).await,
        Command::Doctor => doctor::run(&config).await,
        Command::Events(command) => events::run(&config, command).await,
        Command::Sync(command) => sync::run(&config, &command).await,
        Command::Config(ConfigCommand::Example) => Ok(ExitCode::SUCCESS),
    }
}

async fn migrate(config: &Config) -> Result<ExitCode, Failure> {
    let store = runtime::open_store(config).await?;
    store.migrate().await?;
    println!("The {} database is up to date.", store.engine_name());
    Ok(ExitCode::SUCCESS)
}

/// Logs go to stderr; what a command prints goes to stdout.
fn init_tracing(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Pretty => builder.with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}

/// `--json` prints one JSON value per line.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
