//! What a round happens in: the product, its database, and where the fault can take hold of them.

use crate::{log::Log, snapshot::Reader};
use patchbay_bench::{
    Failure,
    folder::Folder,
    load::Line,
    postgres::Cluster,
    product::{Server, configure_second_connection},
};
use patchbay_domain::Clock;
use std::{
    fs::File,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Where the product's process starts, the first existing one of these gives it another clock.
const CLOCK_LIBRARY: &str = "faketime/libfaketimeMT.so.1";
/// How often the library reads what time it is to show.
const READ_AGAIN: Duration = Duration::from_secs(1);
/// Of a disk that is to be filled, in megabytes: several times what a round writes.
const DISK_MEGABYTES: usize = 384;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// What a fault needs from the start.
#[derive(Clone, Copy)]
pub struct Needs {
    /// The database lies on a disk that can be filled.
    pub small_disk: bool,
    /// So does what the product keeps beside `PostgreSQL`. (With `SQLite` all its files are in one place.)
    pub small_data: bool,
    pub own_clock: bool,
    pub log: LogOn,
}

/// Where the product's log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOn {
    File,
    SmallDisk,
    Reader,
}

/// Fields are dropped in this order: the server before its database, the database before its disk.
pub struct World {
    pub server: Server,
    /// `SQLite` has no process of its own.
    pub cluster: Option<Cluster>,
    pub disk: Option<SmallDisk>,
    pub clock: Option<FakeClock>,
    /// Of the round.
    pub folder: PathBuf,
    binary: PathBuf,
    data: PathBuf,
    pub log: Option<Log>,
}

impl World {
    pub async fn start(engine: Engine, needs: Needs, binary: &Path, folder: &Path) -> Result<Self, Failure> {
        let disk = if needs.small_disk { Some(SmallDisk::mount(DISK_MEGABYTES)?) } else { None };
        let place = disk.as_ref().map_or(folder, SmallDisk::path);
        let (cluster, url) = match engine {
            Engine::Sqlite => (None, format!("sqlite://{}", place.join("patchbay.db").display())),
            Engine::Postgres => {
                let place = place.join("postgres");
                std::fs::create_dir_all(&place)?;
                let cluster = tokio::task::block_in_place(|| Cluster::start_in(place))?;
                let url = cluster.url();
                (Some(cluster), url)
            }
        };
        let log = match needs.log {
            LogOn::File => None,
            LogOn::SmallDisk => Some(Log::on_a_small_disk()?),
            LogOn::Reader => Some(Log::with_a_reader(folder)?),
        };
        let mut command = log.as_ref().map_or_else(|| Command::new(binary), |log| log.command(binary));
        let data = if needs.small_data { place } else { folder }.join("data");
        command.env("PATCHBAY_DATA_DIR", &data);
        let clock = if needs.own_clock { Some(FakeClock::new(folder.join("clock"))?) } else { None };
        if let Some(clock) = &clock {
            clock.give_to(&mut command);
        }
        configure_second_connection(folder)?;
        let server = Server::product_in(folder, command, url).await?;
        Ok(Self { server, cluster, disk, clock, log, folder: folder.to_owned(), binary: binary.to_owned(), data })
    }

    /// `SQLite`'s file.
    pub fn database(&self) -> Option<PathBuf> {
        self.server.database_url.strip_prefix("sqlite://").map(PathBuf::from)
    }

    /// The inbox's file.
    pub fn inbox(&self) -> PathBuf {
        self.database().map_or_else(|| self.data.join("inbox.db"), |file| file.with_extension("inbox.db"))
    }

    /// On another address, and on the same files or on those in a folder.
    pub async fn another_server(&self, files: Option<&Path>) -> Result<Server, Failure> {
        let folder = self.folder.join("another");
        std::fs::create_dir_all(&folder)?;
        configure_second_connection(&folder)?;
        let url = match files {
            Some(files) => format!("sqlite://{}", files.join("patchbay.db").display()),
            None => self.server.database_url.clone(),
        };
        let mut command = Command::new(&self.binary);
        command.env("PATCHBAY_DATA_DIR", &self.data);
        Server::product_in(&folder, command, url).await
    }

    /// Waits until the database takes connections; starts it where it is down.
    pub async fn database_answers(&self) -> Result<(), Failure> {
        let started = Instant::now();
        loop {
            if let Some(cluster) = &self.cluster
                && !cluster.runs()
            {
                // What its killed processes shared may be still in use: then it is tried again.
                tokio::task::block_in_place(|| cluster.start_again()).ok();
            }
            match Reader::open(&self.server.database_url).await {
                Ok(_) => return Ok(()),
                Err(error) if started.elapsed() > PATIENCE => return Err(error.into()),
                Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }
}

/// A file system in memory that a round may fill.
pub struct SmallDisk {
    folder: Folder,
}

impl SmallDisk {
    pub fn mount(megabytes: usize) -> Result<Self, Failure> {
        let disk = Self { folder: Folder::new("chaos_disk")? };
        let size = format!("size={megabytes}m,mode=755");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(disk.path()))?;
        Ok(disk)
    }

    /// Why there can be none here.
    pub fn unavailable() -> Option<String> {
        Self::mount(DISK_MEGABYTES)
            .err()
            .map(|error| format!("a small disk cannot be mounted ({error}); that takes root"))
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Until nothing is free.
    pub fn fill(&self) -> Result<(), Failure> {
        match io::copy(&mut io::repeat(1), &mut File::create(self.ballast())?) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Err("the disk has no end".into()),
        }
    }

    pub fn free(&self) -> Result<(), Failure> {
        Ok(std::fs::remove_file(self.ballast())?)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Processes that were told to end may need a moment.
        for _ in 0..20 {
            if run(Command::new("umount").arg(self.path())).is_ok() {
                return;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

/// A clock of the product's own, which can be stepped while it runs: libfaketime, preloaded.
pub struct FakeClock {
    library: PathBuf,
    file: PathBuf,
}

impl FakeClock {
    fn new(file: PathBuf) -> Result<Self, Failure> {
        let library = Self::library().ok_or("there is no libfaketime")?;
        let clock = Self { library, file };
        clock.write(0)?;
        Ok(clock)
    }

    fn library() -> Option<PathBuf> {
        let folders = std::fs::read_dir("/usr/lib").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        folders.map(|folder| folder.join(CLOCK_LIBRARY)).find(|path| path.is_file())
    }

    /// Why there can be none here.
    pub fn unavailable() -> Option<String> {
        Self::library().is_none().then(|| "there is no libfaketime; run .ci/setup chaos".to_owned())
    }

    fn give_to(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("FAKETIME_TIMESTAMP_FILE", &self.file).envs([
            // Seconds until a step is noticed.
            ("FAKETIME_CACHE_DURATION", "1"),
            // A step moves the clock, never timers.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ]);
    }

    /// So that no half-written file is read.
    fn write(&self, seconds: i64) -> Result<(), Failure> {
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}\n"))?;
        Ok(std::fs::rename(&new, &self.file)?)
    }

    /// Steps the server's clock from one number of seconds off the true time to another. Forward it waits until answers
    /// show it; back it cannot, because the date on answers stands still until the clock has caught up with it.
    pub async fn step(&self, from: i64, seconds: i64, server: SocketAddr) -> Result<(), Failure> {
        self.write(seconds)?;
        if seconds < from {
            tokio::time::sleep(2 * READ_AGAIN).await;
            return Ok(());
        }
        let started = Instant::now();
        loop {
            let off = date(server).await? - Clock::System.now().seconds();
            if (off - seconds).abs() <= 1 {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                return Err(format!("the server's clock is {off} s off instead of {seconds} s").into());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

impl Drop for FakeClock {
    /// A process that is killed leaves what the library shares with its children.
    fn drop(&mut self) {
        for entry in std::fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
            let name = entry.file_name();
            let pid = name
                .to_str()
                .and_then(|name| name.strip_prefix("faketime_shm_").or_else(|| name.strip_prefix("sem.faketime_sem_")));
            if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                std::fs::remove_file(entry.path()).ok();
            }
        }
    }
}

/// Whether the product says of itself that its database is away.
pub async fn says_database_is_away(server: SocketAddr) -> Result<bool, Failure> {
    let metrics = metrics(server).await?;
    let since = metrics.lines().find_map(|line| line.strip_prefix("patchbay_database_away_seconds "));
    Ok(since.ok_or("the metrics do not say whether the database is away")? != "0")
}

/// Whether everything acknowledged is filed, by the product's own word.
pub async fn inbox_is_empty(server: SocketAddr) -> Result<bool, Failure> {
    Ok(metrics(server).await?.lines().any(|line| line == "patchbay_inbox_unfiled_events 0"))
}

async fn metrics(server: SocketAddr) -> Result<String, Failure> {
    let mut line = Line::open(server).await?;
    line.exchange(format!("GET /metrics HTTP/1.1\r\nhost: {server}\r\n\r\n").as_bytes()).await?;
    Ok(line.body().unwrap_or_default().to_owned())
}

/// The Unix second that a server writes on its answers.
async fn date(server: SocketAddr) -> Result<i64, Failure> {
    let mut line = Line::open(server).await?;
    line.exchange(format!("GET /healthz HTTP/1.1\r\nhost: {server}\r\n\r\n").as_bytes()).await?;
    let date = line.header("date").ok_or("the answer has no date")?;
    Ok(jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date)?.as_second())
}

/// Quietly; what goes wrong becomes the error.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
}
