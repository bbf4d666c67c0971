//! One database after the other, the same measurements in the same order.

use crate::{
    Failure,
    events::Deliveries,
    load::{self, Measured, Pace},
    product::Server,
    report,
};
use patchbay_domain::{Clock, Kind, event::EventState};
use patchbay_store::{EventFilter, IdSource, PageRequest, Store, StoreOptions};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

const CONNECTIONS: [usize; 2] = [64, 256];
const CUSTOMERS: usize = 5_000;
/// Made before each measurement; more than a machine of this class takes in the time.
const MOST_PER_SECOND: usize = 8_000;
const WARM_UP: usize = 2_000;
/// Records looked for at the same time.
const LOOKERS: usize = 2;
const LOOK_AGAIN: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_mins(3);

pub struct Plan {
    pub own: PathBuf,
    pub binary: PathBuf,
    pub duration: Duration,
}

impl Plan {
    fn most(&self) -> usize {
        MOST_PER_SECOND * usize::try_from(self.duration.as_secs()).unwrap_or(1)
    }
}

pub async fn run(plan: &Plan, database: &str, url: Option<String>) -> Result<(), Failure> {
    report::heading(database);
    let ceiling = ceiling(plan).await?;
    let server = Server::product(&plan.binary, url).await?;
    let options = StoreOptions { clock: Clock::System, ids: IdSource::Random, readers: 4 };
    let bench = Bench { plan, store: Store::connect(&server.database_url, options).await?, server };
    bench.as_fast_as_possible("warm", 64, WARM_UP).await?;
    let mut stored = Vec::new();
    let mut worked = Vec::new();
    for (run, connections) in ["b64", "b256"].into_iter().zip(CONNECTIONS) {
        let (measured, taken) = bench.as_fast_as_possible(run, connections, plan.most()).await?;
        worked.push((measured.accepted, taken));
        report::row(&format!("stored, {connections} connections"), &measured);
        stored.push(measured);
    }
    let fastest = stored.iter().map(Measured::per_second).fold(0.0, f64::max);
    // A rate of deliveries is far below what a u32 holds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive rate far below the limit")]
    let half = ((fastest / 2.0) as u32).max(1);
    let measured = bench.at_rate("half", half, CUSTOMERS, &Arc::default()).await?;
    report::row(&format!("stored, half of the maximum ({half}/s)"), &measured);
    let mut visible = Vec::new();
    for (run, rate) in [("d200", 200), ("d2000", 2_000)] {
        let seen = Arc::<Mutex<Vec<Duration>>>::default();
        let measured = bench.at_rate(run, rate, usize::MAX, &seen).await?;
        report::row(&format!("stored, {rate}/s"), &measured);
        visible.push((rate, seen));
    }
    println!();
    for (number, connections) in CONNECTIONS.into_iter().enumerate() {
        if let (Some(stored), Some(ceiling)) = (stored.get(number), ceiling.get(number)) {
            report::ratio(connections, stored, ceiling);
        }
    }
    for (events, taken) in worked {
        report::worked(events, taken);
    }
    for (rate, seen) in visible {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.sort_unstable();
        report::visible(&format!("{rate}/s"), &seen);
    }
    bench.store.close().await;
    Ok(())
}

async fn ceiling(plan: &Plan) -> Result<Vec<Measured>, Failure> {
    let server = Server::ceiling(&plan.own).await?;
    let mut all = Vec::new();
    for connections in CONNECTIONS {
        let deliveries = Deliveries { run: "ceiling", address: server.address, customers: CUSTOMERS };
        let pace = Pace::AsFastAsPossible { repeat: true };
        let measured =
            load::send(server.address, deliveries.requests(WARM_UP), (connections, pace, plan.duration), |_| ())
                .await?;
        report::row(&format!("verified only, {connections} connections"), &measured);
        all.push(measured);
    }
    Ok(all)
}

struct Bench<'a> {
    plan: &'a Plan,
    server: Server,
    store: Store,
}

impl Bench<'_> {
    /// Until everything is also worked on, which ends the time that is answered too.
    async fn as_fast_as_possible(
        &self,
        run: &'static str,
        connections: usize,
        most: usize,
    ) -> Result<(Measured, Duration), Failure> {
        let deliveries = Deliveries { run, address: self.server.address, customers: CUSTOMERS };
        let requests = deliveries.requests(most);
        let how = (connections, Pace::AsFastAsPossible { repeat: false }, self.plan.duration);
        let started = Instant::now();
        let measured = load::send(self.server.address, requests, how, |_| ()).await?;
        self.worked_off().await?;
        Ok((measured, started.elapsed()))
    }

    /// `seen` collects how long after its acknowledgement a record could be read; where each event has its own.
    async fn at_rate(
        &self,
        run: &'static str,
        rate: u32,
        customers: usize,
        seen: &Arc<Mutex<Vec<Duration>>>,
    ) -> Result<Measured, Failure> {
        let count = usize::try_from(u64::from(rate) * self.plan.duration.as_secs())?;
        let each_its_own = customers == usize::MAX;
        let deliveries =
            Arc::new(Deliveries { run, address: self.server.address, customers: customers.min(count.max(1)) });
        let requests = deliveries.requests(count);
        let (free, store, seen) = (Arc::new(Semaphore::new(LOOKERS)), self.store.clone(), seen.clone());
        let acknowledged = move |number: usize| {
            let at = Instant::now();
            if !each_its_own {
                return;
            }
            if let Ok(permit) = free.clone().try_acquire_owned() {
                let (store, seen, id) = (store.clone(), seen.clone(), deliveries.customer(number));
                tokio::spawn(async move {
                    if let Some(time) = time_until_visible(&store, id, at).await {
                        seen.lock().unwrap_or_else(PoisonError::into_inner).push(time);
                    }
                    drop(permit);
                });
            }
        };
        let how = (64, Pace::PerSecond(rate), self.plan.duration);
        let measured = load::send(self.server.address, requests, how, acknowledged).await?;
        self.worked_off().await?;
        Ok(measured)
    }

    async fn worked_off(&self) -> Result<(), Failure> {
        let pending = EventFilter { state: Some(EventState::Pending), ..EventFilter::default() };
        let one = PageRequest { limit: 1, ..PageRequest::default() };
        let started = Instant::now();
        while !self.store.list_events(&pending, &one).await?.items.is_empty() {
            if started.elapsed() > PATIENCE {
                return Err("the worker does not come to an end".into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

async fn time_until_visible(store: &Store, id: String, from: Instant) -> Option<Duration> {
    let ids = [id];
    while from.elapsed() < PATIENCE {
        if !store.records_by_ids("stripe", &Kind::new("customer"), &ids).await.ok()?.is_empty() {
            return Some(from.elapsed());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    None
}
