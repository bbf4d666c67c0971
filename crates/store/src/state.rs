//! Small facts kept per connection, such as the result of its last health check.

use crate::{Store, StoreError, sql::Sql};
use serde_json::Value;

impl Store {
    /// Keeps `value` under `key`, in place of what was there.
    pub async fn put_state(&self, connection: &str, key: &str, value: &Value) -> Result<(), StoreError> {
        let row = vec![connection.into(), key.into(), value.to_string().into(), self.now().into()];
        let sql = Sql::new("INSERT INTO connection_state (connection, name, value, updated_at) ").rows([row]).push(
            " ON CONFLICT (connection, name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
        );
        self.execute(sql).await.map(drop)
    }

    pub async fn state(&self, connection: &str, key: &str) -> Result<Option<Value>, StoreError> {
        let sql = Sql::new("SELECT value FROM connection_state WHERE connection = ")
            .bind(connection)
            .push(" AND name = ")
            .bind(key);
        let row = self.optional::<(String,)>(sql).await?;
        row.map(|(text,)| serde_json::from_str(&text))
            .transpose()
            .map_err(|error| StoreError::unreadable("state", error))
    }
}
