//! Who goes first while deliveries crowd in.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::time::Instant;

/// Whether deliveries crowd in. Acknowledging them goes first then: a provider that gets no answer sends everything
/// again, while what is filed or worked on later is only later.
pub(crate) struct Crowd {
    start: Instant,
    /// Milliseconds after `start` when a batch was last as large as [`Crowd::BATCH`]; 0 for never.
    last: AtomicU64,
}

impl Crowd {
    /// Deliveries that waited for one commit.
    const BATCH: usize = 32;
    /// How long a large batch counts.
    const MEMORY: Duration = Duration::from_millis(100);
    /// Part of the time that is left to filing and working in a crowd: one in so many.
    const SHARE: u32 = 8;
    const LONGEST_PAUSE: Duration = Duration::from_millis(300);

    pub fn new() -> Self {
        Self { start: Instant::now(), last: AtomicU64::new(0) }
    }

    pub fn note(&self, batch: usize) {
        if batch >= Self::BATCH {
            self.last.store(self.elapsed().max(1), Ordering::Relaxed);
        }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub fn is_there(&self) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        last != 0 && Duration::from_millis(self.elapsed().saturating_sub(last)) < Self::MEMORY
    }

    /// Called after `worked` of background work: pauses in proportion to it while deliveries crowd in.
    pub async fn give_way(&self, worked: Duration) {
        if self.is_there() {
            tokio::time::sleep((worked * (Self::SHARE - 1)).min(Self::LONGEST_PAUSE)).await;
        }
    }
}
