//! The browser's files, as cargo-leptos would make them.

use crate::{
    Failure, bindgen, npm,
    progress::Progress,
    project::{Project, cargo},
    stamp::{self, Inputs},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Debug,
    Release,
}

/// Steps that `build_beside` counts; the work beside it adds its own.
pub const STEPS: usize = 4;

pub fn build(project: &Project, mode: Mode) -> Result<(), Failure> {
    let progress = Progress::new(STEPS);
    build_beside(project, mode, &progress, || Ok(()))?;
    progress.finish(&format!("{} is ready", project.leptos.site_root.display()));
    Ok(())
}

/// Builds the site. npm and Tailwind wait for the network, and wasm-bindgen uses one core, so they run beside cargo;
/// `beside` is the work for cargo once it has built the WASM.
pub fn build_beside<T>(
    project: &Project,
    mode: Mode,
    progress: &Progress,
    beside: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    project.check_wasm_bindgen()?;
    let style = project.style()?;
    fs::create_dir_all(project.pkg())?;
    let style = style.as_path();
    thread::scope(|scope| {
        let mut stylesheet = Some(scope.spawn(move || {
            progress.step("npm packages of the stylesheet", || npm::install(style))?;
            progress.step("stylesheet and public files", || {
                stylesheet(project, style, mode)?;
                assets(project)
            })
        }));
        let wasm = progress.step("browser code (cargo, WASM)", || compile(project, mode))?;
        if mode == Mode::Release {
            // wasm-opt is one of the npm packages.
            stylesheet.take().map_or(Ok(()), join)?;
        }
        let bound =
            scope.spawn(move || progress.step("browser code (wasm-bindgen)", || bind(project, style, &wasm, mode)));
        let result = beside()?;
        join(bound)?;
        stylesheet.map_or(Ok(()), join)?;
        Ok(result)
    })
}

fn join(thread: thread::ScopedJoinHandle<'_, Result<(), Failure>>) -> Result<(), Failure> {
    thread.join().unwrap_or_else(|_| Err("a build step panicked".into()))
}

/// Returns the file cargo made.
fn compile(project: &Project, mode: Mode) -> Result<PathBuf, Failure> {
    let leptos = &project.leptos;
    let profile = match mode {
        Mode::Debug => leptos.lib_profile_dev.as_deref().unwrap_or("dev"),
        Mode::Release => leptos.lib_profile_release.as_deref().unwrap_or("release"),
    };
    let mut command = cargo();
    command.current_dir(&project.root);
    command.args(["build", "--lib", "--target=wasm32-unknown-unknown", "--package", &leptos.lib_package]);
    command.args(["--profile", profile]);
    if !leptos.lib_features.is_empty() {
        command.arg("--features").arg(leptos.lib_features.join(","));
    }
    loudly(&mut command)?;
    let folder = if profile == "dev" { "debug" } else { profile };
    let file = format!("{}.wasm", leptos.lib_package.replace('-', "_"));
    Ok(project.target.join("wasm32-unknown-unknown").join(folder).join(file))
}

fn bind(project: &Project, style: &Path, wasm: &Path, mode: Mode) -> Result<(), Failure> {
    let release = mode == Mode::Release;
    let inputs = Inputs::default().text(release).modified(wasm)?.content(&project.root.join("Cargo.lock"))?;
    let output = project.pkg_file("wasm");
    stamp::when_changed(project, "wasm", &inputs, &[output.clone(), project.pkg_file("js")], || {
        bindgen::generate_for_leptos(wasm, &project.pkg(), &project.leptos.output_name)?;
        if release {
            let features = ["-Oz", "--enable-bulk-memory", "--enable-nontrapping-float-to-int"];
            npm::quietly(npm_program(style, "wasm-opt").args(features).arg(&output).arg("-o").arg(&output))?;
        }
        Ok(())
    })?;
    Ok(())
}

fn stylesheet(project: &Project, style: &Path, mode: Mode) -> Result<(), Failure> {
    let mut sources = Vec::new();
    for folder in ["app", "crates", "server"] {
        files_below(&project.root.join(folder), &mut sources)?;
    }
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files_in(style, &mut sources)?;
    sources.sort();
    let mut inputs = Inputs::default().text(mode == Mode::Release);
    for source in &sources {
        inputs = inputs.text(source).content(source)?;
    }
    let output = project.pkg_file("css");
    stamp::when_changed(project, "stylesheet", &inputs, std::slice::from_ref(&output), || {
        let mut command = npm_program(style, "tailwindcss");
        command.current_dir(&project.root).arg("--input").arg(&project.leptos.tailwind_input_file);
        command.arg("--output").arg(&output);
        if mode == Mode::Release {
            command.arg("--minify");
        }
        npm::quietly(&mut command)
    })?;
    Ok(())
}

/// Copies `public/` and removes what is no longer in it.
fn assets(project: &Project) -> Result<(), Failure> {
    let (from, to) = (project.root.join(&project.leptos.assets_dir), project.site());
    let (mut wanted, mut found) = (Vec::new(), Vec::new());
    files_below(&from, &mut wanted)?;
    let mut keep = BTreeSet::new();
    for source in wanted {
        let target = to.join(source.strip_prefix(&from)?);
        let content = fs::read(&source)?;
        if fs::read(&target).ok().as_ref() != Some(&content) {
            fs::create_dir_all(target.parent().unwrap_or(&to))?;
            fs::write(&target, content)?;
        }
        keep.insert(target);
    }
    files_below(&to, &mut found)?;
    for stale in found.iter().filter(|file| !keep.contains(*file) && !file.starts_with(project.pkg())) {
        fs::remove_file(stale)?;
    }
    Ok(())
}

/// Runs cargo with its output shown.
pub fn loudly(command: &mut Command) -> Result<(), Failure> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err("cargo failed, see above".into()) }
}

fn npm_program(folder: &Path, name: &str) -> Command {
    Command::new(folder.join("node_modules/.bin").join(name))
}

fn files_in(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

pub fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    files_in(folder, files)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name() != "node_modules" {
            files_below(&entry.path(), files)?;
        }
    }
    Ok(())
}
