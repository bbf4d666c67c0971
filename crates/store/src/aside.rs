//! What cannot be filed: found out one frame alone at a time, then one delivery alone, set aside for people, and tried again
//! when they say so.
//!
//! A delivery that is set aside gets a frame of its own, durable, which holds up nothing. `damaged` is 1 for a frame that
//! cannot be unpacked, which stays whole, and 2 for what could not be filed; `why` says more.

use crate::{
    Filing, Frame, Journal, NewEvent, Store, StoreError,
    filing::{Source, lock_filing, positions_of, put_positions, unpack},
    journal::{Line, Positions},
    sql::{Sql, Tx},
    waiting,
};
use patchbay_domain::Timestamp;
use std::collections::BTreeSet;

/// Where a frame lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FramePlace {
    Database,
    /// With the epoch that it is of.
    Journal(String),
}

/// Names one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameKey {
    pub place: FramePlace,
    pub connection: String,
    pub seq: i64,
}

/// A frame that waits for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameAside {
    pub key: FrameKey,
    /// Deliveries in it.
    pub events: i64,
    /// When the last of them came.
    pub received_at: Timestamp,
    pub why: String,
}

/// A delivery that could not be filed, and why.
#[derive(Clone, Debug)]
pub struct Unfileable {
    pub event: NewEvent,
    pub why: String,
}

impl Store {
    /// The next frame of each connection, of the database's own before the journal's.
    pub async fn next_frames(&self, journal: &Journal) -> Result<Vec<FrameKey>, StoreError> {
        let mut keys = Vec::new();
        if self.keeps_frames() {
            for (connection,) in self.all::<(String,)>(waiting::connections()).await? {
                if let Some((seq, _)) = self.all::<(i64, i64)>(waiting::sizes(&connection)).await?.first() {
                    keys.push(FrameKey { place: FramePlace::Database, connection, seq: *seq });
                }
            }
        }
        if keys.is_empty() {
            let lines = journal.lines().await?;
            let filed = self.positions(&lines).await?;
            for (connection, frames) in journal.after(lines, &filed, 0).await? {
                if let Some(frame) = frames.into_iter().next() {
                    keys.push(FrameKey { place: FramePlace::Journal(frame.epoch), connection, seq: frame.seq });
                }
            }
        }
        Ok(keys)
    }

    /// As [`Store::begin_filing`] for one frame alone. `None` when it is filed already.
    pub async fn begin_filing_frame(&self, journal: &Journal, key: &FrameKey) -> Result<Option<Filing>, StoreError> {
        let mut tx = self.begin().await?;
        lock_filing(&mut tx.tx).await?;
        let frame = Sql::new("SELECT seq, frame FROM inbox_frames WHERE damaged = 0 AND seq = ").bind(key.seq);
        let frames: Vec<(i64, Vec<u8>)> = match &key.place {
            FramePlace::Database => tx.tx.all(frame).await?,
            FramePlace::Journal(epoch) => {
                if is_filed(&mut tx.tx, epoch, key).await? {
                    return Ok(None);
                }
                journal.all(frame).await?
            }
        };
        if frames.is_empty() {
            return Ok(None);
        }
        let (events, damaged) = unpack(frames.iter().map(|(seq, bytes)| (*seq, bytes.as_slice())));
        let source = match &key.place {
            FramePlace::Database => {
                for seq in &damaged {
                    tx.tx.execute(set_aside(*seq, UNREADABLE, "it cannot be unpacked")).await?;
                }
                let filed = if damaged.is_empty() { vec![key.seq] } else { Vec::new() };
                Source::Own { filed }
            }
            FramePlace::Journal(epoch) => {
                for seq in &damaged {
                    journal.set_aside(*seq).await?;
                }
                let line = Line { epoch: epoch.clone(), connection: key.connection.clone() };
                Source::Journal { journal: journal.clone(), last: Positions::from([(line, key.seq)]), frames: 1 }
            }
        };
        Filing::of(tx, events, damaged.len(), source).await.map(Some)
    }

    /// The deliveries of a frame, in their order; none where it is gone or cannot be unpacked.
    pub async fn deliveries_of(&self, journal: &Journal, key: &FrameKey) -> Result<Vec<NewEvent>, StoreError> {
        let sql = Sql::new("SELECT seq, frame FROM inbox_frames WHERE seq = ").bind(key.seq);
        let frames: Vec<(i64, Vec<u8>)> = match &key.place {
            FramePlace::Database => self.all(sql).await?,
            FramePlace::Journal(_) => journal.all(sql).await?,
        };
        Ok(unpack(frames.iter().map(|(seq, bytes)| (*seq, bytes.as_slice()))).0)
    }

    /// As [`Store::begin_filing`] for a part of a frame, which is left as it is: [`Store::finish_frame`] ends it.
    pub async fn begin_filing_part(&self, part: Vec<NewEvent>) -> Result<Filing, StoreError> {
        let mut tx = self.begin().await?;
        lock_filing(&mut tx.tx).await?;
        Filing::of(tx, part, 0, Source::Part).await
    }

    /// Ends a frame whose deliveries were filed by [`Store::begin_filing_part`], all but these: each of them waits for people
    /// in a frame of its own. Does nothing when the frame is filed or set aside already.
    pub async fn finish_frame(
        &self,
        journal: &Journal,
        key: &FrameKey,
        unfileable: &[Unfileable],
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        lock_filing(&mut tx).await?;
        match &key.place {
            FramePlace::Database => {
                let done = Sql::new("DELETE FROM inbox_frames WHERE damaged = 0 AND seq = ").bind(key.seq);
                if tx.execute(done).await? > 0 {
                    for one in unfileable {
                        tx.execute(waiting::insert_aside(&one.frames()?, NOT_FILED, &one.why)).await?;
                    }
                }
                tx.commit().await
            }
            FramePlace::Journal(epoch) => {
                if is_filed(&mut tx, epoch, key).await? {
                    return Ok(());
                }
                // Durable before the frame counts as filed. After a crash in between it is all done again.
                for one in unfileable {
                    journal.append_aside(&one.frames()?, &one.why).await?;
                }
                let line = Line { epoch: epoch.clone(), connection: key.connection.clone() };
                tx.execute(put_positions([(&line, key.seq)])).await?;
                tx.commit().await?;
                journal.forget(Positions::from([(line, key.seq)]), 1, self.now()).await
            }
        }
    }

    /// Leaves a frame to people; the next one of its connection is filed instead.
    pub async fn set_frame_aside(&self, journal: &Journal, key: &FrameKey, why: &str) -> Result<(), StoreError> {
        let sql = set_aside(key.seq, NOT_FILED, why);
        match &key.place {
            FramePlace::Database => self.execute(sql).await.map(drop),
            FramePlace::Journal(_) => journal.execute(sql).await.map(drop),
        }
    }

    /// Every frame that waits for people.
    pub async fn frames_aside(&self, journal: &Journal) -> Result<Vec<FrameAside>, StoreError> {
        let sql = |start: &'static str| {
            Sql::new(start).push(
                " AS epoch, connection, seq, events, received_at, COALESCE(why, 'it cannot be unpacked') \
                 FROM inbox_frames WHERE damaged <> 0 ORDER BY seq",
            )
        };
        let aside = |(epoch, connection, seq, events, received_at, why): AsideRow| {
            let place = if epoch.is_empty() { FramePlace::Database } else { FramePlace::Journal(epoch) };
            let key = FrameKey { place, connection, seq };
            FrameAside { key, events, received_at: Timestamp(received_at), why }
        };
        let mut rows = journal.all::<AsideRow>(sql("SELECT epoch")).await?;
        if self.keeps_frames() {
            rows.extend(self.all::<AsideRow>(sql("SELECT ''")).await?);
        }
        Ok(rows.into_iter().map(aside).collect())
    }

    /// Puts every frame that was set aside back in line; answers how many deliveries are in them.
    pub async fn file_again(&self, journal: &Journal) -> Result<i64, StoreError> {
        let events = self.frames_aside(journal).await?.iter().map(|frame| frame.events).sum();
        if self.keeps_frames() {
            self.execute(Sql::new("UPDATE inbox_frames SET damaged = 0, why = NULL WHERE damaged <> 0")).await?;
        }
        journal.file_again().await?;
        Ok(events)
    }

    /// Writes something small to the database, so that it proves that it can be written to.
    pub async fn check_writable(&self) -> Result<(), StoreError> {
        let sql = Sql::new(
            "INSERT INTO connection_state (connection, name, value, updated_at) VALUES ('', 'written', '{}', ",
        )
        .bind(self.now())
        .push(") ON CONFLICT (connection, name) DO UPDATE SET updated_at = excluded.updated_at");
        self.execute(sql).await.map(drop)
    }

    /// Whether the database takes frames; nothing stays of it. `PostgreSQL` only.
    pub async fn check_takes_frames(&self) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let nothing = Frame { connection: String::new(), events: 0, received_at: self.now(), bytes: Vec::new() };
        tx.execute(waiting::insert(&[nothing])).await?;
        tx.rollback().await
    }
}

type AsideRow = (String, String, i64, i64, i64, String);

const UNREADABLE: i64 = 1;
const NOT_FILED: i64 = 2;

impl Unfileable {
    fn frames(&self) -> Result<Vec<Frame>, StoreError> {
        Frame::pack(std::slice::from_ref(&self.event))
    }
}

/// Whether the journal's frame counts as filed.
async fn is_filed(tx: &mut Tx, epoch: &str, key: &FrameKey) -> Result<bool, StoreError> {
    let positions = tx.all::<(String, String, i64)>(positions_of(BTreeSet::from([epoch]))).await?;
    Ok(positions.iter().any(|(_, connection, seq)| *connection == key.connection && *seq >= key.seq))
}

fn set_aside(seq: i64, how: i64, why: &str) -> Sql {
    Sql::new("UPDATE inbox_frames SET damaged = ").bind(how).push(", why = ").bind(why).push(" WHERE seq = ").bind(seq)
}

impl Journal {
    /// Durable when this returns. What is there already, after a crash on the way, is not added again.
    async fn append_aside(&self, frames: &[Frame], why: &str) -> Result<(), StoreError> {
        let epoch = self.own_epoch().await;
        let mut tx = self.pools().begin().await?;
        for frame in frames {
            let same = Sql::new("SELECT seq FROM inbox_frames WHERE damaged = ").bind(NOT_FILED);
            let same = same.push(" AND frame = ").bind(frame.bytes.clone());
            if tx.optional::<(i64,)>(same).await?.is_none() {
                let row = vec![
                    (&epoch).into(),
                    (&frame.connection).into(),
                    frame.events.into(),
                    frame.received_at.into(),
                    frame.bytes.clone().into(),
                    NOT_FILED.into(),
                    why.into(),
                ];
                let insert = "INSERT INTO inbox_frames (epoch, connection, events, received_at, frame, damaged, why) ";
                tx.execute(Sql::new(insert).rows([row])).await?;
            }
        }
        tx.commit().await
    }

    /// A frame's position may have been passed since it was set aside, so it comes in again as the newest one.
    async fn file_again(&self) -> Result<(), StoreError> {
        let epoch = self.own_epoch().await;
        let mut tx = self.pools().begin().await?;
        let again = Sql::new("INSERT INTO inbox_frames (epoch, connection, events, received_at, frame) SELECT ")
            .bind(epoch)
            .push(", connection, events, received_at, frame FROM inbox_frames WHERE damaged <> 0 ORDER BY seq");
        tx.execute(again).await?;
        tx.execute(Sql::new("DELETE FROM inbox_frames WHERE damaged <> 0")).await?;
        tx.commit().await
    }

    /// Writes something small, durably, so that it proves that deliveries can be kept.
    pub async fn check_writable(&self) -> Result<(), StoreError> {
        self.execute(Sql::new("UPDATE written SET times = times + 1")).await.map(drop)
    }

    async fn execute(&self, sql: Sql) -> Result<u64, StoreError> {
        self.pools().execute(sql).await
    }

    async fn all<T: crate::sql::AnyRow>(&self, sql: Sql) -> Result<Vec<T>, StoreError> {
        self.pools().all(sql).await
    }
}
