//! Deliveries that were refused: enough to see why, never the body.

use crate::{
    Page, PageRequest, Store, StoreError,
    counts::{Counter, Counts},
    events::{read_headers, write_headers},
    page::{Paging, TimeKey},
    sql::{Arg, Sql},
};
use patchbay_domain::Timestamp;
use uuid::Uuid;

const LIST: u8 = b'j';
/// Anybody can send rubbish, so only so many are kept per connection, the newest.
const KEPT: u32 = 1_000;

/// A delivery that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRejection {
    pub connection: String,
    /// One word, to group by.
    pub reason: String,
    /// A sentence.
    pub detail: String,
    pub headers: Vec<(String, String)>,
    /// Where it came from.
    pub remote: Option<String>,
    pub received_at: Timestamp,
}

/// A kept [`NewRejection`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub id: Uuid,
    pub connection: String,
    pub reason: String,
    pub detail: String,
    pub headers: Vec<(String, String)>,
    pub remote: Option<String>,
    pub received_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct RejectionRow {
    id: Uuid,
    connection: String,
    reason: String,
    detail: String,
    headers: String,
    remote: Option<String>,
    received_at: i64,
}

impl TryFrom<RejectionRow> for Rejection {
    type Error = StoreError;

    fn try_from(row: RejectionRow) -> Result<Self, StoreError> {
        Ok(Self {
            headers: read_headers(&row.headers)?,
            id: row.id,
            connection: row.connection,
            reason: row.reason,
            detail: row.detail,
            remote: row.remote,
            received_at: Timestamp(row.received_at),
        })
    }
}

impl Store {
    /// Keeps it, counts it, and drops what is beyond the newest 1,000 of its connection.
    pub async fn insert_rejection(&self, rejection: NewRejection) -> Result<(), StoreError> {
        let NewRejection { connection, reason, detail, headers, remote, received_at } = rejection;
        let mut counts = Counts::default();
        counts.add(&connection, received_at, Counter::Rejected);
        let mut tx = self.write().await?;
        let row = vec![
            self.new_id().into(),
            Arg::from(&connection),
            reason.into(),
            detail.into(),
            write_headers(&headers)?.into(),
            remote.into(),
            received_at.into(),
        ];
        let insert = Sql::new("INSERT INTO rejections (id, connection, reason, detail, headers, remote, received_at) ");
        tx.execute(insert.rows([row])).await?;
        // Index rejections_connection.
        let trim = Sql::new("DELETE FROM rejections WHERE connection = ")
            .bind(&connection)
            .push(" AND (received_at, id) <= (SELECT received_at, id FROM rejections WHERE connection = ")
            .bind(&connection)
            .push(" ORDER BY received_at DESC, id DESC LIMIT 1 OFFSET ")
            .bind(KEPT)
            .push(")");
        tx.execute(trim).await?;
        counts.write(&mut tx).await?;
        tx.commit().await
    }

    /// Newest first.
    pub async fn list_rejections(
        &self,
        connection: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Rejection>, StoreError> {
        let paging = Paging::read(LIST, page)?;
        // Index rejections_connection or rejections_received.
        let sql = Sql::new("SELECT * FROM rejections WHERE 1 = 1").bind_if(" AND connection = ", connection);
        let sql = paging.order(paging.seek(sql, "received_at, id"), "received_at, id", "received_at DESC, id DESC");
        let rows = self.all::<RejectionRow>(sql).await?;
        paging.page(rows, |row| TimeKey(row.received_at, row.id)).try_map(Rejection::try_from)
    }
}
