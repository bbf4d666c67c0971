//! Long-lived tasks are kept alive: one that panics, or ends before it should, is logged, counted and started again.
//!
//! What a task must not lose with its life (the receiving end of a queue, for one) belongs outside of what `make` makes.

use futures::FutureExt;
use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{runtime::Handle, task::JoinHandle, time::Instant};

/// Before a task is started again; four times as long after each further failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A task that ran for so long was well: its next failure counts as the first.
const WELL_AFTER: Duration = Duration::from_mins(1);
/// How soon a stop is noticed during a pause.
const LOOK: Duration = Duration::from_millis(100);
/// For so long whoever asks is told that a task stopped.
const TOLD_FOR: Duration = Duration::from_mins(10);

/// Of this process, as its log and its metrics are: whoever asks how it is need not know which tasks it has.
static STOPS: Mutex<BTreeMap<String, Stops>> = Mutex::new(BTreeMap::new());

/// How often a task stopped that should run all the time.
#[derive(Clone, Debug)]
pub struct Stops {
    pub task: String,
    /// `panicked` or `ended`.
    pub how: &'static str,
    /// Since it was last well for ten minutes.
    pub times: u64,
    pub last: Instant,
}

impl fmt::Display for Stops {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, how, times, last } = self;
        let times = if *times == 1 { "once".to_owned() } else { format!("{times} times") };
        write!(
            formatter,
            "{task}: it {how} {times}, the last time {} s ago, and was started again",
            last.elapsed().as_secs()
        )
    }
}

/// Tasks that stopped in the last ten minutes.
pub fn stopped() -> Vec<Stops> {
    let mut stops = STOPS.lock().unwrap_or_else(PoisonError::into_inner);
    stops.retain(|_, stops| stops.last.elapsed() < TOLD_FOR);
    stops.values().cloned().collect()
}

fn note(task: &str, how: &'static str) {
    metrics::counter!("patchbay_task_restarts_total", "task" => task.to_owned()).increment(1);
    let mut all = STOPS.lock().unwrap_or_else(PoisonError::into_inner);
    let times = all.get(task).filter(|stops| stops.last.elapsed() < TOLD_FOR).map_or(0, |stops| stops.times) + 1;
    all.insert(task.to_owned(), Stops { task: task.to_owned(), how, times, last: Instant::now() });
}

/// Runs the task that `make` makes, again and again until `is_over` when it ends.
pub async fn keep_alive<T>(name: &str, mut make: impl FnMut() -> T, is_over: impl Fn() -> bool)
where
    T: Future<Output = ()>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        let started = Instant::now();
        let ended = AssertUnwindSafe(async { make().await }).catch_unwind().await;
        if is_over() {
            return;
        }
        if started.elapsed() >= WELL_AFTER {
            pause = FIRST_PAUSE;
        }
        // The place of a panic is logged by the panic hook.
        let how = if ended.is_ok() { "ended" } else { "panicked" };
        tracing::error!(task = name, how, pause = ?pause, "a task that should run all the time stopped; it is started again");
        note(name, how);
        let resumed = Instant::now() + pause;
        while Instant::now() < resumed {
            if is_over() {
                return;
            }
            tokio::time::sleep(LOOK.min(pause)).await;
        }
        pause = longer(pause);
    }
}

fn longer(pause: Duration) -> Duration {
    (pause * 4).min(LONGEST_PAUSE)
}

/// As [`keep_alive`], as a task of its own.
pub fn spawn<T>(
    name: impl Into<String>,
    make: impl FnMut() -> T + Send + 'static,
    is_over: impl Fn() -> bool + Send + Sync + 'static,
) -> JoinHandle<()>
where
    T: Future<Output = ()> + Send + 'static,
{
    spawn_on(&Handle::current(), name, make, is_over)
}

/// As [`spawn`], on other threads.
pub fn spawn_on<T>(
    threads: &Handle,
    name: impl Into<String>,
    make: impl FnMut() -> T + Send + 'static,
    is_over: impl Fn() -> bool + Send + Sync + 'static,
) -> JoinHandle<()>
where
    T: Future<Output = ()> + Send + 'static,
{
    let name = name.into();
    threads.spawn(async move { keep_alive(&name, make, is_over).await })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::sync::{Mutex, mpsc};

    #[tokio::test]
    async fn a_task_that_panics_is_started_again_and_its_queue_is_whole() {
        let (sender, receiver) = mpsc::channel(10);
        let receiver = Arc::new(Mutex::new(receiver));
        let seen = Arc::new(Mutex::new(Vec::new()));
        for number in 0..6 {
            sender.send(number).await.unwrap();
        }
        drop(sender);
        let is_over = {
            let receiver = receiver.clone();
            move || receiver.try_lock().is_ok_and(|receiver| receiver.is_closed() && receiver.is_empty())
        };
        let make = {
            let seen = seen.clone();
            move || {
                let (receiver, seen) = (receiver.clone(), seen.clone());
                async move {
                    while let Some(number) = receiver.lock().await.recv().await {
                        assert_ne!(number, 3, "cannot be worked on");
                        seen.lock().await.push(number);
                    }
                }
            }
        };
        spawn("test", make, is_over).await.unwrap();
        assert_eq!(*seen.lock().await, [0, 1, 2, 4, 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_is_told_what_stopped_until_it_was_well_for_a_while() {
        let task = spawn("fragile", || async { panic!("as always") }, || false);
        let told = || stopped().into_iter().find(|stops| stops.task == "fragile");
        tokio::time::sleep(Duration::from_millis(150)).await;
        task.abort();
        let stops = told().unwrap();
        assert_eq!((stops.how, stops.times), ("panicked", 2));
        assert_eq!(stops.to_string(), "fragile: it panicked 2 times, the last time 0 s ago, and was started again");
        tokio::time::advance(TOLD_FOR).await;
        assert!(told().is_none());
    }

    #[test]
    fn pauses_grow_up_to_some_seconds() {
        let pauses = std::iter::successors(Some(FIRST_PAUSE), |pause| Some(longer(*pause)));
        let millis: Vec<u128> = pauses.take(6).map(|pause| pause.as_millis()).collect();
        assert_eq!(millis, [100, 400, 1_600, 5_000, 5_000, 5_000]);
    }
}
