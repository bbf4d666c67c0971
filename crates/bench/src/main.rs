//! `make bench` and its relatives: how fast the real binary acknowledges and works, on each database, next to a server
//! that does not store, to its nearest neighbour, to itself with years of history, and under more than it can take.

// Objects as large as Stripe's, written out.
#![recursion_limit = "256"]

mod bench;
mod ceiling;
mod grow;
mod growth;
mod lookout;
mod overload;
mod peers;
mod report;
mod scenario;
mod staff;

use bench::Plan;
use clap::{Parser, Subcommand};
use grow::Scale;
use patchbay_bench::{Failure, events, folder, load, postgres, product};
use scenario::Wanted;
use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

/// The product's: the ceiling shall not be lower for want of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Patchbay. Figures are of this machine, with the load generator on it.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The `patchbay` binary; the one beside this one when left out.
    #[arg(long, global = true)]
    binary: Option<PathBuf>,
    /// Seconds of each measurement.
    #[arg(long, global = true, default_value_t = 5)]
    seconds: u64,
    /// Databases to measure, separated by commas.
    #[arg(long, global = true, value_delimiter = ',', default_value = "sqlite,postgres")]
    databases: Vec<String>,
    /// A folder for `perf` recordings of the server under its full load.
    #[arg(long, global = true)]
    profiles: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the ceiling: check signatures, read envelopes, store nothing.
    Ceiling { address: SocketAddr },
    /// The same events to the nearest neighbour and to Patchbay on `PostgreSQL`, in turn.
    Peers,
    /// Twice what the server can take.
    Overload,
    /// Fill an empty database.
    Grow {
        #[command(flatten)]
        size: Size,
        /// `sqlite://file` or `postgres://…`; there as a superuser.
        #[arg(long)]
        database: String,
    },
    /// Fill a database and compare it with an empty one.
    Growth {
        #[command(flatten)]
        size: Size,
        /// One that `grow` has filled to this size; it is changed. With one entry in --databases.
        #[arg(long)]
        database: Option<String>,
    },
}

#[derive(clap::Args)]
struct Size {
    #[arg(long, default_value_t = 5_000_000)]
    events: u64,
    #[arg(long, default_value_t = 500_000)]
    records: u64,
}

impl Size {
    fn scale(&self) -> Scale {
        Scale { events: self.events, records: self.records }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(error) = run(&arguments).await {
        eprintln!("patchbay-bench: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Some(Command::Ceiling { address }) => return ceiling::serve(*address).await,
        Some(Command::Grow { size, database }) => return grow::grow(database, size.scale()).await,
        _ => {}
    }
    let plan = plan(arguments)?;
    report::machine();
    if let Some(Command::Peers) = arguments.command {
        return peers::run(&plan).await;
    }
    for database in &arguments.databases {
        let wanted = match database.as_str() {
            "sqlite" => Wanted { database: "SQLite", ratio: 0.6 },
            "postgres" => Wanted { database: "PostgreSQL", ratio: 0.5 },
            other => return Err(format!("{other} is no database; use sqlite or postgres").into()),
        };
        if let Some(Command::Growth { size, database: existing }) = &arguments.command {
            growth::run(&plan, database, size.scale(), existing.clone()).await?;
            continue;
        }
        let cluster = if database == "postgres" { Some(postgres::Cluster::start()?) } else { None };
        let url = cluster.as_ref().map(postgres::Cluster::url);
        match arguments.command {
            Some(Command::Overload) => overload::run(&plan, wanted.database, url).await?,
            _ => scenario::run(&plan, &wanted, url).await?,
        }
    }
    Ok(())
}

fn plan(arguments: &Arguments) -> Result<Plan, Failure> {
    let own = std::env::current_exe()?;
    let binary = product::binary(arguments.binary.clone())?;
    let duration = Duration::from_secs(arguments.seconds.max(1));
    Ok(Plan { own, binary, duration, profiles: arguments.profiles.clone() })
}
