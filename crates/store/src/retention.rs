//! Dropping what is old, a little at a time, so that nothing waits for it. With `SQLite` the pages are used again: the
//! file stops growing, and `VACUUM` makes it smaller.

use crate::{Store, StoreError, sql::Sql};
use patchbay_domain::Timestamp;
use uuid::{Builder, Uuid};

/// What retention drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outdated {
    /// Events that are processed or skipped, with payload and attempts. Pending ones and dead letters stay.
    Events,
    /// What records were before; the records themselves stay.
    History,
    /// The log of outside calls.
    Calls,
}

impl Store {
    /// Drops at most `limit` of what is older than `before`, the oldest first; answers how many that were.
    pub async fn drop_outdated(&self, what: Outdated, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        match what {
            Outdated::Events => self.drop_events(before, limit).await,
            // The primary key: ids begin with their time.
            Outdated::History => {
                let millis = u64::try_from(before.millis()).unwrap_or(0);
                let sql = Sql::new("DELETE FROM record_history WHERE id IN (SELECT id FROM record_history WHERE id < ")
                    .bind(Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid())
                    .push(" ORDER BY id LIMIT ");
                self.execute(sql.bind(limit).push(")")).await
            }
            // Index calls_at.
            Outdated::Calls => {
                let sql = Sql::new("DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE at < ")
                    .bind(before)
                    .push(" ORDER BY at, id LIMIT ");
                self.execute(sql.bind(limit).push(")")).await
            }
        }
    }

    async fn drop_events(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        // Index events_received.
        let outdated =
            Sql::new("SELECT id FROM events WHERE state || '' IN ('processed', 'skipped') AND received_at < ")
                .bind(before)
                .push(" ORDER BY received_at, id LIMIT ")
                .bind(limit);
        let ids: Vec<Uuid> = self.all::<(Uuid,)>(outdated).await?.into_iter().map(|row| row.0).collect();
        if ids.is_empty() {
            return Ok(0);
        }
        let mut tx = self.write().await?;
        // One that was put back in line meanwhile stays.
        let sql = Sql::new("DELETE FROM events WHERE state || '' IN ('processed', 'skipped') AND id IN ")
            .list(ids)
            .push(" RETURNING id");
        let dropped: Vec<Uuid> = tx.all::<(Uuid,)>(sql).await?.into_iter().map(|row| row.0).collect();
        for table in ["DELETE FROM event_payloads WHERE event_id IN ", "DELETE FROM event_attempts WHERE event_id IN "]
        {
            tx.execute(Sql::new(table).list(dropped.iter().copied())).await?;
        }
        tx.commit().await?;
        Ok(dropped.len() as u64)
    }
}
