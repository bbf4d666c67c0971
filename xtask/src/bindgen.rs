//! wasm-bindgen through its library, so that its version is the one in Cargo.lock.

use crate::Failure;
use std::{fs, io, path::Path};
use wasm_bindgen_cli_support::Bindgen;

/// Writes `<name>.js` and `<name>_bg.wasm` (and snippets) into a folder.
pub fn generate(input: &Path, folder: &Path, name: &str) -> Result<(), Failure> {
    let readable = |error| format!("wasm-bindgen: {error:#}");
    let mut bindgen = Bindgen::new();
    bindgen.input_path(input).out_name(name).typescript(false).web(true).map_err(readable)?;
    bindgen.remove_producers_section(true);
    Ok(bindgen.generate(folder).map_err(readable)?)
}

/// As `generate`, with the WASM under the name that Leptos's scripts ask for, as cargo-leptos does it.
pub fn generate_for_leptos(input: &Path, folder: &Path, name: &str) -> Result<(), Failure> {
    let snippets = folder.join("snippets");
    fs::remove_dir_all(&snippets).or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
    generate(input, folder, name)?;
    fs::rename(folder.join(format!("{name}_bg.wasm")), folder.join(format!("{name}.wasm")))?;
    Ok(())
}

/// The few arguments with which cargo-leptos calls the `wasm-bindgen` program.
pub fn command_line(arguments: &[&str]) -> Result<(), Failure> {
    let (mut folder, mut name, mut input) = (None, None, None);
    for argument in arguments {
        match argument.split_once('=') {
            Some(("--out-dir", value)) => folder = Some(value),
            Some(("--out-name", value)) => name = Some(value),
            Some(("--target", "web")) => {}
            None if matches!(*argument, "--debug" | "--keep-debug") => {}
            None if !argument.starts_with('-') => input = Some(*argument),
            _ => return Err(format!("this stand-in for wasm-bindgen does not know {argument}").into()),
        }
    }
    match (input, folder, name) {
        (Some(input), Some(folder), Some(name)) => generate(Path::new(input), Path::new(folder), name),
        _ => Err("wasm-bindgen needs an input, --out-dir= and --out-name=".into()),
    }
}
