//! Writes many rows into one database, without its indexes in the way.

use super::rows::{Cell, Row, Table};
use crate::Failure;
use sqlx::{
    Arguments, AssertSqlSafe, Connection, PgConnection, SqliteConnection,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqliteSynchronous},
};
use std::{fmt::Write as _, str::FromStr};

/// Rows of one `INSERT` into `SQLite`.
const ROWS: usize = 100;

pub enum Bulk {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// How to make an index again.
pub struct Index(String);

impl Bulk {
    pub async fn open(url: &str) -> Result<Self, Failure> {
        if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)?
                .journal_mode(SqliteJournalMode::Off)
                .locking_mode(SqliteLockingMode::Exclusive)
                .synchronous(SqliteSynchronous::Off)
                .foreign_keys(false)
                .pragma("cache_size", "-262144")
                .pragma("threads", "2");
            return Ok(Self::Sqlite(SqliteConnection::connect_with(&options).await?));
        }
        let mut bulk = Self::Postgres(PgConnection::connect(url).await?);
        bulk.run("SET synchronous_commit = off").await?;
        bulk.run("SET maintenance_work_mem = '512MB'").await?;
        // Every row refers to one that was written just before; looking each one up would take most of the time.
        bulk.run("SET session_replication_role = replica").await?;
        Ok(bulk)
    }

    pub async fn begin(&mut self) -> Result<(), Failure> {
        self.run("BEGIN").await
    }

    pub async fn commit(&mut self) -> Result<(), Failure> {
        self.run("COMMIT").await
    }

    /// Drops all indexes of these tables that are not keys.
    pub async fn drop_indexes(&mut self, tables: &[&Table]) -> Result<Vec<Index>, Failure> {
        let names: Vec<String> = tables.iter().map(|table| table.name.to_owned()).collect();
        let found: Vec<(String, String, String)> = match self {
            Self::Sqlite(connection) => {
                let all = "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL";
                sqlx::query_as(all).fetch_all(connection).await?
            }
            Self::Postgres(connection) => {
                let all = "SELECT tablename::text, indexname::text, indexdef FROM pg_indexes \
                           WHERE schemaname = current_schema() AND indexname NOT IN (SELECT conname FROM pg_constraint)";
                sqlx::query_as(all).fetch_all(connection).await?
            }
        };
        let mut dropped = Vec::new();
        for (_, name, definition) in found.into_iter().filter(|(table, ..)| names.contains(table)) {
            self.run(&format!("DROP INDEX \"{name}\"")).await?;
            dropped.push(Index(definition));
        }
        Ok(dropped)
    }

    pub async fn make_indexes(&mut self, indexes: Vec<Index>) -> Result<(), Failure> {
        for Index(definition) in indexes {
            self.run(&definition).await?;
        }
        Ok(())
    }

    pub async fn write(&mut self, table: &Table, rows: Vec<Row>) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        match self {
            Self::Sqlite(connection) => {
                let mut rows = rows.into_iter().peekable();
                while rows.peek().is_some() {
                    insert(connection, table, rows.by_ref().take(ROWS).collect()).await?;
                }
            }
            Self::Postgres(connection) => {
                let statement = format!("COPY {} ({}) FROM STDIN", table.name, table.columns.join(", "));
                let mut copy = connection.copy_in_raw(&statement).await?;
                copy.send(copy_text(rows).into_bytes()).await?;
                copy.finish().await?;
            }
        }
        Ok(())
    }

    /// Leaves the database as the product wants to find it.
    pub async fn finish(mut self) -> Result<(), Failure> {
        if let Self::Postgres(_) = self {
            // What autovacuum would have done over the years.
            self.run("VACUUM (ANALYZE)").await?;
            self.run("CHECKPOINT").await?;
        }
        match self {
            Self::Sqlite(connection) => connection.close().await?,
            Self::Postgres(connection) => connection.close().await?,
        }
        Ok(())
    }

    async fn run(&mut self, statement: &str) -> Result<(), Failure> {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
        match self {
            Self::Sqlite(connection) => statement.execute(connection).await.map(drop)?,
            Self::Postgres(connection) => statement.execute(connection).await.map(drop)?,
        }
        Ok(())
    }
}

async fn insert(connection: &mut SqliteConnection, table: &Table, rows: Vec<Row>) -> Result<(), Failure> {
    let values = format!("({})", vec!["?"; table.columns.len()].join(", "));
    let text = format!(
        "INSERT INTO {} ({}) VALUES {}",
        table.name,
        table.columns.join(", "),
        vec![values; rows.len()].join(", ")
    );
    let mut arguments = SqliteArguments::default();
    for cell in rows.into_iter().flatten() {
        let added = match cell {
            Cell::Null => arguments.add(None::<String>),
            Cell::Text(value) => arguments.add(value),
            Cell::Int(value) => arguments.add(value),
            Cell::Bytes(value) => arguments.add(value),
            Cell::Id(value) => arguments.add(value),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    sqlx::query_with(AssertSqlSafe(text), arguments).execute(connection).await?;
    Ok(())
}

/// The text format of `COPY`: tabs between columns, `\N` for NULL, backslashes doubled.
fn copy_text(rows: Vec<Row>) -> String {
    let mut text = String::new();
    for row in rows {
        for (number, cell) in row.into_iter().enumerate() {
            text.push_str(if number == 0 { "" } else { "\t" });
            match cell {
                Cell::Null => text.push_str("\\N"),
                Cell::Text(value) => escape(&mut text, &value),
                Cell::Int(value) => {
                    write!(text, "{value}").ok();
                }
                Cell::Bytes(value) => {
                    text.push_str("\\\\x");
                    text.push_str(&hex::encode(value));
                }
                Cell::Id(value) => {
                    write!(text, "{value}").ok();
                }
            }
        }
        text.push('\n');
    }
    text
}

fn escape(text: &mut String, value: &str) {
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_text_is_escaped() {
        let row = vec![Cell::Text("a\tb\\c\nd".to_owned()), Cell::Null, Cell::Bytes(vec![1, 255]), Cell::Int(-3)];
        assert_eq!(copy_text(vec![row]), "a\\tb\\\\c\\nd\t\\N\t\\\\x01ff\t-3\n");
    }
}
