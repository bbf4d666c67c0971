//! The one error of every outside call.

use patchbay_domain::error::{Reason, UserError};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No connection, or no answer in time.
    Unreachable,
    /// The breaker is open: we did not even ask.
    BreakerOpen,
    RateLimited,
    Unauthorized,
    /// The provider says that these keys lack a right.
    Forbidden,
    /// A 404 that does not prove anything about the object: a wrong address, another account, a proxy.
    NotFound,
    /// The provider itself says that it has no such object. See [`crate::gone`].
    Gone,
    /// The provider says that the request itself is wrong (or a card was declined).
    Refused,
    Conflict,
    /// The provider's own fault (5xx).
    ProviderFault,
    /// The answer or the payload is not what the documents say.
    Unreadable,
}

impl ErrorKind {
    /// A word for counters and filters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::BreakerOpen => "breaker_open",
            Self::RateLimited => "rate_limited",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Gone => "gone",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::ProviderFault => "provider_fault",
            Self::Unreadable => "unreadable",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Trying again may help.
    Temporary,
    /// Trying again gives the same.
    Permanent,
}

/// How long a 404 that is not in the provider's words is left alone: proxies recover, but not while somebody waits for the
/// answer. Longer than a sync waits for one page, so that a path that nobody knows holds up no other.
pub const STRANGERS_PAUSE: Duration = Duration::from_mins(1);

/// Everything a caller, a log and a person need to know. `message` is free of secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{provider} {operation}: {message}")]
pub struct ProviderError {
    pub kind: ErrorKind,
    pub persistence: Persistence,
    /// As people write it: `Stripe`.
    pub provider: &'static str,
    /// What was asked for: `subscriptions.update`, `project invoice.paid`.
    pub operation: Box<str>,
    pub message: Box<str>,
    /// HTTP status of the answer, where there was one.
    pub status: Option<u16>,
    /// The provider's own error code, such as `card_declined`.
    pub code: Option<Box<str>>,
    /// The id that the error is about, where the provider names one.
    pub subject: Option<Box<str>>,
    /// The provider's id of the request, for its support.
    pub request_id: Option<Box<str>>,
    /// How long the provider asks us to wait.
    pub retry_after: Option<Duration>,
    /// The request did not even reach it.
    pub never_sent: bool,
    /// An attempt before this one may have been carried out.
    pub in_doubt: bool,
}

impl ProviderError {
    pub fn new(
        provider: &'static str,
        operation: impl Into<Box<str>>,
        kind: ErrorKind,
        message: impl Into<Box<str>>,
    ) -> Self {
        let persistence = match kind {
            ErrorKind::Unreachable
            | ErrorKind::BreakerOpen
            | ErrorKind::RateLimited
            | ErrorKind::Conflict
            | ErrorKind::ProviderFault => Persistence::Temporary,
            ErrorKind::Unauthorized
            | ErrorKind::Forbidden
            | ErrorKind::NotFound
            | ErrorKind::Gone
            | ErrorKind::Refused
            | ErrorKind::Unreadable => Persistence::Permanent,
        };
        Self {
            kind,
            persistence,
            provider,
            operation: operation.into(),
            message: message.into(),
            status: None,
            code: None,
            subject: None,
            request_id: None,
            retry_after: None,
            never_sent: false,
            in_doubt: false,
        }
    }

    /// Whether what was asked for may have been done all the same: no answer came, or none that says.
    pub fn may_be_done(&self) -> bool {
        let silent = matches!(self.kind, ErrorKind::Unreachable | ErrorKind::ProviderFault | ErrorKind::Unreadable);
        // A refusal is the provider's word about all attempts, which carry the same key.
        (silent && !self.never_sent) || (self.in_doubt && self.kind != ErrorKind::Refused)
    }

    pub fn is_temporary(&self) -> bool {
        self.persistence == Persistence::Temporary
    }

    /// Whether it says something of the connection as a whole: other requests would fail as this one did. A 404 does not:
    /// a gateway between may know some paths and not others.
    pub fn concerns_all(&self) -> bool {
        let of_this_request = matches!(self.kind, ErrorKind::ProviderFault | ErrorKind::Conflict | ErrorKind::NotFound);
        self.kind == ErrorKind::Unauthorized || (self.is_temporary() && !of_this_request)
    }

    /// The sentence for the person who waits for the answer.
    pub fn for_person(&self) -> UserError {
        let provider = self.provider;
        let (reason, message) = match self.kind {
            ErrorKind::Unreachable | ErrorKind::ProviderFault => (
                Reason::Provider,
                format!(
                    "{provider} is not answering just now. Nothing was changed on our side; try again in a minute."
                ),
            ),
            ErrorKind::BreakerOpen => (
                Reason::Provider,
                format!("{provider} has been failing, so calls to it are paused for a moment. Try again shortly."),
            ),
            ErrorKind::RateLimited => {
                (Reason::Busy, format!("{provider} limits how often we may ask. Try again in a few seconds."))
            }
            ErrorKind::Unauthorized => {
                (Reason::Provider, format!("{provider} does not accept our keys. An admin must check the connection."))
            }
            ErrorKind::Forbidden => (
                Reason::Provider,
                format!("{provider} does not allow our keys to do this. An admin must check the connection."),
            ),
            ErrorKind::NotFound => (
                Reason::Provider,
                format!(
                    "{provider} could not be asked: the address answered with 404. An admin must check the connection."
                ),
            ),
            ErrorKind::Gone => (Reason::NotFound, format!("{provider} does not know this object any more.")),
            ErrorKind::Refused => (Reason::Invalid, format!("{provider} refused: {}", self.message)),
            ErrorKind::Conflict => {
                (Reason::Conflict, format!("{provider} is working on the same object. Try again in a moment."))
            }
            ErrorKind::Unreadable => {
                (Reason::Provider, format!("{provider} answered in a way we cannot read. It is logged."))
            }
        };
        UserError::new(reason, message)
    }
}
