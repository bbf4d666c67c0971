//! The product under load: what every scenario does with it.

use crate::{
    Failure,
    events::{Deliveries, FIRST_CONNECTION, Topic},
    load::{self, Measured, Pace},
    lookout::Lookout,
    product::{Server, Setup},
};
use patchbay_domain::{Clock, Timestamp, event::EventState};
use patchbay_store::{EventFilter, IdSource, PageRequest, Store, StoreOptions};
use sqlx::{Connection, PgConnection};
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

/// Objects that the events of a run are spread over.
pub const OBJECTS: usize = 5_000;
/// Made before each measurement; more than a machine of this class takes in the time.
const MOST_PER_SECOND: usize = 80_000;
pub const WARM_UP: usize = 2_000;
const LOOK_AGAIN: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_mins(4);

pub struct Plan {
    pub own: PathBuf,
    pub binary: PathBuf,
    pub duration: Duration,
    /// Where profiles of the server go, where somebody wants them.
    pub profiles: Option<PathBuf>,
}

impl Plan {
    pub fn most(&self) -> usize {
        MOST_PER_SECOND * usize::try_from(self.duration.as_secs()).unwrap_or(1)
    }
}

pub struct Bench<'a> {
    pub plan: &'a Plan,
    pub server: Server,
    pub store: Store,
    /// When it was started, and what the database had counted by then.
    since: (Timestamp, i64),
    /// Deliveries answered with 200 so far.
    acknowledged: AtomicI64,
}

/// Deliveries a second, over so many connections.
#[derive(Clone, Copy)]
pub struct Rate {
    pub connections: usize,
    pub per_second: u32,
}

/// A run as fast as possible.
pub struct Run {
    pub answered: Measured,
    /// Until everything was also worked on.
    pub taken: Duration,
}

impl Run {
    /// Events a second whose records were written.
    pub fn written_per_second(&self) -> f64 {
        load::rate(self.answered.accepted, self.taken)
    }
}

impl<'a> Bench<'a> {
    pub async fn start(plan: &'a Plan, setup: Setup) -> Result<Self, Failure> {
        let server = Server::product(&plan.binary, setup).await?;
        let options = StoreOptions { clock: Clock::System, ids: IdSource::Random, readers: 4 };
        let store = Store::connect(&server.database_url, options).await?;
        // Counts are kept by minute; the one that has begun is among them.
        let start = Clock::System.now().minus(Duration::from_mins(1));
        let mut bench = Self { plan, server, store, since: (start, 0), acknowledged: AtomicI64::new(0) };
        bench.since.1 = bench.worked_on().await?;
        Ok(bench)
    }

    pub fn deliveries(&self, run: &str, topic: Topic, objects: usize) -> Deliveries {
        Deliveries { run: run.to_owned(), address: self.server.address, path: FIRST_CONNECTION, topic, objects }
    }

    pub async fn warm_up(&self) -> Result<(), Failure> {
        self.run("warm", Topic::Customers, 64, WARM_UP).await.map(drop)
    }

    /// As fast as possible for the plan's time.
    pub async fn fastest(&self, run: &str, topic: Topic, connections: usize) -> Result<Run, Failure> {
        self.run(run, topic, connections, self.plan.most()).await
    }

    async fn run(&self, run: &str, topic: Topic, connections: usize, most: usize) -> Result<Run, Failure> {
        let requests = self.deliveries(run, topic, OBJECTS).requests(most);
        let how = (connections, Pace::AsFastAsPossible { repeat: false }, self.plan.duration);
        let started = Instant::now();
        let answered = load::send(self.server.address, requests, how, |_| ()).await?;
        self.worked_off(&answered).await?;
        Ok(Run { answered, taken: started.elapsed() })
    }

    /// Has the disk catch up, so that a row at a moderate rate does not pay for what a flood before it left to be written.
    async fn settle(&self) -> Result<(), Failure> {
        if self.server.database_url.starts_with("postgres") {
            let mut connection = PgConnection::connect(&self.server.database_url).await?;
            sqlx::raw_sql("CHECKPOINT").execute(&mut connection).await?;
        }
        let synced = tokio::task::spawn_blocking(|| Command::new("sync").status()).await??;
        if synced.success() { Ok(()) } else { Err("sync failed".into()) }
    }

    /// At a rate, after a second at this rate that does not count: pages that are touched for the first time since a
    /// checkpoint are logged whole.
    pub async fn at_rate(&self, run: &str, topic: Topic, at: Rate) -> Result<Measured, Failure> {
        self.settle().await?;
        self.paced(&format!("{run}-before"), topic, at, Duration::from_secs(1)).await?;
        self.paced(run, topic, at, self.plan.duration).await
    }

    async fn paced(&self, run: &str, topic: Topic, at: Rate, duration: Duration) -> Result<Measured, Failure> {
        let count = usize::try_from(u64::from(at.per_second) * duration.as_secs())?;
        let requests = self.deliveries(run, topic, OBJECTS).requests(count);
        let how = (at.connections, Pace::PerSecond(at.per_second), duration);
        let measured = load::send(self.server.address, requests, how, |_| ()).await?;
        self.worked_off(&measured).await?;
        Ok(measured)
    }

    /// At a fixed rate, each event with a record of its own. Answers too how long after their acknowledgement records
    /// could be read by another process: a sample of them, sorted.
    pub async fn until_visible(&self, run: &str, rate: u32) -> Result<(Measured, Vec<Duration>), Failure> {
        self.settle().await?;
        let count = usize::try_from(u64::from(rate) * self.plan.duration.as_secs())?.max(1);
        let deliveries = Arc::new(self.deliveries(run, Topic::Customers, count));
        let requests = deliveries.requests(count);
        let lookout = Lookout::open(&self.server.database_url, "stripe", deliveries, LOOK_AGAIN).await?;
        let how = (64, Pace::PerSecond(rate), self.plan.duration);
        let on_answer = lookout.clone();
        let measured =
            load::send(self.server.address, requests, how, move |number| on_answer.acknowledged(number)).await?;
        let times = lookout.times().await?;
        self.worked_off(&measured).await?;
        Ok((measured, times))
    }

    /// Waits until all that was acknowledged so far, these with it, was worked on.
    pub async fn worked_off(&self, answered: &Measured) -> Result<(), Failure> {
        let more = i64::try_from(answered.accepted)?;
        let acknowledged = self.acknowledged.fetch_add(more, Ordering::Relaxed) + more;
        let pending = EventFilter { state: Some(EventState::Pending), ..EventFilter::default() };
        let one = PageRequest { limit: 1, ..PageRequest::default() };
        let started = Instant::now();
        // Acknowledged deliveries may not be events yet, so an empty list of pending ones says too little.
        while self.worked_on().await? - self.since.1 < acknowledged
            || !self.store.list_events(&pending, &one).await?.items.is_empty()
        {
            if started.elapsed() > PATIENCE {
                return Err("the worker does not come to an end".into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Deliveries worked on since the start, by the database's own counts.
    async fn worked_on(&self) -> Result<i64, Failure> {
        let minutes = self.store.minute_counts(None, self.since.0, Timestamp(i64::MAX)).await?;
        Ok(minutes.iter().map(|minute| minute.processed + minute.dead + minute.duplicates).sum())
    }

    /// Records where the server's CPU time goes during the next measurement, if the plan asks for it.
    pub fn profile(&self, name: &str) -> Result<Option<Profile>, Failure> {
        let Some(folder) = &self.plan.profiles else { return Ok(None) };
        std::fs::create_dir_all(folder)?;
        Profile::start(self.server.pid(), &folder.join(format!("{name}.perf"))).map(Some)
    }
}

/// `perf record` on the server, until it is dropped.
pub struct Profile(Child);

impl Profile {
    fn start(pid: u32, file: &Path) -> Result<Self, Failure> {
        let mut command = Command::new("perf");
        command.args(["record", "--quiet", "--freq=499", "--call-graph=fp", "--output"]).arg(file);
        command.args(["--pid", &pid.to_string()]).stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Self(command.spawn().map_err(|error| format!("perf cannot be started: {error}"))?))
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // An interrupt ends a recording as it should; a kill would leave an unreadable file.
        Command::new("kill").args(["-INT", &self.0.id().to_string()]).status().ok();
        self.0.wait().ok();
    }
}
