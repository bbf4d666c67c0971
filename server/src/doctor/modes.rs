//! Who may read what customers and providers sent: its owner alone.

use super::Findings;
use crate::{config::Config, runtime};
use patchbay_store::private;
use std::{collections::BTreeSet, path::PathBuf};

pub fn check(findings: &mut Findings, config: &Config) {
    let mut paths: BTreeSet<PathBuf> = BTreeSet::new();
    for file in config.sqlite_file().into_iter().chain([runtime::journal_file(config)]) {
        paths.extend(["", "-wal", "-shm"].map(|end| PathBuf::from(format!("{}{end}", file.display()))));
    }
    paths.insert(config.data_dir.clone());
    paths.extend(std::fs::read_dir(&config.data_dir).into_iter().flatten().flatten().map(|entry| entry.path()));
    for path in paths {
        let Some(mode) = private::open_to_others(&path) else { continue };
        let wanted = if path.is_dir() { 700 } else { 600 };
        findings.warning(
            "files",
            format!("others on this machine may get at {0} (mode {mode:o}); run: chmod {wanted} '{0}'", path.display()),
        );
    }
}
