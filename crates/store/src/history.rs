//! What happened to each record, and through what.

use crate::{
    Page, PageRequest, Store, StoreError,
    page::{Paging, TimeKey},
    sql::Sql,
};
use patchbay_domain::{Kind, ObjectKey, Source, Timestamp};
use serde_json::Value;
use uuid::Uuid;

const LIST: u8 = b'h';
const COLUMNS: &str = "id, connection, kind, external_id, at, source_type, source_id, outcome, version, body_after";
/// An event or an action changes a handful of records, a sync any number.
const OF_SOURCE: u32 = 500;

/// One piece of news about a record.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEntry {
    pub id: Uuid,
    pub connection: String,
    pub key: ObjectKey,
    /// When we applied it.
    pub at: Timestamp,
    /// [`Source::name`]
    pub source_type: String,
    /// [`Source::id`]
    pub source_id: String,
    /// `created`, `updated`, `deleted` or `ignored`.
    pub outcome: String,
    /// The provider's version in the news, also where it was too old.
    pub version: i64,
    /// The record's content from then on; after `ignored` that is what was there before. None once deleted.
    pub body_after: Option<Value>,
}

#[derive(sqlx::FromRow)]
struct HistoryRow {
    id: Uuid,
    connection: String,
    kind: String,
    external_id: String,
    at: i64,
    source_type: String,
    source_id: String,
    outcome: String,
    version: i64,
    body_after: Option<String>,
}

impl TryFrom<HistoryRow> for HistoryEntry {
    type Error = StoreError;

    fn try_from(row: HistoryRow) -> Result<Self, StoreError> {
        let body = row.body_after.as_deref().map(serde_json::from_str).transpose();
        Ok(Self {
            body_after: body.map_err(|error| StoreError::unreadable("history", error))?,
            id: row.id,
            connection: row.connection,
            key: ObjectKey::new(Kind::from(row.kind), row.external_id),
            at: Timestamp(row.at),
            source_type: row.source_type,
            source_id: row.source_id,
            outcome: row.outcome,
            version: row.version,
        })
    }
}

impl Store {
    /// Of one record, newest first.
    pub async fn history(
        &self,
        connection: &str,
        key: &ObjectKey,
        page: &PageRequest,
    ) -> Result<Page<HistoryEntry>, StoreError> {
        let paging = Paging::read(LIST, page)?;
        // Index record_history_record.
        let sql = Sql::new("SELECT ")
            .push(COLUMNS)
            .push(" FROM record_history WHERE connection = ")
            .bind(connection)
            .push(" AND kind = ")
            .bind(key.kind.as_str())
            .push(" AND external_id = ")
            .bind(&key.id);
        let sql = paging.order(paging.seek(sql, "at, id"), "at, id", "at DESC, id DESC");
        let rows = self.all::<HistoryRow>(sql).await?;
        paging.page(rows, |row| TimeKey(row.at, row.id)).try_map(HistoryEntry::try_from)
    }

    /// What one event, sync, reading or action changed, in the order it did; the first 500.
    pub async fn history_of_source(&self, source: &Source) -> Result<Vec<HistoryEntry>, StoreError> {
        // Index record_history_source; an id of ours names one source only, so the type is left to the row.
        let sql = Sql::new("SELECT ")
            .push(COLUMNS)
            .push(" FROM record_history WHERE source_id = ")
            .bind(source.id())
            .push(" AND source_type = ")
            .bind(source.name())
            .push(" ORDER BY id LIMIT ")
            .bind(OF_SOURCE);
        self.all::<HistoryRow>(sql).await?.into_iter().map(HistoryEntry::try_from).collect()
    }
}
