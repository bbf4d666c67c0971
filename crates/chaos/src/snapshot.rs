//! What the tables say after a round, read by SQL of our own: not by the code that is on trial.

use sqlx::{
    AssertSqlSafe, Connection, FromRow, PgConnection, SqliteConnection,
    postgres::PgRow,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use std::str::FromStr as _;
use uuid::Uuid;

/// One connection of our own to the database.
pub enum Reader {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

trait AnyRow: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<T> AnyRow for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl Reader {
    /// A connection that writes nothing.
    pub async fn open(url: &str) -> Result<Self, sqlx::Error> {
        let mut reader = Self::open_to_write(url).await?;
        match &mut reader {
            Self::Sqlite(_) => reader.execute("PRAGMA query_only = 1").await?,
            Self::Postgres(_) => reader.execute("SET default_transaction_read_only = on").await?,
        }
        Ok(reader)
    }

    /// For those who hold a lock or spoil something on purpose.
    pub async fn open_to_write(url: &str) -> Result<Self, sqlx::Error> {
        if url.starts_with("sqlite") {
            let options = SqliteConnectOptions::from_str(url)?.busy_timeout(std::time::Duration::from_secs(30));
            Ok(Self::Sqlite(SqliteConnection::connect_with(&options).await?))
        } else {
            Ok(Self::Postgres(PgConnection::connect(url).await?))
        }
    }

    pub async fn execute(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite(connection) => query.execute(connection).await.map(drop),
            Self::Postgres(connection) => query.execute(connection).await.map(drop),
        }
    }

    async fn rows<T: AnyRow>(&mut self, sql: &'static str) -> Result<Vec<T>, sqlx::Error> {
        match self {
            Self::Sqlite(connection) => sqlx::query_as(sql).fetch_all(connection).await,
            Self::Postgres(connection) => sqlx::query_as(sql).fetch_all(connection).await,
        }
    }

    /// Events that wait to be worked on.
    pub async fn pending(&mut self) -> Result<i64, sqlx::Error> {
        let rows = self.rows::<(i64,)>("SELECT COUNT(*) FROM events WHERE state = 'pending'").await?;
        Ok(rows.first().map_or(0, |row| row.0))
    }

    /// What the counters per minute add up to.
    pub async fn totals(&mut self) -> Result<Totals, sqlx::Error> {
        let sql = "SELECT CAST(COALESCE(SUM(accepted), 0) AS BIGINT) AS accepted, \
                   CAST(COALESCE(SUM(duplicates), 0) AS BIGINT) AS duplicates, \
                   CAST(COALESCE(SUM(processed), 0) AS BIGINT) AS processed, \
                   CAST(COALESCE(SUM(dead), 0) AS BIGINT) AS dead FROM minute_counts";
        Ok(self.rows(sql).await?.pop().unwrap_or_default())
    }
}

#[derive(Clone, Debug, FromRow)]
pub struct StoredEvent {
    pub id: Uuid,
    pub connection: String,
    pub external_id: String,
    pub state: String,
    pub request_id: String,
}

#[derive(Clone, Debug, FromRow)]
pub struct HistoryRow {
    pub external_id: String,
    pub source_type: String,
    pub source_id: String,
    pub outcome: String,
    pub version: i64,
    pub body_after: Option<String>,
}

#[derive(Clone, Debug, FromRow)]
pub struct RecordRow {
    pub connection: String,
    pub kind: String,
    pub external_id: String,
    pub version: i64,
    pub revision: i64,
    pub deleted: i64,
    pub body: String,
}

#[derive(Clone, Debug, FromRow)]
pub struct AttemptRow {
    pub event_id: Uuid,
    pub outcome: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Totals {
    pub accepted: i64,
    pub duplicates: i64,
    pub processed: i64,
    pub dead: i64,
}

#[derive(Clone, Debug)]
pub struct Snapshot {
    pub events: Vec<StoredEvent>,
    pub history: Vec<HistoryRow>,
    pub records: Vec<RecordRow>,
    pub attempts: Vec<AttemptRow>,
    /// What the counters per minute add up to.
    pub totals: Totals,
    /// Live records by kind, as they are counted with each change.
    pub live: Vec<(String, i64)>,
    /// What the engine itself finds wrong with its files.
    pub damage: Vec<String>,
}

impl Snapshot {
    pub async fn read(reader: &mut Reader) -> Result<Self, sqlx::Error> {
        let damage = match reader {
            Reader::Sqlite(_) => reader.rows::<(String,)>("PRAGMA integrity_check").await?,
            Reader::Postgres(_) => Vec::new(),
        };
        let history = "SELECT external_id, source_type, source_id, outcome, version, body_after FROM record_history";
        let records = "SELECT connection, kind, external_id, version, revision, deleted, body FROM records";
        let live = "SELECT kind, CAST(SUM(count) AS BIGINT) FROM record_counts GROUP BY kind";
        Ok(Self {
            events: reader.rows("SELECT id, connection, external_id, state, request_id FROM events").await?,
            history: reader.rows(history).await?,
            records: reader.rows(records).await?,
            attempts: reader.rows("SELECT event_id, outcome FROM event_attempts").await?,
            totals: reader.totals().await?,
            live: reader.rows(live).await?,
            damage: damage.into_iter().map(|row| row.0).filter(|line| line != "ok").collect(),
        })
    }
}
