//! Copies of `SQLite` files while they are written to, and whether a copy is whole.

use crate::{
    Schema, StoreError, journal, private,
    sql::Sql,
    store::{SQLITE_MIGRATIONS, SqliteShape, open_sqlite},
};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{path::Path, time::Duration};

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqliteFile {
    Database,
    Inbox,
}

impl SqliteFile {
    fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Inbox => "inbox",
        }
    }
}

/// Copies a file as it is at one moment, whoever writes to it meanwhile, to a new one that is on disk when this returns.
/// Writers do not wait for it; until it is done, their write-ahead log grows.
pub async fn copy_sqlite(from: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::File { path: to.display().to_string(), source };
    // SQLite would make it readable for all.
    let file = private::create_file(to).map_err(failed)?;
    let options =
        SqliteConnectOptions::new().filename(from).create_if_missing(false).busy_timeout(Duration::from_secs(30));
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let copied = sqlx::query("VACUUM INTO ?").bind(to.display().to_string()).execute(&mut connection).await;
    connection.close().await?;
    copied?;
    file.sync_all().map_err(failed)
}

/// Reads a whole file, and says of which version its tables are.
pub async fn check_sqlite(path: &Path, which: SqliteFile) -> Result<Schema, StoreError> {
    let (shape, known) = match which {
        SqliteFile::Database => (SqliteShape::Main, &SQLITE_MIGRATIONS),
        SqliteFile::Inbox => (SqliteShape::Journal, &journal::MIGRATIONS),
    };
    let pools = open_sqlite(&format!("sqlite://{}", path.display()), 1, shape).await?;
    let rows = pools.all::<(String,)>(Sql::new("PRAGMA integrity_check")).await;
    let schema = Schema::read(&pools, known).await;
    pools.close().await;
    match rows?.into_iter().map(|row| row.0).find(|line| line != "ok") {
        Some(damage) => Err(StoreError::unreadable(which.name(), damage)),
        None => schema,
    }
}
