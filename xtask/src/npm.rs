//! npm packages, installed only when their lock file changed.

use crate::Failure;
use serde_json::Value;
use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    process::Command,
};

/// Installs what the lock file of a folder says. Says whether there was anything to do.
///
/// Not `npm ci`: that refuses a lock file made where the registry lacks other systems' optional packages. This
/// installs the same versions, never writes the lock file, and checks itself that it fits package.json.
pub fn install(folder: &Path) -> Result<bool, Failure> {
    let lock = fs::read(folder.join("package-lock.json"))
        .map_err(|error| format!("{}: {error}", folder.join("package-lock.json").display()))?;
    let mut hasher = DefaultHasher::new();
    lock.hash(&mut hasher);
    let wanted = format!("{:016x}\n", hasher.finish());
    let stamp = folder.join("node_modules/.installed");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(false);
    }
    let lock: Value = serde_json::from_slice(&lock)?;
    let package: Value = serde_json::from_slice(&fs::read(folder.join("package.json"))?)?;
    if ["dependencies", "devDependencies"].iter().any(|kind| package[kind] != lock["packages"][""][kind]) {
        return Err(
            format!("package.json and package-lock.json of {} differ: run npm install", folder.display()).into()
        );
    }
    let mut command = Command::new("npm");
    command.args(["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
    // Browsers come from the system: Playwright's own download is large and not always reachable.
    quietly(command.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"))?;
    fs::write(stamp, wanted)?;
    Ok(true)
}

/// Runs a program whose output is worth reading only when it fails.
pub fn quietly(command: &mut Command) -> Result<(), Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("cannot start {name}: {error}. Is it installed?"))?;
    if output.status.success() {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{name} failed ({}):\n{out}{err}", output.status).into())
}
