//! Secrets of the application itself: made once, the same for every process on this database and after every restart.

use crate::{Store, StoreError, sql::Sql};

impl Store {
    /// The secret of this name; `candidate` becomes it where there is none yet.
    pub async fn app_key(&self, name: &str, candidate: &[u8]) -> Result<Vec<u8>, StoreError> {
        let row = vec![name.into(), candidate.to_vec().into(), self.now().into()];
        let insert = Sql::new("INSERT INTO app_keys (name, key, created_at) ")
            .rows([row])
            .push(" ON CONFLICT (name) DO NOTHING");
        // Read first: the usual case writes nothing.
        if let Some(key) = self.read_app_key(name).await? {
            return Ok(key);
        }
        self.execute(insert).await?;
        let key = self.read_app_key(name).await?;
        key.ok_or_else(|| StoreError::unreadable("application key", "it was taken away just now"))
    }

    async fn read_app_key(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = Sql::new("SELECT key FROM app_keys WHERE name = ").bind(name);
        Ok(self.optional::<(Vec<u8>,)>(sql).await?.map(|(key,)| key))
    }
}
