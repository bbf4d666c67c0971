//! Makes events of the frames that the inbox committed, oldest first.
//!
//! What an event means is mostly known from its body alone, so its effects are written in the transaction that stores
//! it: one write instead of three. Everything else (an outside call, an error, an earlier event of the object that is not
//! finished) is stored as pending, for the worker.

use crate::{
    Engine,
    failure::{Failure, attempt},
    gaps,
    live::LiveMessage,
    worker,
};
use patchbay_domain::{ObjectKey, Source, Timestamp, change::Applied, limited};
use patchbay_providers::{Projection, ProviderError};
use patchbay_store::{AttemptOutcome, FiledAs, Filing, FrameKey, NewEvent, StoreError, Unfileable, WriteTx};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};
use tokio::time::Instant;

/// Deliveries that are filed in one transaction: few while others crowd in, which would feel a long one.
const EVENTS: i64 = 512;
const EVENTS_IN_A_CROWD: i64 = 128;
/// Longest sleep without a wake-up: finds frames that another process left behind.
const POLL: Duration = Duration::from_secs(2);
/// After the database failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Tries of a frame that is filed alone, before it is set aside.
const TRIES: u32 = 3;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);
/// Filing that did not look for frames for so long does not run.
const LONGEST_BATCH: Duration = Duration::from_secs(30);

/// When filing last looked for frames, microseconds since the epoch; 0 for never.
#[derive(Debug, Default)]
pub(crate) struct Pulse(AtomicI64);

impl Pulse {
    /// What is wrong with filing, if something is.
    pub fn problem(&self, now: Timestamp) -> Option<String> {
        let last = self.0.load(Ordering::Relaxed);
        let silent = now.since(Timestamp(last));
        let text = || format!("it has not looked for deliveries for {} s", silent.as_secs());
        (last != 0 && silent > LONGEST_BATCH).then(text)
    }
}

impl Engine {
    fn note_filing(&self) {
        self.0.filing_pulse.0.store(self.clock().now().0.max(1), Ordering::Relaxed);
    }
}

/// Files until the engine stops, and then what is left.
pub(crate) async fn run(engine: Engine) {
    while let Err(error) = gaps::tell(&engine).await {
        if engine.is_stopping() {
            return;
        }
        note_failure(&engine, &Failure::Store(error));
        tokio::time::sleep(PAUSE).await;
    }
    loop {
        let stopping = engine.is_stopping();
        let started = Instant::now();
        engine.note_filing();
        match attempt(file_once(&engine)).await {
            Ok(true) => engine.0.inbox.crowd.give_way(started.elapsed()).await,
            // What is not filed stays where it is, durable, for the next start.
            Ok(false) | Err(_) if stopping => return,
            Ok(false) => tokio::select! {
                () = engine.0.filing.notified() => {}
                () = tokio::time::sleep(POLL) => tidy(&engine).await,
            },
            // Somebody else made a record that we were about to make: what they wrote is seen the next time.
            Err(Failure::Store(StoreError::Conflict)) => {}
            Err(failure) => {
                note_failure(&engine, &failure);
                let filed =
                    if failure.blames_the_work() { Box::pin(file_frame_by_frame(&engine)).await } else { Ok(false) };
                match filed {
                    Ok(true) => {}
                    Ok(false) => tokio::time::sleep(PAUSE).await,
                    Err(error) => {
                        note_failure(&engine, &Failure::Store(error));
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        }
    }
}

/// Files one batch; `false` when there was none.
pub(crate) async fn file_once(engine: &Engine) -> Result<bool, StoreError> {
    let durable = &engine.0.inbox.durable;
    let most = if engine.0.inbox.crowd.is_there() { EVENTS_IN_A_CROWD } else { EVENTS };
    let Some(filing) = durable.store.begin_filing(&durable.journal, most).await? else {
        durable.note_back();
        return Ok(false);
    };
    file(engine, filing, engine.works()).await
}

/// After a batch failed because of something in it: the next frame of each connection by itself. Its events are left to
/// the worker, which takes them one by one, so only what cannot even be stored keeps a frame from being filed. Such a
/// delivery is set aside for people, because it would hold up everything behind it for ever. `false` when no frame is out
/// of the way.
async fn file_frame_by_frame(engine: &Engine) -> Result<bool, StoreError> {
    let durable = &engine.0.inbox.durable;
    let mut any = false;
    for key in durable.store.next_frames(&durable.journal).await? {
        for tries in 1..=TRIES {
            let Err(failure) = attempt(file_frame(engine, &key)).await else {
                any = true;
                break;
            };
            if !failure.blames_the_work() {
                note_failure(engine, &failure);
                break;
            }
            if tries == TRIES {
                // Proves that it is not the database after all.
                durable.store.check_writable().await?;
                match attempt(Box::pin(file_apart(engine, &key))).await {
                    Ok(()) => any = true,
                    Err(failure) if failure.blames_the_work() => {
                        set_aside(engine, &key, &failure.why()).await?;
                        any = true;
                    }
                    Err(failure) => note_failure(engine, &failure),
                }
            } else {
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
        }
    }
    Ok(any)
}

async fn file_frame(engine: &Engine, key: &FrameKey) -> Result<bool, StoreError> {
    let durable = &engine.0.inbox.durable;
    match durable.store.begin_filing_frame(&durable.journal, key).await? {
        Some(filing) => file(engine, filing, false).await,
        None => Ok(false),
    }
}

/// Files what can be filed of a frame, in its order, and sets each delivery aside that cannot be. A part that fails is halved
/// until the failure is of one delivery.
async fn file_apart(engine: &Engine, key: &FrameKey) -> Result<(), StoreError> {
    let durable = &engine.0.inbox.durable;
    let mut unfileable = Vec::new();
    let mut parts = vec![durable.store.deliveries_of(&durable.journal, key).await?];
    while let Some(mut part) = parts.pop() {
        engine.note_filing();
        let Err(failure) = attempt(file_part(engine, part.clone())).await else { continue };
        let why = failure.apart_from_trouble()?;
        if part.len() > 1 {
            let later = part.split_off(part.len() / 2);
            parts.extend([later, part]);
        } else {
            unfileable.extend(part.into_iter().map(|event| Unfileable { event, why: why.clone() }));
        }
    }
    durable.store.finish_frame(&durable.journal, key, &unfileable).await?;
    for Unfileable { event, why } in &unfileable {
        tell_aside(&event.connection, why);
    }
    Ok(())
}

async fn file_part(engine: &Engine, part: Vec<NewEvent>) -> Result<bool, StoreError> {
    let filing = engine.0.inbox.durable.store.begin_filing_part(part).await?;
    file(engine, filing, false).await
}

/// All of a frame, where not even its parts can be handled.
async fn set_aside(engine: &Engine, key: &FrameKey, why: &str) -> Result<(), StoreError> {
    let durable = &engine.0.inbox.durable;
    durable.store.set_frame_aside(&durable.journal, key, why).await?;
    tell_aside(&key.connection, why);
    Ok(())
}

fn tell_aside(connection: &str, why: &str) {
    metrics::counter!("patchbay_frames_set_aside_total").increment(1);
    limited!(
        error,
        connection,
        why,
        "deliveries cannot be filed and are set aside; `patchbay inbox` lists them and files them again"
    );
}

/// `effects`: whether what is known at once is written with the events.
async fn file(engine: &Engine, mut filing: Filing, effects: bool) -> Result<bool, StoreError> {
    let mut news = Vec::new();
    let outcomes = if effects {
        work_on(engine, &mut filing, &mut news).await?
    } else {
        vec![FiledAs::Pending; filing.events.len()]
    };
    let pending: BTreeSet<String> = filing
        .events
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| **outcome == FiledAs::Pending)
        .map(|(event, _)| event.connection.clone())
        .collect();
    let tally = Tally::of(&filing, &outcomes);
    news.extend(arrivals(engine, &filing.events));
    filing.commit(outcomes).await?;
    tally.write();
    worker::publish(engine, news);
    for connection in pending {
        engine.0.work.ring(&connection);
    }
    Ok(true)
}

fn note_failure(engine: &Engine, failure: &Failure) {
    let durable = &engine.0.inbox.durable;
    match failure {
        Failure::Store(error) if durable.store.keeps_frames() && error.is_away() => {
            durable.note_away(&error.to_string());
        }
        failure => {
            let why = failure.why();
            limited!(error, why, "deliveries are durable but could not be filed; it is tried again");
        }
    }
}

async fn tidy(engine: &Engine) {
    let durable = &engine.0.inbox.durable;
    if let Err(error) = durable.store.tidy_journal(&durable.journal).await {
        limited!(warn, %error, "the inbox's file was not tidied; it is tried again");
    }
}

/// A new event with what it means.
struct Read {
    started_at: Timestamp,
    projected: Result<Projection, ProviderError>,
}

fn read(engine: &Engine, event: &NewEvent) -> Read {
    Read { started_at: engine.clock().now(), projected: worker::project(engine, event) }
}

/// Writes the effects that are known at once and says of each event what became of it.
async fn work_on(
    engine: &Engine,
    filing: &mut Filing,
    news: &mut Vec<LiveMessage>,
) -> Result<Vec<FiledAs>, StoreError> {
    let Filing { tx, events, must_wait, .. } = filing;
    let read: Vec<Read> = events.iter().map(|event| read(engine, event)).collect();
    tx.prepare(objects(events, &read)).await?;
    let mut held: BTreeSet<(&str, &ObjectKey)> = BTreeSet::new();
    let mut outcomes = Vec::with_capacity(events.len());
    for ((event, read), must_wait) in events.iter().zip(&read).zip(must_wait) {
        let line = event.envelope.object.as_ref().map(|object| (event.connection.as_str(), object));
        let in_line = *must_wait || line.is_some_and(|line| held.contains(&line));
        let outcome = if in_line { FiledAs::Pending } else { apply(engine, tx, event, read, news).await? };
        if outcome == FiledAs::Pending {
            held.extend(line);
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// Everything that the batch may write, so that it is read in few statements.
fn objects(events: &[NewEvent], read: &[Read]) -> BTreeSet<(String, ObjectKey)> {
    let mut objects = BTreeSet::new();
    for (event, read) in events.iter().zip(read) {
        if let Ok(Projection::Changes(changes)) = &read.projected {
            objects.extend(changes.iter().map(|change| (event.connection.clone(), change.key.clone())));
        }
    }
    objects
}

async fn apply(
    engine: &Engine,
    tx: &mut WriteTx,
    event: &NewEvent,
    read: &Read,
    news: &mut Vec<LiveMessage>,
) -> Result<FiledAs, StoreError> {
    let changes = match &read.projected {
        Ok(Projection::Changes(changes)) => changes,
        Ok(Projection::Skipped) => return Ok(FiledAs::Skipped(first_attempt(engine, read, "skipped"))),
        Ok(Projection::SetAside(why)) => {
            let attempt = first_attempt(engine, read, "skipped");
            return Ok(FiledAs::Skipped(AttemptOutcome { error: Some(why.clone()), ..attempt }));
        }
        // The worker reads it again and decides between another attempt and a dead letter.
        Ok(Projection::Partial(_) | Projection::Incomplete | Projection::Refetch(_) | Projection::Undecided(_))
        | Err(_) => return Ok(FiledAs::Pending),
    };
    let source = Source::Event { id: event.id.to_string() };
    for change in changes {
        match tx.apply(&event.connection, change, &source, None).await? {
            // What was written before the tie stays: the worker writing it again changes nothing.
            Applied::Tie => return Ok(FiledAs::Pending),
            applied => worker::note(news, &event.connection, change, &applied),
        }
    }
    Ok(FiledAs::Processed(first_attempt(engine, read, "processed")))
}

fn first_attempt(engine: &Engine, read: &Read, outcome: &str) -> AttemptOutcome {
    let taken = engine.clock().now().since(read.started_at);
    AttemptOutcome {
        started_at: read.started_at,
        duration_us: i64::try_from(taken.as_micros()).unwrap_or(i64::MAX),
        outcome: outcome.to_owned(),
        error: None,
    }
}

/// What one batch adds to the metrics, once it is committed.
struct Tally {
    stored: BTreeMap<String, u64>,
    duplicates: BTreeMap<String, u64>,
    processed: usize,
    damaged: usize,
}

impl Tally {
    fn of(filing: &Filing, outcomes: &[FiledAs]) -> Self {
        let mut stored: BTreeMap<String, u64> = BTreeMap::new();
        for event in &filing.events {
            *stored.entry(event.connection.clone()).or_default() += 1;
        }
        Self {
            stored,
            duplicates: filing.duplicates.clone(),
            processed: outcomes.iter().filter(|outcome| matches!(outcome, FiledAs::Processed(_))).count(),
            damaged: filing.damaged,
        }
    }

    fn write(self) {
        for (outcome, counts) in [("stored", self.stored), ("duplicate", self.duplicates)] {
            for (connection, count) in counts {
                metrics::counter!("patchbay_deliveries_total", "connection" => connection, "outcome" => outcome)
                    .increment(count);
            }
        }
        metrics::counter!("patchbay_events_processed_total").increment(self.processed as u64);
        if self.damaged > 0 {
            tracing::error!(frames = self.damaged, "frames could not be unpacked and are set aside in the inbox");
        }
    }
}

fn arrivals(engine: &Engine, events: &[NewEvent]) -> Vec<LiveMessage> {
    if !engine.0.bus.is_watched() {
        return Vec::new();
    }
    let message =
        |event: &NewEvent| LiveMessage::new("events", event.id.to_string(), event.envelope.event_type.clone());
    events.iter().map(message).collect()
}
