//! cargo-leptos, where a developer wants its watch mode: the same tools, found in the same places.

use crate::{
    Failure, npm,
    project::{Project, cargo},
};
use std::{
    env, fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::PathBuf,
    process::Command,
};

/// The version that CI checks.
const VERSION: &str = "0.3.10";

pub fn run(project: &Project, arguments: &[&str]) -> Result<(), Failure> {
    project.check_wasm_bindgen()?;
    let style = project.style()?;
    npm::install(&style)?;
    let tools = tools()?;
    let mut path = vec![stand_ins(project)?, style.join("node_modules/.bin"), tools.join("bin")];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let path = env::join_paths(path)?;
    if !Command::new("cargo-leptos").arg("--version").env("PATH", &path).output().is_ok_and(|out| out.status.success())
    {
        install(&tools)?;
    }
    let (command, rest) = arguments.split_first().ok_or("say what cargo-leptos shall do: watch, build, serve")?;
    let mut cargo_leptos = Command::new("cargo-leptos");
    cargo_leptos.args(["leptos", command]).args(rest);
    Err(format!("cannot start cargo-leptos: {}", cargo_leptos.current_dir(&project.root).env("PATH", path).exec())
        .into())
}

/// Programs kept between clones of the project.
fn tools() -> Result<PathBuf, Failure> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    Ok(cache.ok_or("neither XDG_CACHE_HOME nor HOME is set")?.join("patchbay/tools"))
}

fn install(tools: &PathBuf) -> Result<(), Failure> {
    eprintln!("cargo-leptos is not installed. Compiling it once, which takes about ten minutes …");
    let mut command = cargo();
    command.args(["install", "cargo-leptos", "--locked", "--features", "no_downloads", "--version", VERSION]);
    command.arg("--root").arg(tools).current_dir(env::temp_dir());
    // It runs seldom and briefly, so compiling it fast matters more than how fast it runs.
    command.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    if command.status()?.success() { Ok(()) } else { Err("cargo-leptos could not be installed".into()) }
}

/// cargo-leptos calls a `wasm-bindgen` program; this project has the library.
fn stand_ins(project: &Project) -> Result<PathBuf, Failure> {
    let folder = project.target.join("stand-ins");
    fs::create_dir_all(&folder)?;
    let script = folder.join("wasm-bindgen");
    fs::write(&script, format!("#!/bin/sh\nexec '{}' wasm-bindgen \"$@\"\n", env::current_exe()?.display()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}
