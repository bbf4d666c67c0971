//! Who works on events, and what waits for them.

use crate::{Lane, Store, StoreError, sql::Sql};
use patchbay_domain::Timestamp;
use std::time::Duration;

/// How often a worker says that it lives. It is taken for dead after [`ALIVE`] without a word.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
const ALIVE: Duration = Duration::from_secs(45);
/// Rows of workers that died are dropped after this.
const FORGOTTEN: Duration = Duration::from_hours(24);
/// Nothing is counted beyond: it would take longer than the number is worth.
const MOST: i64 = 100_000;

/// What waits, and what was given up on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// At most 100,000 are counted.
    pub pending: i64,
    /// Since when the next event that nothing stands in front of could be worked on; in the future while it waits for
    /// its next try. `None` when nothing is pending.
    pub due_since: Option<Timestamp>,
    /// When the oldest of the pending ones came.
    pub oldest: Option<Timestamp>,
    /// At most 100,000 are counted.
    pub dead: i64,
}

impl Store {
    /// Says that the worker `id` lives.
    pub async fn note_worker(&self, id: &str) -> Result<(), StoreError> {
        let now = self.now();
        let sql = Sql::new("INSERT INTO workers (id, started_at, seen_at) ")
            .rows([vec![id.into(), now.into(), now.into()]])
            .push(" ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at");
        self.execute(sql).await?;
        self.execute(Sql::new("DELETE FROM workers WHERE seen_at < ").bind(now.minus(FORGOTTEN))).await?;
        Ok(())
    }

    /// It ended, and not by a crash.
    pub async fn forget_worker(&self, id: &str) -> Result<(), StoreError> {
        self.execute(Sql::new("DELETE FROM workers WHERE id = ").bind(id)).await.map(drop)
    }

    /// How many workers have said lately that they live. A clock that was set back does not count as a life.
    pub async fn workers_alive(&self) -> Result<i64, StoreError> {
        let now = self.now();
        let sql = Sql::new("SELECT COUNT(*) FROM workers WHERE seen_at > ")
            .bind(now.minus(ALIVE))
            .push(" AND seen_at < ")
            .bind(now.plus(ALIVE));
        self.number(sql).await
    }

    pub async fn backlog(&self) -> Result<Backlog, StoreError> {
        Ok(Backlog {
            pending: self.counted("pending").await?,
            due_since: self.next_due(Lane::All).await?,
            oldest: self.oldest_pending().await?,
            dead: self.counted("dead").await?,
        })
    }

    async fn oldest_pending(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = Sql::new("SELECT received_at FROM events WHERE state = 'pending' ORDER BY received_at, id LIMIT 1");
        Ok(self.optional::<(i64,)>(sql).await?.map(|row| Timestamp(row.0)))
    }

    /// Indexes `events_pending` and `events_dead`: what is finished costs nothing.
    async fn counted(&self, state: &'static str) -> Result<i64, StoreError> {
        let sql = Sql::new("SELECT COUNT(*) FROM (SELECT 1 AS one FROM events WHERE state = '")
            .push(state)
            .push("' LIMIT ")
            .bind(MOST)
            .push(") AS counted");
        self.number(sql).await
    }

    pub(crate) async fn number(&self, sql: Sql) -> Result<i64, StoreError> {
        Ok(self.optional::<(i64,)>(sql).await?.map_or(0, |row| row.0))
    }
}
