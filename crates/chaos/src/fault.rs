//! What goes wrong in the middle of a round.

use crate::{
    ages,
    log::Log,
    sender::Sender,
    snapshot::Reader,
    world::{Engine, FakeClock, LogOn, Needs, SmallDisk, World, run, says_database_is_away},
};
use patchbay_bench::{Failure, postgres::Cluster};
use rand::{Rng, rngs::StdRng};
use std::{
    process::Command,
    time::{Duration, Instant},
};

/// How long a fault may go unnoticed by the sender before the round is worth nothing.
const NOTICED: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Beyond this a signature's stamp is refused, whichever way the clock is off; in seconds.
const TOLERANCE: i64 = 300;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    KillServer,
    KillDatabase,
    PauseDatabase,
    FillDisk,
    StepClock,
    MixAges,
    FillLog,
    KillLogReader,
}

impl Fault {
    /// Seeds in a row meet every fault of their engine in turn.
    pub fn of(engine: Engine, seed: u64) -> Self {
        let faults: &[Self] = match engine {
            // Its database is in the server's own process.
            Engine::Sqlite => &[
                Self::KillServer,
                Self::PauseDatabase,
                Self::FillDisk,
                Self::StepClock,
                Self::MixAges,
                Self::FillLog,
                Self::KillLogReader,
            ],
            Engine::Postgres => &[
                Self::KillServer,
                Self::KillDatabase,
                Self::PauseDatabase,
                Self::FillDisk,
                Self::StepClock,
                Self::MixAges,
                Self::FillLog,
                Self::KillLogReader,
            ],
        };
        let turn = usize::try_from(seed % faults.len() as u64).unwrap_or(0);
        faults.get(turn).copied().unwrap_or(Self::KillServer)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::KillServer => "server killed",
            Self::KillDatabase => "database killed",
            Self::PauseDatabase => "database paused",
            Self::FillDisk => "disk full",
            Self::StepClock => "clock stepped",
            Self::MixAges => "ages mixed",
            Self::FillLog => "log's disk full",
            Self::KillLogReader => "log's reader killed",
        }
    }

    pub fn needs(self, random: &mut StdRng) -> Needs {
        let small_disk = self == Self::FillDisk;
        let log = match self {
            Self::FillLog => LogOn::SmallDisk,
            Self::KillLogReader => LogOn::Reader,
            _ => LogOn::File,
        };
        Needs { small_disk, small_data: small_disk && random.random_bool(0.5), own_clock: self == Self::StepClock, log }
    }

    /// Why this machine cannot have it.
    pub fn unavailable(self) -> Option<String> {
        match self {
            Self::StepClock => FakeClock::unavailable(),
            Self::FillDisk | Self::FillLog => SmallDisk::unavailable(),
            _ => None,
        }
    }

    /// Strikes, heals, and says what it did. Whatever the fault, half of most end with `kill -9` of the server.
    pub async fn strike(self, world: &mut World, sender: &Sender, random: &mut StdRng) -> Result<String, Failure> {
        let crash = !matches!(self, Self::KillServer | Self::MixAges) && random.random_bool(0.5);
        let did = match self {
            Self::KillServer => kill_server(world, random).await?,
            Self::KillDatabase => kill_database(world, crash, random).await?,
            Self::PauseDatabase => pause_database(world, crash, random).await?,
            Self::FillDisk => fill_disk(world, sender, crash, random).await?,
            Self::StepClock => step_clock(world, sender, crash, random).await?,
            Self::MixAges => {
                let engine = if world.cluster.is_some() { Engine::Postgres } else { Engine::Sqlite };
                ages::mix(engine, world, sender, random, pause).await?
            }
            Self::FillLog | Self::KillLogReader => break_log(world, crash, random).await?,
        };
        Ok(if crash { format!("{did}, server killed") } else { did })
    }
}

async fn some_time(random: &mut StdRng, milliseconds: std::ops::Range<u64>) -> Duration {
    let time = Duration::from_millis(random.random_range(milliseconds));
    tokio::time::sleep(time).await;
    time
}

/// Once or twice: the second one meets a server that has just begun.
async fn kill_server(world: &mut World, random: &mut StdRng) -> Result<String, Failure> {
    world.server.kill()?;
    some_time(random, 0..500).await;
    world.server.start_again().await?;
    if random.random_bool(0.5) {
        return Ok("server killed".to_owned());
    }
    some_time(random, 1..200).await;
    world.server.kill()?;
    world.server.start_again().await?;
    Ok("server killed twice".to_owned())
}

async fn kill_database(world: &mut World, crash: bool, random: &mut StdRng) -> Result<String, Failure> {
    let cluster = world.cluster.as_ref().ok_or("the database has no process of its own")?;
    let at_once = random.random_bool(0.5);
    if at_once {
        tokio::task::block_in_place(|| cluster.stop_at_once())?;
    } else {
        signal("KILL", &processes(cluster)?)?;
    }
    some_time(random, 0..2_000).await;
    if crash {
        world.server.kill()?;
    }
    world.database_answers().await?;
    if crash {
        world.server.start_again().await?;
    }
    Ok(if at_once { "database stopped at once" } else { "database killed" }.to_owned())
}

/// `PostgreSQL` stands still; of one of `SQLite`'s two files somebody else holds the lock.
async fn pause_database(world: &mut World, crash: bool, random: &mut StdRng) -> Result<String, Failure> {
    let (what, time) = match &world.cluster {
        None => {
            let url = &world.server.database_url;
            let (what, url) = if random.random_bool(0.5) {
                ("database", url.clone())
            } else {
                ("inbox", url.replace("patchbay.db", "patchbay.inbox.db"))
            };
            let mut other = Reader::open_to_write(&url).await?;
            other.execute("BEGIN EXCLUSIVE").await?;
            let time = some_time(random, 1_000..9_000).await;
            if crash {
                world.server.kill()?;
            }
            other.execute("ROLLBACK").await?;
            (what, time)
        }
        Some(cluster) => {
            let all = processes(cluster)?;
            signal("STOP", &all)?;
            let time = some_time(random, 1_000..9_000).await;
            if crash {
                world.server.kill()?;
            }
            signal("CONT", &all)?;
            ("database", time)
        }
    };
    if crash {
        world.server.start_again().await?;
    }
    Ok(format!("{what} paused {:.1} s", time.as_secs_f64()))
}

fn pause(cluster: &Cluster, stands_still: bool) -> Result<(), Failure> {
    signal(if stands_still { "STOP" } else { "CONT" }, &processes(cluster)?)
}

async fn fill_disk(world: &mut World, sender: &Sender, crash: bool, random: &mut StdRng) -> Result<String, Failure> {
    let disk = world.disk.as_ref().ok_or("its disk is not a small one")?;
    let unanswered = || sender.ledger(|ledger| ledger.counts.put_off + ledger.counts.cut);
    let before = unanswered();
    tokio::task::block_in_place(|| disk.fill())?;
    let filled = Instant::now();
    // PostgreSQL may have room for all that comes in the files it has already: then nobody notices, and that is fine.
    let mut noticed = "";
    while unanswered() == before && !says_database_is_away(world.server.address).await? {
        if filled.elapsed() > NOTICED {
            noticed = ", unnoticed";
            break;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let time = some_time(random, 500..4_000).await;
    if crash {
        world.server.kill()?;
    }
    disk.free()?;
    world.database_answers().await?;
    if crash {
        world.server.start_again().await?;
    }
    Ok(format!("disk full {:.1} s{noticed}", time.as_secs_f64()))
}

/// A little or far, forward or back, and in most rounds to the true time again.
async fn step_clock(world: &mut World, sender: &Sender, crash: bool, random: &mut StdRng) -> Result<String, Failure> {
    let far = random.random_bool(0.5);
    let size: i64 = if far { random.random_range(2 * TOLERANCE..3_600) } else { random.random_range(5..45) };
    let seconds = if random.random_bool(0.5) { size } else { -size };
    // While it is far off, nothing genuine is taken.
    let back = far || random.random_bool(0.5);
    if far {
        sender.ledger(|ledger| ledger.clock_is_stepped = true);
    }
    let clock = world.clock.as_ref().ok_or("the server has no clock of its own")?;
    clock.step(0, seconds, world.server.address).await?;
    some_time(random, 500..2_500).await;
    if crash {
        world.server.kill()?;
        world.server.start_again().await?;
    }
    if back {
        clock.step(seconds, 0, world.server.address).await?;
    }
    Ok(format!("clock stepped {seconds:+} s{}", if back { " and back" } else { "" }))
}

/// With its log broken, the product meets a trouble that it would log: its database stands still.
async fn break_log(world: &mut World, crash: bool, random: &mut StdRng) -> Result<String, Failure> {
    let log = world.log.as_mut().ok_or("its log is a plain file")?;
    let broke = log.fail()?;
    let paused = pause_database(world, false, random).await?;
    some_time(random, 0..1_000).await;
    if crash {
        world.server.kill()?;
    }
    let log = world.log.as_mut().ok_or("its log is a plain file")?;
    // Whoever reads a pipe to its end does not come back for a server that runs on.
    if crash || matches!(log, Log::Disk(_)) {
        log.repair()?;
    }
    if crash {
        world.server.start_again().await?;
    }
    Ok(format!("{broke}, {paused}"))
}

/// The postmaster and its children.
fn processes(cluster: &Cluster) -> Result<Vec<u32>, Failure> {
    let postmaster = cluster.postmaster()?;
    let mut all = vec![postmaster];
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended meanwhile.
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = status.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        if parent == Some(postmaster) {
            all.push(pid);
        }
    }
    Ok(all)
}

/// The postmaster first, so that it makes no new ones. Children that ended meanwhile are no failure.
fn signal(name: &str, processes: &[u32]) -> Result<(), Failure> {
    let mut processes = processes.iter().map(u32::to_string);
    let postmaster = processes.next().ok_or("there is no process")?;
    let script =
        "kill -s \"$0\" \"$1\" || exit 1; shift; for pid; do kill -s \"$0\" \"$pid\" 2>/dev/null; done; exit 0";
    run(Command::new("sh").args(["-c", script, name, &postmaster]).args(processes))
}
