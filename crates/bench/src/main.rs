//! `make bench`: how fast the real binary acknowledges and works, on each database, next to a server that does not store.

mod ceiling;
mod report;
mod scenario;

use clap::{Parser, Subcommand};
use patchbay_bench::{Failure, events, load, postgres, product};
use scenario::Plan;
use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

/// Measures Patchbay. Figures are of this machine, with the load generator on it.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The `patchbay` binary; the one beside this one when left out.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Databases to measure, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "sqlite,postgres")]
    databases: Vec<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the ceiling: check signatures, read envelopes, store nothing.
    Ceiling { address: SocketAddr },
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Some(Command::Ceiling { address }) => ceiling::serve(address).await,
        None => measure(&arguments).await,
    };
    if let Err(error) = result {
        eprintln!("patchbay-bench: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn measure(arguments: &Arguments) -> Result<(), Failure> {
    let own = std::env::current_exe()?;
    let binary = product::binary(arguments.binary.clone())?;
    let plan = Plan { own, binary, duration: Duration::from_secs(arguments.seconds.max(1)) };
    report::machine();
    for database in &arguments.databases {
        match database.as_str() {
            "sqlite" => scenario::run(&plan, "SQLite", None).await?,
            "postgres" => {
                let cluster = postgres::Cluster::start()?;
                scenario::run(&plan, "PostgreSQL", Some(cluster.url())).await?;
            }
            other => return Err(format!("{other} is no database; use sqlite or postgres").into()),
        }
    }
    Ok(())
}
