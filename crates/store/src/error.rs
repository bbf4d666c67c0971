//! What can go wrong here.

use sqlx::migrate::MigrateError;
use uuid::Uuid;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused, failed or could not be reached.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the database could not be migrated: {0}")]
    Migrate(#[from] MigrateError),
    /// A newer version of this program has changed the tables.
    #[error(
        "the {what} was brought up to a newer version of Patchbay (migration {migration}); run that version or a later one, or \
         restore the backup from before the upgrade"
    )]
    NewerSchema { what: &'static str, migration: i64 },
    /// This program needs newer tables.
    #[error(
        "the {what} is {missing} migrations behind this version of Patchbay; `patchbay migrate` brings it up to date"
    )]
    OlderSchema { what: &'static str, missing: usize },
    /// A file could not be made.
    #[error("{path} could not be made: {source}")]
    File { path: String, source: std::io::Error },
    /// The database cannot be reached, or does not let us in or write just now: what it is, where, and what to do.
    #[error("{message}")]
    Away { message: String },
    /// The address of the database cannot be used.
    #[error("DATABASE_URL: {problem}")]
    Address { problem: String },
    /// The address names neither `SQLite` nor `PostgreSQL`.
    #[error("the database address must start with sqlite: or postgres:, this one starts with {scheme:?}")]
    UnknownEngine { scheme: String },
    /// A page's cursor is not one of ours, or belongs to another list.
    #[error("the page's cursor cannot be read; start again at the first page")]
    BadCursor,
    /// A stored value does not have the form it was written in.
    #[error("stored {what} cannot be read: {reason}")]
    Unreadable { what: &'static str, reason: String },
    /// The connection has a running sync already.
    #[error("a sync of this connection is running already ({id})")]
    AlreadyRunning { id: Uuid },
    /// Too many searches within payloads run or wait, or this person's own.
    #[error("other searches within payloads are running; try again in a moment, or narrow the filter")]
    Busy,
    /// Somebody else wrote what was just being written. Nothing was changed; do the same again.
    #[error("somebody else wrote the same record at the same time")]
    Conflict,
}

impl StoreError {
    /// Whether the database could not be reached, which passes, rather than that it refused.
    pub fn is_away(&self) -> bool {
        if matches!(self, Self::Away { .. }) {
            return true;
        }
        let (Self::Database(error) | Self::Migrate(MigrateError::Execute(error))) = self else { return false };
        match error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
            // It is starting, stopping or recovering: class 57P of PostgreSQL's error codes.
            sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
            _ => false,
        }
    }

    /// Whether the database itself is in trouble: away, full, locked, read-only, not migrated. Otherwise what was to be
    /// written is to blame, and the same would fail again in a database that is well.
    pub fn is_trouble(&self) -> bool {
        let error = match self {
            Self::Database(error) | Self::Migrate(MigrateError::Execute(error)) => error,
            Self::BadCursor | Self::Unreadable { .. } | Self::AlreadyRunning { .. } | Self::Conflict => return false,
            _ => return true,
        };
        match error {
            sqlx::Error::Database(error) => !error.code().is_some_and(|code| blames_what_is_written(&code)),
            sqlx::Error::Encode(_) | sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => false,
            _ => true,
        }
    }

    pub(crate) fn unreadable(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Unreadable { what, reason: format!("{reason}") }
    }
}

fn blames_what_is_written(code: &str) -> bool {
    match code.parse::<u32>() {
        // SQLite's codes have up to four digits: too big, a constraint (or a trigger), a mismatch, out of range.
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 18 | 19 | 20 | 25),
        // PostgreSQL's classes: cardinality, data, integrity, a limit of the program, raised by a trigger.
        _ => ["21", "22", "23", "54", "P0"].iter().any(|class| code.starts_with(class)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_in_trouble_is_told_from_something_that_cannot_be_written() {
        for code in ["19", "1811", "2067", "18", "22021", "23505", "P0001", "54000"] {
            assert!(blames_what_is_written(code), "{code}");
        }
        // Busy, I/O error, full, read-only; disk full, too many connections, read-only, no such table, shutting down.
        for code in ["5", "266", "13", "8", "53100", "53300", "25006", "42P01", "57P01", "XX000"] {
            assert!(!blames_what_is_written(code), "{code}");
        }
        assert!(StoreError::Database(sqlx::Error::PoolTimedOut).is_trouble());
        assert!(!StoreError::unreadable("frame", "cut off").is_trouble());
    }
}
