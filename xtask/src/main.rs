//! The project's own build steps. `cargo xtask help` lists them; the Makefile calls them.
//!
//! It reads the same `[[workspace.metadata.leptos]]` as cargo-leptos and ends with the same files, without the ten
//! minutes that compiling cargo-leptos takes.

mod bindgen;
mod compress;
mod leptos;
mod npm;
mod progress;
mod project;
mod server;
mod site;
mod stamp;

use project::Project;
use std::process::ExitCode;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const HELP: &str = "\
cargo xtask <command>

  site [--release]     the browser's files: WASM, JavaScript, stylesheet and public/, in target/site
  run [arguments]      site and server in development, then `patchbay serve --sandbox [arguments]`
  debug                site and server in development, not started
  build                site and server for release: one self-contained file
  leptos <arguments>   cargo-leptos with the same tools on its PATH: `leptos watch`, `leptos build`
  npm <folder>         npm packages of a folder, only when its lock file changed
  wasm-bindgen …       stands in for the program of that name, for cargo-leptos";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), Failure> {
    match *arguments {
        ["site"] => site::build(&Project::read()?, site::Mode::Debug),
        ["site", "--release"] => site::build(&Project::read()?, site::Mode::Release),
        ["run", ref rest @ ..] => server::run(&Project::read()?, rest),
        ["debug"] => server::build(&Project::read()?, site::Mode::Debug).map(drop),
        ["build"] => server::release(&Project::read()?),
        ["leptos", ref rest @ ..] => leptos::run(&Project::read()?, rest),
        ["npm", folder] => npm::install(&Project::read()?.root.join(folder)).map(drop),
        ["wasm-bindgen", ref rest @ ..] => bindgen::command_line(rest),
        [] | ["help" | "--help"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(format!("no such command: {}\n\n{HELP}", arguments.join(" ")).into()),
    }
}
