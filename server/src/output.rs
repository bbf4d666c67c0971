//! What commands print: results on stdout, notes on stderr.
//!
//! Whoever reads may have enough (`patchbay events list | head -1`): the command goes on, silently, and ends as it would have.
//! A disk that is full is another matter: what was asked for is not there, so the process says so at its end and fails.

use crate::commands::Failure;
use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
    sync::{Mutex, PoisonError},
};

/// Why nothing more is written to stdout.
static BROKEN: Mutex<Option<io::Error>> = Mutex::new(None);

/// One line of a result.
pub fn line(line: impl Display) {
    text(&format!("{line}\n"));
}

/// One JSON value on a line of its own.
pub fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    line(serde_json::to_string(value)?);
    Ok(())
}

pub fn text(text: &str) {
    let mut broken = BROKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if broken.is_none() {
        *broken = write(text).err();
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// For whoever watches, on stderr. Nobody has to.
pub fn note(text: impl Display) {
    writeln!(io::stderr(), "{text}").ok();
}

/// Called once, at the end: whether everything that was printed has arrived, or nobody wanted to have it.
pub fn finish() -> Result<(), Failure> {
    match BROKEN.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(error) => judge(&error),
        None => Ok(()),
    }
}

/// What a failed write to stdout means for the process.
pub fn judge(error: &io::Error) -> Result<(), Failure> {
    match error.kind() {
        ErrorKind::BrokenPipe => Ok(()),
        _ => Err(format!("what it printed could not be written to stdout: {error}").into()),
    }
}
