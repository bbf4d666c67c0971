//! What happened per minute and connection: the numbers of the overview, without counting any table.

use crate::{
    Store, StoreError,
    sql::{Sql, Tx},
};
use patchbay_domain::Timestamp;
use std::collections::BTreeMap;

const MINUTE: i64 = 60_000_000;

/// One minute of one connection. Minutes in which nothing happened have no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinuteCount {
    pub connection: String,
    /// Its first instant.
    pub minute: Timestamp,
    /// New events stored.
    pub accepted: i64,
    /// Deliveries of events that were there already.
    pub duplicates: i64,
    /// Deliveries refused.
    pub rejected: i64,
    /// Events finished without an error, the skipped ones included.
    pub processed: i64,
    /// Events given up on.
    pub dead: i64,
}

#[derive(Clone, Copy)]
pub(crate) enum Counter {
    Accepted,
    Duplicates,
    Rejected,
    Processed,
    Dead,
}

/// Ends an insert of counts: what is there already is added to.
pub(crate) const ADD_UP: &str = " ON CONFLICT (minute, connection) DO UPDATE SET \
     accepted = minute_counts.accepted + excluded.accepted, \
     duplicates = minute_counts.duplicates + excluded.duplicates, \
     rejected = minute_counts.rejected + excluded.rejected, \
     processed = minute_counts.processed + excluded.processed, \
     dead = minute_counts.dead + excluded.dead";

/// Counts of one transaction, added up here and written at its end: the rows are shared by everybody, so their locks
/// are taken last, in one order, and held shortly.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<(i64, String), [i64; 5]>);

impl Counts {
    pub fn add(&mut self, connection: &str, at: Timestamp, counter: Counter) {
        self.add_many(connection, at, counter, 1);
    }

    pub fn add_many(&mut self, connection: &str, at: Timestamp, counter: Counter, count: i64) {
        let minute = at.0.div_euclid(MINUTE) * MINUTE;
        let counts = self.0.entry((minute, connection.to_owned())).or_default();
        let [accepted, duplicates, rejected, processed, dead] = counts;
        *match counter {
            Counter::Accepted => accepted,
            Counter::Duplicates => duplicates,
            Counter::Rejected => rejected,
            Counter::Processed => processed,
            Counter::Dead => dead,
        } += count;
    }

    pub async fn write(self, tx: &mut Tx) -> Result<(), StoreError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let rows = self.0.into_iter().map(|((minute, connection), counts)| {
            [vec![minute.into(), connection.into()], counts.map(Into::into).to_vec()].concat()
        });
        let sql = Sql::new(
            "INSERT INTO minute_counts (minute, connection, accepted, duplicates, rejected, processed, dead) ",
        )
        .rows(rows)
        .push(ADD_UP);
        tx.execute(sql).await?;
        Ok(())
    }
}

#[derive(sqlx::FromRow)]
struct CountRow {
    connection: String,
    minute: i64,
    accepted: i64,
    duplicates: i64,
    rejected: i64,
    processed: i64,
    dead: i64,
}

impl Store {
    /// Minutes that begin at `from` or later and before `to`, oldest first.
    pub async fn minute_counts(
        &self,
        connection: Option<&str>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<MinuteCount>, StoreError> {
        // The primary key begins with the minute.
        let sql = Sql::new("SELECT * FROM minute_counts WHERE minute >= ")
            .bind(from)
            .push(" AND minute < ")
            .bind(to)
            .bind_if(" AND connection = ", connection)
            .push(" ORDER BY minute, connection");
        let rows = self.all::<CountRow>(sql).await?;
        Ok(rows
            .into_iter()
            .map(|row| MinuteCount {
                connection: row.connection,
                minute: Timestamp(row.minute),
                accepted: row.accepted,
                duplicates: row.duplicates,
                rejected: row.rejected,
                processed: row.processed,
                dead: row.dead,
            })
            .collect())
    }
}
