//! Syncs: how far each is, so that a restart goes on where it was.

use crate::{
    Page, PageRequest, Store, StoreError, WriteTx,
    page::{Paging, TimeKey},
    sql::Sql,
};
use patchbay_domain::Timestamp;
use std::time::Duration;
use uuid::Uuid;

const LIST: u8 = b's';
const COLUMNS: &str = "id, connection, state, owner, kind_index, cursor, done, changed, started_at, heartbeat_at, finished_at, \
     error, cancel_requested";

/// One reading of everything a provider has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRun {
    pub id: Uuid,
    pub connection: String,
    /// `running`, `done`, `failed` or `cancelled`.
    pub state: String,
    /// The process that works on it.
    pub owner: Option<String>,
    /// Which of the provider's kinds is being read, from 0.
    pub kind_index: i64,
    /// The provider's cursor of the next page.
    pub cursor: Option<String>,
    /// Objects read.
    pub done: i64,
    /// Records that differed.
    pub changed: i64,
    pub started_at: Timestamp,
    /// The last sign of life.
    pub heartbeat_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub error: Option<String>,
    pub cancel_requested: bool,
}

impl SyncRun {
    /// Objects per second so far; `None` before the first page.
    pub fn rate_per_second(&self) -> Option<f64> {
        let seconds = self.heartbeat_at.since(self.started_at).as_secs_f64();
        let done = f64::from(u32::try_from(self.done).unwrap_or(u32::MAX));
        (seconds > 0.0).then(|| done / seconds)
    }
}

/// How far a sync is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncProgress {
    pub kind_index: i64,
    pub cursor: Option<String>,
    pub done: i64,
    pub changed: i64,
}

#[derive(sqlx::FromRow)]
struct SyncRow {
    id: Uuid,
    connection: String,
    state: String,
    owner: Option<String>,
    kind_index: i64,
    cursor: Option<String>,
    done: i64,
    changed: i64,
    started_at: i64,
    heartbeat_at: i64,
    finished_at: Option<i64>,
    error: Option<String>,
    cancel_requested: i64,
}

impl From<SyncRow> for SyncRun {
    fn from(row: SyncRow) -> Self {
        Self {
            id: row.id,
            connection: row.connection,
            state: row.state,
            owner: row.owner,
            kind_index: row.kind_index,
            cursor: row.cursor,
            done: row.done,
            changed: row.changed,
            started_at: Timestamp(row.started_at),
            heartbeat_at: Timestamp(row.heartbeat_at),
            finished_at: row.finished_at.map(Timestamp),
            error: row.error,
            cancel_requested: row.cancel_requested != 0,
        }
    }
}

impl Store {
    /// Begins a sync; [`Store::take_syncs`] hands it to a worker. [`StoreError::AlreadyRunning`] if one is running.
    pub async fn start_sync(&self, connection: &str) -> Result<SyncRun, StoreError> {
        let (id, now) = (self.new_id(), self.now());
        let mut tx = self.write().await?;
        let zero = 0_i64;
        let row = vec![
            id.into(),
            connection.into(),
            "running".into(),
            zero.into(),
            zero.into(),
            zero.into(),
            now.into(),
            now.into(),
            zero.into(),
        ];
        let sql = Sql::new(
            "INSERT INTO syncs (id, connection, state, kind_index, done, changed, started_at, heartbeat_at, \
             cancel_requested) ",
        )
        .rows([row])
        .push(" ON CONFLICT (connection) WHERE state = 'running' DO NOTHING RETURNING ")
        .push(COLUMNS);
        if let Some(row) = tx.optional::<SyncRow>(sql).await? {
            tx.commit().await?;
            return Ok(row.into());
        }
        // Index syncs_running.
        let running = Sql::new("SELECT id FROM syncs WHERE state = 'running' AND connection = ").bind(connection);
        let id = tx.optional::<(Uuid,)>(running).await?.map_or(id, |row| row.0);
        tx.rollback().await?;
        Err(StoreError::AlreadyRunning { id })
    }

    /// Lets a failed or cancelled sync go on at its cursor. `None` when there is no such sync to go on with.
    pub async fn resume_sync(&self, id: Uuid) -> Result<Option<SyncRun>, StoreError> {
        let mut tx = self.write().await?;
        let other = Sql::new(
            "SELECT other.id FROM syncs JOIN syncs AS other ON other.connection = syncs.connection \
             WHERE other.state = 'running' AND syncs.id = ",
        )
        .bind(id);
        if let Some((id,)) = tx.optional::<(Uuid,)>(other).await? {
            return Err(StoreError::AlreadyRunning { id });
        }
        let sql = Sql::new("UPDATE syncs SET state = 'running', owner = NULL, finished_at = NULL, error = NULL, cancel_requested = 0, heartbeat_at = ")
            .bind(self.now())
            .push(" WHERE state IN ('failed', 'cancelled') AND id = ")
            .bind(id)
            .push(" RETURNING ")
            .push(COLUMNS);
        let row = tx.optional::<SyncRow>(sql).await?;
        tx.commit().await?;
        Ok(row.map(SyncRun::from))
    }

    /// Hands running syncs that nobody works on to `owner`: new ones, given-back ones, and those of other processes that
    /// gave no sign of life for `abandoned`.
    pub async fn take_syncs(&self, owner: &str, abandoned: Duration) -> Result<Vec<SyncRun>, StoreError> {
        let now = self.now();
        // Index syncs_running: at most one row per connection.
        let sql = Sql::new("UPDATE syncs SET owner = ")
            .bind(owner)
            .push(", heartbeat_at = ")
            .bind(now)
            .push(" WHERE state = 'running' AND (owner IS NULL OR (owner <> ")
            .bind(owner)
            .push(" AND heartbeat_at < ")
            .bind(now.minus(abandoned))
            .push(")) RETURNING ")
            .push(COLUMNS);
        let mut tx = self.write().await?;
        let rows = tx.all::<SyncRow>(sql).await?;
        tx.commit().await?;
        Ok(rows.into_iter().map(SyncRun::from).collect())
    }

    /// Asks a running sync to end; it does so after its page.
    pub async fn request_cancel(&self, id: Uuid) -> Result<(), StoreError> {
        let sql = Sql::new("UPDATE syncs SET cancel_requested = 1 WHERE state = 'running' AND id = ").bind(id);
        self.execute(sql).await.map(drop)
    }

    pub async fn sync_cancel_requested(&self, id: Uuid) -> Result<bool, StoreError> {
        let sql = Sql::new("SELECT cancel_requested FROM syncs WHERE id = ").bind(id);
        Ok(self.optional::<(i64,)>(sql).await?.is_some_and(|row| row.0 != 0))
    }

    /// Ends a running sync as `done`, `failed` or `cancelled`.
    pub async fn finish_sync(&self, id: Uuid, state: &str, error: Option<&str>) -> Result<(), StoreError> {
        let now = self.now();
        let sql = Sql::new("UPDATE syncs SET owner = NULL, state = ")
            .bind(state)
            .push(", error = ")
            .bind(error)
            .push(", finished_at = ")
            .bind(now)
            .push(", heartbeat_at = ")
            .bind(now)
            .push(" WHERE state = 'running' AND id = ")
            .bind(id);
        self.execute(sql).await.map(drop)
    }

    pub async fn sync(&self, id: Uuid) -> Result<Option<SyncRun>, StoreError> {
        let sql = Sql::new("SELECT ").push(COLUMNS).push(" FROM syncs WHERE id = ").bind(id);
        Ok(self.optional::<SyncRow>(sql).await?.map(SyncRun::from))
    }

    pub async fn latest_sync(&self, connection: &str) -> Result<Option<SyncRun>, StoreError> {
        // Index syncs_connection.
        let sql = Sql::new("SELECT ")
            .push(COLUMNS)
            .push(" FROM syncs WHERE connection = ")
            .bind(connection)
            .push(" ORDER BY started_at DESC, id DESC LIMIT 1");
        Ok(self.optional::<SyncRow>(sql).await?.map(SyncRun::from))
    }

    pub async fn running_syncs(&self) -> Result<Vec<SyncRun>, StoreError> {
        let sql = Sql::new("SELECT ").push(COLUMNS).push(" FROM syncs WHERE state = 'running' ORDER BY connection");
        Ok(self.all::<SyncRow>(sql).await?.into_iter().map(SyncRun::from).collect())
    }

    /// Newest first.
    pub async fn list_syncs(&self, connection: Option<&str>, page: &PageRequest) -> Result<Page<SyncRun>, StoreError> {
        let paging = Paging::read(LIST, page)?;
        // Index syncs_connection or syncs_started.
        let sql =
            Sql::new("SELECT ").push(COLUMNS).push(" FROM syncs WHERE 1 = 1").bind_if(" AND connection = ", connection);
        let sql = paging.order(paging.seek(sql, "started_at, id"), "started_at, id", "started_at DESC, id DESC");
        let rows = self.all::<SyncRow>(sql).await?;
        Ok(paging.page(rows, |row| TimeKey(row.started_at, row.id)).map(SyncRun::from))
    }
}

impl WriteTx {
    /// Progress commits together with the records of its page. Also the sign of life.
    pub async fn save_sync_progress(&mut self, id: Uuid, progress: &SyncProgress) -> Result<(), StoreError> {
        let sql = Sql::new("UPDATE syncs SET heartbeat_at = ")
            .bind(self.store.now())
            .push(", kind_index = ")
            .bind(progress.kind_index)
            .push(", cursor = ")
            .bind(&progress.cursor)
            .push(", done = ")
            .bind(progress.done)
            .push(", changed = ")
            .bind(progress.changed)
            .push(" WHERE state = 'running' AND id = ")
            .bind(id);
        self.tx.execute(sql).await.map(drop)
    }
}
