//! From frames to events: deduplicated, indexed and visible, exactly once each.
//!
//! `PostgreSQL` keeps its frames beside the events, so taking one out and storing its events is one transaction. A local
//! journal is another file: how far it is filed is written with the events, and the frames are deleted afterwards.

use crate::{
    AttemptOutcome, Frame, Journal, NewEvent, Store, StoreError, WriteTx,
    counts::Counter,
    events::{Entry, which_are_new},
    sql::{Sql, Tx},
    waiting::{self, Positions},
};
use patchbay_domain::event::EventState;
use std::collections::{BTreeMap, HashSet};

/// Names the lock under which `PostgreSQL` files: "files" in ASCII.
const FILING_LOCK: i64 = 0x66_69_6c_65_73;

/// A batch on its way from frames to events. Its effects, where they are known at once, belong into [`Filing::tx`].
/// Dropping it leaves everything as it was.
#[derive(Debug)]
pub struct Filing {
    pub tx: WriteTx,
    /// New events, those of each connection in the order of their delivery.
    pub events: Vec<NewEvent>,
    /// For each of them: an earlier event of its object is not finished, so its effects have to wait.
    pub must_wait: Vec<bool>,
    /// Deliveries of events that were there already, by connection.
    pub duplicates: BTreeMap<String, u64>,
    /// Frames that could not be unpacked and are set aside.
    pub damaged: usize,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// The database's own frames.
    Own {
        filed: Vec<i64>,
    },
    Journal {
        journal: Journal,
        last: Positions,
        frames: usize,
    },
}

/// What became of a new event while it was filed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FiledAs {
    /// For a worker.
    Pending,
    /// Its effects are in the same transaction.
    Processed(AttemptOutcome),
    /// Nothing here reads it.
    Skipped(AttemptOutcome),
}

impl Store {
    /// Keeps deliveries in the database itself; durable when this returns, all of them or none. `PostgreSQL` only: with
    /// `SQLite` [`Journal::append`] does it.
    pub async fn append_frames(&self, frames: &[Frame]) -> Result<(), StoreError> {
        self.execute(waiting::insert(frames)).await.map(drop)
    }

    /// Whether deliveries are kept in the database itself, rather than in the local journal.
    pub fn keeps_frames(&self) -> bool {
        self.is_postgres()
    }

    /// Takes the oldest frames that are not filed, of each connection that has some, and the database's own before the
    /// journal's, which took over later. One frame of each connection at least, and further ones as long as they hold no
    /// more than `most` deliveries together. `None` when there are none.
    pub async fn begin_filing(&self, journal: &Journal, most: i64) -> Result<Option<Filing>, StoreError> {
        if self.keeps_frames()
            && let Some(filing) = self.begin_filing_own(most).await?
        {
            return Ok(Some(filing));
        }
        let mut frames = journal.after(&self.positions(journal).await?, most).await?;
        if frames.is_empty() {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        lock_filing(&mut tx.tx).await?;
        // Another process may have filed from the same journal meanwhile.
        for (connection, position) in tx.tx.all::<(String, i64)>(positions_of(journal)).await? {
            if let Some(frames) = frames.get_mut(&connection) {
                frames.retain(|(seq, _)| *seq > position);
            }
        }
        let (events, damaged) = unpack(frames.values().flatten());
        // Before the position passes it, so that it is never deleted as filed.
        for seq in &damaged {
            journal.set_aside(*seq).await?;
        }
        let count = frames.values().map(Vec::len).sum();
        let last = |(connection, frames): (String, Vec<(i64, Vec<u8>)>)| Some((connection, frames.last()?.0));
        let last = frames.into_iter().filter_map(last).collect();
        let source = Source::Journal { journal: journal.clone(), last, frames: count };
        Filing::of(tx, events, damaged.len(), source).await.map(Some)
    }

    async fn begin_filing_own(&self, most: i64) -> Result<Option<Filing>, StoreError> {
        // A look without the lock first: most of the time there is nothing.
        let connections = self.all::<(String,)>(waiting::connections()).await?;
        if connections.is_empty() {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        lock_filing(&mut tx.tx).await?;
        commit_without_waiting(&mut tx.tx).await?;
        let mut sizes = BTreeMap::new();
        for (connection,) in connections {
            let next = tx.tx.all(waiting::sizes(&connection, 0)).await?;
            sizes.insert(connection, next);
        }
        let mut frames: Vec<(i64, Vec<u8>)> = Vec::new();
        for (connection, last) in waiting::take_turns(sizes, most) {
            frames.extend(tx.tx.all(waiting::frames(&connection, 0, last)).await?);
        }
        if frames.is_empty() {
            return Ok(None);
        }
        let (events, damaged) = unpack(frames.iter());
        for seq in &damaged {
            tx.tx.execute(Sql::new("UPDATE inbox_frames SET damaged = 1 WHERE seq = ").bind(*seq)).await?;
        }
        let filed = frames.iter().map(|(seq, _)| *seq).filter(|seq| !damaged.contains(seq)).collect();
        Filing::of(tx, events, damaged.len(), Source::Own { filed }).await.map(Some)
    }

    /// Deletes what is filed from the journal's file.
    pub async fn tidy_journal(&self, journal: &Journal) -> Result<(), StoreError> {
        journal.forget_now(&self.positions(journal).await?).await
    }

    /// Deliveries that are durable and not yet filed.
    pub async fn unfiled(&self, journal: &Journal) -> Result<i64, StoreError> {
        let local = journal.waiting_after(&self.positions(journal).await?).await?;
        if !self.is_postgres() {
            return Ok(local);
        }
        let own = self.optional::<(i64,)>(waiting::deliveries_beyond(&Positions::new())).await?;
        Ok(local + own.map_or(0, |row| row.0))
    }

    async fn positions(&self, journal: &Journal) -> Result<Positions, StoreError> {
        Ok(self.all::<(String, i64)>(positions_of(journal)).await?.into_iter().collect())
    }
}

impl Filing {
    async fn of(mut tx: WriteTx, all: Vec<NewEvent>, damaged: usize, source: Source) -> Result<Self, StoreError> {
        let new = which_are_new(&mut tx.tx, &all).await?;
        tx.count_deliveries(&all, &new);
        let mut duplicates: BTreeMap<String, u64> = BTreeMap::new();
        let mut events = Vec::with_capacity(all.len());
        for (event, new) in all.into_iter().zip(new) {
            if new {
                events.push(event);
            } else {
                *duplicates.entry(event.connection).or_default() += 1;
            }
        }
        let unfinished = unfinished_objects(&mut tx.tx, &events).await?;
        let must_wait = events.iter().map(|event| line(event).is_some_and(|line| unfinished.contains(&line))).collect();
        Ok(Self { tx, events, must_wait, duplicates, damaged, source })
    }

    /// Stores the events with what became of them, one of `outcomes` for each, and their effects.
    pub async fn commit(mut self, outcomes: Vec<FiledAs>) -> Result<(), StoreError> {
        let now = self.tx.store.now();
        let mut rows = Vec::with_capacity(self.events.len());
        for (event, outcome) in self.events.iter().zip(outcomes) {
            let (state, attempt) = match outcome {
                FiledAs::Pending => {
                    rows.push((event, Entry { state: EventState::Pending, attempts: 0, finished_at: None }));
                    continue;
                }
                FiledAs::Processed(attempt) => (EventState::Processed, attempt),
                FiledAs::Skipped(attempt) => (EventState::Skipped, attempt),
            };
            rows.push((event, Entry { state, attempts: 1, finished_at: Some(now) }));
            self.tx.counts.add(&event.connection, now, Counter::Processed);
            self.tx.note_attempt(event.id, attempt);
        }
        self.tx.insert_new(&rows).await?;
        match self.source {
            Source::Own { filed } => {
                let sql = Sql::new("DELETE FROM inbox_frames WHERE seq IN (")
                    .rows(filed.iter().map(|seq| vec![(*seq).into()]))
                    .push(")");
                self.tx.tx.execute(sql).await?;
                self.tx.commit().await
            }
            Source::Journal { journal, last, frames } => {
                let rows =
                    last.iter().map(|(connection, seq)| vec![journal.id().into(), connection.into(), (*seq).into()]);
                let sql = Sql::new("INSERT INTO inbox_positions (journal, connection, seq) ")
                    .rows(rows)
                    .push(" ON CONFLICT (journal, connection) DO UPDATE SET seq = excluded.seq");
                if !last.is_empty() {
                    self.tx.tx.execute(sql).await?;
                }
                self.tx.commit().await?;
                journal.forget(last, frames).await
            }
        }
    }
}

/// Events of one object stay in line behind each other.
type Line = (String, String, String);

fn line(event: &NewEvent) -> Option<Line> {
    let object = event.envelope.object.as_ref()?;
    Some((event.connection.clone(), object.kind.to_string(), object.id.clone()))
}

/// Objects with events that are not finished. Index `events_pending_object`.
async fn unfinished_objects(tx: &mut Tx, events: &[NewEvent]) -> Result<HashSet<Line>, StoreError> {
    let objects: HashSet<Line> = events.iter().filter_map(line).collect();
    let objects: Vec<Line> = objects.into_iter().collect();
    let mut unfinished = HashSet::new();
    for chunk in objects.chunks(tx.rows_at_once()) {
        let sql = Sql::new(
            "SELECT DISTINCT connection, object_kind, object_id FROM events WHERE state = 'pending' \
             AND (connection, object_kind, object_id) IN (",
        )
        .rows(chunk.iter().map(|(connection, kind, id)| vec![connection.into(), kind.into(), id.into()]))
        .push(")");
        unfinished.extend(tx.all::<Line>(sql).await?);
    }
    Ok(unfinished)
}

fn positions_of(journal: &Journal) -> Sql {
    Sql::new("SELECT connection, seq FROM inbox_positions WHERE journal = ").bind(journal.id())
}

/// One filer at a time, as `SQLite` has one writer.
pub(crate) async fn lock_filing(tx: &mut Tx) -> Result<(), StoreError> {
    if tx.is_postgres() {
        let lock = Sql::new("SELECT CAST(1 AS BIGINT) FROM pg_advisory_xact_lock(").bind(FILING_LOCK).push(")");
        tx.optional::<(i64,)>(lock).await?;
    }
    Ok(())
}

/// `PostgreSQL` need not wait until this transaction is on disk: it stores events and deletes their frames in one, so a
/// crash before that brings the frames back, to be filed again. The next commit that waits, as the inbox's and the
/// worker's do, makes it durable too. Not for frames of a local journal, which forgets what the database says it has.
async fn commit_without_waiting(tx: &mut Tx) -> Result<(), StoreError> {
    let setting = Sql::new("SELECT set_config('synchronous_commit', 'off', true)");
    tx.optional::<(String,)>(setting).await?;
    Ok(())
}

/// The deliveries of some frames, and which frames hold none that can be read.
fn unpack<'a>(frames: impl Iterator<Item = &'a (i64, Vec<u8>)>) -> (Vec<NewEvent>, Vec<i64>) {
    let mut events = Vec::new();
    let mut damaged = Vec::new();
    for (seq, bytes) in frames {
        match Frame::unpack(bytes) {
            Ok(some) => events.extend(some),
            Err(_) => damaged.push(*seq),
        }
    }
    (events, damaged)
}
