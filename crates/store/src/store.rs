//! Opening a database, and what holds for it as a whole.

use crate::{
    IdSource, Schema, StoreError, WriteTx,
    ids::Ids,
    payloads::KnownOutlines,
    postgres::Server,
    private,
    searches::{Searches, Turn},
    sql::{AnyRow, Pools, Sql, Tx},
};
use patchbay_domain::{
    Clock, Kind, Timestamp,
    kind::{Rules, RulesOf},
};
use sqlx::{
    Connection as _,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

pub(crate) static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// How long a statement waits for another process that writes to the same `SQLite` file.
const BUSY: Duration = Duration::from_secs(5);

/// What a store is made with.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    pub clock: Clock,
    pub ids: IdSource,
    /// Connections for reading; with `PostgreSQL` for everything. At least one is opened.
    pub readers: u32,
}

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
    /// Whose searches these are, see `searches.rs`.
    asker: Option<Arc<str>>,
    rules: RulesOf,
}

#[derive(Debug)]
struct Inner {
    pools: Pools,
    clock: Clock,
    ids: Ids,
    outlines: KnownOutlines,
    searches: Searches,
    /// The migration that a newer version made; 0 where there is none.
    newer: AtomicI64,
}

impl Store {
    /// Opens `sqlite://file` (made if missing), `sqlite::memory:` or `postgres://…`, which is first asked by
    /// [`Store::migrate`]. Call that next.
    ///
    /// In memory everything shares one connection: nothing else can read while a [`WriteTx`] is open.
    pub async fn connect(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        Self::connect_trusting(url, options, None).await
    }

    /// As [`Store::connect`]; `authorities` (certificates in PEM form) vouch for `PostgreSQL` where the address wants its
    /// certificate checked and names no file of them.
    pub async fn connect_trusting(
        url: &str,
        options: StoreOptions,
        authorities: Option<&str>,
    ) -> Result<Self, StoreError> {
        let readers = options.readers.max(1);
        let pools = match url.split(':').next() {
            Some("sqlite") => open_sqlite(url, readers, SqliteShape::Main).await?,
            Some("postgres" | "postgresql") => Pools::Postgres(Server::open(url, readers, authorities)?),
            scheme => return Err(StoreError::UnknownEngine { scheme: scheme.unwrap_or_default().to_owned() }),
        };
        let inner = Arc::new(Inner {
            pools,
            clock: options.clock,
            ids: Ids::new(options.ids),
            outlines: KnownOutlines::default(),
            searches: Searches::default(),
            newer: AtomicI64::new(0),
        });
        Ok(Self { inner, asker: None, rules: Rules::usual })
    }

    /// Brings the schema up to date. Safe to call from several processes at once. Of one that is newer than this program
    /// nothing is read or written from then on, until a later call finds it as it should be.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        if let Pools::Postgres(server) = &self.inner.pools {
            Box::pin(server.require_primary()).await?;
        }
        let schema = Schema::read(&self.inner.pools, self.migrations()).await?;
        if let Schema::Newer { migration } = schema {
            self.inner.newer.store(migration, Ordering::Relaxed);
        }
        if !matches!(schema, Schema::Older { .. }) {
            return schema.require_current("database").inspect(|()| self.inner.newer.store(0, Ordering::Relaxed));
        }
        match &self.inner.pools {
            Pools::Sqlite { writer, .. } => SQLITE_MIGRATIONS.run(writer).await?,
            Pools::Postgres(server) => Box::pin(server.migrate(&POSTGRES_MIGRATIONS)).await?,
        }
        Ok(())
    }

    /// Which version the tables have; changes nothing.
    pub async fn schema(&self) -> Result<Schema, StoreError> {
        Schema::read(&self.inner.pools, self.migrations()).await
    }

    /// Refuses tables that are not exactly those of this program; changes nothing.
    pub async fn require_current_schema(&self) -> Result<(), StoreError> {
        self.schema().await?.require_current("database")
    }

    /// Why nothing is read or written here, if [`Store::migrate`] found a newer schema.
    pub fn refusal(&self) -> Option<StoreError> {
        match self.inner.newer.load(Ordering::Relaxed) {
            0 => None,
            migration => Some(StoreError::NewerSchema { what: "database", migration }),
        }
    }

    fn usable(&self) -> Result<&Pools, StoreError> {
        self.refusal().map_or(Ok(&self.inner.pools), Err)
    }

    fn migrations(&self) -> &'static Migrator {
        if self.is_postgres() { &POSTGRES_MIGRATIONS } else { &SQLITE_MIGRATIONS }
    }

    /// `SQLite` or `PostgreSQL`.
    pub fn engine_name(&self) -> &'static str {
        match &self.inner.pools {
            Pools::Sqlite { .. } => "SQLite",
            Pools::Postgres(_) => "PostgreSQL",
        }
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.optional::<(i64,)>(Sql::new("SELECT CAST(1 AS BIGINT)")).await.map(drop)
    }

    /// Bytes the database takes up, without `SQLite`'s write-ahead log.
    pub async fn size_bytes(&self) -> Result<i64, StoreError> {
        let sql = match &self.inner.pools {
            Pools::Sqlite { .. } => "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
            Pools::Postgres(_) => "SELECT pg_database_size(current_database())",
        };
        Ok(self.optional::<(i64,)>(Sql::new(sql)).await?.map_or(0, |row| row.0))
    }

    /// Waits for running statements and closes every connection.
    pub async fn close(&self) {
        self.inner.pools.close().await;
    }

    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// A new `UUIDv7`, greater than every other one this process made.
    pub fn new_id(&self) -> Uuid {
        self.inner.ids.next(self.now())
    }

    /// Opens a transaction. With `SQLite` there is one at a time; keep outside calls out of it.
    pub async fn begin(&self) -> Result<WriteTx, StoreError> {
        Ok(WriteTx::new(self.clone(), self.write().await?))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(crate) async fn write(&self) -> Result<Tx, StoreError> {
        self.usable()?.begin().await
    }

    /// One statement in a transaction of its own.
    pub(crate) async fn execute(&self, sql: Sql) -> Result<u64, StoreError> {
        self.usable()?.execute(sql).await
    }

    pub(crate) async fn all<T: AnyRow>(&self, sql: Sql) -> Result<Vec<T>, StoreError> {
        self.usable()?.all(sql).await
    }

    pub(crate) async fn optional<T: AnyRow>(&self, sql: Sql) -> Result<Option<T>, StoreError> {
        self.usable()?.optional(sql).await
    }

    /// For one person, whose searches within payloads come one after another.
    #[must_use]
    pub fn asked_by(&self, person: &str) -> Self {
        Self { asker: Some(person.into()), ..self.clone() }
    }

    /// With the rules that kinds declare, for whoever applies changes.
    #[must_use]
    pub fn with_rules(self, rules: RulesOf) -> Self {
        Self { rules, ..self }
    }

    pub(crate) fn rules(&self, kind: &Kind) -> Rules {
        (self.rules)(kind)
    }

    /// The right to search within payloads, once it is this asker's turn.
    pub(crate) async fn search_turn(&self) -> Result<Turn, StoreError> {
        self.inner.searches.turn(self.asker.as_ref()).await
    }

    pub(crate) fn known_outlines(&self) -> &KnownOutlines {
        &self.inner.outlines
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.inner.pools
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.inner.pools, Pools::Postgres(_))
    }
}

/// What a file of `SQLite` is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SqliteShape {
    Main,
    /// Few, large rows.
    Journal,
}

impl SqliteShape {
    /// Bytes. Only a new file takes it.
    fn page_size(self) -> u32 {
        match self {
            Self::Main => 4_096,
            Self::Journal => 16_384,
        }
    }
}

pub(crate) async fn open_sqlite(url: &str, readers: u32, shape: SqliteShape) -> Result<Pools, StoreError> {
    let options = SqliteConnectOptions::from_str(url)?
        .create_if_missing(true)
        .page_size(shape.page_size())
        .journal_mode(SqliteJournalMode::Wal)
        // What is acknowledged survives a power cut, not only a crash.
        .synchronous(SqliteSynchronous::Full)
        // Each checked row would cost a look-up; migration 0102 says why they are not needed.
        .foreign_keys(false)
        .busy_timeout(BUSY);
    if !url.contains(":memory:") {
        let path = options.get_filename();
        private::prepare_database(path)
            .map_err(|source| StoreError::File { path: path.display().to_string(), source })?;
    }
    let writer = SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // A full disk or a failed write makes SQLite end a transaction by itself. The driver does not notice, so that
        // connection begins no other one, ever: the next writer gets a new one.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_with(options.clone())
        .await?;
    if url.contains(":memory:") {
        return Ok(Pools::Sqlite { readers: writer.clone(), writer });
    }
    let readers = SqlitePoolOptions::new()
        .max_connections(readers)
        .test_before_acquire(false)
        .connect_with(options.pragma("query_only", "1"))
        .await?;
    Ok(Pools::Sqlite { writer, readers })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_in_memory_keeps_what_it_is_given() {
        let options = StoreOptions { clock: Clock::fixed(Timestamp(0)), ids: IdSource::Seeded(1), readers: 4 };
        let store = Store::connect("sqlite::memory:", options.clone()).await.unwrap();
        store.migrate().await.unwrap();
        let run = store.start_sync("stripe", &[]).await.unwrap();
        assert_eq!(store.latest_sync("stripe").await.unwrap(), Some(run));
        let other = Store::connect("sqlite::memory:", options).await.unwrap();
        other.migrate().await.unwrap();
        assert_eq!(other.latest_sync("stripe").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_transaction_that_the_engine_ends_by_itself_does_not_end_all_writing() {
        let options = StoreOptions { clock: Clock::fixed(Timestamp(0)), ids: IdSource::Seeded(1), readers: 1 };
        let store = Store::connect("sqlite::memory:", options).await.unwrap();
        let mut tx = store.write().await.unwrap();
        // What SQLite does on its own when the disk is full.
        tx.execute(Sql::new("ROLLBACK")).await.unwrap();
        drop(tx);
        store.migrate().await.unwrap();
        store.start_sync("stripe", &[]).await.unwrap();
    }

    #[tokio::test]
    async fn an_address_of_another_engine_is_refused() {
        let options = StoreOptions { clock: Clock::System, ids: IdSource::Random, readers: 1 };
        let answer = Store::connect("mysql://localhost", options).await;
        assert!(matches!(answer, Err(StoreError::UnknownEngine { scheme }) if scheme == "mysql"));
    }

    #[test]
    fn both_engines_have_the_same_migrations() {
        let names = |migrator: &Migrator| -> Vec<String> {
            migrator.iter().map(|step| format!("{} {}", step.version, step.description)).collect()
        };
        assert_eq!(names(&SQLITE_MIGRATIONS), names(&POSTGRES_MIGRATIONS));
    }
}
