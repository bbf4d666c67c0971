//! From frames to events: deduplicated, indexed and visible, exactly once each.
//!
//! `PostgreSQL` keeps its frames beside the events, so taking one out and storing its events is one transaction. A local
//! journal is another file: how far it is filed is written with the events, and the frames are deleted afterwards.

use crate::{
    Frame, Journal, NewEvent, Store, StoreError,
    events::insert_events_in,
    journal::last_within,
    sql::{Sql, Tx},
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Deliveries that are filed in one transaction.
const EVENTS: i64 = 512;
/// Names the lock under which `PostgreSQL` files: "files" in ASCII.
const FILING_LOCK: i64 = 0x66_69_6c_65_73;

/// What was filed by one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filed {
    /// Events that are new, in the order of their delivery.
    pub new: Vec<FiledEvent>,
    /// Deliveries of events that were there already, by connection.
    pub duplicates: BTreeMap<String, u64>,
    /// Frames that could not be unpacked and were set aside.
    pub damaged: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FiledEvent {
    pub id: Uuid,
    pub connection: String,
    pub event_type: String,
}

impl Filed {
    /// There was nothing to file.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.duplicates.is_empty() && self.damaged == 0
    }

    fn of(events: Vec<NewEvent>, new: &[bool]) -> Self {
        let mut filed = Self::default();
        for (event, new) in events.into_iter().zip(new) {
            if *new {
                let NewEvent { id, connection, envelope, .. } = event;
                filed.new.push(FiledEvent { id, connection, event_type: envelope.event_type });
            } else {
                *filed.duplicates.entry(event.connection).or_default() += 1;
            }
        }
        filed
    }
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

    /// Files some of the database's own frames, oldest first.
    pub async fn file_own_frames(&self) -> Result<Filed, StoreError> {
        let mut tx = self.write().await?;
        lock_filing(&mut tx).await?;
        let sizes = tx
            .all::<(i64, i64)>(Sql::new(
                "SELECT seq, events FROM inbox_frames WHERE damaged = 0 ORDER BY seq LIMIT 256",
            ))
            .await?;
        let Some(last) = last_within(&sizes, EVENTS) else { return Ok(Filed::default()) };
        let sql = Sql::new("SELECT seq, frame FROM inbox_frames WHERE damaged = 0 AND seq <= ")
            .bind(last)
            .push(" ORDER BY seq");
        let frames = tx.all::<(i64, Vec<u8>)>(sql).await?;
        let (events, damaged) = unpack(&frames);
        let new = insert_events_in(&mut tx, &events).await?;
        for seq in &damaged {
            tx.execute(Sql::new("UPDATE inbox_frames SET damaged = 1 WHERE seq = ").bind(*seq)).await?;
        }
        let filed = frames.iter().map(|(seq, _)| *seq).filter(|seq| !damaged.contains(seq));
        tx.execute(Sql::new("DELETE FROM inbox_frames WHERE seq IN ").list(filed)).await?;
        tx.commit().await?;
        Ok(Filed { damaged: damaged.len(), ..Filed::of(events, &new) })
    }

    /// Files some of a journal's frames, oldest first.
    pub async fn file_journal(&self, journal: &Journal) -> Result<Filed, StoreError> {
        let mut frames = journal.after(self.position(journal).await?, EVENTS).await?;
        let Some((last, _)) = frames.last() else { return Ok(Filed::default()) };
        let last = *last;
        let mut tx = self.write().await?;
        lock_filing(&mut tx).await?;
        // Another process may have filed from the same journal meanwhile.
        let position = tx.optional::<(i64,)>(position_of(journal)).await?.map_or(0, |row| row.0);
        frames.retain(|(seq, _)| *seq > position);
        let (events, damaged) = unpack(&frames);
        let new = insert_events_in(&mut tx, &events).await?;
        let sql = Sql::new("INSERT INTO inbox_positions (journal, seq) VALUES (")
            .bind(journal.id())
            .push(", ")
            .bind(last.max(position))
            .push(") ON CONFLICT (journal) DO UPDATE SET seq = excluded.seq");
        // Before the position passes it, so that it can never be deleted as filed.
        for seq in &damaged {
            journal.set_aside(*seq).await?;
        }
        tx.execute(sql).await?;
        tx.commit().await?;
        journal.forget(last, false).await?;
        Ok(Filed { damaged: damaged.len(), ..Filed::of(events, &new) })
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

fn position_of(journal: &Journal) -> Sql {
    Sql::new("SELECT seq FROM inbox_positions WHERE journal = ").bind(journal.id())
}

/// One filer at a time, as `SQLite` has one writer.
async fn lock_filing(tx: &mut Tx) -> Result<(), StoreError> {
    if tx.is_postgres() {
        let lock = Sql::new("SELECT CAST(1 AS BIGINT) FROM pg_advisory_xact_lock(").bind(FILING_LOCK).push(")");
        tx.optional::<(i64,)>(lock).await?;
    }
    Ok(())
}

/// The deliveries of some frames, and which frames hold none that can be read.
fn unpack(frames: &[(i64, Vec<u8>)]) -> (Vec<NewEvent>, Vec<i64>) {
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
