//! Short messages between the processes that share a `PostgreSQL`. They may be lost; nothing depends on them but freshness.

use crate::{
    Store, StoreError,
    sql::{Pools, Sql},
};
use sqlx::postgres::PgListener;

const CHANNEL: &str = "patchbay_live";

/// Bytes of a notice: `PostgreSQL` takes less than 8,000.
pub const LONGEST_NOTICE: usize = 7_500;

/// What arrives from now on.
#[derive(Debug)]
pub struct Notices(PgListener);

impl Store {
    /// Sends a notice to every process that listens, this one included. `PostgreSQL` only.
    pub async fn notify(&self, notice: &str) -> Result<(), StoreError> {
        let sql = Sql::new("SELECT pg_notify(").bind(CHANNEL).push(", ").bind(notice).push(")");
        self.execute(sql).await.map(drop)
    }

    /// `None` with `SQLite`, whose processes have no way to call each other, and behind a pooler that does not keep a connection.
    pub async fn notices(&self) -> Result<Option<Notices>, StoreError> {
        let Pools::Postgres(server) = self.pools() else { return Ok(None) };
        // So that a server that is away, or a pooler, is known before.
        drop(server.acquire().await?);
        if !server.prepares() {
            return Ok(None);
        }
        let mut listener = PgListener::connect_with(server.pool()).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(Notices(listener)))
    }
}

impl Notices {
    /// The next notice; `None` after the connection was lost and made again, when some may have been missed.
    pub async fn next(&mut self) -> Result<Option<String>, StoreError> {
        Ok(self.0.try_recv().await?.map(|notice| notice.payload().to_owned()))
    }
}
