//! A file of frames on this machine: where deliveries are durable first with `SQLite`, and while `PostgreSQL` is away.
//!
//! It is a database of its own, so that acknowledging a delivery never waits for the one writer of the main database.

use crate::{
    Frame, StoreError,
    sql::{Pools, Sql},
    store::{SqliteShape, open_sqlite},
    waiting::{self, Positions},
};
use sqlx::migrate::Migrator;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use uuid::Uuid;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/journal");

/// Filed frames that may lie around before they are deleted: a deletion is a commit that deliveries wait for.
const FILED_KEPT: usize = 64;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pools: Pools,
    id: String,
    filed: Mutex<Filed>,
}

/// What is filed and not deleted yet.
#[derive(Debug, Default)]
struct Filed {
    positions: Positions,
    frames: usize,
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
        Ok(Self(Arc::new(Inner { pools, id, filed: Mutex::default() })))
    }

    /// Durable when this returns: all of them or none.
    pub async fn append(&self, frames: &[Frame]) -> Result<(), StoreError> {
        self.0.pools.execute(waiting::insert(frames)).await.map(drop)
    }

    /// Frames that could not be unpacked and were set aside.
    pub async fn damaged(&self) -> Result<i64, StoreError> {
        let sql = Sql::new("SELECT COUNT(*) FROM inbox_frames WHERE damaged = 1");
        Ok(self.0.pools.optional::<(i64,)>(sql).await?.map_or(0, |row| row.0))
    }

    pub async fn close(&self) {
        self.0.pools.close().await;
    }

    pub(crate) fn id(&self) -> &str {
        &self.0.id
    }

    /// Deliveries in frames after these.
    pub(crate) async fn waiting_after(&self, positions: &Positions) -> Result<i64, StoreError> {
        Ok(self.0.pools.optional::<(i64,)>(waiting::deliveries_beyond(positions)).await?.map_or(0, |row| row.0))
    }

    /// The next frames after `positions`, by connection and in order: one at least of each that has some, and further
    /// ones as long as they hold no more than `most` deliveries together.
    pub(crate) async fn after(
        &self,
        positions: &Positions,
        most: i64,
    ) -> Result<BTreeMap<String, Vec<(i64, Vec<u8>)>>, StoreError> {
        let pools = &self.0.pools;
        let after = |connection: &str| positions.get(connection).copied().unwrap_or(0);
        let mut sizes = BTreeMap::new();
        for (connection,) in pools.all::<(String,)>(waiting::connections()).await? {
            let next = pools.all(waiting::sizes(&connection, after(&connection))).await?;
            sizes.insert(connection, next);
        }
        let mut frames = BTreeMap::new();
        for (connection, last) in waiting::take_turns(sizes, most) {
            let next = pools.all(waiting::frames(&connection, after(&connection), last)).await?;
            frames.insert(connection, next);
        }
        Ok(frames)
    }

    pub(crate) async fn set_aside(&self, seq: i64) -> Result<(), StoreError> {
        self.0.pools.execute(Sql::new("UPDATE inbox_frames SET damaged = 1 WHERE seq = ").bind(seq)).await.map(drop)
    }

    /// Deletes what is filed up to `positions`, `frames` of them, once it is worth a commit.
    pub(crate) async fn forget(&self, positions: Positions, frames: usize) -> Result<(), StoreError> {
        let due = {
            let mut filed = self.0.filed.lock().unwrap_or_else(PoisonError::into_inner);
            filed.positions.extend(positions);
            filed.frames += frames;
            if filed.frames < FILED_KEPT {
                return Ok(());
            }
            std::mem::take(&mut *filed)
        };
        self.forget_now(&due.positions).await
    }

    /// Deletes all that is filed up to `positions`.
    pub(crate) async fn forget_now(&self, positions: &Positions) -> Result<(), StoreError> {
        self.0.pools.execute(waiting::delete(positions)).await.map(drop)
    }
}
