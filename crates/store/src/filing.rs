//! From frames to events: deduplicated, indexed and visible, exactly once each.
//!
//! `PostgreSQL` keeps its frames beside the events, so taking one out and storing its events is one transaction. A local
//! journal is another file: how far it is filed is written with the events, and the frames are deleted afterwards.

use crate::{
    AttemptOutcome, Frame, Journal, NewEvent, Store, StoreError, WriteTx,
    counts::Counter,
    events::{Entry, which_are_new},
    journal::last_within,
    sql::{Sql, Tx},
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
    /// New events, in the order of their delivery.
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
        last: i64,
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
    /// Keeps deliveries in the database itself; durable when this returns. `PostgreSQL` only: with `SQLite`
    /// [`Journal::append`] does it.
    pub async fn append_frame(&self, frame: &Frame) -> Result<(), StoreError> {
        let sql = Sql::new("INSERT INTO inbox_frames (events, frame) VALUES (")
            .bind(frame.events)
            .push(", ")
            .bind(frame.bytes.clone())
            .push(")");
        self.execute(sql).await.map(drop)
    }

    /// Whether deliveries are kept in the database itself, rather than in the local journal.
    pub fn keeps_frames(&self) -> bool {
        self.is_postgres()
    }

    /// Takes the oldest frames that are not filed: the database's own before the journal's, which took over later. At
    /// least one frame, and further ones as long as they hold no more than `most` deliveries together. `None` when there
    /// are none.
    pub async fn begin_filing(&self, journal: &Journal, most: i64) -> Result<Option<Filing>, StoreError> {
        if self.keeps_frames()
            && let Some(filing) = self.begin_filing_own(most).await?
        {
            return Ok(Some(filing));
        }
        let frames = journal.after(self.position(journal).await?, most).await?;
        let Some((last, _)) = frames.last() else { return Ok(None) };
        let last = *last;
        let mut tx = self.begin().await?;
        lock_filing(&mut tx.tx).await?;
        // Another process may have filed from the same journal meanwhile.
        let position = tx.tx.optional::<(i64,)>(position_of(journal)).await?.map_or(0, |row| row.0);
        let (events, damaged) = unpack(frames.iter().filter(|(seq, _)| *seq > position));
        // Before the position passes it, so that it is never deleted as filed.
        for seq in &damaged {
            journal.set_aside(*seq).await?;
        }
        let source = Source::Journal { journal: journal.clone(), last: last.max(position) };
        Filing::of(tx, events, damaged.len(), source).await.map(Some)
    }

    async fn begin_filing_own(&self, most: i64) -> Result<Option<Filing>, StoreError> {
        let waiting = "SELECT seq, events FROM inbox_frames WHERE damaged = 0 ORDER BY seq LIMIT 256";
        // A look without the lock first: most of the time there is nothing.
        if self.optional::<(i64, i64)>(Sql::new(waiting)).await?.is_none() {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        lock_filing(&mut tx.tx).await?;
        let sizes = tx.tx.all::<(i64, i64)>(Sql::new(waiting)).await?;
        let Some(last) = last_within(&sizes, most) else { return Ok(None) };
        let sql = Sql::new("SELECT seq, frame FROM inbox_frames WHERE damaged = 0 AND seq <= ")
            .bind(last)
            .push(" ORDER BY seq");
        let frames = tx.tx.all::<(i64, Vec<u8>)>(sql).await?;
        let (events, damaged) = unpack(frames.iter());
        for seq in &damaged {
            tx.tx.execute(Sql::new("UPDATE inbox_frames SET damaged = 1 WHERE seq = ").bind(*seq)).await?;
        }
        let filed = frames.iter().map(|(seq, _)| *seq).filter(|seq| !damaged.contains(seq)).collect();
        Filing::of(tx, events, damaged.len(), Source::Own { filed }).await.map(Some)
    }

    /// Deletes what is filed from the journal's file.
    pub async fn tidy_journal(&self, journal: &Journal) -> Result<(), StoreError> {
        journal.forget(self.position(journal).await?, true).await
    }

    /// Deliveries that are durable and not yet filed.
    pub async fn unfiled(&self, journal: &Journal) -> Result<i64, StoreError> {
        let local = journal.waiting_after(self.position(journal).await?).await?;
        if !self.is_postgres() {
            return Ok(local);
        }
        let sql = Sql::new("SELECT CAST(COALESCE(SUM(events), 0) AS BIGINT) FROM inbox_frames WHERE damaged = 0");
        Ok(local + self.optional::<(i64,)>(sql).await?.map_or(0, |row| row.0))
    }

    async fn position(&self, journal: &Journal) -> Result<i64, StoreError> {
        Ok(self.optional::<(i64,)>(position_of(journal)).await?.map_or(0, |row| row.0))
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
        match &self.source {
            Source::Own { filed } => {
                let sql = Sql::new("DELETE FROM inbox_frames WHERE seq IN (")
                    .rows(filed.iter().map(|seq| vec![(*seq).into()]))
                    .push(")");
                self.tx.tx.execute(sql).await?;
                self.tx.commit().await
            }
            Source::Journal { journal, last } => {
                let sql = Sql::new("INSERT INTO inbox_positions (journal, seq) VALUES (")
                    .bind(journal.id())
                    .push(", ")
                    .bind(*last)
                    .push(") ON CONFLICT (journal) DO UPDATE SET seq = excluded.seq");
                self.tx.tx.execute(sql).await?;
                self.tx.commit().await?;
                journal.forget(*last, false).await
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

fn position_of(journal: &Journal) -> Sql {
    Sql::new("SELECT seq FROM inbox_positions WHERE journal = ").bind(journal.id())
}

/// One filer at a time, as `SQLite` has one writer.
pub(crate) async fn lock_filing(tx: &mut Tx) -> Result<(), StoreError> {
    if tx.is_postgres() {
        let lock = Sql::new("SELECT CAST(1 AS BIGINT) FROM pg_advisory_xact_lock(").bind(FILING_LOCK).push(")");
        tx.optional::<(i64,)>(lock).await?;
    }
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
