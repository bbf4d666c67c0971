//! Deliveries before and after the check of who sent them. Only a provider's `verify` makes a [`Verified`].

use crate::{
    error::{ErrorKind, ProviderError},
    provider::Answer,
};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use patchbay_domain::{Timestamp, event::Envelope};
use std::{borrow::Cow, fmt};

/// A provider that posts its news.
pub trait Webhooks: Send + Sync {
    /// What can be said against a delivery by its headers alone, before its body is read. It only refuses:
    /// [`Webhooks::verify`] decides.
    fn precheck(&self, headers: &HeaderMap) -> Result<(), Rejection>;

    /// Checks who sent a delivery, on the raw bytes. There is no default and no way around it.
    fn verify<'a>(&self, delivery: Unverified<'a>, now: Timestamp) -> Result<Verified<'a>, Rejection>;

    /// Gets the key that [`Webhooks::verify`] did not know, for those whose keys change. From where and how often is bounded
    /// here, because anybody may name a key.
    fn fetch_key<'a>(&'a self, _id: &'a str) -> Answer<'a, ()> {
        Box::pin(async {
            Err(ProviderError::new(
                "Patchbay",
                "fetch key",
                ErrorKind::Refused,
                "its keys are settings, and not fetched",
            ))
        })
    }

    /// Reads what a verified delivery carries, without reading the objects in it.
    fn receive<'a>(&self, delivery: &Verified<'a>) -> Result<Received<'a>, Malformed>;
}

/// What a delivery carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// Nothing to keep: the provider asks whether somebody listens, and wants this answer.
    Handshake(Reply),
    Events {
        events: Vec<Told<'a>>,
        /// What the provider wants to read when they are stored; none for an answer that only says so.
        reply: Option<Reply>,
    },
}

impl<'a> Received<'a> {
    /// One event, which is the whole body.
    pub fn event(envelope: Envelope, delivery: &Verified<'a>) -> Self {
        let told = Told { envelope, body: Cow::Borrowed(delivery.body()), recipient: None };
        Self::Events { events: vec![told], reply: None }
    }
}

/// One event of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<'a> {
    pub envelope: Envelope,
    /// Its part of the delivery, which is what is stored.
    pub body: Cow<'a, [u8]>,
    /// The connection that it is for, where that is another one that this connection follows.
    pub recipient: Option<String>,
}

/// An answer to a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub body: Bytes,
}

/// A delivery as it came off the wire.
#[derive(Clone, Copy)]
pub struct Unverified<'a> {
    pub method: &'a Method,
    /// The address that it was sent to, as the sender knows it: below the public URL, never what a header says.
    pub url: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

impl<'a> Unverified<'a> {
    /// A post to nowhere in particular, for schemes that sign no address.
    pub fn posted(headers: &'a HeaderMap, body: &'a [u8]) -> Self {
        Self { method: &Method::POST, url: "", headers, body }
    }
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
    /// For the schemes of this crate alone: call it after the signature matched.
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
    /// Holds the name that the delivery gives the key, for [`Webhooks::fetch_key`].
    #[error("it is signed with a key that the provider does not have")]
    UnknownKey(String),
    /// The provider is asked to send it again.
    #[error("the key that it is signed with could not be fetched: {0}")]
    KeyUnavailable(String),
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
            Self::UnknownKey(_) => "unknown_key",
            Self::KeyUnavailable(_) => "key_unavailable",
            Self::NoSecret(_) => "no_secret",
        }
    }
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
