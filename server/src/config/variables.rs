//! The environment as the process was given it.

use super::ConfigError;
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    io::Read as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// More than any secret needs.
const LONGEST_FILE: u64 = 64 * 1_024;

/// Environment variables by name. Values may be secrets: there is no `Debug`.
#[derive(Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
    /// Variables that are set and have no value that could be used, and why.
    unusable: BTreeMap<String, String>,
    /// Every name that was asked for. Whoever reads a setting makes it known by that.
    asked: Arc<Mutex<BTreeSet<String>>>,
}

impl Variables {
    #[cfg(test)]
    pub fn new(variables: BTreeMap<String, String>) -> Self {
        Self { values: variables, ..Self::default() }
    }

    /// Whatever the environment holds: names that are no text are nobody's, values that are none are kept as unusable.
    pub fn from_os(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut read = Self::default();
        for (name, value) in variables {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => read.values.insert(name, value),
                Err(_) => read.unusable.insert(name, "holds bytes that are no text (UTF-8)".to_owned()),
            };
        }
        read
    }

    /// Without the white space around it, which a file or an editor leaves behind. Empty is the same as not set here;
    /// [`Variables::check`] refuses it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.note(name);
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    pub fn set(&mut self, name: &str, value: String) {
        self.unusable.remove(name);
        self.values.insert(name.to_owned(), value);
    }

    /// Answers whether it was there.
    #[cfg(feature = "sandbox")]
    pub fn remove(&mut self, name: &str) -> bool {
        let unusable = self.unusable.remove(name).is_some();
        self.values.remove(name).is_some() || unusable
    }

    pub fn all(&self) -> impl Iterator<Item = (&String, &String)> {
        self.values.iter()
    }

    /// Names of everything that is set, usable or not.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().chain(self.unusable.keys()).map(String::as_str)
    }

    pub fn asked(&self) -> BTreeSet<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, name: &str) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
    }

    /// Takes values from files where `<NAME>_FILE` names one, as Docker's and Kubernetes' secrets are given.
    pub fn read_files<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names {
            let variable = format!("{name}_FILE");
            let Some(path) = self.values.get(&variable) else { continue };
            self.note(&variable);
            let read = if self.values.contains_key(name) {
                Err(format!("is set, and {variable} is too; keep one of them"))
            } else {
                read_secret(path.trim()).map_err(|why| format!("cannot be read from {variable}: {why}"))
            };
            match read {
                Ok(value) => self.values.insert(name.to_owned(), value),
                Err(why) => self.unusable.insert(name.to_owned(), why),
            };
        }
    }

    /// What is wrong with the value of this variable, whatever it is for. `None` when it is not set.
    pub fn problem_of(&self, name: &str) -> Option<String> {
        self.unusable.get(name).cloned().or_else(|| problem_with(self.values.get(name)?).map(str::to_owned))
    }

    /// Refuses values that cannot have been meant, for every variable that was asked for.
    pub fn check(&self) -> Result<(), ConfigError> {
        for name in self.asked() {
            if let Some(message) = self.problem_of(&name) {
                return Err(ConfigError::Setting { name, message });
            }
        }
        Ok(())
    }
}

/// What no setting's value is.
pub fn problem_with(value: &str) -> Option<&'static str> {
    let value = value.trim();
    if value.is_empty() {
        return Some("is set but empty; give it a value, or remove it");
    }
    if ['"', '\''].iter().any(|quote| value.starts_with(*quote) || value.ends_with(*quote)) {
        return Some("has quotes around its value; remove them");
    }
    None
}

/// The text of a secret's file, without the line break that editors leave at its end. The error names no content.
pub fn read_secret(path: &str) -> Result<String, String> {
    if path.is_empty() {
        return Err("it is set but empty".to_owned());
    }
    let path = Path::new(path);
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(format!("{} is longer than {LONGEST_FILE} bytes", path.display()));
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("{} is no text (UTF-8)", path.display()))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(text.to_owned())
}
