//! The tables that are printed.

use crate::load::{Measured, percentile};
use std::time::Duration;

pub fn machine() {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let build =
        if cfg!(debug_assertions) { "debug build, which says nothing about a release" } else { "release build" };
    println!("{cores} cores, {build}; the load generator and the database run on the same machine.");
}

pub fn heading(database: &str) {
    println!("\n{database}\n");
    println!("| measurement | deliveries/s | p50 | p99 | refused |");
    println!("|---|---:|---:|---:|---:|");
}

pub fn row(name: &str, measured: &Measured) {
    let time = |percent| percentile(&measured.times, percent).map_or_else(|| "–".to_owned(), millis);
    println!("| {name} | {:.0} | {} | {} | {} |", measured.per_second(), time(50), time(99), measured.refused);
}

pub fn visible(name: &str, sorted: &[Duration]) {
    let time = |percent| percentile(sorted, percent).map_or_else(|| "–".to_owned(), millis);
    println!("Acknowledged to visible, {name}: p50 {}, p95 {} ({} samples)", time(50), time(95), sorted.len());
}

pub fn ratio(connections: usize, stored: &Measured, ceiling: &Measured) {
    println!("Stored over verified only, {connections} connections: {:.2}", stored.per_second() / ceiling.per_second());
}

pub fn worked(events: usize, taken: Duration) {
    let per_second = f64::from(u32::try_from(events).unwrap_or(u32::MAX)) / taken.as_secs_f64();
    println!("Worked on, from the first delivery to the last record: {per_second:.0} events/s");
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}
