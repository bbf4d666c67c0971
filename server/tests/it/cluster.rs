//! A `PostgreSQL` server of a test's own, with TLS and passwords, and `PgBouncer` in front of one.

use crate::{database::Folder, server::free_address};
use patchbay_net::testing::Identity;
use sqlx::{Connection, PgConnection};
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_mins(1);
/// Of the user `patchbay`.
pub const PASSWORD: &str = "hush-hush";

/// The tests without a server for `PostgreSQL` are the same ones that are left out elsewhere.
pub fn is_wanted() -> bool {
    std::env::var_os("PATCHBAY_TEST_POSTGRES_URL").is_some()
}

pub struct Cluster {
    folder: Folder,
    pub port: u16,
    bin: PathBuf,
}

impl Cluster {
    /// `settings` are lines of its `postgresql.conf`.
    pub fn start(identity: Option<&Identity>, settings: &str) -> Self {
        let folder = Folder::new();
        let port = free_address().rsplit(':').next().unwrap().parse().unwrap();
        let cluster = Self { folder, port, bin: tools() };
        let password = cluster.folder.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        give_to_owner(cluster.folder.path());
        let data = cluster.data();
        let made = cluster
            .tool("initdb")
            .args([
                "-U",
                "patchbay",
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
                "--no-sync",
                "--locale=C",
                "-D",
            ])
            .arg(&data)
            .arg("--pwfile")
            .arg(&password)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let socket = cluster.folder.path().display();
        let mut conf = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{socket}'\nfsync = off\n{settings}\n"
        );
        if let Some(identity) = identity {
            std::fs::write(data.join("server.crt"), &identity.certificate).unwrap();
            std::fs::write(data.join("server.key"), &identity.key).unwrap();
            std::fs::set_permissions(data.join("server.key"), PermissionsExt::from_mode(0o600)).unwrap();
            conf.push_str("ssl = on\n");
        }
        std::fs::write(data.join("patchbay.conf"), conf).unwrap();
        let main = data.join("postgresql.conf");
        let before = std::fs::read_to_string(&main).unwrap();
        std::fs::write(&main, format!("{before}\ninclude 'patchbay.conf'\n")).unwrap();
        give_to_owner(cluster.folder.path());
        cluster.control(&["start"]);
        cluster
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn control(&self, arguments: &[&str]) {
        let done = self
            .tool("pg_ctl")
            .args(["-w", "-s", "-D"])
            .arg(self.data())
            .arg("-l")
            .arg(self.folder.path().join("server.log"))
            .args(arguments)
            // The server would hold a pipe open.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        let log = std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default();
        assert!(done.success(), "pg_ctl {arguments:?}: {log}");
    }

    /// From now on it follows a server that there is none of, and only reads.
    pub fn become_standby(&self) {
        self.control(&["stop", "-m", "fast"]);
        std::fs::write(self.data().join("standby.signal"), "").unwrap();
        give_to_owner(self.folder.path());
        self.control(&["start"]);
    }

    pub fn url(&self, host: &str, password: &str, query: &str) -> String {
        format!("postgres://patchbay:{password}@{host}:{}/postgres{query}", self.port)
    }

    /// By its socket, where nobody asks for a password.
    pub async fn admin(&self) -> PgConnection {
        let url = format!("postgres://patchbay@localhost:{}/postgres?host={}", self.port, self.folder.path().display());
        PgConnection::connect(&url).await.unwrap()
    }

    fn tool(&self, name: &str) -> Command {
        as_owner(&self.bin.join(name), self.folder.path())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = self.tool("pg_ctl");
        stop.args(["-s", "-m", "immediate", "-D"]).arg(self.data()).arg("stop");
        stop.stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
    }
}

/// `PgBouncer` in front of a server that lets everybody in.
pub struct Bouncer {
    process: Child,
    pub port: u16,
    folder: Folder,
}

impl Bouncer {
    pub fn start(server: &url::Url, mode: &str, connections: u32) -> Self {
        let folder = Folder::new();
        let port: u16 = free_address().rsplit(':').next().unwrap().parse().unwrap();
        let (host, behind) = (server.host_str().unwrap(), server.port().unwrap_or(5432));
        let user = server.username();
        let conf = format!(
            "[databases]\n* = host={host} port={behind} user={user}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = {connections}\nmax_client_conn = 200\n"
        );
        let path = folder.path().join("pgbouncer.ini");
        std::fs::write(&path, conf).unwrap();
        give_to_owner(folder.path());
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let process = as_owner(Path::new("/usr/sbin/pgbouncer"), folder.path())
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("PgBouncer is installed by .ci/setup test");
        let bouncer = Self { process, port, folder };
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < PATIENCE, "PgBouncer does not start: {}", bouncer.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        bouncer
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        // `runuser` hands this one on, and waits.
        let pid = self.process.id().to_string();
        Command::new("kill").arg(&pid).status().ok();
        self.process.wait().ok();
    }
}

fn tools() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").map(|found| found.flatten().collect::<Vec<_>>());
    let mut versions: Vec<PathBuf> =
        versions.unwrap_or_default().into_iter().map(|found| found.path().join("bin")).collect();
    versions.sort();
    versions.pop().unwrap_or_else(|| PathBuf::from("/usr/bin"))
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.starts_with(b"0\n")
}

/// Neither of these servers runs as root.
fn as_owner(program: &Path, folder: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder);
    command
}

fn give_to_owner(folder: &Path) {
    if is_root() {
        assert!(Command::new("chown").args(["-R", "postgres:"]).arg(folder).status().unwrap().success());
    }
}
