//! Dropping what is old, a little at a time, so that nothing waits for it. With `SQLite` the pages are used again: the
//! file stops growing, and `VACUUM` makes it smaller.

use crate::{Store, StoreError, sql::Sql};
use patchbay_domain::Timestamp;
use uuid::Builder;

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
        let sql = match what {
            // Index events_received.
            Outdated::Events => Sql::new(
                "DELETE FROM events WHERE id IN (SELECT id FROM events \
                 WHERE state || '' IN ('processed', 'skipped') AND received_at < ",
            )
            .bind(before)
            .push(" ORDER BY received_at, id LIMIT "),
            // The primary key: ids begin with their time.
            Outdated::History => {
                let millis = u64::try_from(before.millis()).unwrap_or(0);
                Sql::new("DELETE FROM record_history WHERE id IN (SELECT id FROM record_history WHERE id < ")
                    .bind(Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid())
                    .push(" ORDER BY id LIMIT ")
            }
            // Index calls_at.
            Outdated::Calls => Sql::new("DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE at < ")
                .bind(before)
                .push(" ORDER BY at, id LIMIT "),
        };
        self.execute(sql.bind(limit).push(")")).await
    }
}
