//! `patchbay restore`: a backup becomes the database and the inbox of this configuration, where there are none yet.
//!
//! The inbox's copy keeps the epochs of its frames, by which the database's copy knows which of them are filed. What is
//! appended after the restore has an epoch of its own, as after any opening, so the original may go on elsewhere.

use super::{
    Failure,
    audit::{self, Done},
    backup::{BackupArguments, DATABASE, DUMP, INBOX, Manifest},
    postgres_tools,
};
use crate::{config::Config, lock, output, runtime};
use patchbay_store::{Schema, SqliteFile, check_sqlite, private};
use serde_json::json;
use std::{
    fs::File,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

pub async fn run(config: &Config, arguments: &BackupArguments) -> Result<ExitCode, Failure> {
    let folder = &arguments.folder;
    let manifest = Manifest::read(folder)?;
    refuse_a_running_server(config.addr)?;
    let _lock = lock::take(config).await?;
    let database = config.sqlite_file();
    let (inbox, engine) = (runtime::journal_file(config), if database.is_some() { "SQLite" } else { "PostgreSQL" });
    if manifest.engine != engine {
        return Err(format!("this is a backup of {}, and DATABASE_URL names {engine}", manifest.engine).into());
    }
    for file in database.iter().chain([&inbox]) {
        refuse_an_existing(file)?;
    }
    let mut placed = Vec::new();
    if manifest.has(INBOX) {
        placed.push(copy(&folder.join(INBOX), &inbox, SqliteFile::Inbox).await?);
    }
    let rest = match &database {
        Some(database) => {
            copy(&folder.join(DATABASE), database, SqliteFile::Database).await.map(|copy| placed.push(copy))
        }
        None if arguments.without_database => Ok(()),
        None if manifest.has(DUMP) => postgres_tools::restore(&config.database_url, &folder.join(DUMP)).await,
        None => Err(
            "this backup was taken with --without-database; restore PostgreSQL first, then the inbox with the same \
                     argument"
                .into(),
        ),
    };
    if let Err(error) = rest {
        for (copy, _) in &placed {
            std::fs::remove_file(copy).ok();
        }
        return Err(error);
    }
    // Everything was checked, so that either both are in place or none.
    for (copy, target) in &placed {
        refuse_an_existing(target)?;
        std::fs::rename(copy, target)?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
        output::line(target.display());
    }
    let Manifest { taken_at, version, .. } = &manifest;
    let done = Done {
        action: "database.restore",
        target_kind: "backup",
        target_id: &folder.display().to_string(),
        after: json!({ "taken_at": taken_at, "version": version }),
        error: None,
    };
    audit::tell_if_possible(config, done).await;
    output::line(format_args!("The backup of {taken_at} (Patchbay {version}) is in place. Start the server."));
    Ok(ExitCode::SUCCESS)
}

fn refuse_a_running_server(mut address: SocketAddr) -> Result<(), Failure> {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    match TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
        Ok(_) => Err(format!("something answers at {address}: stop the server before its data is restored").into()),
        Err(_) => Ok(()),
    }
}

/// Nothing is ever overwritten.
fn refuse_an_existing(file: &Path) -> Result<(), Failure> {
    for end in ["", "-wal", "-shm"] {
        let path = PathBuf::from(format!("{}{end}", file.display()));
        if path.exists() {
            return Err(format!("{} exists; move it away first, nothing is overwritten", path.display()).into());
        }
    }
    Ok(())
}

/// Copies beside the target, and reads the copy.
async fn copy(from: &Path, target: &Path, which: SqliteFile) -> Result<(PathBuf, PathBuf), Failure> {
    if let Some(folder) = target.parent() {
        private::create_folder(folder)?;
    }
    let copy = PathBuf::from(format!("{}.restoring", target.display()));
    // Of a restore that was interrupted.
    for end in ["", "-wal", "-shm"] {
        std::fs::remove_file(format!("{}{end}", copy.display())).ok();
    }
    let copied = async {
        let mut file = private::create_file(&copy)?;
        std::io::copy(&mut File::open(from)?, &mut file)?;
        file.sync_all()?;
        match check_sqlite(&copy, which).await? {
            Schema::Newer { migration } => Err(Failure::from(format!(
                "{} is of a newer version of Patchbay (migration {migration}); restore it with that version",
                from.display()
            ))),
            Schema::Current | Schema::Older { .. } => Ok(()),
        }
    };
    match copied.await {
        Ok(()) => Ok((copy, target.to_owned())),
        Err(error) => {
            std::fs::remove_file(&copy).ok();
            Err(format!("{} could not be put in place: {error}", from.display()).into())
        }
    }
}
