//! What the workspace says about itself: Cargo's metadata, with the section that cargo-leptos reads too.

use crate::Failure;
use serde::Deserialize;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

pub struct Project {
    pub root: PathBuf,
    pub target: PathBuf,
    pub leptos: Leptos,
}

/// The keys of `[[workspace.metadata.leptos]]` that matter here, under cargo-leptos's names.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Leptos {
    pub bin_package: String,
    pub bin_target: String,
    pub lib_package: String,
    pub output_name: String,
    pub site_root: PathBuf,
    pub site_pkg_dir: PathBuf,
    pub tailwind_input_file: PathBuf,
    pub assets_dir: PathBuf,
    #[serde(default)]
    pub bin_features: Vec<String>,
    #[serde(default)]
    pub lib_features: Vec<String>,
    pub lib_profile_dev: Option<String>,
    pub lib_profile_release: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
    #[serde(rename = "metadata")]
    own: WorkspaceMetadata,
}

#[derive(Deserialize)]
struct WorkspaceMetadata {
    leptos: Vec<Leptos>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    version: String,
}

impl Project {
    pub fn read() -> Result<Self, Failure> {
        // Asked when it runs: clones may share a target folder, and so one compiled xtask.
        let own = std::env::var_os("CARGO_MANIFEST_DIR").ok_or("start xtask with `cargo run --package xtask`")?;
        let root = Path::new(&own).parent().ok_or("xtask has no parent folder")?;
        let output = cargo().args(["metadata", "--format-version=1", "--no-deps"]).current_dir(root).output()?;
        if !output.status.success() {
            return Err(format!("cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let mut metadata: Metadata = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("[[workspace.metadata.leptos]] in Cargo.toml is not complete: {error}"))?;
        let leptos = metadata.own.leptos.pop().ok_or("Cargo.toml has no [[workspace.metadata.leptos]]")?;
        Ok(Self { root: metadata.workspace_root, target: metadata.target_directory, leptos })
    }

    /// Everything the server answers as a file.
    pub fn site(&self) -> PathBuf {
        self.root.join(&self.leptos.site_root)
    }

    pub fn pkg(&self) -> PathBuf {
        self.site().join(&self.leptos.site_pkg_dir)
    }

    pub fn pkg_file(&self, extension: &str) -> PathBuf {
        self.pkg().join(format!("{}.{extension}", self.leptos.output_name))
    }

    /// The folder with the stylesheet's npm packages: Tailwind and wasm-opt.
    pub fn style(&self) -> Result<PathBuf, Failure> {
        let input = self.root.join(&self.leptos.tailwind_input_file);
        let folder = input.parent().ok_or("tailwind-input-file has no folder")?;
        for needed in [&input, &folder.join("package-lock.json")] {
            if !needed.exists() {
                return Err(format!("{} is missing", needed.display()).into());
            }
        }
        Ok(folder.to_owned())
    }

    /// The JavaScript and the WASM must come from one version of wasm-bindgen.
    pub fn check_wasm_bindgen(&self) -> Result<(), Failure> {
        let lock: Lock = toml::from_str(&std::fs::read_to_string(self.root.join("Cargo.lock"))?)?;
        let version =
            |name: &str| lock.package.iter().find(|package| package.name == name).map(|found| &*found.version);
        let (library, support) = (version("wasm-bindgen"), version("wasm-bindgen-cli-support"));
        if library.is_none() || library != support {
            return Err(format!(
                "Cargo.lock holds wasm-bindgen {library:?} and wasm-bindgen-cli-support {support:?}. \
                 Give both the same version, in Cargo.toml and xtask/Cargo.toml"
            )
            .into());
        }
        Ok(())
    }
}

/// The cargo that started this program.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
