//! Deliveries before and after the check of who sent them. Only a provider's `verify` makes a [`Verified`].

use http::HeaderMap;
use std::fmt;

/// A delivery as it came off the wire.
#[derive(Clone, Copy)]
pub struct Unverified<'a> {
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// A delivery whose sender is proven.
#[derive(Clone, Copy)]
pub struct Verified<'a> {
    headers: &'a HeaderMap,
    body: &'a [u8],
    /// Which of the active secrets matched, counted from 0 in the order configured.
    pub secret_index: usize,
}

impl<'a> Verified<'a> {
    /// For the `webhook.rs` files of this crate alone: call it after the signature matched.
    pub(crate) fn new(delivery: Unverified<'a>, secret_index: usize) -> Self {
        Self { headers: delivery.headers, body: delivery.body, secret_index }
    }

    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    pub fn body(&self) -> &'a [u8] {
        self.body
    }
}

/// Why a delivery was refused. The words are shown to staff; they never carry the body or a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("the {0} header is missing")]
    MissingSignature(&'static str),
    #[error("the {0} header cannot be read")]
    MalformedSignature(&'static str),
    #[error("no signature matches any active secret: the secret is wrong or the body was changed on the way")]
    SignatureMismatch,
    #[error("the signature is {age_seconds} s old, beyond the tolerance of {tolerance_seconds} s")]
    TooOld { age_seconds: i64, tolerance_seconds: i64 },
    #[error(
        "the signature is {ahead_seconds} s in the future, beyond the tolerance of {tolerance_seconds} s: check both clocks"
    )]
    FromTheFuture { ahead_seconds: i64, tolerance_seconds: i64 },
    /// Ours to repair: the provider is asked to send it again. Holds the setting's name.
    #[error("no webhook secret is configured for this connection; set {0}")]
    NoSecret(&'static str),
}

impl Rejection {
    /// A word for counters and filters.
    pub fn name(&self) -> &'static str {
        match self {
            Self::MissingSignature(_) => "missing_signature",
            Self::MalformedSignature(_) => "malformed_signature",
            Self::SignatureMismatch => "signature_mismatch",
            Self::TooOld { .. } => "too_old",
            Self::FromTheFuture { .. } => "from_the_future",
            Self::NoSecret(_) => "no_secret",
        }
    }
}

/// For `precheck`: whether a signature could be checked at all.
pub(crate) fn can_be_checked(
    headers: &HeaderMap,
    header: &'static str,
    secrets: &[String],
    setting: &'static str,
) -> Result<(), Rejection> {
    if secrets.is_empty() {
        return Err(Rejection::NoSecret(setting));
    }
    let signature = headers.get(header).ok_or(Rejection::MissingSignature(header))?;
    signature.to_str().map(drop).map_err(|_| Rejection::MalformedSignature(header))
}

/// The delivery is genuine but cannot be read as an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not a readable event: {0}")]
pub struct Malformed(pub String);

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unverified({} bytes)", self.body.len())
    }
}

impl fmt::Debug for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verified({} bytes)", self.body.len())
    }
}
