//! Putting finished events back in line.

use crate::{
    EventFilter, Store, StoreError,
    event_filter::{Scope, matching_events},
    page::Paging,
    sql::Sql,
};
use patchbay_domain::Timestamp;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A preview counts this far.
const PREVIEW: usize = 10_000;
const CHUNK: usize = 500;

const BACK_IN_LINE: &str = "UPDATE events SET state = 'pending', attempts = 0, replays = replays + 1, lease_owner = NULL, \
     finished_at = NULL, error = NULL, due_at = ";

/// What a replay of a filter would touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayPreview {
    /// Events, counted up to 10,000.
    pub count: i64,
    /// There are more than `count`; the other fields describe the newest 10,000.
    pub more: bool,
    /// The most frequent type first.
    pub by_type: Vec<(String, i64)>,
    pub oldest: Option<Timestamp>,
    pub newest: Option<Timestamp>,
}

impl Store {
    /// Pending events do not count: they are in line already.
    pub async fn replay_preview(&self, filter: &EventFilter) -> Result<ReplayPreview, StoreError> {
        let paging = Paging::newest(u32::try_from(PREVIEW).unwrap_or(u32::MAX));
        let columns = "events.event_type, events.received_at";
        let sql = matching_events(self, Sql::new(""), columns, (filter, Scope::Finished), &paging).await?;
        let mut rows = self.all::<(String, i64)>(sql).await?;
        let more = rows.len() > PREVIEW;
        rows.truncate(PREVIEW);
        let mut by_type: BTreeMap<&str, i64> = BTreeMap::new();
        for (event_type, _) in &rows {
            *by_type.entry(event_type).or_default() += 1;
        }
        let mut by_type: Vec<(String, i64)> =
            by_type.into_iter().map(|(event_type, count)| (event_type.to_owned(), count)).collect();
        by_type.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Ok(ReplayPreview {
            count: i64::try_from(rows.len()).unwrap_or(i64::MAX),
            more,
            by_type,
            oldest: rows.last().map(|row| Timestamp(row.1)),
            newest: rows.first().map(|row| Timestamp(row.1)),
        })
    }

    /// Makes events pending and due now, whatever came of them; answers how many. Their attempts count from zero again,
    /// the earlier ones stay in the list of attempts.
    pub async fn replay_events(&self, ids: &[Uuid]) -> Result<u64, StoreError> {
        let mut tx = self.write().await?;
        let mut count = 0;
        for chunk in ids.chunks(CHUNK) {
            let sql = Sql::new(BACK_IN_LINE)
                .bind(self.now())
                .push(" WHERE state <> 'pending' AND id IN ")
                .list(chunk.iter().copied());
            count += tx.execute(sql).await?;
        }
        tx.commit().await?;
        Ok(count)
    }

    /// The newest `limit` events that match, as [`Store::replay_events`].
    pub async fn replay_filter(&self, filter: &EventFilter, limit: u32) -> Result<u64, StoreError> {
        if limit == 0 {
            return Ok(0);
        }
        let sql = Sql::new(BACK_IN_LINE).bind(self.now()).push(" WHERE state <> 'pending' AND id IN (");
        // Paging asks for one row more than its limit.
        let paging = Paging::newest(limit - 1);
        let sql = matching_events(self, sql, "events.id", (filter, Scope::Finished), &paging).await?;
        self.execute(sql.push(")")).await
    }
}
