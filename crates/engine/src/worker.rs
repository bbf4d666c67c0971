//! Turns pending events into records: at least once in work, exactly once in effects.
//!
//! A batch is projected outside, then written in one transaction with the events' own marks, so a crash at any point
//! leaves either all of an event's effects or none, and an unmarked event is claimed again when its lease is over.

use crate::{Engine, backoff::MAX_ATTEMPTS, failure::attempt, identity, live::LiveMessage, refetch};
use futures::{StreamExt, stream};
use patchbay_domain::{
    Change, ObjectKey, RecordRef, Source, State, Timestamp, billing::CUSTOMER, change::Applied, event::EventState,
    limited,
};
use patchbay_providers::{ErrorKind, Projection, ProviderError};
use patchbay_store::{AttemptOutcome, ClaimedEvent, Lane, NewEvent, StoreError, WriteTx};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};
use uuid::Uuid;

const BATCH: u32 = 256;
const LEASE: Duration = Duration::from_mins(1);
/// Longest sleep without a wake-up: finds what another process stored.
const POLL: Duration = Duration::from_secs(2);
/// After the database failed.
const PAUSE: Duration = Duration::from_secs(1);
/// How often events that nobody can work on are looked for: only a changed configuration leaves any.
const EXPLAIN_EVERY: Duration = Duration::from_mins(1);
/// Objects that are read from one provider at the same time.
const FETCHES: usize = 8;

/// Works on one connection's events until the engine stops.
pub(crate) async fn run(engine: Engine, connection: String) {
    work_in(&engine, Lane::Of(&connection), POLL).await;
}

/// Events of connections that are not configured, or wrongly, are nobody's to work on. They wait, no attempt counts, and
/// each says why. When the connection is there again its worker takes them.
pub(crate) async fn explain_waiting(engine: Engine) {
    while !engine.is_stopping() {
        if let Err(error) = engine.explain_waiting().await
            && engine.0.inbox.durable.away_since().is_none()
        {
            limited!(error, %error, "events of connections that are not configured were not looked up");
        }
        tokio::select! {
            () = engine.0.work.wanted(Lane::NotOf(&[])) => {}
            () = tokio::time::sleep(EXPLAIN_EVERY) => {}
        }
        // What rings for every event may ring often.
        tokio::time::sleep(PAUSE).await;
    }
}

impl Engine {
    /// Writes on events of connections that cannot be worked on why they wait; answers how many wait, by connection.
    pub async fn explain_waiting(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let names: Vec<String> = self.0.connections.keys().cloned().collect();
        let waiting = self.0.store.pending_of_others(&names).await?;
        for (connection, _) in &waiting {
            let why = match self.0.settings.misconfigured.get(connection) {
                Some(why) => format!("It waits, because the connection {connection} is configured wrongly: {why}"),
                None => format!("It waits, because the connection {connection} is not configured."),
            };
            while self.0.store.explain_pending(connection, &why, BATCH).await? == u64::from(BATCH) {}
        }
        Ok(waiting)
    }
}

async fn work_in(engine: &Engine, lane: Lane<'_>, poll: Duration) {
    while !engine.is_stopping() {
        let started = Instant::now();
        match work_once(engine, lane).await {
            Ok(0) => sleep_until_due(engine, lane, poll).await,
            Ok(_) => engine.0.inbox.crowd.give_way(started.elapsed()).await,
            Err(error) => {
                // That it is away is said once, by whoever files.
                if engine.0.inbox.durable.away_since().is_none() {
                    limited!(error, %error, "the worker could not use the database");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn sleep_until_due(engine: &Engine, lane: Lane<'_>, poll: Duration) {
    let wait = match engine.0.store.next_due(lane).await {
        Ok(Some(due)) => due.since(engine.clock().now()).clamp(Duration::from_millis(10), poll),
        Ok(None) => poll,
        Err(_) => PAUSE,
    };
    tokio::select! {
        () = engine.0.work.wanted(lane) => {}
        () = tokio::time::sleep(wait) => {}
    }
}

/// Claims and works on one batch; answers how many events it held.
pub(crate) async fn work_once(engine: &Engine, lane: Lane<'_>) -> Result<usize, StoreError> {
    let claimed = engine.0.store.claim_events(lane, &engine.0.owner, LEASE, BATCH).await?;
    let count = claimed.len();
    if count == 0 {
        return Ok(0);
    }
    let mut tasks: Vec<Task> = claimed.into_iter().map(|event| Task::project(engine, event)).collect();
    identity::decide(engine, tasks.iter_mut().map(|task| (&task.event, &mut task.projected))).await;
    let slow = match attempt(write_batch(engine, &tasks)).await {
        Ok(slow) => slow,
        Err(failure) => {
            let why = failure.apart_from_trouble()?;
            limited!(warn, why, "a batch of events could not be written together; each is tried by itself");
            vec![true; tasks.len()]
        }
    };
    let slow = tasks.into_iter().zip(slow).filter(|(_, slow)| *slow).map(|(task, _)| task).collect();
    work_on_slow_ones(engine, slow).await;
    Ok(count)
}

/// Wakes the workers that have something to do.
pub(crate) struct Bells {
    connections: BTreeMap<String, Notify>,
    others: Notify,
}

impl Bells {
    pub fn new<'a>(connections: impl Iterator<Item = &'a String>) -> Self {
        Self { connections: connections.map(|name| (name.clone(), Notify::new())).collect(), others: Notify::new() }
    }

    pub fn ring(&self, connection: &str) {
        self.connections.get(connection).unwrap_or(&self.others).notify_one();
    }

    pub fn ring_all(&self) {
        for bell in self.connections.values().chain([&self.others]) {
            bell.notify_one();
        }
    }

    async fn wanted(&self, lane: Lane<'_>) {
        let own = if let Lane::Of(connection) = lane { self.connections.get(connection) } else { None };
        own.unwrap_or(&self.others).notified().await;
    }
}

/// An event with what it means.
struct Task {
    event: ClaimedEvent,
    started_at: Timestamp,
    projected: Result<Projection, ProviderError>,
}

impl Task {
    fn project(engine: &Engine, event: ClaimedEvent) -> Self {
        let started_at = engine.clock().now();
        let projected = match &event.unreadable {
            Some(why) => Err(fault("read", why.clone())),
            None => read(engine, &event.connection, &event.event_type, &event.body),
        };
        Self { event, started_at, projected }
    }

    /// Events of one object stay in line behind each other.
    fn line(&self) -> (String, Option<ObjectKey>) {
        (self.event.connection.clone(), self.event.object.clone())
    }

    fn source(&self) -> Source {
        Source::Event { id: self.event.id.to_string() }
    }

    fn attempt(&self, engine: &Engine, outcome: &str, error: Option<String>) -> AttemptOutcome {
        let taken = engine.clock().now().since(self.started_at);
        AttemptOutcome {
            started_at: self.started_at,
            duration_us: i64::try_from(taken.as_micros()).unwrap_or(i64::MAX),
            outcome: outcome.to_owned(),
            error,
        }
    }
}

/// What a new event means.
pub(crate) fn project(engine: &Engine, event: &NewEvent) -> Result<Projection, ProviderError> {
    read(engine, &event.connection, &event.envelope.event_type, &event.body)
}

pub(crate) fn read(
    engine: &Engine,
    connection: &str,
    event_type: &str,
    body: &[u8],
) -> Result<Projection, ProviderError> {
    let Some(connection) = engine.connection(connection) else { return Err(not_configured(connection)) };
    // One event's body must not end the work on all others.
    // Of an earlier configuration of the same name.
    let Some(project) = connection.project() else { return Ok(Projection::Skipped) };
    catch_unwind(AssertUnwindSafe(|| project.event(event_type, body))).unwrap_or_else(|_| {
        Err(fault("project", format!("reading an event of type {event_type} panicked; the place is in the log")))
    })
}

/// Our own, and the same at every attempt.
fn fault(operation: &'static str, message: String) -> ProviderError {
    ProviderError::new("Patchbay", operation, ErrorKind::Unreadable, message)
}

/// Leaves the event pending while it is filed. Workers claim none of such a connection.
fn not_configured(connection: &str) -> ProviderError {
    let message = format!("the connection {connection} is not configured");
    ProviderError::new("Patchbay", "project", ErrorKind::Unreachable, message)
}

/// Writes everything that needs no outside call, in one transaction. Answers of each whether it belongs to the rest.
async fn write_batch(engine: &Engine, tasks: &[Task]) -> Result<Vec<bool>, StoreError> {
    let mut tx = engine.0.store.begin().await?;
    let mut news = Vec::new();
    let mut slow = vec![false; tasks.len()];
    // Lines whose first event waits, and for what: those behind it wait for the same.
    let mut waiting: BTreeMap<(String, Option<ObjectKey>), Step> = BTreeMap::new();
    for (task, slow) in tasks.iter().zip(&mut slow) {
        let line = task.line();
        let step = match waiting.get(&line) {
            Some(Step::PutOff) => Step::of(tx.give_back_event(task.event.id, &engine.0.owner).await?, Step::PutOff),
            Some(ahead) => *ahead,
            None => write_one(engine, &mut tx, task, &mut news).await?,
        };
        match step {
            Step::Written => continue,
            Step::PutOff => {}
            Step::Slow => *slow = true,
            Step::LeaseLost => {
                // Somebody else works on it. Nothing of this batch counts; its leases run out and it is claimed again.
                limited!(warn, event.id = %task.event.id, "a lease ran out while working; the batch is given back");
                tx.rollback().await?;
                return Ok(vec![false; tasks.len()]);
            }
        }
        if line.1.is_some() {
            waiting.insert(line, step);
        }
    }
    tx.commit().await?;
    publish(engine, news);
    Ok(slow)
}

/// What came of an event.
#[derive(Clone, Copy)]
enum Step {
    Written,
    /// It is tried again later.
    PutOff,
    /// It needs an outside call first.
    Slow,
    LeaseLost,
}

impl Step {
    fn of(still_ours: bool, step: Self) -> Self {
        if still_ours { step } else { Self::LeaseLost }
    }
}

async fn write_one(
    engine: &Engine,
    tx: &mut WriteTx,
    task: &Task,
    news: &mut Vec<LiveMessage>,
) -> Result<Step, StoreError> {
    let owner = &engine.0.owner;
    let id = task.event.id;
    let still_ours = match &task.projected {
        Ok(Projection::Partial(_) | Projection::Incomplete | Projection::Refetch(_)) => return Ok(Step::Slow),
        Ok(Projection::SetAside(why)) => {
            let attempt = task.attempt(engine, "skipped", Some(why.clone()));
            tx.finish_event(id, owner, EventState::Skipped, &attempt).await?
        }
        Err(error) => return give_up_or_retry(engine, tx, task, error).await,
        Ok(Projection::Skipped | Projection::Undecided(_)) => {
            tx.finish_event(id, owner, EventState::Skipped, &task.attempt(engine, "skipped", None)).await?
        }
        Ok(Projection::Changes(changes)) => {
            for change in changes {
                match tx.apply(&task.event.connection, change, &task.source(), None).await? {
                    // What was written before the tie stays: writing it again with the rest changes nothing.
                    Applied::Tie => return Ok(Step::Slow),
                    applied => note(news, &task.event.connection, change, &applied),
                }
            }
            metrics::counter!("patchbay_events_processed_total").increment(1);
            tx.finish_event(id, owner, EventState::Processed, &task.attempt(engine, "processed", None)).await?
        }
    };
    Ok(Step::of(still_ours, Step::Written))
}

async fn give_up_or_retry(
    engine: &Engine,
    tx: &mut WriteTx,
    task: &Task,
    error: &ProviderError,
) -> Result<Step, StoreError> {
    let owner = &engine.0.owner;
    let event = &task.event;
    let attempt = task.attempt(engine, "failed", Some(error.to_string()));
    if error.is_temporary() && event.attempts < MAX_ATTEMPTS {
        let due_at = engine.clock().now().plus(engine.0.jitter.delay(event.attempts, error.retry_after));
        Ok(Step::of(tx.retry_event(event.id, owner, due_at, &attempt).await?, Step::PutOff))
    } else {
        limited!(warn, event.id = %event.id, event.r#type = %event.event_type, error = %error, "event is a dead letter");
        metrics::counter!("patchbay_events_dead_total").increment(1);
        Ok(Step::of(tx.finish_event(event.id, owner, EventState::Dead, &attempt).await?, Step::Written))
    }
}

/// Side by side over objects, in order within one.
async fn work_on_slow_ones(engine: &Engine, slow: Vec<Task>) {
    let mut lines: BTreeMap<(String, Option<ObjectKey>, usize), Vec<Task>> = BTreeMap::new();
    for (number, task) in slow.into_iter().enumerate() {
        let (connection, object) = task.line();
        // Events without an object have no line to stand in.
        let number = if object.is_some() { 0 } else { number };
        lines.entry((connection, object, number)).or_default().push(task);
    }
    stream::iter(lines.into_values()).for_each_concurrent(FETCHES, |line| work_on_line(engine, line)).await;
}

/// Ends at the first event that is not done with: those behind it must not overtake it.
async fn work_on_line(engine: &Engine, line: Vec<Task>) {
    // It may have waited for most of its lease until others were read.
    let ids: Vec<Uuid> = line.iter().map(|task| task.event.id).collect();
    if let Err(error) = engine.0.store.extend_lease(&ids, &engine.0.owner, LEASE).await {
        limited!(error, %error, "events are tried again when their lease is over");
        return;
    }
    let mut line = line.into_iter();
    while let Some(task) = line.next() {
        let step = match attempt(work_with_fetches(engine, &task)).await {
            Ok(step) => Ok(step),
            Err(failure) => match failure.apart_from_trouble() {
                Ok(why) => fail(engine, &task, &why).await,
                Err(error) => Err(error),
            },
        };
        let result = match step {
            Ok(Step::Written) => continue,
            Ok(Step::PutOff) => give_back(engine, line.as_slice()).await,
            Ok(Step::Slow | Step::LeaseLost) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            limited!(error, event.id = %task.event.id, %error, "the event is tried again when its lease is over");
        }
        return;
    }
}

/// Its effects cannot be written, whatever else can: a dead letter.
async fn fail(engine: &Engine, task: &Task, why: &str) -> Result<Step, StoreError> {
    let event_type = &task.event.event_type;
    let error = fault("apply", format!("what an event of type {event_type} brings cannot be written: {why}"));
    let mut tx = engine.0.store.begin().await?;
    let step = give_up_or_retry(engine, &mut tx, task, &error).await?;
    tx.commit().await?;
    Ok(step)
}

async fn give_back(engine: &Engine, tasks: &[Task]) -> Result<(), StoreError> {
    let mut tx = engine.0.store.begin().await?;
    for task in tasks {
        // Whoever holds it by now has nothing to thank us for.
        tx.give_back_event(task.event.id, &engine.0.owner).await?;
    }
    tx.commit().await
}

async fn work_with_fetches(engine: &Engine, task: &Task) -> Result<Step, StoreError> {
    let mut news = Vec::new();
    let outcome = apply_with_fetches(engine, task, &mut news).await?;
    let mut tx = engine.0.store.begin().await?;
    let step = match outcome {
        Ok(()) => {
            let attempt = task.attempt(engine, "processed", None);
            metrics::counter!("patchbay_events_processed_total").increment(1);
            let id = task.event.id;
            let still_ours = tx.finish_event(id, &engine.0.owner, EventState::Processed, &attempt).await?;
            Step::of(still_ours, Step::Written)
        }
        Err(error) => give_up_or_retry(engine, &mut tx, task, &error).await?,
    };
    if matches!(step, Step::LeaseLost) {
        limited!(warn, event.id = %task.event.id, "a lease ran out while working; whoever holds it now marks the event");
        tx.rollback().await?;
    } else {
        tx.commit().await?;
    }
    publish(engine, news);
    Ok(step)
}

/// Every application here is idempotent by version and revision, so it may be committed before the event's own mark.
async fn apply_with_fetches(
    engine: &Engine,
    task: &Task,
    news: &mut Vec<LiveMessage>,
) -> Result<Result<(), ProviderError>, StoreError> {
    let connection = &task.event.connection;
    let to_fetch = match &task.projected {
        Ok(Projection::Refetch(keys)) => keys.clone(),
        Ok(Projection::Changes(changes)) => apply_all(engine, task, changes, news).await?,
        Ok(Projection::Partial(changes)) => {
            let mut fuller = Vec::new();
            let mut new = Vec::new();
            for change in changes {
                let held = engine.0.store.record(connection, &change.key).await?;
                match held {
                    // Late news is told apart by its time, not by its shape.
                    Some(held) if held.version <= change.version.0 && !held.deleted => fuller.push(change.key.clone()),
                    _ => new.push(change.clone()),
                }
            }
            fuller.extend(apply_all(engine, task, &new, news).await?);
            fuller
        }
        Ok(Projection::Incomplete) => {
            let Some(project) = engine.connection(connection).and_then(|connection| connection.project()) else {
                return Ok(Err(not_configured(connection)));
            };
            match project.complete(&task.event.event_type, &task.event.body).await {
                Ok(changes) => apply_all(engine, task, &changes, news).await?,
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Projection::Skipped | Projection::SetAside(_) | Projection::Undecided(_)) => return Ok(Ok(())),
        Err(error) => return Ok(Err(error.clone())),
    };
    for key in to_fetch {
        match refetch::refetch(engine, connection, &key, &task.event.id.to_string()).await? {
            Ok((change, applied)) => note(news, connection, &change, &applied),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(()))
}

/// Answers the objects that have to be read.
async fn apply_all(
    engine: &Engine,
    task: &Task,
    changes: &[Change],
    news: &mut Vec<LiveMessage>,
) -> Result<Vec<ObjectKey>, StoreError> {
    let mut ties = Vec::new();
    let mut tx = engine.0.store.begin().await?;
    for change in changes {
        match tx.apply(&task.event.connection, change, &task.source(), None).await? {
            Applied::Tie => ties.push(change.key.clone()),
            applied => note(news, &task.event.connection, change, &applied),
        }
    }
    tx.commit().await?;
    Ok(ties)
}

/// What watchers are told about an applied change.
pub(crate) fn note(news: &mut Vec<LiveMessage>, connection: &str, change: &Change, applied: &Applied) {
    if !matches!(applied, Applied::Created | Applied::Updated | Applied::Deleted) {
        return;
    }
    let kind = &change.key.kind;
    let record = RecordRef::new(connection, change.key.clone());
    let customer = |id: &String| RecordRef::new(connection, ObjectKey::new(CUSTOMER, id.clone()));
    let (owner, text) = match &change.state {
        State::Present { index, .. } if *kind == CUSTOMER => (Some(record.clone()), index.title.clone()),
        State::Present { index, .. } => (index.owner.as_ref().map(customer), index.status.clone()),
        State::Deleted => (None, "deleted".to_owned()),
    };
    for topic in [format!("records:{kind}"), record.topic()] {
        news.push(LiveMessage::new(topic, change.key.id.clone(), text.clone()).owned_by(owner.clone()));
    }
}

pub(crate) fn publish(engine: &Engine, news: Vec<LiveMessage>) {
    if engine.0.bus.is_watched() {
        for message in news {
            engine.0.bus.publish(message);
        }
        engine.0.bus.publish(LiveMessage::new("processed", "", ""));
    }
}
