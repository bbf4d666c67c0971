//! `make chaos`: rounds of load, fault and comparison, and a table of what they found.

use clap::Parser;
use patchbay_bench::{Failure, product};
use patchbay_chaos::{
    fault::Fault,
    plan::Size,
    round::{Outcome, Round},
    world::Engine,
};
use patchbay_domain::Clock;
use std::{path::PathBuf, process::ExitCode};
use tokio::task::JoinSet;

/// Findings that are printed of a round.
const PRINTED: usize = 10;

/// Proves on the real binary that no acknowledged event is lost, doubled, invented or overtaken by an older one.
#[derive(Parser)]
struct Arguments {
    /// The `patchbay` binary; the one beside this one when left out.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Rounds on each database.
    #[arg(long, default_value_t = 20)]
    rounds: u64,
    /// The first round's seed; each further round takes the next number. The time when left out.
    #[arg(long)]
    seed: Option<u64>,
    /// Databases, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "sqlite,postgres")]
    databases: Vec<String>,
    /// Rounds at the same time: most of a round is waiting.
    #[arg(long, default_value_t = 4)]
    lanes: usize,
    /// Objects that events are about in a round.
    #[arg(long, default_value_t = 400)]
    objects: usize,
    /// Versions of each object.
    #[arg(long, default_value_t = 20)]
    versions: i64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Interrupted, it still stops what it started.
    let ended = tokio::select! {
        ended = run(&arguments) => ended,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("patchbay-chaos: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<bool, Failure> {
    let binary = product::binary(arguments.binary.clone())?;
    let first = arguments.seed.unwrap_or_else(|| Clock::System.now().seconds().unsigned_abs());
    let mut clean = true;
    for database in &arguments.databases {
        let engine = match database.as_str() {
            "sqlite" => Engine::Sqlite,
            "postgres" => Engine::Postgres,
            other => return Err(format!("{other} is no database; use sqlite or postgres").into()),
        };
        clean &= rounds(arguments, engine, database, first, &binary).await;
    }
    Ok(clean)
}

#[derive(Default)]
struct Totals {
    rounds: u64,
    skipped: u64,
    failed: u64,
    acknowledged: usize,
    lost: usize,
    doubled: usize,
    invented: usize,
    stale: usize,
}

async fn rounds(arguments: &Arguments, engine: Engine, database: &str, first: u64, binary: &std::path::Path) -> bool {
    println!("\n{}, seeds from {first}\n", engine.name());
    println!(
        "| round | fault | seed | sent | acknowledged | duplicates | forged refused | lost | doubled | invented | stale | s |"
    );
    println!("|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    let mut totals = Totals::default();
    let mut running = JoinSet::new();
    let mut numbers = 0..arguments.rounds;
    loop {
        while running.len() < arguments.lanes.max(1)
            && let Some(number) = numbers.next()
        {
            let seed = first + number;
            let fault = Fault::of(engine, seed);
            if let Some(why) = fault.unavailable() {
                println!("| {} | SKIPPED: {}: {why} | {seed} |", number + 1, fault.name());
                totals.skipped += 1;
                continue;
            }
            let size = Size { objects: arguments.objects, versions: arguments.versions };
            let round = Round { engine, seed, fault, size, binary: binary.to_owned() };
            running.spawn(async move { (number, round.seed, round.run().await) });
        }
        let Some(ended) = running.join_next().await else { break };
        match ended {
            Ok((number, seed, Ok(outcome))) => row(number, seed, &outcome, database, &mut totals),
            Ok((number, seed, Err(error))) => {
                println!("| {} | FAILED: {error} | {seed} |", number + 1);
                again(seed, database);
                totals.failed += 1;
            }
            Err(error) => {
                println!("a round ended badly: {error}");
                totals.failed += 1;
            }
        }
    }
    let Totals { rounds, skipped, failed, acknowledged, lost, doubled, invented, stale } = totals;
    println!(
        "\n{}: {rounds} rounds, {acknowledged} acknowledged, lost {lost}, doubled {doubled}, invented {invented}, stale {stale}",
        engine.name()
    );
    if skipped > 0 {
        println!("SKIPPED on this machine: {skipped} rounds. Their faults are not proved here.");
    }
    if failed > 0 {
        println!("FAILED: {failed} rounds.");
    }
    failed == 0
}

fn row(number: u64, seed: u64, outcome: &Outcome, database: &str, totals: &mut Totals) {
    let Outcome { fault, sent, acknowledged, duplicates, refused, findings, elapsed, kept } = outcome;
    let counts = [&findings.lost, &findings.doubled, &findings.invented, &findings.stale].map(Vec::len);
    let [lost, doubled, invented, stale] = counts;
    println!(
        "| {} | {fault} | {seed} | {sent} | {acknowledged} | {duplicates} | {refused} | {lost} | {doubled} | {invented} | {stale} | {:.0} |",
        number + 1,
        elapsed.as_secs_f64()
    );
    totals.rounds += 1;
    totals.acknowledged += acknowledged;
    totals.lost += lost;
    totals.doubled += doubled;
    totals.invented += invented;
    totals.stale += stale;
    if findings.is_empty() {
        return;
    }
    totals.failed += 1;
    for (name, line) in findings.all().take(PRINTED) {
        println!("    {name}: {line}");
    }
    let more = findings.all().count().saturating_sub(PRINTED);
    if more > 0 {
        println!("    and {more} more");
    }
    if let Some(kept) = kept {
        println!("    ledger, database and log: {}", kept.display());
    }
    again(seed, database);
}

fn again(seed: u64, database: &str) {
    println!("    again: make chaos ROUNDS=1 CHAOS=\"--databases {database} --seed {seed}\"");
}
