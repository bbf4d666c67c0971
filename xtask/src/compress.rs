//! The browser's files as small as they get, for the binary to carry: compressing them so well takes too long at run time.

use crate::{Failure, project::Project};
use brotli::enc::BrotliEncoderParams;
use sha2::{Digest, Sha256};
use std::{fs, path::Path};

/// Writes `<file>.<start of its hash>.br` beside each file of the package, and removes those of other contents.
/// `server/src/assets.rs` looks for them by the same name.
pub fn site(project: &Project) -> Result<(), Failure> {
    let files = ["wasm", "js", "css"].map(|extension| project.pkg_file(extension));
    let mut wanted = Vec::new();
    for file in &files {
        let content = fs::read(file)?;
        let hash = hex::encode(Sha256::digest(&content));
        let compressed = file.with_added_extension(format!("{}.br", &hash[..16]));
        if !compressed.exists() {
            fs::write(&compressed, compress(&content)?)?;
        }
        wanted.push(compressed);
    }
    for entry in fs::read_dir(project.pkg())? {
        let path = entry?.path();
        if is_compressed(&path) && !wanted.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "br")
}

fn compress(content: &[u8]) -> Result<Vec<u8>, Failure> {
    let parameters = BrotliEncoderParams { quality: 11, lgwin: 22, ..BrotliEncoderParams::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &*content, &mut compressed, &parameters)?;
    Ok(compressed)
}
