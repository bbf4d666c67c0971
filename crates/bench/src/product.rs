//! The processes that are measured.

use crate::{Failure, events::WEBHOOK_SECRET, load};
use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_mins(1);
/// A second connection to Stripe, under `/webhooks/stripe/quiet`.
const SECOND_CONNECTION: &str = "[connection.\"stripe/quiet\"]\nSTRIPE_SECRET_KEY = \"sk_test_of_the_bench\"\n\
     STRIPE_WEBHOOK_SECRET = \"whsec_of_the_bench\"\nSTRIPE_API_BASE = \"http://127.0.0.1:1\"\n";

/// An address that was free a moment ago.
pub fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A folder of this process, for one server or one database.
pub fn own_folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("patchbay_bench_{name}_{}", std::process::id()))
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

/// A server in a folder of its own; both are gone when this is dropped.
pub struct Server {
    process: Child,
    pub address: SocketAddr,
    pub database_url: String,
    folder: PathBuf,
}

impl Server {
    /// The product with its worker.
    pub async fn product(binary: &Path, setup: Setup) -> Result<Self, Failure> {
        let folder = own_folder("product");
        std::fs::create_dir_all(&folder)?;
        if setup.second_connection {
            std::fs::write(folder.join("patchbay.toml"), SECOND_CONNECTION)?;
        }
        let in_folder = || format!("sqlite://{}", folder.join("patchbay.db").display());
        let database_url = setup.database_url.unwrap_or_else(in_folder);
        let address = free_address()?;
        let mut command = Command::new(binary);
        command.arg("serve").envs(setup.variables).envs([
            ("DATABASE_URL", database_url.as_str()),
            ("PATCHBAY_ADDR", &address.to_string()),
            ("STRIPE_SECRET_KEY", "sk_test_of_the_bench"),
            ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
            // Nothing listens there.
            ("STRIPE_API_BASE", "http://127.0.0.1:1"),
        ]);
        Self::start(command, folder, address, database_url).await
    }

    pub async fn ceiling(own: &Path) -> Result<Self, Failure> {
        let address = free_address()?;
        let mut command = Command::new(own);
        command.arg("ceiling").arg(address.to_string());
        Self::start(command, own_folder("ceiling"), address, String::new()).await
    }

    /// The peer, on a cluster that ours runs on too.
    pub async fn peer(script: &Path, database_url: String, database_connections: u32) -> Result<Self, Failure> {
        let address = free_address()?;
        let mut command = Command::new("node");
        command.arg(script).envs([
            ("NODE_ENV", "production"),
            ("DATABASE_URL", &database_url),
            ("MAX_POSTGRES_CONNECTIONS", &database_connections.to_string()),
            ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("PORT", &address.port().to_string()),
        ]);
        Self::start(command, own_folder("peer"), address, database_url).await
    }

    async fn start(
        mut command: Command,
        folder: PathBuf,
        address: SocketAddr,
        database_url: String,
    ) -> Result<Self, Failure> {
        std::fs::create_dir_all(&folder)?;
        let log = folder.join("log");
        let process = command
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        let mut server = Self { process, address, database_url, folder };
        let started = Instant::now();
        while !load::answers(address).await {
            if server.process.try_wait()?.is_some() || started.elapsed() > PATIENCE {
                return Err(format!("the server does not start: {}", std::fs::read_to_string(&log)?).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
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
        std::fs::remove_dir_all(&self.folder).ok();
    }
}
