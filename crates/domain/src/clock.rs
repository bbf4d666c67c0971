//! Time as an argument, so that tests can set it.

use crate::Timestamp;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// Where the current time comes from. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that stands still until a test moves it.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    pub fn fixed(at: Timestamp) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(at.0)))
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => system_now(),
            Self::Fixed(micros) => Timestamp(micros.load(Ordering::SeqCst)),
        }
    }

    /// Moves a fixed clock forward; the machine's clock is left alone.
    pub fn advance(&self, by: std::time::Duration) {
        if let Self::Fixed(micros) = self {
            micros.store(self.now().plus(by).0, Ordering::SeqCst);
        }
    }
}

/// A machine set before 1970 reads as the epoch; `patchbay doctor` reports such a clock.
#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
fn system_now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}
