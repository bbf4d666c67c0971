//! Which version a database's tables have, without changing anything.

use crate::{
    StoreError,
    sql::{Pools, Sql},
};
use sqlx::migrate::Migrator;
use std::collections::BTreeSet;

/// A database's tables beside those that this program was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    Current,
    /// So many migrations are to come; with `of` none was made yet.
    Older {
        missing: usize,
        of: usize,
    },
    /// A newer version of the program made the migration with this number.
    Newer {
        migration: i64,
    },
}

impl Schema {
    pub(crate) async fn read(pools: &Pools, known: &Migrator) -> Result<Self, StoreError> {
        let known: BTreeSet<i64> = known.iter().map(|migration| migration.version).collect();
        let there = match pools {
            Pools::Sqlite { .. } => {
                "SELECT CAST(COUNT(*) AS BIGINT) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'"
            }
            Pools::Postgres(_) => {
                "SELECT CAST(COUNT(*) AS BIGINT) FROM pg_class WHERE oid = to_regclass('_sqlx_migrations')"
            }
        };
        let there = pools.optional::<(i64,)>(Sql::new(there)).await?.is_some_and(|row| row.0 > 0);
        let made: BTreeSet<i64> = if there {
            let rows = pools.all::<(i64,)>(Sql::new("SELECT version FROM _sqlx_migrations")).await?;
            rows.into_iter().map(|row| row.0).collect()
        } else {
            BTreeSet::new()
        };
        Ok(match made.difference(&known).last() {
            Some(migration) => Self::Newer { migration: *migration },
            None if made.len() == known.len() => Self::Current,
            None => Self::Older { missing: known.len() - made.len(), of: known.len() },
        })
    }

    /// `what` is `database` or `inbox`.
    pub(crate) fn require_current(self, what: &'static str) -> Result<(), StoreError> {
        match self {
            Self::Current => Ok(()),
            Self::Older { missing, .. } => Err(StoreError::OlderSchema { what, missing }),
            Self::Newer { migration } => Err(StoreError::NewerSchema { what, migration }),
        }
    }
}
