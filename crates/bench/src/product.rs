//! The processes that are measured.

use crate::{Failure, events::WEBHOOK_SECRET, load};
use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// An address that was free a moment ago.
pub fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A server in a folder of its own; both are gone when this is dropped.
pub struct Server {
    process: Child,
    pub address: SocketAddr,
    pub database_url: String,
    folder: PathBuf,
}

impl Server {
    /// The product, with its worker, on an empty database: of `SQLite` unless an address is given.
    pub async fn product(binary: &Path, database_url: Option<String>) -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("patchbay_bench_{}", std::process::id()));
        let database_url = database_url.unwrap_or_else(|| format!("sqlite://{}", folder.join("patchbay.db").display()));
        let address = free_address()?;
        let mut command = Command::new(binary);
        command.arg("serve").envs([
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
        let folder = std::env::temp_dir().join(format!("patchbay_bench_ceiling_{}", std::process::id()));
        let mut command = Command::new(own);
        command.arg("ceiling").arg(address.to_string());
        Self::start(command, folder, address, String::new()).await
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
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}
