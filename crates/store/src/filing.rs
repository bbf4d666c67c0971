//! From frames to events: deduplicated, indexed and visible, exactly once each.
//!
//! `PostgreSQL` keeps its frames beside the events, so taking one out and storing its events is one transaction. A local
//! journal is another file: how far it is filed is written with the events, and the frames are deleted later.

use crate::{
    AttemptOutcome, Frame, Journal, NewEvent, Store, StoreError, Waiting, WriteTx,
    counts::Counter,
    events::{Entry, which_are_new},
    journal::{Line, Positions, Unfiled},
    sql::{Sql, Tx},
    waiting,
};
use patchbay_domain::{Timestamp, event::EventState};
use std::collections::{BTreeMap, BTreeSet, HashSet};

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
pub(crate) enum Source {
    /// The database's own frames.
    Own {
        filed: Vec<i64>,
    },
    Journal {
        journal: Journal,
        last: Positions,
        frames: usize,
    },
    /// Of a frame that stays as it is for now.
    Part,
}

/// What became of a new event while it was filed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FiledAs {
    /// For a worker.
    Pending,
    /// Its effects are in the same transaction.
    Processed(AttemptOutcome),
    /// Nothing here reads it; the attempt says why, where that is not only its type.
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
        let mut lines = journal.lines().await?;
        let mut filed = self.positions(&lines).await?;
        if journal.renew_if_set_back(&filed, self.new_id()).await? {
            lines = journal.lines().await?;
            filed = self.positions(&lines).await?;
        }
        let mut frames = journal.after(lines, &filed, most).await?;
        if frames.is_empty() {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        lock_filing(&mut tx.tx).await?;
        // Another process may have filed from the same journal meanwhile.
        let epochs = frames.values().flatten().map(|frame| frame.epoch.as_str()).collect();
        let filed: Positions = tx.tx.all(positions_of(epochs)).await?.into_iter().map(position).collect();
        for (connection, frames) in &mut frames {
            frames.retain(|frame| {
                let line = Line { epoch: frame.epoch.clone(), connection: connection.clone() };
                filed.get(&line).is_none_or(|filed| frame.seq > *filed)
            });
        }
        let (events, damaged) = unpack(frames.values().flatten().map(|frame| (frame.seq, frame.bytes.as_slice())));
        // Before the position passes it, so that it is never deleted as filed.
        for seq in &damaged {
            journal.set_aside(*seq).await?;
        }
        let count = frames.values().map(Vec::len).sum();
        let last = last_of_lines(frames);
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
            let next = tx.tx.all(waiting::sizes(&connection)).await?;
            sizes.insert(connection, next);
        }
        let mut frames: Vec<(i64, Vec<u8>)> = Vec::new();
        for (connection, last) in waiting::take_turns(sizes, most) {
            frames.extend(tx.tx.all(waiting::frames(&connection, last)).await?);
        }
        if frames.is_empty() {
            return Ok(None);
        }
        let (events, damaged) = unpack(frames.iter().map(|(seq, bytes)| (*seq, bytes.as_slice())));
        for seq in &damaged {
            tx.tx.execute(Sql::new("UPDATE inbox_frames SET damaged = 1 WHERE seq = ").bind(*seq)).await?;
        }
        let filed = frames.iter().map(|(seq, _)| *seq).filter(|seq| !damaged.contains(seq)).collect();
        Filing::of(tx, events, damaged.len(), Source::Own { filed }).await.map(Some)
    }

    /// Deletes from the journal's file what is filed and need not stay.
    pub async fn tidy_journal(&self, journal: &Journal) -> Result<(), StoreError> {
        let lines = journal.lines().await?;
        journal.tidy(&self.positions(&lines).await?, self.now()).await?;
        for epoch in journal.ended(&lines).await? {
            // In this order, so that what is missing here is never missed there.
            journal.drop_epoch(&epoch).await?;
            self.execute(Sql::new("DELETE FROM inbox_positions WHERE journal = ").bind(epoch)).await?;
        }
        Ok(())
    }

    /// Deliveries that are durable and not yet filed.
    pub async fn unfiled(&self, journal: &Journal) -> Result<i64, StoreError> {
        Ok(self.waiting(journal).await?.deliveries)
    }

    /// The same, and since when.
    pub async fn waiting(&self, journal: &Journal) -> Result<Waiting, StoreError> {
        let lines = journal.lines().await?;
        let mut waiting = journal.waiting_after(&lines, &self.positions(&lines).await?).await?;
        if self.keeps_frames() {
            let own = self.optional::<(i64,)>(waiting::deliveries()).await?;
            waiting.add(own.map_or(0, |row| row.0), None);
            for (connection,) in self.all::<(String,)>(waiting::connections()).await? {
                let oldest = self.optional::<(i64,)>(waiting::oldest(&connection)).await?;
                waiting.add(0, oldest.map(|row| Timestamp(row.0)));
            }
        }
        Ok(waiting)
    }

    pub(crate) async fn positions(&self, lines: &[Line]) -> Result<Positions, StoreError> {
        let epochs = lines.iter().map(|line| line.epoch.as_str()).collect();
        Ok(self.all(positions_of(epochs)).await?.into_iter().map(position).collect())
    }
}

impl Filing {
    pub(crate) async fn of(
        mut tx: WriteTx,
        all: Vec<NewEvent>,
        damaged: usize,
        source: Source,
    ) -> Result<Self, StoreError> {
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
                    rows.push((event, Entry::pending()));
                    continue;
                }
                FiledAs::Processed(attempt) => (EventState::Processed, attempt),
                FiledAs::Skipped(attempt) => (EventState::Skipped, attempt),
            };
            rows.push((event, Entry { state, attempts: 1, finished_at: Some(now), why: attempt.error.clone() }));
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
                if !last.is_empty() {
                    self.tx.tx.execute(put_positions(last.iter().map(|(line, seq)| (line, *seq)))).await?;
                }
                self.tx.commit().await?;
                journal.forget(last, frames, now).await
            }
            Source::Part => self.tx.commit().await,
        }
    }
}

/// Events of one object stay in line behind each other.
type ObjectLine = (String, String, String);

fn line(event: &NewEvent) -> Option<ObjectLine> {
    let object = event.envelope.object.as_ref()?;
    Some((event.connection.clone(), object.kind.to_string(), object.id.clone()))
}

/// Objects with events that are not finished. Index `events_pending_object`.
async fn unfinished_objects(tx: &mut Tx, events: &[NewEvent]) -> Result<HashSet<ObjectLine>, StoreError> {
    let objects: HashSet<ObjectLine> = events.iter().filter_map(line).collect();
    let objects: Vec<ObjectLine> = objects.into_iter().collect();
    let mut unfinished = HashSet::new();
    for chunk in objects.chunks(tx.rows_at_once()) {
        let sql = Sql::new(
            "SELECT DISTINCT connection, object_kind, object_id FROM events WHERE state = 'pending' \
             AND (connection, object_kind, object_id) IN (",
        )
        .rows(chunk.iter().map(|(connection, kind, id)| vec![connection.into(), kind.into(), id.into()]))
        .push(")");
        unfinished.extend(tx.all::<ObjectLine>(sql).await?);
    }
    Ok(unfinished)
}

pub(crate) fn positions_of(epochs: BTreeSet<&str>) -> Sql {
    let sql = Sql::new("SELECT journal, connection, seq FROM inbox_positions WHERE journal ");
    // The one text is prepared once.
    match epochs.iter().next() {
        Some(only) if epochs.len() == 1 => sql.push("= ").bind(*only),
        _ => sql.push("IN ").list(epochs),
    }
}

fn position((epoch, connection, seq): (String, String, i64)) -> (Line, i64) {
    (Line { epoch, connection }, seq)
}

pub(crate) fn put_positions<'a>(positions: impl IntoIterator<Item = (&'a Line, i64)>) -> Sql {
    let row = |(line, seq): (&Line, i64)| vec![(&line.epoch).into(), (&line.connection).into(), seq.into()];
    Sql::new("INSERT INTO inbox_positions (journal, connection, seq) ")
        .rows(positions.into_iter().map(row))
        .push(" ON CONFLICT (journal, connection) DO UPDATE SET seq = excluded.seq")
}

fn last_of_lines(frames: BTreeMap<String, Vec<Unfiled>>) -> Positions {
    let mut last = Positions::new();
    for (connection, frames) in frames {
        for frame in frames {
            last.insert(Line { epoch: frame.epoch, connection: connection.clone() }, frame.seq);
        }
    }
    last
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
pub(crate) fn unpack<'a>(frames: impl Iterator<Item = (i64, &'a [u8])>) -> (Vec<NewEvent>, Vec<i64>) {
    let mut events = Vec::new();
    let mut damaged = Vec::new();
    for (seq, bytes) in frames {
        match Frame::unpack(bytes) {
            Ok(some) => events.extend(some),
            Err(_) => damaged.push(seq),
        }
    }
    (events, damaged)
}
