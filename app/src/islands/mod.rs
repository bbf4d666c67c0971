//! What runs in the browser. Every page works without it.

mod copy;
mod dom;
mod live;
mod palette;
mod relative;
mod shortcuts;

pub use copy::CopyButton;
pub use live::LiveRegion;
pub use palette::CommandPalette;
pub use relative::RelativeTimes;
pub use shortcuts::Shortcuts;

use serde::{Deserialize, Serialize};

/// Somewhere to go: an entry of the palette, a result of `GET /search.json?q=`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    pub title: String,
    pub href: String,
    /// Keys (`g e`) or what kind of record it is.
    #[serde(default)]
    pub hint: String,
    /// What tells it from others of its title.
    #[serde(default)]
    pub detail: String,
}

impl Command {
    pub fn new(title: impl Into<String>, href: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { title: title.into(), href: href.into(), hint: hint.into(), detail: String::new() }
    }
}
