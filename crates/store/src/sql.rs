//! One SQL text with its arguments, run on whichever engine is open.

mod arg;

pub(crate) use arg::Arg;

use crate::{StoreError, postgres::Server};
use sqlx::{
    Arguments, AssertSqlSafe, FromRow, PgConnection, Postgres, Sqlite, SqlitePool, Transaction,
    pool::PoolConnection,
    postgres::{PgArguments, PgRow},
    query::{Query, QueryAs},
    query_as_with, query_with,
    sqlite::{SqliteArguments, SqliteRow},
};
use std::fmt::Write as _;

/// What both engines can read a row into. `#[derive(FromRow)]` and tuples qualify.
pub(crate) trait AnyRow: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<T> AnyRow for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// Rows that `SQLite` takes in one statement. It keeps the prepared statement of exactly so many.
const SQLITE_ROWS: usize = 64;
/// Rows that `PostgreSQL` takes in one statement, as one array per column.
const POSTGRES_ROWS: usize = 1_024;

/// A statement under construction. Its text comes from string literals only; values are always bound, in the order in
/// which they are written.
#[derive(Debug)]
pub(crate) struct Sql {
    /// With `?` for every value. `SQLite` reads it so: it looks numbered ones up by name, one after the other.
    text: String,
    args: Vec<Arg>,
    table: Option<Table>,
    /// Whether the engine keeps the prepared statement: not for texts whose length follows their data.
    keep: bool,
}

/// The rows of an insert, and where they belong.
#[derive(Debug)]
struct Table {
    text_before: usize,
    args_before: usize,
    rows: Vec<Vec<Arg>>,
}

impl Sql {
    pub fn new(text: &'static str) -> Self {
        Self { text: text.to_owned(), args: Vec::new(), table: None, keep: true }
    }

    pub fn push(mut self, text: &'static str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Appends the placeholder of a value.
    pub fn bind(mut self, value: impl Into<Arg>) -> Self {
        self.args.push(value.into());
        self.text.push('?');
        self
    }

    /// `text` followed by the placeholder, if there is a value.
    pub fn bind_if(self, text: &'static str, value: Option<impl Into<Arg>>) -> Self {
        match value {
            Some(value) => self.push(text).bind(value),
            None => self,
        }
    }

    /// `(?, ?, …)`; for an empty list something nothing is in.
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

    /// `(?, ?, …)` of a fixed length.
    pub fn row(self, values: Vec<Arg>) -> Self {
        let keep = self.keep;
        let mut sql = self.list(values);
        sql.keep = keep;
        sql
    }

    /// The rows of an `INSERT INTO table (columns) `, all of the same types; at most once in a statement.
    pub fn rows(mut self, rows: impl IntoIterator<Item = Vec<Arg>>) -> Self {
        let rows = rows.into_iter().collect();
        self.table = Some(Table { text_before: self.text.len(), args_before: self.args.len(), rows });
        self
    }

    fn for_sqlite(mut self) -> (String, Vec<Arg>, bool) {
        if let Some(table) = self.table {
            let count = table.rows.len();
            self.keep = count == 1 || count == SQLITE_ROWS;
            self.text.insert_str(table.text_before, &values_text(&table.rows));
            self.args.splice(table.args_before..table.args_before, table.rows.into_iter().flatten());
        }
        (self.text, self.args, self.keep)
    }

    /// Values are numbered, and rows become one array per column, so that their number does not change the text.
    fn for_postgres(mut self) -> (String, Vec<Arg>, bool) {
        if let Some(table) = self.table {
            let columns = columns_of(table.rows);
            self.text.insert_str(table.text_before, &unnest_text(&columns));
            self.args.splice(table.args_before..table.args_before, columns);
        }
        (numbered(&self.text), self.args, self.keep)
    }

    fn sqlite<'q>(self) -> Result<Query<'q, Sqlite, SqliteArguments>, StoreError> {
        let (text, args, keep) = self.for_sqlite();
        Ok(query_with(AssertSqlSafe(text), sqlite_args(args)?).persistent(keep))
    }

    fn postgres<'q>(self, prepares: bool) -> Result<Query<'q, Postgres, PgArguments>, StoreError> {
        let (text, args, keep) = self.for_postgres();
        Ok(query_with(AssertSqlSafe(text), postgres_args(args)?).persistent(keep && prepares))
    }

    fn sqlite_as<'q, T: AnyRow>(self) -> Result<QueryAs<'q, Sqlite, T, SqliteArguments>, StoreError> {
        let (text, args, keep) = self.for_sqlite();
        Ok(query_as_with(AssertSqlSafe(text), sqlite_args(args)?).persistent(keep))
    }

    fn postgres_as<'q, T: AnyRow>(self, prepares: bool) -> Result<QueryAs<'q, Postgres, T, PgArguments>, StoreError> {
        let (text, args, keep) = self.for_postgres();
        Ok(query_as_with(AssertSqlSafe(text), postgres_args(args)?).persistent(keep && prepares))
    }
}

fn sqlite_args(args: Vec<Arg>) -> Result<SqliteArguments, StoreError> {
    let mut bound = SqliteArguments::default();
    for arg in args {
        add_to_sqlite(&mut bound, arg).map_err(sqlx::Error::Encode)?;
    }
    Ok(bound)
}

fn postgres_args(args: Vec<Arg>) -> Result<PgArguments, StoreError> {
    let mut bound = PgArguments::default();
    for arg in args {
        add_to_postgres(&mut bound, arg).map_err(sqlx::Error::Encode)?;
    }
    Ok(bound)
}

/// `VALUES (?, ?), (?, ?), …`
fn values_text(rows: &[Vec<Arg>]) -> String {
    let mut text = String::from("VALUES ");
    for (number, row) in rows.iter().enumerate() {
        text.push_str(if number == 0 { "(" } else { ", (" });
        for column in 0..row.len() {
            text.push_str(if column == 0 { "?" } else { ", ?" });
        }
        text.push(')');
    }
    text
}

/// `SELECT * FROM UNNEST(?::text[], …)`
fn unnest_text(columns: &[Arg]) -> String {
    let types: Vec<String> = columns.iter().map(|column| format!("?::{}", column.postgres_type())).collect();
    format!("SELECT * FROM UNNEST({})", types.join(", "))
}

/// `?` becomes `$1`, `$2`, …
fn numbered(text: &str) -> String {
    let mut numbered = String::with_capacity(text.len() + 16);
    for (number, part) in text.split('?').enumerate() {
        if number > 0 {
            // Writing to a String cannot fail.
            write!(numbered, "${number}").ok();
        }
        numbered.push_str(part);
    }
    numbered
}

/// Turns rows into columns. A column holds values of one type; where it does not, that is a mistake of ours which
/// `PostgreSQL` reports as a column of the wrong length.
fn columns_of(rows: Vec<Vec<Arg>>) -> Vec<Arg> {
    let mut columns: Vec<Arg> = rows.first().map(|row| row.iter().map(Arg::empty_column).collect()).unwrap_or_default();
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            match (column, value) {
                (Arg::Texts(column), Arg::Text(value)) => column.push(value.map(without_nul)),
                (Arg::Ints(column), Arg::Int(value)) => column.push(value),
                (Arg::Uuids(column), Arg::Uuid(value)) => column.push(value),
                (Arg::ManyBytes(column), Arg::Bytes(value)) => column.push(value),
                _ => {}
            }
        }
    }
    columns
}

fn add_to_sqlite(args: &mut SqliteArguments, arg: Arg) -> Result<(), sqlx::error::BoxDynError> {
    match arg {
        Arg::Text(value) => args.add(value),
        Arg::Int(value) => args.add(value),
        Arg::Uuid(value) => args.add(value),
        Arg::Bytes(value) => args.add(value),
        Arg::Texts(_) | Arg::Ints(_) | Arg::Uuids(_) | Arg::ManyBytes(_) => Err("SQLite has no arrays".into()),
    }
}

fn add_to_postgres(args: &mut PgArguments, arg: Arg) -> Result<(), sqlx::error::BoxDynError> {
    match arg {
        Arg::Text(value) => args.add(value.map(without_nul)),
        Arg::Int(value) => args.add(value),
        Arg::Uuid(value) => args.add(value),
        Arg::Bytes(value) => args.add(value),
        Arg::Texts(values) => args.add(values),
        Arg::Ints(values) => args.add(values),
        Arg::Uuids(values) => args.add(values),
        Arg::ManyBytes(values) => args.add(values),
    }
}

/// `PostgreSQL`'s text holds no NUL; one in a provider's text is no reason to refuse the whole row.
fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// The open database.
#[derive(Clone, Debug)]
pub(crate) enum Pools {
    /// Writers wait in line for the one connection that writes; readers never wait for them.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(Server),
}

impl Pools {
    pub async fn all<T: AnyRow>(&self, sql: Sql) -> Result<Vec<T>, StoreError> {
        match self {
            Self::Sqlite { readers, .. } => Ok(sql.sqlite_as()?.fetch_all(readers).await?),
            Self::Postgres(server) => {
                let mut connection = Single::open(server).await?;
                let rows = sql.postgres_as(server.prepares())?.fetch_all(connection.get()).await;
                connection.close(rows).await
            }
        }
    }

    pub async fn optional<T: AnyRow>(&self, sql: Sql) -> Result<Option<T>, StoreError> {
        match self {
            Self::Sqlite { readers, .. } => Ok(sql.sqlite_as()?.fetch_optional(readers).await?),
            Self::Postgres(server) => {
                let mut connection = Single::open(server).await?;
                let row = sql.postgres_as(server.prepares())?.fetch_optional(connection.get()).await;
                connection.close(row).await
            }
        }
    }

    /// One statement, which is a transaction by itself.
    pub async fn execute(&self, sql: Sql) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite { writer, .. } => Ok(sql.sqlite()?.execute(writer).await?.rows_affected()),
            Self::Postgres(server) => {
                let mut connection = Single::open(server).await?;
                let done = sql.postgres(server.prepares())?.execute(connection.get()).await;
                Ok(connection.close(done).await?.rows_affected())
            }
        }
    }

    /// Waits for running statements and closes every connection.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(server) => server.pool().close().await,
        }
    }

    /// `SQLite` takes the write lock at once: a lock taken later could fail half-way.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(server) => Tx::Postgres(server.begin().await?, server.clone()),
        })
    }
}

/// A connection for one statement. Behind a pooler it takes a transaction to keep what belongs to the statement together.
enum Single<'a> {
    Connection(PoolConnection<Postgres>, &'a Server),
    Transaction(Transaction<'static, Postgres>, &'a Server),
}

impl<'a> Single<'a> {
    async fn open(server: &'a Server) -> Result<Self, StoreError> {
        let connection = server.acquire().await?;
        if server.prepares() {
            return Ok(Self::Connection(connection, server));
        }
        drop(connection);
        Ok(Self::Transaction(server.begin().await?, server))
    }

    fn get(&mut self) -> &mut PgConnection {
        match self {
            Self::Connection(connection, _) => connection,
            Self::Transaction(tx, _) => tx,
        }
    }

    async fn close<T>(self, result: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        match self {
            Self::Connection(_, server) => result.map_err(|error| server.explain(error)),
            Self::Transaction(tx, server) => {
                let value = result.map_err(|error| server.explain(error))?;
                tx.commit().await.map_err(|error| server.explain(error))?;
                Ok(value)
            }
        }
    }
}

/// An open transaction; dropping it rolls back.
#[derive(Debug)]
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>, Server),
}

impl Tx {
    pub async fn all<T: AnyRow>(&mut self, sql: Sql) -> Result<Vec<T>, StoreError> {
        match self {
            Self::Sqlite(tx) => Ok(sql.sqlite_as()?.fetch_all(&mut **tx).await?),
            Self::Postgres(tx, server) => {
                let rows = sql.postgres_as(server.prepares())?.fetch_all(&mut **tx).await;
                rows.map_err(|error| server.explain(error))
            }
        }
    }

    pub async fn optional<T: AnyRow>(&mut self, sql: Sql) -> Result<Option<T>, StoreError> {
        match self {
            Self::Sqlite(tx) => Ok(sql.sqlite_as()?.fetch_optional(&mut **tx).await?),
            Self::Postgres(tx, server) => {
                let row = sql.postgres_as(server.prepares())?.fetch_optional(&mut **tx).await;
                row.map_err(|error| server.explain(error))
            }
        }
    }

    /// Answers how many rows were touched.
    pub async fn execute(&mut self, sql: Sql) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(tx) => Ok(sql.sqlite()?.execute(&mut **tx).await?.rows_affected()),
            Self::Postgres(tx, server) => {
                let done = sql.postgres(server.prepares())?.execute(&mut **tx).await;
                Ok(done.map_err(|error| server.explain(error))?.rows_affected())
            }
        }
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(..))
    }

    /// How many rows to give [`Sql::rows`].
    pub fn rows_at_once(&self) -> usize {
        if self.is_postgres() { POSTGRES_ROWS } else { SQLITE_ROWS }
    }

    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx, server) => tx.commit().await.map_err(|error| server.explain(error))?,
        }
        Ok(())
    }

    pub async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await?,
            Self::Postgres(tx, server) => tx.rollback().await.map_err(|error| server.explain(error))?,
        }
        Ok(())
    }
}
