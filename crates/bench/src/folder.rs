//! Folders of a run's own.

use crate::Failure;
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A new folder for temporary files; gone when this is dropped, unless [`Folder::keep`] was called.
pub struct Folder {
    path: PathBuf,
    kept: bool,
}

impl Folder {
    pub fn new(name: &str) -> Result<Self, Failure> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("patchbay_{name}_{}_{number}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self { path, kept: false })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it for somebody to look into.
    pub fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept {
            std::fs::remove_dir_all(&self.path).ok();
        }
    }
}
