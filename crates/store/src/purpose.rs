//! Whether a database is the sandbox's. Its mark is set before anything else is in it, and never taken away.

use crate::{Store, StoreError, sql::Sql};

const SANDBOX: &str = "sandbox";
/// Tables of which one has a row as soon as a database was used.
const USED: [&str; 9] = [
    "records",
    "events",
    "inbox_frames",
    "inbox_positions",
    "rejections",
    "syncs",
    "audit",
    "calls",
    "connection_state",
];

impl Store {
    pub async fn is_sandbox(&self) -> Result<bool, StoreError> {
        let sql = Sql::new("SELECT purpose FROM database_purpose WHERE purpose = ").bind(SANDBOX);
        Ok(self.optional::<(String,)>(sql).await?.is_some())
    }

    /// Makes a database that nobody used the sandbox's. Answers whether it is the sandbox's now.
    pub async fn claim_for_sandbox(&self) -> Result<bool, StoreError> {
        if self.is_sandbox().await? {
            return Ok(true);
        }
        for table in USED {
            // No use of SQLite has frames in its database.
            if table == "inbox_frames" && !self.keeps_frames() {
                continue;
            }
            let sql = Sql::new("SELECT CAST(1 AS BIGINT) FROM ").push(table).push(" LIMIT 1");
            if self.optional::<(i64,)>(sql).await?.is_some() {
                return Ok(false);
            }
        }
        let row = vec![SANDBOX.into()];
        let sql =
            Sql::new("INSERT INTO database_purpose (purpose) ").rows([row]).push(" ON CONFLICT (purpose) DO NOTHING");
        self.execute(sql).await?;
        Ok(true)
    }
}
