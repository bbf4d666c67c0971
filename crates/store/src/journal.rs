//! A file of frames on this machine: where deliveries are durable first with `SQLite`, and while `PostgreSQL` is away.
//!
//! It is a database of its own, so that acknowledging a delivery never waits for the one writer of the main database.
//!
//! The main database knows how far frames are filed, and the two files may come from different times: one of them was put
//! back from a backup, the disk was rolled back, the folder was copied. A number alone would then be given twice, and a new
//! frame be taken for one that is filed. So each opening of the file is an **epoch** with a name of its own, which its
//! frames carry and by which the database keeps positions. A copy never continues an epoch of its original. Frames of an
//! epoch that the database does not know are filed; what was filed before is found to be a duplicate.
//!
//! Filed frames stay for a while ([`Keep`]), so that a database that is put back from a backup gets again what it is
//! missing. What was deleted is remembered (`forgotten`), so that a database that is older than that is told.

use crate::{
    Frame, Schema, StoreError, Waiting,
    sql::{Pools, Sql},
    store::{SqliteShape, open_sqlite},
    waiting::{self, AT_ONCE, Sizes},
};
use patchbay_domain::Timestamp;
use sqlx::migrate::Migrator;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::sync::RwLock;
use uuid::Uuid;

pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/journal");

/// Frames that are filed between two looks at what is to be deleted: a deletion is a commit that deliveries wait for.
const LOOK_EVERY: usize = 64;
/// Frames that are deleted in one commit: more than come between two looks, so that it catches up.
const DELETED_AT_ONCE: usize = 128;

const LOOKED_AT_FOR_AGE: usize = 16;

/// How much of what is filed stays in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Bytes that the file may use before the oldest filed frames are deleted.
    pub bytes: i64,
    /// Counted from their delivery.
    pub time: Duration,
}

impl Default for Keep {
    fn default() -> Self {
        Self { bytes: 64 * 1_024 * 1_024, time: Duration::from_hours(24) }
    }
}

/// The frames of one connection in one epoch: they are filed in their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    pub epoch: String,
    pub connection: String,
}

/// The last filed frame of each line.
pub(crate) type Positions = BTreeMap<Line, i64>;

/// A frame that is not filed.
#[derive(Debug)]
pub(crate) struct Unfiled {
    pub seq: i64,
    pub epoch: String,
    pub bytes: Vec<u8>,
}

/// The last deleted frame of a line.
#[derive(Debug)]
pub(crate) struct Forgotten {
    pub line: Line,
    pub seq: i64,
    pub received_at: Timestamp,
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pools: Pools,
    /// Of what is appended through this opening. Held while it is, so that it changes in between only.
    epoch: RwLock<String>,
    keep: Keep,
    filed: Mutex<Filed>,
    /// A number that was given, and the last one as far as it is known.
    highest: AtomicI64,
}

/// What was filed since the last look at what is to be deleted.
#[derive(Debug, Default)]
struct Filed {
    positions: Positions,
    frames: usize,
}

impl Journal {
    /// Opens `sqlite://file`, made if missing, or `sqlite::memory:`. `epoch` is never used again.
    pub async fn open(url: &str, epoch: Uuid) -> Result<Self, StoreError> {
        Self::open_keeping(url, epoch, Keep::default()).await
    }

    /// The same, with a choice of how much of what is filed stays.
    pub async fn open_keeping(url: &str, epoch: Uuid, keep: Keep) -> Result<Self, StoreError> {
        let pools = open_sqlite(url, 2, SqliteShape::Journal).await?;
        match Schema::read(&pools, &MIGRATIONS).await? {
            Schema::Older { .. } => {
                if let Pools::Sqlite { writer, .. } = &pools {
                    MIGRATIONS.run(writer).await?;
                }
            }
            schema => schema.require_current("inbox")?,
        }
        Ok(Self::of(pools, epoch, keep))
    }

    /// Opens one to look at; changes nothing, and refuses one of another version.
    pub async fn open_to_look(url: &str, epoch: Uuid) -> Result<Self, StoreError> {
        let pools = open_sqlite(url, 2, SqliteShape::Journal).await?;
        Schema::read(&pools, &MIGRATIONS).await?.require_current("inbox")?;
        Ok(Self::of(pools, epoch, Keep::default()))
    }

    fn of(pools: Pools, epoch: Uuid, keep: Keep) -> Self {
        let epoch = RwLock::new(epoch.to_string());
        Self(Arc::new(Inner { pools, epoch, keep, filed: Mutex::default(), highest: AtomicI64::new(0) }))
    }

    /// Durable when this returns: all of them or none.
    pub async fn append(&self, frames: &[Frame]) -> Result<(), StoreError> {
        let epoch = self.0.epoch.read().await;
        let row = |frame: &Frame| {
            vec![
                epoch.as_str().into(),
                frame.connection.as_str().into(),
                frame.events.into(),
                frame.received_at.into(),
                frame.bytes.clone().into(),
            ]
        };
        let sql = Sql::new("INSERT INTO inbox_frames (epoch, connection, events, received_at, frame) ")
            .rows(frames.iter().map(row));
        self.0.pools.execute(sql).await.map(drop)
    }

    /// Frames that could not be unpacked and were set aside.
    pub async fn damaged(&self) -> Result<i64, StoreError> {
        let sql = Sql::new("SELECT COUNT(*) FROM inbox_frames WHERE damaged = 1");
        Ok(self.0.pools.optional::<(i64,)>(sql).await?.map_or(0, |row| row.0))
    }

    pub async fn close(&self) {
        self.0.pools.close().await;
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.0.pools
    }

    /// Of what is appended through this opening.
    pub(crate) async fn own_epoch(&self) -> String {
        self.0.epoch.read().await.clone()
    }

    /// Lines that have frames: one look into the index for each, however many frames there are.
    pub(crate) async fn lines(&self) -> Result<Vec<Line>, StoreError> {
        let sql = Sql::new(
            "WITH RECURSIVE line (connection, epoch) AS (\
             SELECT * FROM (SELECT connection, epoch FROM inbox_frames WHERE damaged = 0 \
             ORDER BY connection, epoch LIMIT 1) \
             UNION ALL SELECT later.connection, later.epoch FROM line JOIN inbox_frames later ON later.seq = (\
             SELECT seq FROM inbox_frames WHERE damaged = 0 \
             AND (connection, epoch) > (line.connection, line.epoch) ORDER BY connection, epoch LIMIT 1)) \
             SELECT connection, epoch FROM line",
        );
        let rows = self.0.pools.all::<(String, String)>(sql).await?;
        Ok(rows.into_iter().map(|(connection, epoch)| Line { epoch, connection }).collect())
    }

    /// Deliveries in frames after these.
    pub(crate) async fn waiting_after(&self, lines: &[Line], filed: &Positions) -> Result<Waiting, StoreError> {
        let mut waiting = Waiting::default();
        for line in lines {
            let sql =
                of_line("SELECT CAST(COALESCE(SUM(events), 0) AS BIGINT), MIN(received_at) FROM inbox_frames", line)
                    .push(" AND seq > ")
                    .bind(position(filed, line));
            if let Some((deliveries, since)) = self.0.pools.optional::<(i64, Option<i64>)>(sql).await? {
                waiting.add(deliveries, since.map(Timestamp));
            }
        }
        Ok(waiting)
    }

    /// The next frames after `filed`, by connection and in order: one at least of each that has some, and further ones
    /// as long as they hold no more than `most` deliveries together.
    pub(crate) async fn after(
        &self,
        lines: Vec<Line>,
        filed: &Positions,
        most: i64,
    ) -> Result<BTreeMap<String, Vec<Unfiled>>, StoreError> {
        let pools = &self.0.pools;
        let mut by_connection: BTreeMap<String, Vec<Line>> = BTreeMap::new();
        for line in lines {
            by_connection.entry(line.connection.clone()).or_default().push(line);
        }
        let mut sizes: BTreeMap<String, Sizes> = BTreeMap::new();
        for (connection, lines) in &mut by_connection {
            let mut next = Sizes::new();
            let mut waiting = Vec::with_capacity(lines.len());
            for line in lines.drain(..) {
                let sql = of_line("SELECT seq, events FROM inbox_frames", &line)
                    .push(" AND seq > ")
                    .bind(position(filed, &line))
                    .push(" ORDER BY seq LIMIT ")
                    .bind(AT_ONCE);
                let of_line = pools.all::<(i64, i64)>(sql).await?;
                if !of_line.is_empty() {
                    next.extend(of_line);
                    waiting.push(line);
                }
            }
            *lines = waiting;
            next.sort_unstable();
            // What lies beyond may stand behind frames that were not looked at.
            next.truncate(usize::try_from(AT_ONCE).unwrap_or(usize::MAX));
            sizes.insert(connection.clone(), next);
        }
        let mut frames = BTreeMap::new();
        for (connection, last) in waiting::take_turns(sizes, most) {
            let mut next = Vec::new();
            for line in by_connection.get(&connection).into_iter().flatten() {
                let sql = of_line("SELECT seq, frame FROM inbox_frames", line)
                    .push(" AND seq > ")
                    .bind(position(filed, line))
                    .push(" AND seq <= ")
                    .bind(last)
                    .push(" ORDER BY seq");
                let rows = pools.all::<(i64, Vec<u8>)>(sql).await?;
                next.extend(rows.into_iter().map(|(seq, bytes)| Unfiled { seq, epoch: line.epoch.clone(), bytes }));
            }
            next.sort_unstable_by_key(|frame| frame.seq);
            self.0.highest.fetch_max(last, Ordering::Relaxed);
            frames.insert(connection, next);
        }
        Ok(frames)
    }

    pub(crate) async fn set_aside(&self, seq: i64) -> Result<(), StoreError> {
        self.0.pools.execute(Sql::new("UPDATE inbox_frames SET damaged = 1 WHERE seq = ").bind(seq)).await.map(drop)
    }

    /// Begins another epoch if the database has more of this one than was ever appended: then this machine was set back
    /// while it ran, as a snapshot of a virtual machine is, and its numbers are given a second time. Says whether it did.
    pub(crate) async fn renew_if_set_back(&self, filed: &Positions, new: Uuid) -> Result<bool, StoreError> {
        let own = self.0.epoch.read().await.clone();
        let filed = filed.iter().filter(|(line, _)| line.epoch == own).map(|(_, seq)| *seq).max().unwrap_or(0);
        if filed <= self.0.highest.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let given = Sql::new("SELECT seq FROM sqlite_sequence WHERE name = 'inbox_frames'");
        let given = self.0.pools.optional::<(i64,)>(given).await?.map_or(0, |row| row.0);
        self.0.highest.fetch_max(given, Ordering::Relaxed);
        if filed <= given {
            return Ok(false);
        }
        let mut epoch = self.0.epoch.write().await;
        let new = new.to_string();
        let sql = Sql::new("UPDATE inbox_frames SET epoch = ").bind(&new).push(" WHERE epoch = ").bind(epoch.as_str());
        self.0.pools.execute(sql).await?;
        *epoch = new;
        Ok(true)
    }

    /// Called when so many frames were filed up to these; deletes what need not stay, once that is worth a commit.
    pub(crate) async fn forget(&self, filed: Positions, frames: usize, now: Timestamp) -> Result<(), StoreError> {
        let due = {
            let mut since = self.0.filed.lock().unwrap_or_else(PoisonError::into_inner);
            since.positions.extend(filed);
            since.frames += frames;
            if since.frames < LOOK_EVERY {
                return Ok(());
            }
            std::mem::take(&mut *since)
        };
        self.tidy(&due.positions, now).await
    }

    /// Deletes the oldest of what is filed, as far as it need not stay. Of each line from its beginning, without a gap.
    pub(crate) async fn tidy(&self, filed: &Positions, now: Timestamp) -> Result<(), StoreError> {
        let pools = &self.0.pools;
        let mut too_many = self.used_bytes().await?.saturating_sub(self.0.keep.bytes);
        let too_old = now.minus(self.0.keep.time).micros();
        // Mostly none is due: then a few are enough to see that.
        let looked_at = if too_many > 0 { DELETED_AT_ONCE } else { LOOKED_AT_FOR_AGE };
        let mut oldest: Vec<(i64, i64, i64, &Line)> = Vec::new();
        for (line, seq) in filed {
            let sql = of_line("SELECT seq, CAST(LENGTH(frame) AS BIGINT), received_at FROM inbox_frames", line)
                .push(" AND seq <= ")
                .bind(*seq)
                .push(" ORDER BY seq LIMIT ")
                .bind(i64::try_from(looked_at).unwrap_or(i64::MAX));
            let rows = pools.all::<(i64, i64, i64)>(sql).await?;
            oldest.extend(rows.into_iter().map(|(seq, bytes, received_at)| (seq, bytes, received_at, line)));
        }
        oldest.sort_unstable();
        let mut due: BTreeMap<&Line, (i64, i64)> = BTreeMap::new();
        let mut stay: BTreeSet<&Line> = BTreeSet::new();
        let mut count = 0;
        for (seq, bytes, received_at, line) in oldest {
            if count < DELETED_AT_ONCE && !stay.contains(line) && (too_many > 0 || received_at < too_old) {
                too_many -= bytes;
                count += 1;
                due.insert(line, (seq, received_at));
            } else {
                stay.insert(line);
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        let mut tx = pools.begin().await?;
        for (line, (seq, received_at)) in due {
            let sql = Sql::new("INSERT INTO forgotten (epoch, connection, seq, received_at) ")
                .rows([vec![(&line.epoch).into(), (&line.connection).into(), seq.into(), received_at.into()]])
                .push(
                    " ON CONFLICT (epoch, connection) DO UPDATE \
                     SET seq = excluded.seq, received_at = excluded.received_at",
                );
            tx.execute(sql).await?;
            tx.execute(of_line("DELETE FROM inbox_frames", line).push(" AND seq <= ").bind(seq)).await?;
        }
        tx.commit().await
    }

    /// What was deleted because it was filed.
    pub(crate) async fn forgotten(&self) -> Result<Vec<Forgotten>, StoreError> {
        let sql = Sql::new("SELECT epoch, connection, seq, received_at FROM forgotten ORDER BY seq");
        let rows = self.0.pools.all::<(String, String, i64, i64)>(sql).await?;
        let forgotten = |(epoch, connection, seq, received_at)| Forgotten {
            line: Line { epoch, connection },
            seq,
            received_at: Timestamp(received_at),
        };
        Ok(rows.into_iter().map(forgotten).collect())
    }

    /// Epochs that are over: everything of them is filed and deleted. The last one is kept, because it tells whether the
    /// database is older than this file.
    pub(crate) async fn ended(&self, lines: &[Line]) -> Result<BTreeSet<String>, StoreError> {
        let forgotten = self.forgotten().await?;
        let own = self.0.epoch.read().await;
        let last = forgotten.last().map(|last| last.line.epoch.clone());
        let mut ended: BTreeSet<String> = forgotten.into_iter().map(|one| one.line.epoch).collect();
        ended.retain(|epoch| *epoch != *own && Some(epoch) != last.as_ref());
        ended.retain(|epoch| lines.iter().all(|line| line.epoch != *epoch));
        Ok(ended)
    }

    /// Does not remember this epoch any longer.
    pub(crate) async fn drop_epoch(&self, epoch: &str) -> Result<(), StoreError> {
        self.0.pools.execute(Sql::new("DELETE FROM forgotten WHERE epoch = ").bind(epoch)).await.map(drop)
    }

    async fn used_bytes(&self) -> Result<i64, StoreError> {
        let sql = Sql::new(
            "SELECT (page_count - freelist_count) * page_size \
             FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()",
        );
        Ok(self.0.pools.optional::<(i64,)>(sql).await?.map_or(0, |row| row.0))
    }
}

fn position(filed: &Positions, line: &Line) -> i64 {
    filed.get(line).copied().unwrap_or(0)
}

fn of_line(start: &'static str, line: &Line) -> Sql {
    Sql::new(start)
        .push(" WHERE damaged = 0 AND connection = ")
        .bind(&line.connection)
        .push(" AND epoch = ")
        .bind(&line.epoch)
}
