//! What a complete listing does not name: kept until each such record was looked at.

use crate::{Store, StoreError, SyncRun, WriteTx, sql::Sql};
use patchbay_domain::Kind;
use uuid::Uuid;

/// How much of a kind a listing left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unlisted {
    pub missing: i64,
    /// Records that are there, those included.
    pub all: i64,
}

impl Store {
    /// Records of a kind that were there before a sync began and that its lists did not name.
    pub async fn unlisted(&self, run: &SyncRun, kind: &Kind, limit: u32) -> Result<Vec<String>, StoreError> {
        let sql = missing(Sql::new("SELECT external_id"), run, kind);
        let sql = sql.push(" ORDER BY external_id LIMIT ").bind(i64::from(limit));
        Ok(self.all::<(String,)>(sql).await?.into_iter().map(|row| row.0).collect())
    }

    pub async fn count_unlisted(&self, run: &SyncRun, kind: &Kind) -> Result<Unlisted, StoreError> {
        let missing = missing(Sql::new("SELECT COUNT(*)"), run, kind);
        let all = Sql::new("SELECT COUNT(*) FROM records WHERE deleted = 0 AND connection = ")
            .bind(&run.connection)
            .push(" AND kind = ")
            .bind(kind.as_str());
        let count = async |sql| Ok::<_, StoreError>(self.optional::<(i64,)>(sql).await?.map_or(0, |row| row.0));
        Ok(Unlisted { missing: count(missing).await?, all: count(all).await? })
    }
}

fn missing(select: Sql, run: &SyncRun, kind: &Kind) -> Sql {
    select
        .push(" FROM records WHERE deleted = 0 AND connection = ")
        .bind(&run.connection)
        .push(" AND kind = ")
        .bind(kind.as_str())
        .push(" AND recorded_at < ")
        .bind(run.started_at)
        .push(" AND NOT EXISTS (SELECT 1 FROM sync_listed WHERE sync_id = ")
        .bind(run.id)
        .push(" AND sync_listed.kind = records.kind AND sync_listed.external_id = records.external_id)")
}

impl WriteTx {
    /// A sync's list named these objects, or each was looked at by itself.
    pub async fn note_listed(&mut self, sync: Uuid, kind: &Kind, ids: &[&str]) -> Result<(), StoreError> {
        for chunk in ids.chunks(self.tx.rows_at_once()) {
            let rows = chunk.iter().map(|id| vec![sync.into(), kind.as_str().into(), (*id).into()]);
            let sql = Sql::new("INSERT INTO sync_listed (sync_id, kind, external_id) ");
            self.tx.execute(sql.rows(rows).push(" ON CONFLICT DO NOTHING")).await?;
        }
        Ok(())
    }

    /// Nobody asks any more what this kind's lists named.
    pub async fn forget_listed(&mut self, sync: Uuid, kind: &Kind) -> Result<(), StoreError> {
        let sql = Sql::new("DELETE FROM sync_listed WHERE sync_id = ").bind(sync).push(" AND kind = ");
        self.tx.execute(sql.bind(kind.as_str())).await.map(drop)
    }
}
