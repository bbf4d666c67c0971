//! The command line. One file per command.

mod audit;
mod backup;
mod connections;
mod doctor;
mod events;
mod inbox;
mod postgres_tools;
mod records;
mod restore;
mod serve;
mod sync;
mod worker;

use crate::{
    config::{Config, EXAMPLE, Variables},
    logging, output, runtime,
};
use clap::{Args, Parser, Subcommand};
use std::{error::Error, path::PathBuf, process::ExitCode};

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
    Worker(worker::WorkerArguments),
    /// Bring the database up to this version.
    Migrate,
    /// Check configuration, database, clock and every connection, and change nothing; one line per check.
    Doctor(doctor::DoctorArguments),
    /// Copy database and inbox into a new folder, while the server runs.
    Backup(backup::BackupArguments),
    /// Put a backup in place, where there is no database yet.
    Restore(backup::BackupArguments),
    /// Look at events and replay them.
    #[command(subcommand)]
    Events(events::EventsCommand),
    /// Look at our copies of what providers have.
    #[command(subcommand)]
    Records(records::RecordsCommand),
    /// What is kept of which connection, and another name for one.
    #[command(subcommand)]
    Connections(connections::ConnectionsCommand),
    /// Deliveries that could not be filed and were set aside.
    #[command(subcommand)]
    Inbox(inbox::InboxCommand),
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
    #[cfg(feature = "sandbox")]
    sandbox: bool,
}

impl ServeArguments {
    #[cfg(feature = "sandbox")]
    fn sandbox(&self) -> bool {
        self.sandbox
    }

    #[cfg(not(feature = "sandbox"))]
    #[expect(clippy::unused_self, reason = "the other build asks the argument")]
    fn sandbox(&self) -> bool {
        false
    }
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Print the documented example of patchbay.toml.
    Example,
}

pub type Failure = Box<dyn Error + Send + Sync>;

pub async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    if let Command::Config(ConfigCommand::Example) = arguments.command {
        output::text(EXAMPLE);
        return Ok(ExitCode::SUCCESS);
    }
    let loaded = Config::load(arguments.config.as_deref(), Variables::from_os(std::env::vars_os()));
    let config = match (loaded, &arguments.command) {
        (Ok(config), _) => config,
        (Err(error), Command::Doctor(doctor)) => return doctor::refuse(&error, doctor),
        (Err(error), _) => return Err(error.into()),
    };
    let _farewell = logging::init(&config);
    match arguments.command {
        Command::Serve(serve) => serve::run(config, &serve).await,
        Command::Worker(worker) => Box::pin(worker::run(&config, &worker)).await,
        Command::Migrate => migrate(&config).await,
        Command::Doctor(doctor) => Box::pin(doctor::run(&config, &doctor)).await,
        Command::Backup(arguments) => backup::run(&config, &arguments).await,
        Command::Restore(arguments) => restore::run(&config, &arguments).await,
        Command::Events(command) => events::run(&config, command).await,
        Command::Records(command) => records::run(&config, command).await,
        Command::Connections(command) => connections::run(&config, command).await,
        Command::Inbox(command) => inbox::run(&config, command).await,
        Command::Sync(command) => sync::run(&config, &command).await,
        Command::Config(ConfigCommand::Example) => Ok(ExitCode::SUCCESS),
    }
}

async fn migrate(config: &Config) -> Result<ExitCode, Failure> {
    let store = runtime::open_store(config).await?;
    store.migrate().await?;
    let done = audit::Done {
        action: "database.migrate",
        target_kind: "database",
        target_id: store.engine_name(),
        after: serde_json::json!({ "version": env!("CARGO_PKG_VERSION") }),
        error: None,
    };
    audit::tell(&store, done).await?;
    output::line(format_args!("The {} database is up to date.", store.engine_name()));
    Ok(ExitCode::SUCCESS)
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
