//! A `PostgreSQL` server of its own, made for the measurement and thrown away after it. It loses no commit: `fsync`
//! and `synchronous_commit` are on.

use crate::{Failure, product};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

const INSTALLED: &str = "/usr/lib/postgresql";

pub struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    /// `PostgreSQL` refuses to run as root.
    as_postgres: bool,
}

impl Cluster {
    pub fn start() -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("patchbay_bench_postgres_{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let as_postgres = Command::new("id").arg("-u").output()?.stdout == b"0\n";
        let cluster = Self { programs: programs()?, port: product::free_address()?.port(), folder, as_postgres };
        if as_postgres {
            run(Command::new("chown").arg("postgres").arg(&cluster.folder))?;
        }
        let data = cluster.folder.join("data");
        let data = data.as_os_str();
        let words = |words: &[&'static str]| words.iter().map(|word| OsStr::new(*word)).collect::<Vec<_>>();
        cluster.run(
            "initdb",
            &[words(&["--auth=trust", "--username=postgres", "--encoding=UTF8", "-D"]), vec![data]].concat(),
        )?;
        let log = cluster.folder.join("log");
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=on -c synchronous_commit=on",
            cluster.port
        );
        let start = [
            words(&["start", "-w", "-D"]),
            vec![data, OsStr::new("-l"), log.as_os_str(), OsStr::new("-o"), OsStr::new(&options)],
        ];
        cluster.run("pg_ctl", &start.concat())?;
        Ok(cluster)
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
        let data = self.folder.join("data");
        self.run(
            "pg_ctl",
            &["stop", "-m", "immediate", "-D"]
                .map(OsStr::new)
                .into_iter()
                .chain([data.as_os_str()])
                .collect::<Vec<_>>(),
        )
        .ok();
        std::fs::remove_dir_all(&self.folder).ok();
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
