//! One server or worker on one file of `SQLite`.
//!
//! A second one would file and work beside the first without either knowing: leases would be kept, but pages would show old
//! news, and both would write in turns. So whoever serves or works holds a lock on a file beside the database. The system
//! takes it back from a process that ends, however it ends; the file itself stays and means nothing.

use crate::{commands::Failure, config::Config};
use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// A process that is just ending may take so long.
const PATIENCE: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Held until it is dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the open file is the lock")] Option<File>);

/// Waits a moment for another process to end, and refuses while there is one. `PostgreSQL` needs no lock.
pub async fn take(config: &Config) -> Result<Lock, Failure> {
    let Some(database) = config.sqlite_file() else { return Ok(Lock(None)) };
    let path = beside(&database);
    let mut file = open(&path).map_err(|error| cannot_write(&path, &error))?;
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if waited < PATIENCE => {
                waited += LOOK_AGAIN;
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(TryLockError::WouldBlock) => return Err(taken(&database, &mut file).into()),
            Err(TryLockError::Error(error)) => {
                // Some network file systems have none. SQLite is not safe there either.
                let file = path.display();
                tracing::warn!(%error, %file, "this file system has no locks: start one process only, and move the data to a local disk");
                return Ok(Lock(None));
            }
        }
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "pid {} on {}", std::process::id(), host()))
        .map_err(|error| cannot_write(&path, &error))?;
    Ok(Lock(Some(file)))
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        // For this user alone, as everything in it.
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn taken(database: &Path, file: &mut File) -> String {
    let mut holder = String::new();
    // Whoever holds it may not have written yet.
    let read = file.rewind().and_then(|()| file.take(200).read_to_string(&mut holder));
    let holder = match (read, holder.trim()) {
        (Ok(_), holder) if !holder.is_empty() => format!(" ({})", holder.escape_debug()),
        _ => String::new(),
    };
    format!(
        "another process{holder} serves or works on {}, and a file of SQLite is for one. Stop that one first, or keep the \
         data in PostgreSQL, which is for several: set DATABASE_URL=postgres://…",
        database.display()
    )
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let advice = match error.kind() {
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => "a part of that path is a file, not a folder",
        ErrorKind::PermissionDenied => "give the folder to the user that this process runs as",
        ErrorKind::ReadOnlyFilesystem => "it is on a file system that is mounted read-only",
        ErrorKind::StorageFull => "make room on that disk",
        _ => "choose another place with PATCHBAY_DATA_DIR or DATABASE_URL",
    };
    format!("the folder of the database, {}, cannot be written: {error}: {advice}", folder.display())
}
