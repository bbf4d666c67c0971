//! How long after its acknowledgement an event's record can be read by another process.

use crate::{Failure, events::Deliveries};
use patchbay_domain::{Clock, Kind};
use patchbay_store::{IdSource, Store, StoreOptions};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// Records looked for at the same time: a sample, because looking costs the server too.
const LOOKERS: u32 = 2;
const PATIENCE: Duration = Duration::from_mins(4);

/// Looks for the records of deliveries that each make one of their own. Cheap to clone.
#[derive(Clone)]
pub struct Lookout {
    store: Store,
    connection: &'static str,
    deliveries: Arc<Deliveries>,
    look_again: Duration,
    free: Arc<Semaphore>,
    /// Or why one could not be seen.
    seen: Arc<Mutex<Vec<Result<Duration, String>>>>,
}

impl Lookout {
    /// Looks once in `look_again` for each of the records.
    pub async fn open(
        database_url: &str,
        connection: &'static str,
        deliveries: Arc<Deliveries>,
        look_again: Duration,
    ) -> Result<Self, Failure> {
        let options = StoreOptions { clock: Clock::System, ids: IdSource::Random, readers: LOOKERS };
        let store = Store::connect(database_url, options).await?;
        let free = Arc::new(Semaphore::new(usize::try_from(LOOKERS)?));
        Ok(Self { store, connection, deliveries, look_again, free, seen: Arc::default() })
    }

    /// To be called when the delivery of that number was acknowledged.
    pub fn acknowledged(&self, number: usize) {
        let at = Instant::now();
        if let Ok(permit) = self.free.clone().try_acquire_owned() {
            let lookout = self.clone();
            tokio::spawn(async move {
                let time = lookout.time_until_visible(lookout.deliveries.object(number), at).await;
                lookout.seen.lock().unwrap_or_else(PoisonError::into_inner).push(time);
                drop(permit);
            });
        }
    }

    /// Waits for the last ones. The times are sorted; one record that never came is an error, not a missing sample.
    pub async fn times(self) -> Result<Vec<Duration>, Failure> {
        drop(self.free.acquire_many(LOOKERS).await?);
        let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        self.store.close().await;
        let mut times = seen.into_iter().collect::<Result<Vec<Duration>, String>>()?;
        times.sort_unstable();
        Ok(times)
    }

    async fn time_until_visible(&self, id: String, from: Instant) -> Result<Duration, String> {
        let (ids, kind) = ([id], Kind::new(self.deliveries.topic.kind()));
        while from.elapsed() < PATIENCE {
            let found = self.store.records_by_ids(self.connection, &kind, &ids).await;
            if !found.map_err(|error| error.to_string())?.is_empty() {
                return Ok(from.elapsed());
            }
            tokio::time::sleep(self.look_again).await;
        }
        let [id] = ids;
        Err(format!("{id} was acknowledged and cannot be read after {} s", PATIENCE.as_secs()))
    }
}
