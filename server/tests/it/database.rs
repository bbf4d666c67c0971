//! A fresh database and a folder of its own for each test.

use patchbay_domain::Clock;
use patchbay_store::{IdSource, Store, StoreOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use std::{
    future::Future,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Once,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

static NUMBER: AtomicU32 = AtomicU32::new(0);
static SKIP: Once = Once::new();

/// A folder that is gone after the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(unique_name());
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

pub struct Database {
    pub url: String,
    pub folder: Folder,
}

impl Database {
    pub fn sqlite() -> Self {
        let folder = Folder::new();
        Self { url: format!("sqlite://{}", folder.path().join("patchbay.db").display()), folder }
    }

    /// The database as the product reads it.
    pub async fn store(&self) -> Store {
        let options = StoreOptions { clock: Clock::System, ids: IdSource::Random, readers: 2 };
        Store::connect(&self.url, options).await.unwrap()
    }

    /// What the tables say, whatever the product makes of it.
    pub async fn count(&self, sql: &'static str) -> i64 {
        if self.url.starts_with("sqlite") {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
        } else {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
        }
    }

    /// Something the product would not do.
    pub async fn execute(&self, sql: &'static str) {
        if self.url.starts_with("sqlite") {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        } else {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        }
    }

    pub fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite")
    }

    /// Waits until a count is what it should be.
    pub async fn until(&self, sql: &'static str, wanted: i64, patience: Duration) {
        let started = Instant::now();
        loop {
            let count = self.count(sql).await;
            if count == wanted {
                return;
            }
            assert!(started.elapsed() < patience, "after {patience:?} it is {count}, not {wanted}: {sql}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn unique_name() -> String {
    format!("patchbay_it_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst))
}

pub async fn on_sqlite<F: Future<Output = ()>>(test: fn(Database) -> F) {
    test(Database::sqlite()).await;
}

pub async fn on_postgres<F: Future<Output = ()> + Send + 'static>(test: fn(Database) -> F) {
    let Ok(server) = std::env::var("PATCHBAY_TEST_POSTGRES_URL") else {
        let required = std::env::var("PATCHBAY_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
        assert!(!required, "PATCHBAY_REQUIRE_POSTGRES=1 needs PATCHBAY_TEST_POSTGRES_URL");
        SKIP.call_once(|| {
            // Straight to the stream: what a passing test prints is not shown.
            let line =
                "\nSKIPPED: everything on PostgreSQL; set PATCHBAY_TEST_POSTGRES_URL to the address of a server\n";
            std::io::stderr().write_all(line.as_bytes()).ok();
        });
        return;
    };
    let name = unique_name();
    let mut admin = PgConnection::connect(&server).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
    let database = Database { url: with_database(&server, &name), folder: Folder::new() };
    // To the end whatever the test does, so that what was made is removed.
    let ended = tokio::spawn(test(database)).await;
    sqlx::query(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).execute(&mut admin).await.unwrap();
    if let Err(error) = ended {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// `postgres://host/admin?options` with another database.
fn with_database(server: &str, name: &str) -> String {
    let (address, options) =
        server.split_once('?').map_or((server, None), |(address, options)| (address, Some(options)));
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..].find('/').map_or(address.len(), |at| start + at);
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    format!("{}/{name}{options}", &address[..end])
}
