//! Writes every target's seeds to a folder: `fuzz-seeds <folder> [<Stripe's file of example objects>]`.

use patchbay_fuzz::{TARGETS, seeds::seeds};
use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments.next().ok_or("usage: fuzz-seeds <folder> [<file of example objects>]")?;
    let examples = match arguments.next().map(|path| (fs::read(&path), path)) {
        Some((Ok(text), _)) => Some(serde_json::from_slice(&text)?),
        Some((Err(error), path)) => {
            eprintln!("SKIPPED the seeds of Stripe's example objects: {}: {error}", path.display());
            None
        }
        None => None,
    };
    for target in TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (index, seed) in seeds(target.name, examples.as_ref()).iter().enumerate() {
            fs::write(folder.join(format!("seed-{index:03}")), seed)?;
        }
    }
    Ok(())
}
