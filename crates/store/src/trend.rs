//! How a kind of record came and went over time.

use crate::{Store, StoreError, sql::Sql};
use patchbay_domain::{Kind, Timestamp};

/// Counts of live records by when they started and when they ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartedAndEnded {
    /// Started and ended before the first bound.
    pub before: (i64, i64),
    /// Started and ended from each bound to the next; the last one is open.
    pub buckets: Vec<(i64, i64)>,
}

impl Store {
    /// `bounds` are first instants, oldest first. Reads one index per column (`records_kind`, `records_ended`), a row per
    /// record: for charts that are kept for a while.
    pub async fn started_and_ended(&self, kind: &Kind, bounds: &[Timestamp]) -> Result<StartedAndEnded, StoreError> {
        let started = self.per_bucket(kind, bounds, "created_at", "").await?;
        let ended = self.per_bucket(kind, bounds, "ended_at", " AND ended_at IS NOT NULL").await?;
        let mut both = started.into_iter().zip(ended);
        Ok(StartedAndEnded { before: both.next().unwrap_or_default(), buckets: both.collect() })
    }

    /// One count before the bounds, then one for each.
    async fn per_bucket(
        &self,
        kind: &Kind,
        bounds: &[Timestamp],
        column: &'static str,
        condition: &'static str,
    ) -> Result<Vec<i64>, StoreError> {
        let mut sql = Sql::new("SELECT CAST(CASE");
        for (number, bound) in bounds.iter().enumerate() {
            let bucket = i64::try_from(number).unwrap_or(i64::MAX);
            sql = sql.push(" WHEN ").push(column).push(" < ").bind(*bound).push(" THEN ").bind(bucket);
        }
        let last = i64::try_from(bounds.len()).unwrap_or(i64::MAX);
        let sql = sql
            .push(" ELSE ")
            .bind(last)
            .push(" END AS BIGINT) AS bucket, COUNT(*) FROM records WHERE deleted = 0 AND kind = ")
            .bind(kind.as_str())
            .push(condition)
            .push(" GROUP BY bucket");
        // PostgreSQL knows no CASE without a WHEN.
        if bounds.is_empty() {
            return Ok(vec![0]);
        }
        let mut counts = vec![0; bounds.len() + 1];
        for (bucket, count) in self.all::<(i64, i64)>(sql).await? {
            if let Some(slot) = usize::try_from(bucket).ok().and_then(|bucket| counts.get_mut(bucket)) {
                *slot = count;
            }
        }
        Ok(counts)
    }
}
