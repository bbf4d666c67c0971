//! Errors that people read: what happened, whose fault it is, and what to do next.

use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nobody is signed in.
    SignedOut,
    /// The person may not do this.
    Forbidden,
    /// There is no such thing, or it is not theirs to see.
    NotFound,
    /// The input cannot be used; the message says what to change.
    Invalid,
    /// The state changed meanwhile, or does not allow it.
    Conflict,
    /// An outside service refused or is not answering.
    Provider,
    /// We are too busy; try again in a moment.
    Busy,
    /// Our own fault.
    Internal,
}

/// A sentence for the person who sees it. Never carries secrets or internals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct UserError {
    pub reason: Reason,
    pub message: String,
}

impl UserError {
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(Reason::NotFound, format!("There is no such {what}, or it is not yours to see."))
    }

    pub fn forbidden() -> Self {
        Self::new(Reason::Forbidden, "Your role can look at this but not change it. Ask an admin of your team.")
    }

    pub fn internal() -> Self {
        Self::new(Reason::Internal, "Something went wrong on our side. It is logged under the request id below.")
    }

    pub fn status(&self) -> u16 {
        match self.reason {
            Reason::SignedOut => 401,
            Reason::Forbidden => 403,
            Reason::NotFound => 404,
            Reason::Invalid => 422,
            Reason::Conflict => 409,
            Reason::Provider => 502,
            Reason::Busy => 503,
            Reason::Internal => 500,
        }
    }
}

/// Why something did not work at a provider, and what somebody can do about it. Free of secrets and personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// In the provider's own words.
    pub why: String,
    pub what_to_do: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stop = if self.why.ends_with(['.', '!', '?']) { "" } else { "." };
        write!(f, "{}{stop} {}", self.why, self.what_to_do)
    }
}
