//! The machine below: folders, room on the disk, and how calls leave it.

use super::Findings;
use crate::config::Config;
use rustix::fs::{Access, access, statvfs};
use std::path::{Path, PathBuf};

const MIB: u64 = 1_024 * 1_024;
/// An inbox that finds no room refuses every delivery.
const TOO_LITTLE: u64 = 128 * MIB;
const LITTLE: u64 = 1_024 * MIB;

pub fn check(findings: &mut Findings, config: &Config) {
    for folder in folders(config) {
        check_folder(findings, &folder);
    }
    check_proxies(findings, config);
}

/// Where this process writes: the data folder, and the database's if that is a file elsewhere.
fn folders(config: &Config) -> Vec<PathBuf> {
    let mut folders = vec![config.data_dir.clone()];
    if let Some(file) = config.sqlite_file() {
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        // The data folder is not written to then.
        folders = vec![folder];
    }
    folders
}

fn check_folder(findings: &mut Findings, folder: &Path) {
    let about = "data folder";
    // What is not there yet will be made in the nearest folder above that is.
    let there = folder.ancestors().map(|part| if part == Path::new("") { Path::new(".") } else { part });
    let Some(there) = there.into_iter().find(|part| part.exists()) else { return };
    let shown = folder.display();
    if !there.is_dir() {
        return findings
            .problem(about, format!("{shown}: {} is a file; PATCHBAY_DATA_DIR names a folder", there.display()));
    }
    if let Err(error) = access(there, Access::WRITE_OK | Access::EXEC_OK) {
        return findings.problem(about, format!("{shown} cannot be written by this user: {error}"));
    }
    match statvfs(there) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let text = format!("{shown}, with {} MiB free", free / MIB);
            if free < TOO_LITTLE {
                findings.problem(about, format!("{text}; deliveries are refused when there is none"));
            } else if free < LITTLE {
                findings.warning(about, format!("{text}; make room"));
            } else {
                findings.ok(about, text);
            }
        }
        Err(error) => findings.warning(about, format!("{shown}: how much room there is cannot be told: {error}")),
    }
}

/// Without names and passwords in them.
fn check_proxies(findings: &mut Findings, config: &Config) {
    let proxies: Vec<&str> = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
        .into_iter()
        .filter(|name| config.environment_has(name))
        .collect();
    if !proxies.is_empty() {
        findings.ok("proxy", format!("calls to providers go as {} says", proxies.join(" and ")));
    }
}
