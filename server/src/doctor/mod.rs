//! What can be checked about an installation, without changing anything. `patchbay doctor` prints it, and a server logs at
//! its start what of it needs no call to a provider.

mod certificate;
mod clock;
mod machine;
mod modes;
mod providers;
mod rate_limits;
mod settings;
mod work;

pub use certificate::check as check_certificate;
pub use clock::check as check_clock;
pub use machine::check as check_machine;
pub use modes::check as check_modes;
pub use providers::check as check_providers;
pub use rate_limits::check as check_rate_limits;
pub use settings::check as check_settings;
pub use work::{check_dead_letters, check_inbox, check_kept, check_work};

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Ok,
    /// Not in use.
    Unused,
    /// Works, and somebody should look at it.
    Warning,
    /// Something does not work, or soon will not.
    Problem,
}

/// One line: what it is about, and what to do. Never the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub level: Level,
    pub about: String,
    pub text: String,
}

#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    pub fn ok(&mut self, about: &str, text: impl Into<String>) {
        self.add(Level::Ok, about, text.into());
    }

    pub fn unused(&mut self, about: &str, text: impl Into<String>) {
        self.add(Level::Unused, about, text.into());
    }

    pub fn warning(&mut self, about: &str, text: impl Into<String>) {
        self.add(Level::Warning, about, text.into());
    }

    pub fn problem(&mut self, about: &str, text: impl Into<String>) {
        self.add(Level::Problem, about, text.into());
    }

    fn add(&mut self, level: Level, about: &str, text: String) {
        self.0.push(Finding { level, about: about.to_owned(), text });
    }

    pub fn all(&self) -> &[Finding] {
        &self.0
    }

    pub fn has_problems(&self) -> bool {
        self.0.iter().any(|finding| finding.level == Level::Problem)
    }

    /// For the log of a server: what somebody should look at.
    pub fn log(&self) {
        for Finding { level, about, text } in &self.0 {
            match level {
                Level::Ok | Level::Unused => tracing::debug!(about, "{text}"),
                Level::Warning => tracing::warn!(about, "{text}"),
                Level::Problem => tracing::error!(about, "{text}"),
            }
        }
    }
}

/// "1 event", "2 events".
pub(crate) fn counted(count: i64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
