//! One line when a step starts and one when it ends, so that a first build is never silent.

use crate::Failure;
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

pub struct Progress {
    started: Instant,
    step: AtomicUsize,
    steps: usize,
}

impl Progress {
    pub fn new(steps: usize) -> Self {
        Self { started: Instant::now(), step: AtomicUsize::new(0), steps }
    }

    /// Runs one step. It may run beside others; then their lines mix, each with its number.
    pub fn step<T>(&self, what: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        let number = self.step.fetch_add(1, Ordering::Relaxed) + 1;
        let steps = self.steps;
        eprintln!("[{number}/{steps}] {what} …");
        let started = Instant::now();
        let result = work().map_err(|failure| format!("{what}: {failure}"))?;
        eprintln!("[{number}/{steps}] {what}: {:.1} s", started.elapsed().as_secs_f64());
        Ok(result)
    }

    pub fn finish(&self, what: &str) {
        eprintln!("{what} after {:.1} s", self.started.elapsed().as_secs_f64());
    }
}
