//! One SQL text with its arguments, run on whichever engine is open.

use crate::StoreError;
use patchbay_domain::Timestamp;
use sqlx::{
    Arguments, AssertSqlSafe, FromRow, PgPool, Postgres, Sqlite, SqlitePool, Transaction,
    postgres::{PgArguments, PgRow},
    query::{Query, QueryAs},
    query_as_with, query_with,
    sqlite::{SqliteArguments, SqliteRow},
};
use std::fmt::Write as _;
use uuid::Uuid;

/// A value bound to a statement. Times are microseconds, truth values are 0 and 1.
#[derive(Clone, Debug)]
pub(crate) enum Arg {
    Text(Option<String>),
    Int(Option<i64>),
    Uuid(Uuid),
    Bytes(Vec<u8>),
}

impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<String> for Arg {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<&String> for Arg {
    fn from(value: &String) -> Self {
        Self::Text(Some(value.clone()))
    }
}

impl From<Option<String>> for Arg {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl From<&Option<String>> for Arg {
    fn from(value: &Option<String>) -> Self {
        Self::Text(value.clone())
    }
}

impl From<Option<&str>> for Arg {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<u32> for Arg {
    fn from(value: u32) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<Option<i64>> for Arg {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Arg {
    fn from(value: bool) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<Timestamp> for Arg {
    fn from(value: Timestamp) -> Self {
        Self::Int(Some(value.0))
    }
}

impl From<Option<Timestamp>> for Arg {
    fn from(value: Option<Timestamp>) -> Self {
        Self::Int(value.map(|at| at.0))
    }
}

impl From<Uuid> for Arg {
    fn from(value: Uuid) -> Self {
        Self::Uuid(value)
    }
}

impl From<Vec<u8>> for Arg {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

/// What both engines can read a row into. `#[derive(FromRow)]` and tuples qualify.
pub(crate) trait AnyRow: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<T> AnyRow for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A statement under construction. Its text comes from string literals only; values are always bound.
#[derive(Debug)]
pub(crate) struct Sql {
    text: String,
    args: Vec<Arg>,
    /// Whether the engine keeps the prepared statement: not for texts whose length follows their data.
    keep: bool,
}

impl Sql {
    pub fn new(text: &'static str) -> Self {
        Self { text: text.to_owned(), args: Vec::new(), keep: true }
    }

    pub fn push(mut self, text: &'static str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Appends the placeholder of a value.
    pub fn bind(mut self, value: impl Into<Arg>) -> Self {
        self.args.push(value.into());
        write!(self.text, "${}", self.args.len()).ok();
        self
    }

    /// `text` followed by the placeholder, if there is a value.
    pub fn bind_if(self, text: &'static str, value: Option<impl Into<Arg>>) -> Self {
        match value {
            Some(value) => self.push(text).bind(value),
            None => self,
        }
    }

    /// `($1, $2, …)`; for an empty list something nothing is in.
    pub fn list<A: Into<Arg>>(mut self, values: impl IntoIterator<Item = A>) -> Self {
        self.keep = false;
        self.text.push('(');
        let mut first = true;
        for value in values {
            if !first {
                self.text.push_str(", ");
            }
            first = false;
            self = self.bind(value);
        }
        if first {
            self.text.push_str("NULL");
        }
        self.text.push(')');
        self
    }

    /// `($1, $2, …)` of a fixed length.
    pub fn row(self, values: Vec<Arg>) -> Self {
        let keep = self.keep;
        let mut sql = self.list(values);
        sql.keep = keep;
        sql
    }

    /// `($1, $2), ($3, $4), …` for the `VALUES` of an insert.
    pub fn rows(mut self, rows: impl IntoIterator<Item = Vec<Arg>>) -> Self {
        let mut count = 0;
        for row in rows {
            if count > 0 {
                self.text.push_str(", ");
            }
            count += 1;
            self = self.list(row);
        }
        self.keep = count <= 1;
        self
    }

    fn sqlite_args(&mut self) -> Result<SqliteArguments, StoreError> {
        let mut args = SqliteArguments::default();
        for arg in self.args.drain(..) {
            add_to_sqlite(&mut args, arg).map_err(sqlx::Error::Encode)?;
        }
        Ok(args)
    }

    fn postgres_args(&mut self) -> Result<PgArguments, StoreError> {
        let mut args = PgArguments::default();
        for arg in self.args.drain(..) {
            add_to_postgres(&mut args, arg).map_err(sqlx::Error::Encode)?;
        }
        Ok(args)
    }

    fn sqlite<'q>(mut self) -> Result<Query<'q, Sqlite, SqliteArguments>, StoreError> {
        let args = self.sqlite_args()?;
        Ok(query_with(AssertSqlSafe(self.text), args).persistent(self.keep))
    }

    fn postgres<'q>(mut self) -> Result<Query<'q, Postgres, PgArguments>, StoreError> {
        let args = self.postgres_args()?;
        Ok(query_with(AssertSqlSafe(self.text), args).persistent(self.keep))
    }

    fn sqlite_as<'q, T: AnyRow>(mut self) -> Result<QueryAs<'q, Sqlite, T, SqliteArguments>, StoreError> {
        let args = self.sqlite_args()?;
        Ok(query_as_with(AssertSqlSafe(self.text), args).persistent(self.keep))
    }

    fn postgres_as<'q, T: AnyRow>(mut self) -> Result<QueryAs<'q, Postgres, T, PgArguments>, StoreError> {
        let args = self.postgres_args()?;
        Ok(query_as_with(AssertSqlSafe(self.text), args).persistent(self.keep))
    }
}

fn add_to_sqlite(args: &mut SqliteArguments, arg: Arg) -> Result<(), sqlx::error::BoxDynError> {
    match arg {
        Arg::Text(value) => args.add(value),
        Arg::Int(value) => args.add(value),
        Arg::Uuid(value) => args.add(value),
        Arg::Bytes(value) => args.add(value),
    }
}

/// `PostgreSQL`'s text holds no NUL; one in a provider's text is no reason to refuse the whole row.
fn add_to_postgres(args: &mut PgArguments, arg: Arg) -> Result<(), sqlx::error::BoxDynError> {
    match arg {
        Arg::Text(Some(value)) if value.contains('\0') => args.add(value.replace('\0', "\u{fffd}")),
        Arg::Text(value) => args.add(value),
        Arg::Int(value) => args.add(value),
        Arg::Uuid(value) => args.add(value),
        Arg::Bytes(value) => args.add(value),
    }
}

/// The open database.
#[derive(Clone, Debug)]
pub(crate) enum Pools {
    /// Writers wait in line for the one connection that writes; readers never wait for them.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

impl Pools {
    pub async fn all<T: AnyRow>(&self, sql: Sql) -> Result<Vec<T>, StoreError> {
        Ok(match self {
            Self::Sqlite { readers, .. } => sql.sqlite_as()?.fetch_all(readers).await?,
            Self::Postgres(pool) => sql.postgres_as()?.fetch_all(pool).await?,
        })
    }

    pub async fn optional<T: AnyRow>(&self, sql: Sql) -> Result<Option<T>, StoreError> {
        Ok(match self {
            Self::Sqlite { readers, .. } => sql.sqlite_as()?.fetch_optional(readers).await?,
            Self::Postgres(pool) => sql.postgres_as()?.fetch_optional(pool).await?,
        })
    }

    /// One statement, which is a transaction by itself.
    pub async fn execute(&self, sql: Sql) -> Result<u64, StoreError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => sql.sqlite()?.execute(writer).await?.rows_affected(),
            Self::Postgres(pool) => sql.postgres()?.execute(pool).await?.rows_affected(),
        })
    }

    /// Waits for running statements and closes every connection.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }

    /// `SQLite` takes the write lock at once: a lock taken later could fail half-way.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }
}

/// An open transaction; dropping it rolls back.
#[derive(Debug)]
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    pub async fn all<T: AnyRow>(&mut self, sql: Sql) -> Result<Vec<T>, StoreError> {
        Ok(match self {
            Self::Sqlite(tx) => sql.sqlite_as()?.fetch_all(&mut **tx).await?,
            Self::Postgres(tx) => sql.postgres_as()?.fetch_all(&mut **tx).await?,
        })
    }

    pub async fn optional<T: AnyRow>(&mut self, sql: Sql) -> Result<Option<T>, StoreError> {
        Ok(match self {
            Self::Sqlite(tx) => sql.sqlite_as()?.fetch_optional(&mut **tx).await?,
            Self::Postgres(tx) => sql.postgres_as()?.fetch_optional(&mut **tx).await?,
        })
    }

    /// Answers how many rows were touched.
    pub async fn execute(&mut self, sql: Sql) -> Result<u64, StoreError> {
        Ok(match self {
            Self::Sqlite(tx) => sql.sqlite()?.execute(&mut **tx).await?.rows_affected(),
            Self::Postgres(tx) => sql.postgres()?.execute(&mut **tx).await?.rows_affected(),
        })
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    pub async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await?,
            Self::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}
