//! One round: load, a fault, recovery, and the comparison.

use crate::{
    check::{Findings, compare},
    fault::Fault,
    ledger::Ledger,
    plan::{Plan, Size},
    sender::Sender,
    snapshot::{Reader, Snapshot},
    world::{Engine, World, inbox_is_empty},
};
use patchbay_bench::{Failure, folder::Folder, product::Server};
use patchbay_domain::Clock;
use patchbay_store::{IdSource, Store, StoreOptions};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Until everything is acknowledged; and then until everything is worked on. A killed worker's leases take a minute.
const PATIENCE: Duration = Duration::from_mins(4);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// The whole body is compared of every so-manyth event.
const EVERY: usize = 25;

pub struct Round {
    pub engine: Engine,
    pub seed: u64,
    pub fault: Fault,
    pub size: Size,
    pub binary: PathBuf,
}

/// What a round ended with.
pub struct Outcome {
    pub fault: String,
    pub sent: usize,
    pub acknowledged: usize,
    pub duplicates: usize,
    pub refused: usize,
    pub findings: Findings,
    pub elapsed: Duration,
    /// Ledger, database and log, if there were findings.
    pub kept: Option<PathBuf>,
}

impl Round {
    pub async fn run(&self) -> Result<Outcome, Failure> {
        let started = Instant::now();
        let mut folder = Folder::new("chaos")?;
        let outcome = self.run_in(folder.path(), started).await;
        let is_clean = outcome.as_ref().is_ok_and(|outcome| outcome.findings.is_empty());
        if !is_clean {
            folder.keep();
        }
        match outcome {
            Ok(outcome) if is_clean => Ok(outcome),
            Ok(outcome) => Ok(Outcome { kept: Some(folder.path().to_owned()), ..outcome }),
            Err(error) => Err(format!("{error}; see {}", folder.path().display()).into()),
        }
    }

    async fn run_in(&self, folder: &Path, started: Instant) -> Result<Outcome, Failure> {
        let mut random = StdRng::seed_from_u64(self.seed);
        let plan = Plan::new(self.size, &mut random);
        let events = plan.events.len();
        let strike_at = random.random_range(events / 5..events * 3 / 5);
        let ledger = Ledger::new(&plan, &folder.join("ledger.tsv"))?;
        let needs = self.fault.needs(&mut random);
        let mut world = World::start(self.engine, needs, &self.binary, folder).await?;
        let sender = Sender::new(world.server.address, plan, ledger);
        let mut connections = sender.start();
        if !sender.until(PATIENCE, |ledger| ledger.acknowledged >= strike_at).await {
            return Err("the server does not acknowledge what it is sent".into());
        }
        if sender.waiting() == 0 {
            return Err("the fault came after the last delivery".into());
        }
        let fault = self.fault.strike(&mut world, &sender, &mut random).await?;
        let sent_all = async {
            while let Some(ended) = connections.join_next().await {
                ended??;
            }
            Ok::<(), Failure>(())
        };
        tokio::time::timeout(PATIENCE, sent_all).await.map_err(|_| "deliveries are not acknowledged any more")??;
        let acknowledged = sender.ledger(|ledger| ledger.acknowledged_deliveries());
        worked_off(&world.server, acknowledged).await?;
        world.server.kill()?;
        let snapshot = Snapshot::read(&mut Reader::open(&world.server.database_url).await?).await?;
        let findings = sender.ledger(|ledger| ledger.flush().map(|()| compare(ledger, &snapshot)))?;
        let findings = bodies_are_as_sent(&world.server.database_url, &sender, &snapshot, findings).await?;
        Ok(sender.ledger(|ledger| Outcome {
            fault,
            sent: ledger.counts.sent,
            acknowledged: ledger.acknowledged,
            duplicates: ledger.counts.duplicates,
            refused: ledger.counts.refused,
            findings,
            elapsed: started.elapsed(),
            kept: None,
        }))
    }
}

/// Until every acknowledged delivery is accounted for and nothing waits, neither in the inbox nor for the worker, or
/// patience ends: the comparison then tells what is missing. The count alone says too little, because it includes deliveries
/// that were stored and whose answer a kill cut off.
async fn worked_off(server: &Server, acknowledged: i64) -> Result<(), Failure> {
    let mut reader = Reader::open(&server.database_url).await?;
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let totals = reader.totals().await?;
        if totals.accepted + totals.duplicates >= acknowledged
            && inbox_is_empty(server.address).await?
            && reader.pending().await? == 0
        {
            break;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}

/// What the product shows of an event is byte by byte what was sent.
async fn bodies_are_as_sent(
    url: &str,
    sender: &Sender,
    snapshot: &Snapshot,
    mut findings: Findings,
) -> Result<Findings, Failure> {
    let options = StoreOptions { clock: Clock::System, ids: IdSource::Random, readers: 1 };
    let store = Store::connect(url, options).await?;
    for row in snapshot.events.iter().step_by(EVERY) {
        let shown = store.event(row.id).await?.map(|detail| detail.body.to_vec());
        let sent = sender.ledger(|ledger| ledger.entries.get(&row.external_id).map(|entry| entry.event.body()));
        if shown != sent {
            findings.lost.push(format!("{} is not stored as it was sent", row.external_id));
        }
    }
    store.close().await;
    Ok(findings)
}
