//! A transaction that writes: changes, the ends of events, progress and audit entries, all or nothing.

use crate::{
    Store, StoreError,
    batch::Batch,
    counts::Counts,
    payloads::Outlines,
    sql::{Arg, Sql, Tx},
};
use std::collections::BTreeMap;

/// An open transaction. Dropping it rolls back.
///
/// History, attempts and counts are gathered and written by [`WriteTx::commit`], in few statements.
#[derive(Debug)]
pub struct WriteTx {
    pub(crate) store: Store,
    pub(crate) tx: Tx,
    pub(crate) counts: Counts,
    pub(crate) batch: Batch,
    /// Of event types that are new; they are known once they are committed.
    pub(crate) outlines: Outlines,
    pub(crate) history: Vec<Vec<Arg>>,
    pub(crate) attempts: Vec<Vec<Arg>>,
    /// Live records by kind, connection and status: how many more or fewer.
    pub(crate) statuses: BTreeMap<(String, String, String), i64>,
}

impl WriteTx {
    pub(crate) fn new(store: Store, tx: Tx) -> Self {
        Self {
            store,
            tx,
            counts: Counts::default(),
            batch: Batch::default(),
            outlines: Outlines::default(),
            history: Vec::new(),
            attempts: Vec::new(),
            statuses: BTreeMap::new(),
        }
    }

    /// Makes everything durable. [`StoreError::Conflict`] when somebody else made a record that [`WriteTx::prepare`] did
    /// not find: nothing is written then, and the same work done again will find it.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        self.write_batch().await?;
        let at_once = self.tx.rows_at_once();
        for chunk in self.history.chunks(at_once) {
            let sql = Sql::new(
                "INSERT INTO record_history (id, connection, kind, external_id, at, source_type, source_id, outcome, \
                 version, body_after) ",
            );
            self.tx.execute(sql.rows(chunk.iter().cloned())).await?;
        }
        for chunk in self.attempts.chunks(at_once) {
            let sql = Sql::new("INSERT INTO event_attempts (id, event_id, started_at, duration_us, outcome, error) ");
            self.tx.execute(sql.rows(chunk.iter().cloned())).await?;
        }
        // Rows that others write too come last and in order, so that their locks are short and cannot cross.
        let statuses: Vec<Vec<Arg>> = self
            .statuses
            .into_iter()
            .filter(|(_, difference)| *difference != 0)
            .map(|((kind, connection, status), difference)| {
                vec![kind.into(), connection.into(), status.into(), difference.into()]
            })
            .collect();
        for chunk in statuses.chunks(at_once) {
            let sql = Sql::new("INSERT INTO record_counts (kind, connection, status, count) ")
                .rows(chunk.iter().cloned())
                .push(" ON CONFLICT (kind, connection, status) DO UPDATE SET count = record_counts.count + excluded.count");
            self.tx.execute(sql).await?;
        }
        self.counts.write(&mut self.tx).await?;
        self.tx.commit().await?;
        self.store.known_outlines().learn(self.outlines);
        Ok(())
    }

    /// Leaves everything as it was.
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.tx.rollback().await
    }
}
