//! The state file: one JSON line per changed object, read back at the start, rewritten without its history when it has grown.
//! It holds the key that signs sessions, so nobody but its owner may read it.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Rewritten after this much has been appended.
const COMPACT_AFTER: usize = 24 << 20;
/// The owner reads and writes; nobody else does either.
const PRIVATE: u32 = 0o600;

/// One line: what kind of object, and the object.
#[derive(Deserialize)]
pub(crate) struct Entry {
    pub kind: String,
    pub row: Box<RawValue>,
}

/// Turns an object into its line.
pub(crate) fn line<T: Serialize>(kind: &str, row: &T) -> Option<String> {
    #[derive(Serialize)]
    struct Out<'a, T> {
        kind: &'a str,
        row: &'a T,
    }
    serde_json::to_string(&Out { kind, row }).ok()
}

/// The open state file, or none when the state is to be forgotten.
pub(crate) struct Journal {
    file: Mutex<Option<Open>>,
}

struct Open {
    path: PathBuf,
    file: File,
    appended: usize,
}

impl Journal {
    /// Reads what an earlier run left, handing every line to `read`, and opens the file for more.
    pub(crate) fn open(path: Option<&Path>, mut read: impl FnMut(Entry)) -> Result<Self, std::io::Error> {
        let Some(path) = path else {
            return Ok(Self { file: Mutex::new(None) });
        };
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent)?;
        }
        match File::open(path) {
            Ok(file) => {
                // A file of an earlier version, or one that was copied here, may be open to others.
                file.set_permissions(Permissions::from_mode(PRIVATE))?;
                for line in BufReader::new(file).split(b'\n') {
                    // A line cut short by a crash is the last one and never was acknowledged.
                    if let Ok(entry) = serde_json::from_slice::<Entry>(&line?) {
                        read(entry);
                    }
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut file = OpenOptions::new().create(true).append(true).mode(PRIVATE).open(path)?;
        // Ends a line that a crash may have cut short.
        file.write_all(b"\n")?;
        Ok(Self { file: Mutex::new(Some(Open { path: path.to_owned(), file, appended: 0 })) })
    }

    /// Appends lines. A full disk costs the sandbox its memory, never its service.
    pub(crate) fn append(&self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = guard.as_mut() else { return };
        let mut text = String::with_capacity(lines.iter().map(|l| l.len() + 1).sum());
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        open.appended += text.len();
        if let Err(error) = open.file.write_all(text.as_bytes()) {
            tracing::warn!(%error, "the sandbox could not save its state");
        }
    }

    /// Whether enough was appended to make a rewrite worth it.
    pub(crate) fn grown(&self) -> bool {
        let guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        guard.as_ref().is_some_and(|o| o.appended > COMPACT_AFTER)
    }

    /// Replaces the whole file by the given lines, atomically. Whoever appends waits meanwhile, so `lines` is called when the
    /// file is already held: what it collects is all that was appended before.
    pub(crate) fn rewrite(&self, lines: impl FnOnce() -> Vec<String>) -> Result<(), std::io::Error> {
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = guard.as_mut() else {
            return Ok(());
        };
        let mut fresh = open.path.clone().into_os_string();
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        // One that a crash left would keep its own permissions.
        if let Err(error) = std::fs::remove_file(&fresh)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut out = BufWriter::new(OpenOptions::new().create_new(true).write(true).mode(PRIVATE).open(&fresh)?);
        for line in lines() {
            out.write_all(line.as_bytes())?;
            out.write_all(b"\n")?;
        }
        out.flush()?;
        drop(out);
        std::fs::rename(&fresh, &open.path)?;
        open.file = OpenOptions::new().append(true).open(&open.path)?;
        open.appended = 0;
        Ok(())
    }
}
