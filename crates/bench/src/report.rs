//! The tables that are printed.

use crate::load::{Measured, percentile};
use std::time::Duration;

pub fn machine() {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let build =
        if cfg!(debug_assertions) { "debug build, which says nothing about a release" } else { "release build" };
    println!("{cores} cores, {build}; the load generator and the database run on the same machine.");
}

pub fn heading(title: &str) {
    println!("\n{title}\n");
    println!("| measurement | deliveries/s | p50 | p99 | refused | broken |");
    println!("|---|---:|---:|---:|---:|---:|");
}

pub fn row(name: &str, measured: &Measured) {
    let time = |percent| measured.percentile(percent).map_or_else(|| "–".to_owned(), millis);
    println!(
        "| {name} | {:.0} | {} | {} | {} | {} |",
        measured.per_second(),
        time(50),
        time(99),
        measured.refused,
        measured.broken
    );
}

pub fn visible(name: &str, sorted: &[Duration]) {
    let time = |percent| percentile(sorted, percent).map_or_else(|| "–".to_owned(), millis);
    println!("Acknowledged to visible, {name}: p50 {}, p95 {} ({} samples)", time(50), time(95), sorted.len());
}

pub fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

/// Figures beside what is wanted of them. They are printed, never asserted: they are of the machine.
#[derive(Default)]
pub struct Targets(Vec<[String; 4]>);

impl Targets {
    /// A ratio, or a number without a unit.
    pub fn at_least(&mut self, what: impl Into<String>, seen: f64, wanted: f64) {
        self.add(what, format!("{seen:.2}"), format!("at least {wanted}"), seen >= wanted);
    }

    pub fn at_most(&mut self, what: impl Into<String>, seen: f64, wanted: f64) {
        self.add(what, format!("{seen:.2}"), format!("at most {wanted}"), seen <= wanted);
    }

    /// A time of which there may be none: then the target is missed.
    pub fn within(&mut self, what: impl Into<String>, seen: Option<Duration>, wanted: Duration) {
        let met = seen.is_some_and(|seen| seen < wanted);
        self.add(what, seen.map_or_else(|| "–".to_owned(), millis), format!("under {}", millis(wanted)), met);
    }

    pub fn megabytes(&mut self, what: impl Into<String>, seen: u64, wanted: u64) {
        self.add(what, format!("{seen} MB"), format!("under {wanted} MB"), seen < wanted);
    }

    fn add(&mut self, what: impl Into<String>, seen: String, wanted: String, met: bool) {
        self.0.push([what.into(), seen, wanted, if met { "met" } else { "MISSED" }.to_owned()]);
    }

    pub fn print(&self) {
        println!("\n| target | seen | wanted | |");
        println!("|---|---:|---:|---|");
        for [what, seen, wanted, met] in &self.0 {
            println!("| {what} | {seen} | {wanted} | {met} |");
        }
    }
}
