//! A few seconds of memory for answers that several callers ask for at once.

use super::call::Reply;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Above this, everything is forgotten: it is a short memory, not a store.
const MAX_ENTRIES: usize = 1_000;

pub(super) struct ReplyCache {
    ttl: Duration,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Counts invalidations, so that an answer asked for before one is not kept after it.
    generation: u64,
    replies: HashMap<String, (Instant, Reply)>,
}

impl ReplyCache {
    pub(super) fn new(ttl: Duration) -> Self {
        Self { ttl, inner: Mutex::default() }
    }

    /// The kept answer, or the generation to hand to [`Self::put`].
    pub(super) fn get(&self, key: &str) -> Result<Reply, u64> {
        let inner = self.lock();
        match inner.replies.get(key) {
            Some((until, reply)) if *until > Instant::now() => Ok(reply.clone()),
            _ => Err(inner.generation),
        }
    }

    pub(super) fn put(&self, key: &str, generation: u64, reply: &Reply) {
        let mut inner = self.lock();
        if inner.generation != generation {
            return;
        }
        if inner.replies.len() >= MAX_ENTRIES {
            inner.replies.clear();
        }
        inner.replies.insert(key.to_owned(), (Instant::now() + self.ttl, reply.clone()));
    }

    pub(super) fn invalidate(&self, key: &str) {
        let mut inner = self.lock();
        inner.generation += 1;
        inner.replies.remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply() -> Reply {
        Reply {
            status: http::StatusCode::OK,
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::new(),
            date: None,
            as_of: patchbay_domain::Timestamp(0),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_lives_for_its_time_and_no_longer() {
        let cache = ReplyCache::new(Duration::from_secs(5));
        let generation = cache.get("a").unwrap_err();
        cache.put("a", generation, &reply());
        assert!(cache.get("a").is_ok());
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(cache.get("a").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_asked_for_before_an_invalidation_is_not_kept() {
        let cache = ReplyCache::new(Duration::from_secs(5));
        let before = cache.get("a").unwrap_err();
        cache.invalidate("a");
        cache.put("a", before, &reply());
        assert!(cache.get("a").is_err());
    }
}
