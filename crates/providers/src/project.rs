//! What events mean: from what a provider wrote to the changes of our records.

use crate::{
    error::{ErrorKind, ProviderError},
    provider::Answer,
};
use patchbay_domain::{Change, ObjectKey};

/// A provider that tells of changes, by webhooks or in another way.
pub trait Project: Send + Sync {
    /// Turns a stored event into the changes it brings. Pure: the same bytes give the same changes, once it is known
    /// whose keys these are.
    fn event(&self, event_type: &str, body: &[u8]) -> Result<Projection, ProviderError>;

    /// Reads what a [`Projection::Incomplete`] event left out and gives its changes.
    fn complete<'a>(&'a self, event_type: &'a str, body: &'a [u8]) -> Answer<'a, Vec<Change>> {
        let _ = body;
        Box::pin(async move {
            let operation = format!("complete {event_type}");
            Err(ProviderError::new("Patchbay", operation, ErrorKind::Unreadable, "its events are complete"))
        })
    }
}

/// What an event means to us.
#[derive(Clone, Debug, PartialEq)]
pub enum Projection {
    /// These objects changed.
    Changes(Vec<Change>),
    /// Told in the shape of an older version, which leaves things out: good where nothing is known yet, while a record that
    /// is there holds more and is read again.
    Partial(Vec<Change>),
    /// Lists in it were cut: [`Project::complete`] reads the rest.
    Incomplete,
    /// The event only says that the object changed; it must be read from the provider.
    Refetch(Vec<ObjectKey>),
    /// Of a type nothing here reads. Kept as it is.
    Skipped,
    /// Of a type that is read, but not to be recorded: another account's, a test's. Kept with this sentence.
    SetAside(String),
    /// Whose it is cannot be told before the connection knows its own account. What it means if it is ours.
    Undecided(Box<Projection>),
}
