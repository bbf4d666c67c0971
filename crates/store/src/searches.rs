//! Searches within payloads. Each unpacks up to 50,000 bodies, so few run at once, one for each person, on threads that nothing
//! else waits for, and only as long as somebody waits for what they find.

use crate::StoreError;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Searches that run.
const AT_ONCE: usize = 2;
/// Searches that wait for their turn; further ones are refused at once.
const WAITING: usize = 16;
/// How long one waits.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Searches {
    all: Arc<Semaphore>,
    waiting: AtomicUsize,
    people: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
}

impl Default for Searches {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_ONCE)), waiting: AtomicUsize::new(0), people: Mutex::default() }
    }
}

/// The right to search. Dropping it ends what still runs.
pub(crate) struct Turn {
    /// Held by the work too, so that work which is being ended still counts.
    permits: Arc<[OwnedSemaphorePermit]>,
    left: Arc<AtomicBool>,
    ended: bool,
}

impl Searches {
    /// Waits for a turn. `asker` is whose searches come one after another.
    pub async fn turn(&self, asker: Option<&Arc<str>>) -> Result<Turn, StoreError> {
        let waits = Waits::begin(&self.waiting).ok_or_else(busy)?;
        let own = asker.map(|asker| self.semaphore_of(asker));
        let permits = async {
            let mut permits = Vec::with_capacity(2);
            for semaphore in own.into_iter().chain([self.all.clone()]) {
                permits.extend(semaphore.acquire_owned().await.ok());
            }
            permits
        };
        let permits = tokio::time::timeout(PATIENCE, permits).await.map_err(|_| busy())?;
        drop(waits);
        metrics::gauge!("patchbay_payload_searches").increment(1.0);
        Ok(Turn { permits: permits.into(), left: Arc::default(), ended: false })
    }

    fn semaphore_of(&self, asker: &Arc<str>) -> Arc<Semaphore> {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever neither searches nor waits is forgotten.
        people.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        people.entry(asker.clone()).or_insert_with(|| Arc::new(Semaphore::new(1))).clone()
    }
}

#[cold]
fn busy() -> StoreError {
    metrics::counter!("patchbay_payload_searches_total", "outcome" => "refused").increment(1);
    StoreError::Busy
}

impl Turn {
    /// Runs a part of the search on a thread where it holds up nobody. `work` looks at the flag now and then, and ends when
    /// nobody waits for it any more.
    pub async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&AtomicBool) -> Result<T, StoreError> + Send + 'static,
    {
        let (left, permits) = (self.left.clone(), self.permits.clone());
        let part = tokio::task::spawn_blocking(move || {
            let found = work(&left);
            drop(permits);
            found
        });
        part.await.map_err(|error| StoreError::unreadable("payload", error))?
    }

    /// It came to its end, and its finder is still there.
    pub fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.left.store(true, Ordering::Relaxed);
        let outcome = if self.ended { "finished" } else { "left" };
        metrics::counter!("patchbay_payload_searches_total", "outcome" => outcome).increment(1);
        metrics::gauge!("patchbay_payload_searches").decrement(1.0);
    }
}

/// Counts somebody who waits.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < WAITING).then_some(place)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    fn person(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    /// What it answers right now.
    fn poll_once<F: Future>(future: F) -> Option<F::Output> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn a_person_has_one_search_at_a_time_and_all_together_have_two() {
        let searches = Searches::default();
        let first = searches.turn(Some(&person("ada"))).await.unwrap();
        assert!(poll_once(searches.turn(Some(&person("ada")))).is_none(), "her second one waits");
        let _second = searches.turn(Some(&person("ben"))).await.unwrap();
        assert!(poll_once(searches.turn(Some(&person("chiara")))).is_none(), "there is no room for a third");
        drop(first);
        assert!(poll_once(searches.turn(Some(&person("ada")))).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_turn_ends_with_being_told_that_others_search() {
        let searches = Searches::default();
        let _turn = searches.turn(Some(&person("ada"))).await.unwrap();
        assert!(matches!(searches.turn(Some(&person("ada"))).await, Err(StoreError::Busy)));
        let waiting: Vec<_> = (0..WAITING).map(|_| Waits::begin(&searches.waiting).unwrap()).collect();
        assert!(matches!(poll_once(searches.turn(None)), Some(Err(StoreError::Busy))), "too many wait already");
        drop(waiting);
        assert!(searches.turn(None).await.is_ok());
    }

    #[tokio::test]
    async fn a_search_that_nobody_waits_for_any_more_ends_and_counts_until_it_has() {
        let searches = Searches::default();
        let (started, begun) = std::sync::mpsc::channel();
        let (ended, has_ended) = std::sync::mpsc::channel();
        let turn = searches.turn(Some(&person("ada"))).await.unwrap();
        let search = tokio::spawn(async move {
            turn.run(move |left| {
                started.send(()).unwrap();
                while !left.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
                ended.send(()).unwrap();
                Ok(())
            })
            .await
        });
        tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
        search.abort();
        tokio::task::spawn_blocking(move || has_ended.recv().unwrap()).await.unwrap();
        searches.turn(Some(&person("ada"))).await.unwrap();
    }
}
