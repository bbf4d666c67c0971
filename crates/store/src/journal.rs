//! A file of frames on this machine: where deliveries are durable first with `SQLite`, and while `PostgreSQL` is away.
//!
//! It is a database of its own, so that acknowledging a delivery never waits for the one writer of the main database.

use crate::{
    Frame, StoreError,
    sql::{Pools, Sql},
    store::{SqliteShape, open_sqlite},
};
use sqlx::migrate::Migrator;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use uuid::Uuid;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/journal");

/// Filed frames that may lie around before they are deleted: a deletion is a commit that deliveries wait for.
const FILED_KEPT: i64 = 64;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pools: Pools,
    id: String,
    /// The last frame that was deleted as filed.
    forgotten: AtomicI64,
}

impl Journal {
    /// Opens `sqlite://file`, made if missing, or `sqlite::memory:`. `new_id` names it if it is new.
    pub async fn open(url: &str, new_id: Uuid) -> Result<Self, StoreError> {
        let pools = open_sqlite(url, 2, SqliteShape::Journal).await?;
        if let Pools::Sqlite { writer, .. } = &pools {
            MIGRATIONS.run(writer).await?;
        }
        let mut tx = pools.begin().await?;
        tx.execute(
            Sql::new("INSERT INTO identity (id) SELECT ")
                .bind(new_id.to_string())
                .push(" WHERE NOT EXISTS (SELECT 1 FROM identity)"),
        )
        .await?;
        let id =
            tx.optional::<(String,)>(Sql::new("SELECT id FROM identity")).await?.map_or(String::new(), |row| row.0);
        tx.commit().await?;
        Ok(Self(Arc::new(Inner { pools, id, forgotten: AtomicI64::new(0) })))
    }

    /// Durable when this returns.
    pub async fn append(&self, frame: &Frame) -> Result<(), StoreError> {
        let sql = Sql::new("INSERT INTO frames (events, frame) VALUES (")
            .bind(frame.events)
            .push(", ")
            .bind(frame.bytes.clone())
            .push(")");
        self.0.pools.execute(sql).await.map(drop)
    }

    /// Frames that could not be unpacked and were set aside.
    pub async fn damaged(&self) -> Result<i64, StoreError> {
        let sql = Sql::new("SELECT COUNT(*) FROM frames WHERE damaged = 1");
        Ok(self.0.pools.optional::<(i64,)>(sql).await?.map_or(0, |row| row.0))
    }

    pub async fn close(&self) {
        self.0.pools.close().await;
    }

    pub(crate) fn id(&self) -> &str {
        &self.0.id
    }

    /// Deliveries in frames after `seq`.
    pub(crate) async fn waiting_after(&self, seq: i64) -> Result<i64, StoreError> {
        let sql = Sql::new("SELECT COALESCE(SUM(events), 0) FROM frames WHERE damaged = 0 AND seq > ").bind(seq);
        Ok(self.0.pools.optional::<(i64,)>(sql).await?.map_or(0, |row| row.0))
    }

    /// The next frames after `seq`, oldest first: one at least, and no more than hold `events` together.
    pub(crate) async fn after(&self, seq: i64, events: i64) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        let sql = Sql::new("SELECT seq, events FROM frames WHERE damaged = 0 AND seq > ")
            .bind(seq)
            .push(" ORDER BY seq LIMIT 256");
        let sizes = self.0.pools.all::<(i64, i64)>(sql).await?;
        let Some(last) = last_within(&sizes, events) else { return Ok(Vec::new()) };
        let sql = Sql::new("SELECT seq, frame FROM frames WHERE damaged = 0 AND seq > ")
            .bind(seq)
            .push(" AND seq <= ")
            .bind(last)
            .push(" ORDER BY seq");
        self.0.pools.all(sql).await
    }

    pub(crate) async fn set_aside(&self, seq: i64) -> Result<(), StoreError> {
        self.0.pools.execute(Sql::new("UPDATE frames SET damaged = 1 WHERE seq = ").bind(seq)).await.map(drop)
    }

    /// Deletes what is filed, once it is worth a commit.
    pub(crate) async fn forget(&self, up_to: i64, everything: bool) -> Result<(), StoreError> {
        let forgotten = self.0.forgotten.load(Ordering::Relaxed);
        if up_to <= forgotten || (!everything && up_to - forgotten < FILED_KEPT) {
            return Ok(());
        }
        self.0.pools.execute(Sql::new("DELETE FROM frames WHERE damaged = 0 AND seq <= ").bind(up_to)).await?;
        self.0.forgotten.store(up_to, Ordering::Relaxed);
        Ok(())
    }
}

/// The last frame that still fits, the first one in any case.
pub(crate) fn last_within(sizes: &[(i64, i64)], events: i64) -> Option<i64> {
    let mut total = 0;
    let mut last = None;
    for (seq, size) in sizes {
        total += size;
        if total > events && last.is_some() {
            break;
        }
        last = Some(*seq);
    }
    last
}
