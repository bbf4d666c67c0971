//! Skips a step whose inputs are what they were when its outputs were made.

use crate::{Failure, project::Project};
use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

/// A fingerprint of everything a step reads.
#[derive(Default)]
pub struct Inputs(DefaultHasher);

impl Inputs {
    pub fn text(mut self, text: impl Hash) -> Self {
        text.hash(&mut self.0);
        self
    }

    pub fn content(mut self, path: &Path) -> Result<Self, Failure> {
        fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?.hash(&mut self.0);
        Ok(self)
    }

    /// For large files that nobody touches without a change.
    pub fn modified(mut self, path: &Path) -> Result<Self, Failure> {
        let data = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
        (data.len(), data.modified()?).hash(&mut self.0);
        Ok(self)
    }
}

/// Does `work` unless `inputs` are known and every output is still the file it left. Says whether it worked.
pub fn when_changed(
    project: &Project,
    name: &str,
    inputs: &Inputs,
    outputs: &[PathBuf],
    work: impl FnOnce() -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let folder = project.site().with_extension("stamps");
    let file = folder.join(name);
    let unchanged = |state: String| fs::read_to_string(&file).is_ok_and(|left| left == state);
    if state(inputs, outputs).is_some_and(unchanged) {
        return Ok(false);
    }
    fs::create_dir_all(&folder)?;
    fs::remove_file(&file)
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    work()?;
    let state = state(inputs, outputs).ok_or_else(|| format!("{name} did not make every file of {outputs:?}"))?;
    fs::write(file, state)?;
    Ok(true)
}

fn state(inputs: &Inputs, outputs: &[PathBuf]) -> Option<String> {
    let mut hasher = inputs.0.clone();
    for output in outputs {
        let data = fs::metadata(output).ok()?;
        (output, data.len(), data.modified().ok()?).hash(&mut hasher);
    }
    Some(format!("{:016x}\n", hasher.finish()))
}
