//! `patchbay backup`: database and inbox in a new folder, taken while the server runs.
//!
//! The inbox first, the database second. A delivery that was acknowledged before the backup began is either filed by then,
//! and in the database's copy, which is younger; or it is not, and then its frame is in the inbox's copy. The other way
//! round it could be filed and its frame deleted between the two copies, and be in neither. What is in both is filed once:
//! the database's copy says how far frames are filed, and events are recognized by the provider's id.

use super::{
    Failure,
    audit::{self, Done},
    postgres_tools,
};
use crate::{config::Config, output, runtime};
use clap::Args;
use patchbay_domain::Clock;
use patchbay_store::{SqliteFile, check_sqlite, copy_sqlite, private};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{Read, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Of a manifest that this version writes.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
pub const DATABASE: &str = "patchbay.db";
pub const DUMP: &str = "patchbay.dump";
pub const INBOX: &str = "inbox.db";

#[derive(Args)]
pub struct BackupArguments {
    /// Folder of the backup.
    pub folder: PathBuf,
    /// The inbox's file only: `PostgreSQL` is backed up by other means.
    #[arg(long)]
    pub without_database: bool,
}

/// What a folder has to hold to be a backup. Written last.
#[derive(Debug, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// Version of the program.
    pub version: String,
    pub taken_at: String,
    /// Of the database, which may be left out: `SQLite` or `PostgreSQL`.
    pub engine: String,
    pub files: Vec<Saved>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Saved {
    pub name: String,
    pub bytes: u64,
    sha256: String,
}

pub async fn run(config: &Config, arguments: &BackupArguments) -> Result<ExitCode, Failure> {
    let folder = &arguments.folder;
    let is_new = !folder.exists();
    private::create_folder(folder).map_err(|error| format!("{} could not be made: {error}", folder.display()))?;
    if std::fs::read_dir(folder)?.next().is_some() {
        return Err(format!("{} is not empty; a backup goes into a new or empty folder", folder.display()).into());
    }
    let taken = take(config, arguments).await;
    let done = Done {
        action: "database.back_up",
        target_kind: "backup",
        target_id: &folder.display().to_string(),
        after: json!({ "files": taken.as_ref().map_or(&[][..], |manifest| &manifest.files) }),
        error: taken.as_ref().err().map(ToString::to_string),
    };
    audit::tell_if_possible(config, done).await;
    match taken {
        Ok(manifest) => {
            for file in &manifest.files {
                output::line(format_args!("{}  {} bytes", folder.join(&file.name).display(), file.bytes));
            }
            output::line(format_args!("The backup is complete, and was read back: {}", folder.display()));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            // Nothing that could be taken for a backup stays.
            let ends = ["", "-wal", "-shm", "-journal"];
            for name in [MANIFEST, DATABASE, DUMP, INBOX].iter().flat_map(|name| ends.map(|end| format!("{name}{end}")))
            {
                std::fs::remove_file(folder.join(name)).ok();
            }
            if is_new {
                std::fs::remove_dir(folder).ok();
            }
            Err(format!("there is no backup: {error}").into())
        }
    }
}

async fn take(config: &Config, arguments: &BackupArguments) -> Result<Manifest, Failure> {
    let folder = &arguments.folder;
    let taken_at = Clock::System.now().rfc3339();
    let mut names = Vec::new();
    let inbox = runtime::journal_file(config);
    if inbox.exists() {
        save(&inbox, &folder.join(INBOX), SqliteFile::Inbox).await?;
        names.push(INBOX);
    }
    let engine = match config.sqlite_file() {
        Some(_) if arguments.without_database => {
            return Err("--without-database is for PostgreSQL; SQLite is backed up here and nowhere else".into());
        }
        Some(database) => {
            if !database.exists() {
                return Err(format!("there is no database at {}", database.display()).into());
            }
            save(&database, &folder.join(DATABASE), SqliteFile::Database).await?;
            names.push(DATABASE);
            "SQLite"
        }
        None => {
            if !arguments.without_database {
                postgres_tools::dump(&config.database_url, &folder.join(DUMP)).await?;
                names.push(DUMP);
            }
            "PostgreSQL"
        }
    };
    let files = names.iter().map(|name| Saved::of(folder, name)).collect::<Result<_, Failure>>()?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let manifest = Manifest { format: FORMAT, version, taken_at, engine: engine.to_owned(), files };
    let mut file = private::create_file(&folder.join(MANIFEST))?;
    file.write_all(&serde_json::to_vec_pretty(&manifest)?)?;
    file.sync_all()?;
    File::open(folder)?.sync_all()?;
    Ok(manifest)
}

async fn save(from: &Path, to: &Path, which: SqliteFile) -> Result<(), Failure> {
    let failed = |error| format!("{} could not be copied to {}: {error}", from.display(), to.display());
    copy_sqlite(from, to).await.map_err(failed)?;
    check_sqlite(to, which).await.map_err(|error| format!("the copy {} is not whole: {error}", to.display()))?;
    Ok(())
}

impl Manifest {
    /// Reads a backup's manifest and holds its files against it.
    pub fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(MANIFEST);
        let text = std::fs::read(&path)
            .map_err(|error| format!("{} is no complete backup: {}: {error}", folder.display(), path.display()))?;
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        if manifest.format != FORMAT {
            let Self { format, version, .. } = &manifest;
            return Err(format!(
                "the backup has format {format}, of Patchbay {version}; use that version or a later one"
            )
            .into());
        }
        for file in &manifest.files {
            let known = [DATABASE, DUMP, INBOX].contains(&file.name.as_str());
            let found =
                Saved::of(folder, &file.name).map_err(|error| format!("the backup lacks {}: {error}", file.name))?;
            if !known || (found.bytes, &found.sha256) != (file.bytes, &file.sha256) {
                return Err(format!("{} is not as it was saved: size or checksum differ", file.name).into());
            }
        }
        Ok(manifest)
    }

    pub fn has(&self, name: &str) -> bool {
        self.files.iter().any(|file| file.name == name)
    }
}

impl Saved {
    fn of(folder: &Path, name: &str) -> Result<Self, Failure> {
        let mut file = File::open(folder.join(name))?;
        let (mut hash, mut buffer, mut bytes) = (Sha256::new(), vec![0; 64 * 1_024], 0);
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hash.update(buffer.get(..read).unwrap_or_default());
            bytes += read as u64;
        }
        Ok(Self { name: name.to_owned(), bytes, sha256: hex::encode(hash.finalize()) })
    }
}
