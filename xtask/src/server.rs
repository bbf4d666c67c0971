//! The `patchbay` binary, with the site around or inside it.

use crate::{
    Failure, compress,
    progress::Progress,
    project::{Project, cargo},
    site::{self, Mode},
    stamp::{self, Inputs},
};
use std::{fs, os::unix::process::CommandExt, path::PathBuf, process::Command};

/// Development: builds everything, then becomes the server.
pub fn run(project: &Project, arguments: &[&str]) -> Result<(), Failure> {
    let binary = build(project, Mode::Debug)?;
    let mut command = Command::new(&binary);
    command.current_dir(&project.root).args(["serve", "--sandbox"]).args(arguments);
    Err(format!("cannot start {}: {}", binary.display(), command.exec()).into())
}

/// In development the server reads the site from the disk, so cargo need not wait for wasm-bindgen.
pub fn build(project: &Project, mode: Mode) -> Result<PathBuf, Failure> {
    let progress = Progress::new(site::STEPS + 1);
    let name = "server (cargo)";
    let binary = match mode {
        Mode::Debug => site::build_beside(project, mode, &progress, || progress.step(name, || compile(project, mode)))?,
        Mode::Release => {
            site::build_beside(project, mode, &progress, || Ok(()))?;
            compress::site(project)?;
            progress.step(name, || {
                forget_a_changed_site(project)?;
                compile(project, mode)
            })?
        }
    };
    progress.finish("everything is built");
    Ok(binary)
}

pub fn release(project: &Project) -> Result<(), Failure> {
    let binary = build(project, Mode::Release)?;
    let megabytes = |path: &PathBuf| fs::metadata(path).map(|data| bytes_as_megabytes(data.len()));
    println!("{}: {}", binary.display(), megabytes(&binary)?);
    for extension in ["wasm", "js", "css"] {
        let file = project.pkg_file(extension);
        println!("  with {}: {} bytes", file.strip_prefix(project.site())?.display(), fs::metadata(&file)?.len());
    }
    Ok(())
}

fn bytes_as_megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}

fn compile(project: &Project, mode: Mode) -> Result<PathBuf, Failure> {
    let leptos = &project.leptos;
    let mut command = cargo();
    command.current_dir(&project.root);
    command.args(["build", "--package", &leptos.bin_package, "--bin", &leptos.bin_target]);
    if !leptos.bin_features.is_empty() {
        command.arg("--features").arg(leptos.bin_features.join(","));
    }
    let folder = match mode {
        Mode::Debug => "debug",
        Mode::Release => {
            // The stand-ins of providers have no business in production.
            command.args(["--release", "--no-default-features"]);
            "release"
        }
    };
    site::loudly(&mut command)?;
    Ok(project.target.join(folder).join(&leptos.bin_target))
}

/// A release embeds the site, and cargo does not notice a file that is new there: have it build that crate again.
fn forget_a_changed_site(project: &Project) -> Result<(), Failure> {
    let mut files = Vec::new();
    site::files_below(&project.site(), &mut files)?;
    files.sort();
    let mut inputs = Inputs::default().text(&project.target);
    for file in &files {
        inputs = inputs.text(file).content(file)?;
    }
    stamp::when_changed(project, "embedded", &inputs, &[], || {
        let mut command = cargo();
        command.current_dir(&project.root).args(["clean", "--quiet", "--release", "--package"]);
        site::loudly(command.arg(&project.leptos.bin_package))
    })?;
    Ok(())
}
