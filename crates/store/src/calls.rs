//! The log of calls to providers.

use crate::{
    Page, PageRequest, Store, StoreError,
    page::{Paging, TimeKey},
    sql::Sql,
};
use patchbay_domain::Timestamp;
use uuid::Uuid;

const LIST: u8 = b'c';
const CHUNK: usize = 256;

/// One attempt of one call. Secrets and personal data are masked before it comes here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub id: Uuid,
    /// When the request went out.
    pub at: Timestamp,
    pub connection: String,
    pub operation: String,
    pub method: String,
    /// Path and query.
    pub path: String,
    /// HTTP status, where an answer came.
    pub status: Option<i64>,
    pub duration_us: i64,
    /// 1 for the first.
    pub attempt: i64,
    /// The provider's id of the request.
    pub request_id: Option<String>,
    pub error: Option<String>,
    /// What it was made for: an event's id, an audit entry's id.
    pub cause: Option<String>,
}

/// A call is stored as it comes.
pub type NewCall = Call;

/// All conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFilter {
    pub connection: Option<String>,
    pub failed_only: bool,
    pub operation: Option<String>,
    pub cause: Option<String>,
}

#[derive(sqlx::FromRow)]
struct CallRow {
    id: Uuid,
    at: i64,
    connection: String,
    operation: String,
    method: String,
    path: String,
    status: Option<i64>,
    duration_us: i64,
    attempt: i64,
    request_id: Option<String>,
    error: Option<String>,
    cause: Option<String>,
}

impl From<CallRow> for Call {
    fn from(row: CallRow) -> Self {
        Self {
            id: row.id,
            at: Timestamp(row.at),
            connection: row.connection,
            operation: row.operation,
            method: row.method,
            path: row.path,
            status: row.status,
            duration_us: row.duration_us,
            attempt: row.attempt,
            request_id: row.request_id,
            error: row.error,
            cause: row.cause,
        }
    }
}

impl Store {
    pub async fn insert_calls(&self, calls: &[NewCall]) -> Result<(), StoreError> {
        if calls.is_empty() {
            return Ok(());
        }
        let mut tx = self.write().await?;
        for chunk in calls.chunks(CHUNK) {
            let rows = chunk.iter().map(|call| {
                vec![
                    call.id.into(),
                    call.at.into(),
                    (&call.connection).into(),
                    (&call.operation).into(),
                    (&call.method).into(),
                    (&call.path).into(),
                    call.status.into(),
                    call.duration_us.into(),
                    call.attempt.into(),
                    (&call.request_id).into(),
                    (&call.error).into(),
                    (&call.cause).into(),
                ]
            });
            let sql = Sql::new(
                "INSERT INTO calls (id, at, connection, operation, method, path, status, duration_us, attempt, \
                 request_id, error, cause) ",
            );
            tx.execute(sql.rows(rows)).await?;
        }
        tx.commit().await
    }

    /// Newest first.
    pub async fn list_calls(&self, filter: &CallFilter, page: &PageRequest) -> Result<Page<Call>, StoreError> {
        let paging = Paging::read(LIST, page)?;
        // One condition leads and has its index (calls_cause, calls_failed, calls_operation, calls_connection); see
        // `event_filter.rs` for the others.
        let caused = filter.cause.is_some();
        let operation = if caused || filter.failed_only { " AND operation || '' = " } else { " AND operation = " };
        let connection = if caused || filter.failed_only || filter.operation.is_some() {
            " AND connection || '' = "
        } else {
            " AND connection = "
        };
        let sql = Sql::new("SELECT * FROM calls WHERE 1 = 1")
            .bind_if(" AND cause = ", filter.cause.as_ref())
            .push(if filter.failed_only { " AND error IS NOT NULL" } else { "" })
            .bind_if(operation, filter.operation.as_ref())
            .bind_if(connection, filter.connection.as_ref());
        let sql = paging.order(paging.seek(sql, "at, id"), "at, id", "at DESC, id DESC");
        let rows = self.all::<CallRow>(sql).await?;
        Ok(paging.page(rows, |row| TimeKey(row.at, row.id)).map(Call::from))
    }

    pub async fn call(&self, id: Uuid) -> Result<Option<Call>, StoreError> {
        let sql = Sql::new("SELECT * FROM calls WHERE id = ").bind(id);
        Ok(self.optional::<CallRow>(sql).await?.map(Call::from))
    }
}
