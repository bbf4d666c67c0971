//! Syncs: how far each is, so that a restart goes on where it was, and what could not be read, so that it is tried again.

use crate::{
    Page, PageRequest, Store, StoreError, WriteTx,
    page::{Paging, TimeKey},
    sql::Sql,
};
use patchbay_domain::{Kind, Timestamp, error::Problem};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};
use uuid::Uuid;

const LIST: u8 = b's';
const COLUMNS: &str = "id, connection, state, owner, unread, done, changed, started_at, heartbeat_at, finished_at, error, \
     cancel_requested, attempts, retry_at, thorough";

/// How a sync stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncState {
    Running,
    /// Everything was read.
    Done,
    /// Some kinds could not be read. It is tried again by itself.
    Incomplete,
    /// Nothing could be read, or the fault was ours. It is tried again by itself.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl SyncState {
    pub const ALL: [Self; 5] = [Self::Running, Self::Done, Self::Incomplete, Self::Failed, Self::Cancelled];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl fmt::Display for SyncState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A kind of objects that is not read to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    pub kind: Kind,
    /// The provider's cursor of the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How often its reading was begun anew, because the provider did not know the cursor any more.
    #[serde(default)]
    pub restarts: u32,
    /// Its lists are read, and what they did not name is being looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_listed: bool,
    /// Some of that was looked at: nothing speaks against the rest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_swept: bool,
    /// They did not name so much that a person has to say so first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub awaits_word: bool,
    /// Why it could not be read; none while it is still to be tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

impl Unread {
    pub fn new(kind: Kind) -> Self {
        Self { kind, cursor: None, restarts: 0, is_listed: false, is_swept: false, awaits_word: false, problem: None }
    }
}

/// One reading of everything a provider has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRun {
    pub id: Uuid,
    pub connection: String,
    pub state: SyncState,
    /// The process that works on it.
    pub owner: Option<String>,
    /// What is not read to its end, in the order of reading.
    pub unread: Vec<Unread>,
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
    /// Tries so far, this one included. Later ones read only what the ones before did not.
    pub attempts: i64,
    /// When it is tried again by itself.
    pub retry_at: Option<Timestamp>,
    /// Whether somebody asked for everything to be looked at that a list does not name, however much that is.
    pub thorough: bool,
}

impl SyncRun {
    /// Whether a list lacked so much that a person has to say what that means.
    pub fn awaits_word(&self) -> bool {
        self.unread.iter().any(|unread| unread.awaits_word)
    }

    pub fn is_running(&self) -> bool {
        self.state == SyncState::Running
    }

    /// What it reads now, or next.
    pub fn reading(&self) -> Option<&Unread> {
        self.unread.iter().find(|unread| unread.problem.is_none())
    }

    /// How many kinds it tried to read and could not.
    pub fn behind(&self) -> usize {
        match self.state {
            SyncState::Running if self.attempts == 1 => self.missing().count(),
            SyncState::Running | SyncState::Incomplete | SyncState::Failed => self.unread.len(),
            SyncState::Done | SyncState::Cancelled => 0,
        }
    }

    /// What could not be read, and why.
    pub fn missing(&self) -> impl Iterator<Item = (&Kind, &Problem)> {
        self.unread.iter().filter_map(|unread| Some((&unread.kind, unread.problem.as_ref()?)))
    }
}

/// How far a sync is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncProgress {
    pub unread: Vec<Unread>,
    pub done: i64,
    pub changed: i64,
}

/// How a sync ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncEnd<'a> {
    pub state: SyncState,
    pub error: Option<&'a str>,
    pub retry_at: Option<Timestamp>,
}

impl SyncEnd<'_> {
    /// For good.
    pub fn of(state: SyncState) -> Self {
        Self { state, error: None, retry_at: None }
    }
}

#[derive(sqlx::FromRow)]
struct SyncRow {
    id: Uuid,
    connection: String,
    state: String,
    owner: Option<String>,
    unread: String,
    done: i64,
    changed: i64,
    started_at: i64,
    heartbeat_at: i64,
    finished_at: Option<i64>,
    error: Option<String>,
    cancel_requested: i64,
    attempts: i64,
    retry_at: Option<i64>,
    thorough: i64,
}

impl TryFrom<SyncRow> for SyncRun {
    type Error = StoreError;

    fn try_from(row: SyncRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            connection: row.connection,
            state: SyncState::parse(&row.state).ok_or_else(|| StoreError::unreadable("sync state", &row.state))?,
            owner: row.owner,
            unread: read_unread(&row.unread)?,
            done: row.done,
            changed: row.changed,
            started_at: Timestamp(row.started_at),
            heartbeat_at: Timestamp(row.heartbeat_at),
            finished_at: row.finished_at.map(Timestamp),
            error: row.error,
            cancel_requested: row.cancel_requested != 0,
            attempts: row.attempts,
            retry_at: row.retry_at.map(Timestamp),
            thorough: row.thorough != 0,
        })
    }
}

fn read_unread(text: &str) -> Result<Vec<Unread>, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::unreadable("progress of a sync", error))
}

fn write_unread(unread: &[Unread]) -> Result<String, StoreError> {
    serde_json::to_string(unread).map_err(|error| StoreError::unreadable("progress of a sync", error))
}

fn all(rows: Vec<SyncRow>) -> Result<Vec<SyncRun>, StoreError> {
    rows.into_iter().map(SyncRun::try_from).collect()
}

impl Store {
    /// Begins a sync of these kinds; [`Store::take_syncs`] hands it to a worker. [`StoreError::AlreadyRunning`] if one is
    /// running. Earlier ones are not tried again any more.
    pub async fn start_sync(&self, connection: &str, kinds: &[Kind]) -> Result<SyncRun, StoreError> {
        self.start_sync_as(connection, kinds, false).await
    }

    /// As [`Store::start_sync`]; a thorough one looks at everything that a list does not name, however much that is.
    pub async fn start_sync_as(&self, connection: &str, kinds: &[Kind], thorough: bool) -> Result<SyncRun, StoreError> {
        let (id, now) = (self.new_id(), self.now());
        let unread: Vec<Unread> = kinds.iter().cloned().map(Unread::new).collect();
        let mut tx = self.write().await?;
        let superseded = Sql::new("UPDATE syncs SET retry_at = NULL WHERE retry_at IS NOT NULL AND connection = ");
        tx.execute(superseded.bind(connection)).await?;
        let listed = Sql::new(
            "DELETE FROM sync_listed WHERE sync_id IN (SELECT id FROM syncs WHERE state <> 'running' AND connection = ",
        );
        tx.execute(listed.bind(connection).push(")")).await?;
        let (zero, one) = (0_i64, 1_i64);
        let row = vec![
            id.into(),
            connection.into(),
            SyncState::Running.as_str().into(),
            write_unread(&unread)?.into(),
            zero.into(),
            zero.into(),
            now.into(),
            now.into(),
            zero.into(),
            one.into(),
            thorough.into(),
        ];
        let sql = Sql::new(
            "INSERT INTO syncs (id, connection, state, unread, done, changed, started_at, heartbeat_at, \
             cancel_requested, attempts, thorough) ",
        )
        .rows([row])
        .push(" ON CONFLICT (connection) WHERE state = 'running' DO NOTHING RETURNING ")
        .push(COLUMNS);
        if let Some(row) = tx.optional::<SyncRow>(sql).await? {
            tx.commit().await?;
            return row.try_into();
        }
        // Index syncs_running.
        let running = Sql::new("SELECT id FROM syncs WHERE state = 'running' AND connection = ").bind(connection);
        let id = tx.optional::<(Uuid,)>(running).await?.map_or(id, |row| row.0);
        tx.rollback().await?;
        Err(StoreError::AlreadyRunning { id })
    }

    /// Lets syncs of these connections whose time has come run again, for what they could not read.
    pub async fn retry_syncs(&self, connections: &[&str]) -> Result<(), StoreError> {
        // Index syncs_retry: at most one row per connection.
        let due = Sql::new("SELECT ")
            .push(COLUMNS)
            .push(" FROM syncs WHERE retry_at <= ")
            .bind(self.now())
            .push(" AND connection IN ")
            .list(connections.iter().copied());
        for run in all(self.all::<SyncRow>(due).await?)? {
            self.retry_sync(run).await?;
        }
        Ok(())
    }

    async fn retry_sync(&self, mut run: SyncRun) -> Result<(), StoreError> {
        for unread in &mut run.unread {
            (unread.problem, unread.awaits_word) = (None, false);
        }
        // What another process did meanwhile has taken its time away.
        let sql = Sql::new(
            "UPDATE syncs SET state = 'running', owner = NULL, finished_at = NULL, error = NULL, cancel_requested = 0, \
             retry_at = NULL, attempts = attempts + 1, unread = ",
        )
        .bind(write_unread(&run.unread)?)
        .push(", heartbeat_at = ")
        .bind(self.now())
        .push(" WHERE retry_at IS NOT NULL AND id = ")
        .bind(run.id);
        self.execute(sql).await.map(drop)
    }

    /// Lets the latest sync of a connection be tried again now, if it did not read everything. Answers whether that is so.
    pub async fn retry_sync_now(&self, connection: &str) -> Result<bool, StoreError> {
        let unfinished = |run: &SyncRun| matches!(run.state, SyncState::Incomplete | SyncState::Failed);
        let Some(run) = self.latest_sync(connection).await?.filter(unfinished) else { return Ok(false) };
        let sql = Sql::new("UPDATE syncs SET retry_at = ")
            .bind(self.now())
            .push(" WHERE state IN ('incomplete', 'failed') AND id = ")
            .bind(run.id);
        Ok(self.execute(sql).await? > 0)
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
        all(rows)
    }

    /// Asks a running sync to end; it does so after its page.
    pub async fn request_cancel(&self, id: Uuid) -> Result<(), StoreError> {
        let sql = Sql::new("UPDATE syncs SET cancel_requested = 1 WHERE state = 'running' AND id = ").bind(id);
        self.execute(sql).await.map(drop)
    }

    /// A sign of life of whoever works on it. Answers whether it shall end; none when it is another's by now, or over.
    pub async fn beat_sync(&self, id: Uuid, owner: &str) -> Result<Option<bool>, StoreError> {
        let sql = Sql::new("UPDATE syncs SET heartbeat_at = ")
            .bind(self.now())
            .push(" WHERE state = 'running' AND owner = ")
            .bind(owner)
            .push(" AND id = ")
            .bind(id)
            .push(" RETURNING cancel_requested");
        let mut tx = self.write().await?;
        let row = tx.optional::<(i64,)>(sql).await?;
        tx.commit().await?;
        Ok(row.map(|row| row.0 != 0))
    }

    /// Ends a running sync.
    pub async fn finish_sync(&self, id: Uuid, end: &SyncEnd<'_>) -> Result<(), StoreError> {
        let now = self.now();
        let sql = Sql::new("UPDATE syncs SET owner = NULL, state = ")
            .bind(end.state.as_str())
            .push(", error = ")
            .bind(end.error)
            .push(", retry_at = ")
            .bind(end.retry_at)
            .push(", finished_at = ")
            .bind(now)
            .push(", heartbeat_at = ")
            .bind(now)
            .push(" WHERE state = 'running' AND id = ")
            .bind(id);
        let mut tx = self.write().await?;
        tx.execute(sql).await?;
        // One that is tried again goes on in the middle of its lists.
        if end.retry_at.is_none() {
            tx.execute(Sql::new("DELETE FROM sync_listed WHERE sync_id = ").bind(id)).await?;
        }
        tx.commit().await
    }

    pub async fn sync(&self, id: Uuid) -> Result<Option<SyncRun>, StoreError> {
        let sql = Sql::new("SELECT ").push(COLUMNS).push(" FROM syncs WHERE id = ").bind(id);
        self.optional::<SyncRow>(sql).await?.map(SyncRun::try_from).transpose()
    }

    pub async fn latest_sync(&self, connection: &str) -> Result<Option<SyncRun>, StoreError> {
        // Index syncs_connection.
        let sql = Sql::new("SELECT ")
            .push(COLUMNS)
            .push(" FROM syncs WHERE connection = ")
            .bind(connection)
            .push(" ORDER BY started_at DESC, id DESC LIMIT 1");
        self.optional::<SyncRow>(sql).await?.map(SyncRun::try_from).transpose()
    }

    /// Newest first.
    pub async fn list_syncs(&self, connection: Option<&str>, page: &PageRequest) -> Result<Page<SyncRun>, StoreError> {
        let paging = Paging::read(LIST, page)?;
        // Index syncs_connection or syncs_started.
        let sql =
            Sql::new("SELECT ").push(COLUMNS).push(" FROM syncs WHERE 1 = 1").bind_if(" AND connection = ", connection);
        let sql = paging.order(paging.seek(sql, "started_at, id"), "started_at, id", "started_at DESC, id DESC");
        let rows = self.all::<SyncRow>(sql).await?;
        paging.page(rows, |row| TimeKey(row.started_at, row.id)).try_map(SyncRun::try_from)
    }
}

impl WriteTx {
    /// Progress commits together with the records of its page. Also the sign of life.
    pub async fn save_sync_progress(&mut self, id: Uuid, progress: &SyncProgress) -> Result<(), StoreError> {
        let sql = Sql::new("UPDATE syncs SET heartbeat_at = ")
            .bind(self.store.now())
            .push(", unread = ")
            .bind(write_unread(&progress.unread)?)
            .push(", done = ")
            .bind(progress.done)
            .push(", changed = ")
            .bind(progress.changed)
            .push(" WHERE state = 'running' AND id = ")
            .bind(id);
        self.tx.execute(sql).await.map(drop)
    }
}
