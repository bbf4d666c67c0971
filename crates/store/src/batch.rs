//! Records read together before a batch of changes, and written together after it.
//!
//! The decisions in between are the same as for a single change (`apply.rs`); only the number of statements differs.

use crate::{
    StoreError, WriteTx,
    apply::Current,
    sql::{Arg, Sql},
};
use patchbay_domain::ObjectKey;
use std::collections::{BTreeMap, BTreeSet};

/// Connection, kind and the provider's id.
pub(crate) type RecordKey = (String, String, String);

#[derive(Debug, Default)]
pub(crate) struct Batch(BTreeMap<RecordKey, Held>);

/// A record as it stands at this point of the batch.
#[derive(Debug, Default)]
struct Held {
    current: Option<Current>,
    /// There is no row in the database yet.
    is_new: bool,
    /// The row to be written, in the order of [`COLUMNS`].
    row: Option<Vec<Arg>>,
}

/// Columns of a record's row, as inserts name them.
pub(crate) const COLUMNS: &str = "connection, kind, external_id, revision, recorded_at, updated_at, version, title, \
     subtitle, status, owner, organisation, facet, parent, amount, currency, created_at, ended_at, body, deleted, \
     title_key, subtitle_key, search";

/// Everything but the key and `recorded_at`, which stay.
const REPLACE: &str = " ON CONFLICT (connection, kind, external_id) DO UPDATE SET revision = excluded.revision, \
     updated_at = excluded.updated_at, version = excluded.version, title = excluded.title, \
     subtitle = excluded.subtitle, status = excluded.status, owner = excluded.owner, \
     organisation = excluded.organisation, facet = excluded.facet, parent = excluded.parent, \
     amount = excluded.amount, currency = excluded.currency, created_at = excluded.created_at, \
     ended_at = excluded.ended_at, body = excluded.body, deleted = excluded.deleted, \
     title_key = excluded.title_key, subtitle_key = excluded.subtitle_key, search = excluded.search";

pub(crate) const KEEP: &str = " ON CONFLICT (connection, kind, external_id) DO NOTHING";

#[derive(sqlx::FromRow)]
struct Found {
    connection: String,
    kind: String,
    external_id: String,
    version: i64,
    revision: i64,
    deleted: i64,
    status: String,
    body: String,
}

impl WriteTx {
    /// Reads what a batch of changes is about, in few statements, and locks it. Changes of these objects that follow are
    /// written by [`WriteTx::commit`], together.
    pub async fn prepare(&mut self, objects: BTreeSet<(String, ObjectKey)>) -> Result<(), StoreError> {
        let keys: Vec<RecordKey> = objects
            .into_iter()
            .map(|(connection, object)| (connection, object.kind.to_string(), object.id))
            .filter(|key| !self.batch.0.contains_key(key))
            .collect();
        for chunk in keys.chunks(self.tx.rows_at_once()) {
            let sql = Sql::new(
                "SELECT connection, kind, external_id, version, revision, deleted, status, body FROM records \
                 WHERE (connection, kind, external_id) IN (",
            )
            .rows(chunk.iter().map(|(connection, kind, id)| vec![connection.into(), kind.into(), id.into()]))
            // One order for everybody, so that two batches wait for each other instead of dead-locking.
            .push(") ORDER BY connection, kind, external_id");
            let sql = if self.tx.is_postgres() { sql.push(" FOR UPDATE") } else { sql };
            for key in chunk {
                self.batch.0.insert(key.clone(), Held { is_new: true, ..Held::default() });
            }
            for found in self.tx.all::<Found>(sql).await? {
                let Found { connection, kind, external_id, version, revision, deleted, status, body } = found;
                let current = Some(Current { version, revision, deleted, status, body });
                self.batch.0.insert((connection, kind, external_id), Held { current, is_new: false, row: None });
            }
        }
        Ok(())
    }

    pub(crate) async fn write_batch(&mut self) -> Result<(), StoreError> {
        let batch = std::mem::take(&mut self.batch);
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for held in batch.0.into_values() {
            if let Some(row) = held.row {
                if held.is_new { new.push(row) } else { changed.push(row) }
            }
        }
        let at_once = self.tx.rows_at_once();
        for chunk in new.chunks(at_once) {
            let sql = insert().rows(chunk.iter().cloned()).push(KEEP);
            // Somebody else made one of these records since we looked: decide again on what they wrote.
            if self.tx.execute(sql).await? < chunk.len() as u64 {
                return Err(StoreError::Conflict);
            }
        }
        for chunk in changed.chunks(at_once) {
            self.tx.execute(insert().rows(chunk.iter().cloned()).push(REPLACE)).await?;
        }
        Ok(())
    }

    /// Writes one record of the batch at once; what follows finds it in the database.
    pub(crate) async fn write_early(&mut self, key: &RecordKey) -> Result<(), StoreError> {
        let Some(held) = self.batch.0.get_mut(key) else { return Ok(()) };
        let Some(row) = held.row.take() else { return Ok(()) };
        if !std::mem::take(&mut held.is_new) {
            return self.tx.execute(insert().rows([row]).push(REPLACE)).await.map(drop);
        }
        match self.tx.execute(insert().rows([row]).push(KEEP)).await? {
            0 => Err(StoreError::Conflict),
            _ => Ok(()),
        }
    }
}

impl Batch {
    /// The record as it stands, if the batch [`Batch::holds`] it and there is one.
    pub fn current(&self, key: &RecordKey) -> Option<Current> {
        self.0.get(key)?.current.clone()
    }

    pub fn holds(&self, key: &RecordKey) -> bool {
        self.0.contains_key(key)
    }

    /// What the record is from here on.
    pub fn hold(&mut self, key: &RecordKey, current: Current, row: Option<Vec<Arg>>) {
        if let Some(held) = self.0.get_mut(key) {
            held.current = Some(current);
            held.row = row.or(held.row.take());
        }
    }
}

pub(crate) fn insert() -> Sql {
    Sql::new("INSERT INTO records (").push(COLUMNS).push(") ")
}
