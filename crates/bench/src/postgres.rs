//! A `PostgreSQL` server of its own, made for the measurement and thrown away after it. It loses no commit: `fsync`
//! and `synchronous_commit` are on.

use crate::{Failure, folder::Folder, product};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

const INSTALLED: &str = "/usr/lib/postgresql";

/// As README recommends: fewer checkpoints, because after each one every page that is touched is logged whole.
const RECOMMENDED: &str = "-c max_wal_size=8GB -c checkpoint_timeout=15min -c wal_compression=lz4";

pub struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    settings: &'static str,
    /// `PostgreSQL` refuses to run as root.
    as_postgres: bool,
    /// Kept for its end, which comes after this one's.
    own: Option<Folder>,
}

impl Cluster {
    pub fn start() -> Result<Self, Failure> {
        let own = Folder::new("postgres")?;
        let mut cluster = Self::start_with(own.path().to_owned(), RECOMMENDED)?;
        cluster.own = Some(own);
        Ok(cluster)
    }

    /// In a folder of the caller's, and with `PostgreSQL`'s own settings.
    pub fn start_in(folder: PathBuf) -> Result<Self, Failure> {
        Self::start_with(folder, "")
    }

    fn start_with(folder: PathBuf, settings: &'static str) -> Result<Self, Failure> {
        let as_postgres = Command::new("id").arg("-u").output()?.stdout == b"0\n";
        let port = product::free_address()?.port();
        let cluster = Self { programs: programs()?, port, folder, settings, as_postgres, own: None };
        if as_postgres {
            run(Command::new("chown").arg("postgres").arg(&cluster.folder))?;
        }
        let data = cluster.data();
        let words = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "-D"].map(OsStr::new);
        cluster.run("initdb", &[&words, &[data.as_os_str()][..]].concat())?;
        cluster.start_again()?;
        Ok(cluster)
    }

    /// Starts it where it ended, however it ended, and waits until it has recovered.
    pub fn start_again(&self) -> Result<(), Failure> {
        let (data, log) = (self.data(), self.folder.join("log"));
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=on -c synchronous_commit=on \
             {}",
            self.port, self.settings
        );
        let words = ["start", "-w", "-l"].map(OsStr::new);
        let rest = [log.as_os_str(), OsStr::new("-D"), data.as_os_str(), OsStr::new("-o"), OsStr::new(&options)];
        self.run("pg_ctl", &[&words[..], &rest].concat())
    }

    /// Ends it without a farewell, as a crash does; what is not committed is gone.
    pub fn stop_at_once(&self) -> Result<(), Failure> {
        let data = self.data();
        let words = ["stop", "-m", "immediate", "-D"].map(OsStr::new);
        self.run("pg_ctl", &[&words, &[data.as_os_str()][..]].concat())
    }

    /// Whether its postmaster runs. One that ended and waits for its parent does not.
    pub fn runs(&self) -> bool {
        let status = self.postmaster().ok().and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok());
        status.is_some_and(|status| !status.contains(") Z "))
    }

    /// Process id of the one that all its others are children of.
    pub fn postmaster(&self) -> Result<u32, Failure> {
        let path = self.data().join("postmaster.pid");
        let text = std::fs::read_to_string(&path)?;
        let first = text.lines().next().ok_or_else(|| format!("{} is empty", path.display()))?;
        Ok(first.trim().parse()?)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn run(&self, program: &str, arguments: &[&OsStr]) -> Result<(), Failure> {
        let program = self.programs.join(program);
        let mut command = if self.as_postgres {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        run(command.args(arguments).current_dir(&self.folder))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop_at_once().ok();
    }
}

/// Quietly: only what goes wrong is worth reading.
fn run(command: &mut Command) -> Result<(), Failure> {
    let quiet = command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    let status = quiet.status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}").into()) }
}

/// The newest installed version's programs.
fn programs() -> Result<PathBuf, Failure> {
    let versions = std::fs::read_dir(INSTALLED)
        .map_err(|error| format!("{INSTALLED}: {error}; measure with --databases sqlite"))?;
    let number = |path: &Path| path.file_name().and_then(OsStr::to_str).and_then(|name| name.parse::<u32>().ok());
    let newest = versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| number(path).is_some())
        .max_by_key(|path| number(path));
    Ok(newest.ok_or("no version of PostgreSQL is installed; measure with --databases sqlite")?.join("bin"))
}
