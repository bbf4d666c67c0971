//! Lets tests break a task once.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

#[derive(Default)]
pub struct Fault(AtomicBool);

impl Fault {
    pub fn arm(&self) {
        self.0.store(true, Relaxed);
    }

    pub fn meet(&self) {
        assert!(!self.0.swap(false, Relaxed), "a fault that a test wants");
    }
}

/// Those of a listener's registry.
#[derive(Default)]
pub struct Faults {
    pub admit: Fault,
    pub sweep: Fault,
}
