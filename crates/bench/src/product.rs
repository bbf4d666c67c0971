//! The processes that are measured.

use crate::{Failure, events::WEBHOOK_SECRET, folder::Folder, load};
use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_mins(1);
/// A further connection to Stripe, which [`configure_second_connection`] makes.
pub const SECOND_CONNECTION: &str = "stripe/quiet";

/// Ports that the system does not hand out to clients: one of those could be taken by a sender's own connection while
/// its server is down.
const PORTS: Range<u16> = 16_000..31_000;
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// An address that was free a moment ago, another one each time.
pub fn free_address() -> Result<SocketAddr, Failure> {
    let many = PORTS.end - PORTS.start;
    // Processes side by side begin at different places.
    let own = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(many))?;
    for _ in 0..many {
        let number = (own + NEXT_PORT.fetch_add(1, Ordering::Relaxed) % many) % many;
        let address = SocketAddr::from(([127, 0, 0, 1], PORTS.start + number));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err("every port is taken".into())
}

/// The `patchbay` binary: the one named, else the one beside this program.
pub fn binary(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let binary = match named {
        Some(path) => std::path::absolute(path)?,
        None => std::env::current_exe()?.with_file_name("patchbay"),
    };
    if binary.is_file() {
        return Ok(binary);
    }
    Err(format!("there is no binary at {}; build it first: cargo build --release -p server", binary.display()).into())
}

/// For a product that is started in this folder.
pub fn configure_second_connection(folder: &Path) -> Result<(), Failure> {
    let config = format!(
        "[connection.\"{SECOND_CONNECTION}\"]\nSTRIPE_SECRET_KEY = \"sk_test_of_the_bench\"\n\
         STRIPE_WEBHOOK_SECRET = \"whsec_of_the_bench\"\nSTRIPE_API_BASE = \"http://127.0.0.1:1\"\n"
    );
    Ok(std::fs::write(folder.join("patchbay.toml"), config)?)
}

/// How the product is started.
#[derive(Default)]
pub struct Setup {
    /// `SQLite` in the server's own folder, unless an address is given.
    pub database_url: Option<String>,
    /// Who may sign in, where somebody shall.
    pub variables: Vec<(String, String)>,
    pub second_connection: bool,
}

/// A server; its process ends when this is dropped.
pub struct Server {
    command: Command,
    process: Child,
    pub address: SocketAddr,
    pub database_url: String,
    log: PathBuf,
    /// Kept for its end, which comes after this one's.
    own: Option<Folder>,
}

impl Server {
    /// The product, with its worker, in a folder of its own.
    pub async fn product(binary: &Path, setup: Setup) -> Result<Self, Failure> {
        let own = Folder::new("bench")?;
        if setup.second_connection {
            configure_second_connection(own.path())?;
        }
        let sqlite = || format!("sqlite://{}", own.path().join("patchbay.db").display());
        let url = setup.database_url.unwrap_or_else(sqlite);
        let mut command = Command::new(binary);
        command.envs(setup.variables);
        Self::product_in(own.path(), command, url).await.map(|server| server.owning(own))
    }

    /// The product in a folder of the caller's. `command` ends where the binary's own arguments begin.
    pub async fn product_in(folder: &Path, mut command: Command, database_url: String) -> Result<Self, Failure> {
        let address = free_address()?;
        command.arg("serve").envs([
            ("DATABASE_URL", database_url.as_str()),
            ("PATCHBAY_ADDR", &address.to_string()),
            ("STRIPE_SECRET_KEY", "sk_test_of_the_bench"),
            ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
            // Nothing listens there.
            ("STRIPE_API_BASE", "http://127.0.0.1:1"),
            // One member of staff reads as fast as pages come.
            ("PATCHBAY_PAGES_PER_MINUTE", "0"),
        ]);
        Self::start(command, folder, address, database_url).await
    }

    pub async fn ceiling(own: &Path) -> Result<Self, Failure> {
        let address = free_address()?;
        let folder = Folder::new("bench_ceiling")?;
        let mut command = Command::new(own);
        command.arg("ceiling").arg(address.to_string());
        Self::start(command, folder.path(), address, String::new()).await.map(|server| server.owning(folder))
    }

    /// The peer, on a cluster that ours runs on too.
    pub async fn peer(script: &Path, database_url: String, database_connections: u32) -> Result<Self, Failure> {
        let address = free_address()?;
        let folder = Folder::new("bench_peer")?;
        let mut command = Command::new("node");
        command.arg(script).envs([
            ("NODE_ENV", "production"),
            ("DATABASE_URL", &database_url),
            ("MAX_POSTGRES_CONNECTIONS", &database_connections.to_string()),
            ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("PORT", &address.port().to_string()),
        ]);
        Self::start(command, folder.path(), address, database_url).await.map(|server| server.owning(folder))
    }

    fn owning(mut self, folder: Folder) -> Self {
        self.own = Some(folder);
        self
    }

    async fn start(
        mut command: Command,
        folder: &Path,
        address: SocketAddr,
        database_url: String,
    ) -> Result<Self, Failure> {
        let log = folder.join("log");
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let process = command.spawn()?;
        let mut server = Self { command, process, address, database_url, log, own: None };
        server.until_it_answers().await?;
        Ok(server)
    }

    async fn until_it_answers(&mut self) -> Result<(), Failure> {
        let started = Instant::now();
        while !load::answers(self.address).await {
            if self.process.try_wait()?.is_some() || started.elapsed() > PATIENCE {
                return Err(format!("the server does not start: {}", std::fs::read_to_string(&self.log)?).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// `kill -9`: nothing is finished, flushed or given back.
    pub fn kill(&mut self) -> Result<(), Failure> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Again, on the same address and database.
    pub async fn start_again(&mut self) -> Result<(), Failure> {
        self.process = self.command.spawn()?;
        self.until_it_answers().await
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Resident memory now and at its highest so far, in MB.
    pub fn memory(&self) -> Result<Memory, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let field = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name))?;
            value.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes / 1024)
        };
        let (now, highest) = (field("VmRSS:"), field("VmHWM:"));
        Ok(Memory { now: now.ok_or("no VmRSS")?, highest: highest.ok_or("no VmHWM")? })
    }
}

#[derive(Clone, Copy)]
pub struct Memory {
    pub now: u64,
    pub highest: u64,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
