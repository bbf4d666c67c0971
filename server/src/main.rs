//! The `patchbay` binary: command line, configuration, HTTP.

// They end in a panic when nobody reads: `output` does not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod assets;
mod commands;
mod config;
mod doctor;
mod http;
mod lock;
mod logging;
mod numbers;
mod output;
mod runtime;
mod schema;
mod signals;

use clap::Parser;
use std::{io::Write, process::ExitCode};

/// A delivery is some thirty small allocations that wander between threads; this takes half the time of the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    patchbay_net::install_crypto();
    let arguments = match commands::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(told) => return tell(&told),
    };
    match start(arguments) {
        Ok(code) => code,
        Err(error) => {
            logging::say_why(&format!("patchbay: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: commands::Arguments) -> Result<ExitCode, commands::Failure> {
    runtime::check_threads()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime did not start: {error}"))?;
    let code = runtime.block_on(commands::run(arguments))?;
    output::finish()?;
    Ok(code)
}

/// The help or the version, which somebody asked for, or what is wrong with the arguments.
fn tell(told: &clap::Error) -> ExitCode {
    let printed = told.print().and_then(|()| std::io::stdout().flush());
    if told.use_stderr() {
        return ExitCode::from(2);
    }
    match printed
        .or_else(|error| output::judge(&error).map_err(|error| output::note(format_args!("patchbay: {error}"))))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(()) => ExitCode::FAILURE,
    }
}
