//! Files that come from different times: an older inbox is put back, an older database is, the inbox of a clone is.
//!
//! What is taken away must not be what is acknowledged and nowhere else: before files are exchanged, everything is filed by
//! a server that nobody sends to.

use crate::{
    sender::Sender,
    world::{Engine, World, inbox_is_empty, run, says_database_is_away},
};
use patchbay_bench::{Failure, postgres::Cluster, product::Server};
use rand::{Rng, rngs::StdRng};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Deliveries that are acknowledged between two ages of a file, at least.
const BETWEEN: usize = 100;

pub async fn mix(
    engine: Engine,
    world: &mut World,
    sender: &Sender,
    random: &mut StdRng,
    pause: impl Fn(&Cluster, bool) -> Result<(), Failure>,
) -> Result<String, Failure> {
    match engine {
        Engine::Sqlite => mix_sqlite(world, sender, random).await,
        Engine::Postgres => mix_postgres(world, sender, pause).await,
    }
}

async fn mix_sqlite(world: &mut World, sender: &Sender, random: &mut StdRng) -> Result<String, Failure> {
    let old = world.folder.join("old");
    std::fs::create_dir(&old)?;
    stop(&mut world.server).await?;
    let inbox = Part::of(&world.inbox(), &old);
    let database = Part::of(&world.database().ok_or("SQLite has a file")?, &old);
    inbox.save()?;
    database.save()?;
    world.server.start_again().await?;
    acknowledged_more(sender).await?;
    stop(&mut world.server).await?;
    world.file_all(None).await?;
    let what = match random.random_range(0..3) {
        0 => {
            inbox.put_back()?;
            "older inbox put back"
        }
        1 => {
            database.put_back()?;
            "older database put back"
        }
        _ => {
            // A second machine of the same image ran for a while, and its inbox is put here.
            world.file_all(Some(&old)).await?;
            inbox.put_back()?;
            "inbox of a clone put here"
        }
    };
    world.server.start_again().await?;
    Ok(what.to_owned())
}

/// The local inbox is used while the database stands still: once before an older one is put back, and once after.
async fn mix_postgres(
    world: &mut World,
    sender: &Sender,
    pause: impl Fn(&Cluster, bool) -> Result<(), Failure>,
) -> Result<String, Failure> {
    let old = world.folder.join("old");
    std::fs::create_dir(&old)?;
    stop(&mut world.server).await?;
    let inbox = Part::of(&world.inbox(), &old);
    inbox.save()?;
    world.server.start_again().await?;
    for put_back in [true, false] {
        let cluster = world.cluster.as_ref().ok_or("PostgreSQL has processes")?;
        pause(cluster, true)?;
        // Fewer the second time, so that their numbers were given before.
        let local = local_acknowledgements(world, sender, if put_back { 4 * BETWEEN } else { BETWEEN }).await;
        pause(world.cluster.as_ref().ok_or("PostgreSQL has processes")?, false)?;
        local?;
        if put_back {
            stop(&mut world.server).await?;
            world.file_all(None).await?;
            inbox.put_back()?;
            world.server.start_again().await?;
        }
    }
    Ok("older inbox put back, database paused twice".to_owned())
}

async fn local_acknowledgements(world: &World, sender: &Sender, count: usize) -> Result<(), Failure> {
    let started = Instant::now();
    while !says_database_is_away(world.server.address).await? {
        // A server that nobody sends to has no reason to ask its database.
        if sender.waiting() == 0 {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            return Err("the server does not notice that its database stands still".into());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let before = sender.ledger(|ledger| ledger.acknowledged);
    if sender.until(PATIENCE, |ledger| ledger.acknowledged >= before + count).await || sender.waiting() == 0 {
        Ok(())
    } else {
        Err("nothing is acknowledged while the database stands still".into())
    }
}

async fn acknowledged_more(sender: &Sender) -> Result<(), Failure> {
    let before = sender.ledger(|ledger| ledger.acknowledged);
    if sender.until(PATIENCE, |ledger| ledger.acknowledged >= before + BETWEEN).await {
        Ok(())
    } else {
        Err("nothing is acknowledged between the two ages".into())
    }
}

impl World {
    /// Until a server that nobody sends to has filed everything; on a copy of all files, if there is one.
    async fn file_all(&self, copy: Option<&Path>) -> Result<(), Failure> {
        let mut server = self.another_server(copy).await?;
        let started = Instant::now();
        while !inbox_is_empty(server.address).await? {
            if started.elapsed() > PATIENCE {
                return Err("not everything is filed before the files are exchanged".into());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        stop(&mut server).await
    }
}

/// As whoever exchanges files does it: leases are given back, so that nothing waits for their end.
async fn stop(server: &mut Server) -> Result<(), Failure> {
    let pid = server.pid().to_string();
    run(Command::new("kill").args(["-s", "TERM", &pid]))?;
    let started = Instant::now();
    let runs = || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|status| !status.contains(") Z "));
    while runs() && started.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    server.kill()
}

/// A file with what `SQLite` keeps beside it, and where an older one of it lies.
struct Part {
    file: PathBuf,
    old: PathBuf,
}

impl Part {
    fn of(file: &Path, old: &Path) -> Self {
        Self { file: file.to_owned(), old: old.join(file.file_name().unwrap_or_default()) }
    }

    fn save(&self) -> Result<(), Failure> {
        copy(&self.file, &self.old)
    }

    fn put_back(&self) -> Result<(), Failure> {
        copy(&self.old, &self.file)
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let beside = |path: &Path, end: &str| PathBuf::from(format!("{}{end}", path.display()));
    for end in ["", "-wal", "-shm"] {
        std::fs::remove_file(beside(to, end)).ok();
        // Shared memory is made anew from the log.
        if end != "-shm" && beside(from, end).exists() {
            std::fs::copy(beside(from, end), beside(to, end))?;
        }
    }
    Ok(())
}
