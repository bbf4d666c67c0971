//! Simulated schedules: workers, crashes, leases, retries and clocks, chosen by a seed and held against a model.
//!
//! `PATCHBAY_SIM_SEEDS=5000` runs so many seeds, `PATCHBAY_SIM_SEED=17` runs that one alone and prints its steps.

mod ages;
mod model;
mod schedule;

use patchbay_domain::Clock;
use patchbay_store::{IdSource, Store, StoreOptions};
use schedule::{START, Schedule};
use std::time::Instant;

/// A few seconds without optimisation.
const SEEDS: u64 = 150;
/// Of these each has files of its own.
const AGES: u64 = 12;
/// Migrating costs more than a schedule, so that some share a database; each has a connection of its own in it.
const PER_STORE: u64 = 50;

async fn fresh_store() -> Store {
    let options = StoreOptions { clock: Clock::fixed(START), ids: IdSource::Seeded(1), readers: 1 };
    let store = Store::connect("sqlite::memory:", options).await.unwrap();
    store.migrate().await.unwrap();
    store.with_rules(schedule::rules)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}")))
}

#[tokio::test]
async fn no_schedule_loses_repeats_or_reorders_an_event() {
    let chosen = number("PATCHBAY_SIM_SEED");
    let seeds = match chosen {
        Some(seed) => seed..seed + 1,
        None => 0..number("PATCHBAY_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let started = Instant::now();
    let (mut ran, mut steps) = (0_u64, 0);
    let mut store = fresh_store().await;
    for seed in seeds {
        if ran % PER_STORE == PER_STORE - 1 {
            store.close().await;
            store = fresh_store().await;
        }
        let trace = Schedule::new(&store, seed).run().await;
        if chosen.is_some() {
            println!("{}", trace.join("\n"));
        }
        ran += 1;
        steps += trace.len();
    }
    println!("{ran} schedules, {steps} steps in {:?}", started.elapsed());
}

#[tokio::test]
async fn no_mixture_of_old_and_new_files_loses_what_was_acknowledged() {
    let seeds = match number("PATCHBAY_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("PATCHBAY_SIM_SEEDS").map_or(AGES, |seeds| seeds / 10),
    };
    for seed in seeds {
        let trace = ages::Ages::new(seed).await.run().await;
        assert!(trace.len() > 10, "{trace:?}");
    }
}

#[tokio::test]
async fn one_seed_makes_one_schedule() {
    let one = fresh_store().await;
    let first = Schedule::new(&one, 3).run().await;
    // In a database with others before it, too: a seed found among many runs the same alone.
    let other = fresh_store().await;
    let different = Schedule::new(&other, 4).run().await;
    assert_eq!(Schedule::new(&other, 3).run().await, first);
    assert_ne!(different, first);
}
