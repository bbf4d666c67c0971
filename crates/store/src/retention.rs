//! Dropping what is old, a little at a time, so that nothing waits for it. With `SQLite` the pages are used again: the
//! file stops growing, and `VACUUM` makes it smaller.

use crate::{Store, StoreError, sql::Sql};
use patchbay_domain::Timestamp;
use uuid::{Builder, Uuid};

/// What retention drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outdated {
    /// Events that are processed or skipped, with payload and attempts. Pending ones and dead letters stay.
    Events,
    /// What records were before; the records themselves stay.
    History,
    /// The log of outside calls.
    Calls,
}

impl Store {
    /// Drops at most `limit` of what is older than `before`, the oldest first; answers how many that were.
    pub async fn drop_outdated(&self, what: Outdated, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        match what {
            Outdated::Events => self.drop_events(before, limit).await,
            // The primary key: ids begin with their time.
            Outdated::History => {
                let millis = u64::try_from(before.millis()).unwrap_or(0);
                let sql = Sql::new("DELETE FROM record_history WHERE id IN (SELECT id FROM record_history WHERE id < ")
                    .bind(Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid())
                    .push(" ORDER BY id LIMIT ");
                self.execute(sql.bind(limit).push(")")).await
            }
            // Index calls_at.
            Outdated::Calls => {
                let sql = Sql::new("DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE at < ")
                    .bind(before)
                    .push(" ORDER BY at, id LIMIT ");
                self.execute(sql.bind(limit).push(")")).await
            }
        }
    }

    async fn drop_events(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        // Index events_received.
        let outdated =
            Sql::new("SELECT id FROM events WHERE state || '' IN ('processed', 'skipped') AND received_at < ")
                .bind(before)
                .push(" ORDER BY received_at, id LIMIT ")
                .bind(limit);
        let ids: Vec<Uuid> = self.all::<(Uuid,)>(outdated).await?.into_iter().map(|row| row.0).collect();
        if ids.is_empty() {
            return Ok(0);
        }
        let mut tx = self.write().await?;
        // One that was put back in line meanwhile stays.
        let sql = Sql::new("DELETE FROM events WHERE state || '' IN ('processed', 'skipped') AND id IN ")
            .list(ids)
            .push(" RETURNING id");
        let dropped: Vec<Uuid> = tx.all::<(Uuid,)>(sql).await?.into_iter().map(|row| row.0).collect();
        for table in ["DELETE FROM event_payloads WHERE event_id IN ", "DELETE FROM event_attempts WHERE event_id IN "]
        {
            tx.execute(Sql::new(table).list(dropped.iter().copied())).await?;
        }
        tx.commit().await?;
        Ok(dropped.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventFilter, IdSource, NewEvent, StoreOptions};
    use patchbay_domain::{Clock, event::Envelope};

    const ROUND: u32 = 500;

    /// Everything that can be claimed is done with at once.
    async fn fill(store: &Store, round: u32) {
        let event = |number: u32| NewEvent {
            id: store.new_id(),
            connection: "stripe".to_owned(),
            envelope: Envelope {
                external_id: format!("evt_{round}_{number}"),
                event_type: "thing.changed".to_owned(),
                object: None,
                occurred_at: store.now(),
            },
            received_at: store.now(),
            headers: Vec::new(),
            body: format!("{{\"id\":\"evt_{round}_{number}\",\"hash\":\"{:032x}\"}}", u128::from(number).pow(9)).into(),
            request_id: String::new(),
        };
        let events: Vec<NewEvent> = (0..ROUND).map(event).collect();
        store.insert_events(&events).await.unwrap();
        let done = Sql::new("UPDATE events SET state = 'processed' WHERE state = 'pending'");
        store.execute(done).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_from_which_as_much_is_dropped_as_comes_does_not_grow() {
        let options = StoreOptions { clock: Clock::fixed(Timestamp(1)), ids: IdSource::Seeded(1), readers: 1 };
        let store = Store::connect("sqlite::memory:", options).await.unwrap();
        store.migrate().await.unwrap();
        let mut sizes = Vec::new();
        for round in 0..12 {
            store.clock().advance(std::time::Duration::from_secs(1));
            fill(&store, round).await;
            if round >= 2 {
                let before = store.now().minus(std::time::Duration::from_secs(2));
                let dropped =
                    store.drop_outdated(Outdated::Events, before.plus(std::time::Duration::from_micros(1)), 2 * ROUND);
                assert_eq!(dropped.await.unwrap(), u64::from(ROUND));
            }
            sizes.push(store.size_bytes().await.unwrap());
        }
        assert!(sizes[11] * 10 <= sizes[3] * 11, "{sizes:?}");
        let newest = store.list_events(&EventFilter::default(), &crate::PageRequest::default()).await.unwrap();
        assert!(newest.items.iter().all(|event| event.external_id.starts_with("evt_11_")));
    }
}
