//! Reading the mirrored records.

use crate::{
    Page, PageRequest, Store, StoreError,
    page::{Paging, RecordKey},
    sql::Sql,
};
use patchbay_domain::{Index, Kind, ObjectKey, RecordBody, RecordRef, Timestamp};
use serde_json::Value;
use std::collections::BTreeSet;

const LIST: u8 = b'r';
const CHUNK: usize = 500;
/// Characters of a title that take part in a search.
const SEARCHED: usize = 120;

pub(crate) const COLUMNS: &str = "records.connection, records.kind, records.external_id, records.title, records.subtitle, \
     records.status, records.owner, records.organisation, records.facet, records.parent, records.amount, \
     records.currency, records.created_at, records.ended_at, records.body, records.version, records.revision, \
     records.deleted, records.recorded_at, records.updated_at";

/// Our copy of one object at a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub connection: String,
    pub key: ObjectKey,
    pub index: Index,
    /// The normalised content; of a deleted object the last one known, `null` if there never was one.
    pub body: Value,
    /// The provider's version.
    pub version: i64,
    /// Grows with every write of the record; starts at 1.
    pub revision: i64,
    pub deleted: bool,
    /// When we first had it.
    pub recorded_at: Timestamp,
    /// When we last wrote it.
    pub updated_at: Timestamp,
}

impl Record {
    pub fn reference(&self) -> RecordRef {
        RecordRef::new(&self.connection, self.key.clone())
    }

    /// Another record that this one names.
    pub fn related(&self, kind: Kind, id: impl Into<String>) -> RecordRef {
        self.reference().related(kind, id)
    }

    /// The content as its type.
    pub fn decode<B: RecordBody>(&self) -> Result<B, StoreError> {
        B::deserialize(&self.body).map_err(|error| StoreError::unreadable("record", format!("{}: {error}", self.key)))
    }
}

/// All conditions must hold. Deleted records are left out unless asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFilter {
    pub kind: Kind,
    pub connection: Option<String>,
    pub status: Option<String>,
    /// Id of the customer it belongs to.
    pub owner: Option<String>,
    /// Any of these customers; empty for no condition. Ids mean something at their connection alone.
    pub owners: Vec<RecordRef>,
    /// Our organisation's id, on the records that carry it.
    pub organisation: Option<String>,
    pub facet: Option<String>,
    pub parent: Option<String>,
    /// Occurs in the title, the subtitle or the id, upper and lower case alike.
    pub text: Option<String>,
    pub include_deleted: bool,
}

impl RecordFilter {
    /// Everything of a kind.
    pub fn of(kind: Kind) -> Self {
        Self {
            kind,
            connection: None,
            status: None,
            owner: None,
            owners: Vec::new(),
            organisation: None,
            facet: None,
            parent: None,
            text: None,
            include_deleted: false,
        }
    }

    /// One condition leads and is served by its index (`records_organisation`, `records_parent`, `records_owner`,
    /// `records_facet`, `records_status`, else `records_kind`), which also has the order of the list; the others are
    /// written so that no planner sorts instead. A text is looked for within `records_kind` alone, or among the rows of
    /// the leading condition.
    fn conditions(&self, sql: Sql, owner: Option<&RecordRef>) -> Sql {
        let mut leads = !self.include_deleted;
        let mut column = |value: bool, indexed: &'static str, plain: &'static str| {
            let lead = value && leads;
            leads &= !value;
            if lead { indexed } else { plain }
        };
        let sql = sql
            .push("SELECT connection, kind, external_id, created_at FROM records WHERE kind = ")
            .bind(self.kind.as_str());
        let sql = if self.include_deleted { sql } else { sql.push(" AND deleted = 0") };
        let text = column(self.organisation.is_some(), " AND organisation = ", " AND organisation || '' = ");
        let sql = sql.bind_if(text, self.organisation.as_ref());
        let text = column(self.parent.is_some(), " AND parent = ", " AND parent || '' = ");
        let sql = sql.bind_if(text, self.parent.as_ref());
        let text = column(self.owner.is_some(), " AND owner = ", " AND owner || '' = ");
        let sql = sql.bind_if(text, self.owner.as_ref());
        let text = column(owner.is_some(), " AND owner = ", " AND owner || '' = ");
        let sql = sql.bind_if(text, owner.map(|owner| &owner.key.id));
        let text = column(self.facet.is_some(), " AND facet = ", " AND facet || '' = ");
        let sql = sql.bind_if(text, self.facet.as_ref());
        let text = column(self.status.is_some(), " AND status = ", " AND status || '' = ");
        let sql = sql.bind_if(text, self.status.as_ref());
        sql.bind_if(" AND connection || '' = ", owner.map(|owner| &owner.connection))
            .bind_if(" AND connection || '' = ", self.connection.as_ref())
            .bind_if(" AND search LIKE ", self.text.as_ref().map(|text| format!("%{}%", escaped(&text.to_lowercase()))))
            .push(if self.text.is_some() { " ESCAPE '!'" } else { "" })
    }

    /// `(SELECT …)` of the page's keys. With several owners: one index range for each, read no further than the page,
    /// and then merged.
    fn keys(&self, sql: Sql, paging: &Paging<RecordKey>) -> Sql {
        let page = |sql: Sql| {
            let sql = paging.seek(sql, "created_at, external_id, connection");
            paging.order(
                sql,
                "created_at, external_id, connection",
                "created_at DESC, external_id DESC, connection DESC",
            )
        };
        let sql = sql.push("(");
        if self.owners.len() < 2 {
            return page(self.conditions(sql, self.owners.first())).push(")");
        }
        let mut sql = sql.push("SELECT connection, kind, external_id, created_at FROM (");
        // A customer named twice must not be listed twice.
        for (number, owner) in self.owners.iter().collect::<BTreeSet<_>>().into_iter().enumerate() {
            let branch = sql.push(if number == 0 { "" } else { " UNION ALL " });
            let branch = branch.push("SELECT connection, kind, external_id, created_at FROM (");
            sql = page(self.conditions(branch, Some(owner))).push(") AS branch");
        }
        page(sql.push(") AS merged WHERE 1 = 1")).push(")")
    }
}

/// `%` and `_` stand for themselves.
fn escaped(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

/// Lower case and cut short, so that an index can hold it.
pub(crate) fn search_key(text: &str) -> String {
    text.chars().take(SEARCHED).flat_map(char::to_lowercase).collect()
}

#[derive(sqlx::FromRow)]
pub(crate) struct RecordRow {
    pub connection: String,
    pub kind: String,
    pub external_id: String,
    pub title: String,
    pub subtitle: String,
    pub status: String,
    pub owner: Option<String>,
    pub organisation: Option<String>,
    pub facet: Option<String>,
    pub parent: Option<String>,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub created_at: i64,
    pub ended_at: Option<i64>,
    pub body: String,
    pub version: i64,
    pub revision: i64,
    pub deleted: i64,
    pub recorded_at: i64,
    pub updated_at: i64,
}

impl TryFrom<RecordRow> for Record {
    type Error = StoreError;

    fn try_from(row: RecordRow) -> Result<Self, StoreError> {
        Ok(Self {
            body: serde_json::from_str(&row.body).map_err(|error| StoreError::unreadable("record", error))?,
            connection: row.connection,
            key: ObjectKey::new(Kind::from(row.kind), row.external_id),
            index: Index {
                title: row.title,
                subtitle: row.subtitle,
                status: row.status,
                owner: row.owner,
                organisation: row.organisation,
                facet: row.facet,
                parent: row.parent,
                amount: row.amount,
                currency: row.currency,
                created_at: Timestamp(row.created_at),
                ended_at: row.ended_at.map(Timestamp),
            },
            version: row.version,
            revision: row.revision,
            deleted: row.deleted != 0,
            recorded_at: Timestamp(row.recorded_at),
            updated_at: Timestamp(row.updated_at),
        })
    }
}

impl Store {
    /// One record, deleted ones included. Without a connection: whichever has it, the first by name.
    pub async fn record(&self, connection: &str, key: &ObjectKey) -> Result<Option<Record>, StoreError> {
        // Primary key.
        let sql = Sql::new("SELECT ").push(COLUMNS).push(" FROM records WHERE external_id = ").bind(&key.id);
        let sql = sql.push(" AND kind = ").bind(key.kind.as_str()).push(" AND connection = ").bind(connection);
        self.optional::<RecordRow>(sql).await?.map(Record::try_from).transpose()
    }

    /// The records that every connection has of this kind and id.
    pub async fn records_everywhere(&self, key: &ObjectKey) -> Result<Vec<Record>, StoreError> {
        // records_external.
        let sql = Sql::new("SELECT ").push(COLUMNS).push(" FROM records WHERE external_id = ").bind(&key.id);
        self.records(sql.push(" AND kind || '' = ").bind(key.kind.as_str()).push(" ORDER BY connection")).await
    }

    /// Several records of one kind at once, in no particular order; unknown ids are left out.
    pub async fn records_by_ids(
        &self,
        connection: &str,
        kind: &Kind,
        ids: &[String],
    ) -> Result<Vec<Record>, StoreError> {
        let mut records = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(CHUNK) {
            // Primary key.
            let sql = Sql::new("SELECT ")
                .push(COLUMNS)
                .push(" FROM records WHERE connection = ")
                .bind(connection)
                .push(" AND kind = ")
                .bind(kind.as_str())
                .push(" AND external_id IN ")
                .list(chunk);
            records.extend(self.records(sql).await?);
        }
        Ok(records)
    }

    /// By the provider's time of making, newest first.
    pub async fn list_records(&self, filter: &RecordFilter, page: &PageRequest) -> Result<Page<Record>, StoreError> {
        let paging = Paging::read(LIST, page)?;
        // The page is found in an index; whole rows are read for that page only.
        let sql = filter.keys(Sql::new("SELECT ").push(COLUMNS).push(" FROM "), &paging).push(
            " AS found JOIN records ON records.connection = found.connection AND records.kind = found.kind \
             AND records.external_id = found.external_id",
        );
        let sql = paging.order(
            sql,
            "records.created_at, records.external_id, records.connection",
            "records.created_at DESC, records.external_id DESC, records.connection DESC",
        );
        let rows = self.all::<RecordRow>(sql).await?;
        let key = |row: &RecordRow| RecordKey(row.created_at, row.external_id.clone(), row.connection.clone());
        paging.page(rows, key).try_map(Record::try_from)
    }

    /// For a search box over everything: the record of that id, or else those whose title or subtitle begins so.
    pub async fn find_anything(&self, text: &str, limit: u32) -> Result<Vec<Record>, StoreError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Vec::new());
        }
        // Index records_external.
        let exact = Sql::new("SELECT ")
            .push(COLUMNS)
            .push(" FROM records WHERE external_id = ")
            .bind(text)
            .push(" ORDER BY kind, connection LIMIT ")
            .bind(limit);
        let exact = self.records(exact).await?;
        if !exact.is_empty() {
            return Ok(exact);
        }
        let from = search_key(text);
        let to = format!("{from}{}", char::MAX);
        // Indexes records_title and records_subtitle, each read no further than the limit.
        let branch = |sql: Sql, column: &'static str| {
            sql.push(" SELECT connection, kind, external_id FROM (SELECT connection, kind, external_id FROM records WHERE deleted = 0 AND ")
                .push(column)
                .push(" >= ")
                .bind(&from)
                .push(" AND ")
                .push(column)
                .push(" < ")
                .bind(&to)
                .push(" ORDER BY ")
                .push(column)
                .push(" LIMIT ")
                .bind(limit)
                .push(") AS branch")
        };
        let sql = branch(Sql::new("SELECT ").push(COLUMNS).push(" FROM ("), "title_key").push(" UNION");
        let sql = branch(sql, "subtitle_key")
            .push(
                ") AS found JOIN records ON records.connection = found.connection AND records.kind = found.kind \
                 AND records.external_id = found.external_id ORDER BY records.title_key, records.external_id LIMIT ",
            )
            .bind(limit);
        self.records(sql).await
    }

    /// How many live records, of this connection or of all, have which status, the most frequent first.
    pub async fn status_counts(&self, kind: &Kind, connection: Option<&str>) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = Sql::new("SELECT status, CAST(SUM(count) AS BIGINT) AS total FROM record_counts WHERE kind = ")
            .bind(kind.as_str())
            .bind_if(" AND connection = ", connection)
            .push(" GROUP BY status HAVING SUM(count) > 0 ORDER BY total DESC, status");
        self.all(sql).await
    }

    /// The connections that have live records of a kind, by name.
    pub async fn connections_with(&self, kind: &Kind) -> Result<Vec<String>, StoreError> {
        let sql = Sql::new("SELECT connection FROM record_counts WHERE kind = ")
            .bind(kind.as_str())
            .push(" GROUP BY connection HAVING SUM(count) > 0 ORDER BY connection");
        let rows: Vec<(String,)> = self.all(sql).await?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    async fn records(&self, sql: Sql) -> Result<Vec<Record>, StoreError> {
        self.all::<RecordRow>(sql).await?.into_iter().map(Record::try_from).collect()
    }
}
