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
    /// Somebody else wrote what was just being written. Nothing was changed; do the same again.
    #[error("somebody else wrote the same record at the same time")]
    Conflict,
}

impl StoreError {
    /// Whether the database could not be reached, which passes, rather than that it refused.
    pub fn is_away(&self) -> bool {
        let (Self::Database(error) | Self::Migrate(MigrateError::Execute(error))) = self else { return false };
        match error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
            // It is starting, stopping or recovering: class 57P of PostgreSQL's error codes.
            sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
            _ => false,
        }
    }

    pub(crate) fn unreadable(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Unreadable { what, reason: format!("{reason}") }
    }
}
