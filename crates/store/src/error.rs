//! What can go wrong here.

use uuid::Uuid;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused, failed or could not be reached.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the database could not be migrated: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
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
    pub(crate) fn unreadable(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Unreadable { what, reason: format!("{reason}") }
    }
}
