//! What a provider's folder offers to the rest of the product. Nothing outside a folder knows its provider by name, and what a
//! provider does not have, its folder does not pretend to have.

use crate::{
    billing::Billing,
    error::{ErrorKind, ProviderError},
    gateway::Gateway,
    manifest::Manifest,
    project::Project,
    read::Read,
    video::Video,
    webhook::Webhooks,
};
use futures::future::BoxFuture;
use std::sync::Arc;

/// The answer of an outside call, later.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, ProviderError>>;

/// One configured account of a provider: keys, base URL and a name of its own.
pub trait Connection: Send + Sync {
    fn manifest(&self) -> &'static Manifest;

    /// The gateway it calls through: breaker, rate limit and call log.
    fn gateway(&self) -> &Gateway;

    /// The cheapest read that proves keys and network, without side effects.
    fn health(&self) -> Answer<'_, Health>;

    /// The provider's environment the keys belong to; `None` while that cannot be told from the keys.
    fn livemode(&self) -> Option<bool> {
        None
    }

    /// The provider's id of the account or environment that the keys belong to, once it was read or remembered.
    fn identity(&self) -> Option<String> {
        None
    }

    /// Takes over what an earlier process read; a reading of our own counts more.
    fn remember_identity(&self, _id: &str) {}

    /// The accounts that these keys act for and that somebody wants to follow, each as a connection of its own.
    fn followed(&self) -> Vec<NamedConnection> {
        Vec::new()
    }

    /// The account of somebody else that this connection follows; none for the keys' own. Its owner writes into it as they
    /// like, so nothing in it says whose records they are here.
    fn follows(&self) -> Option<&str> {
        None
    }

    /// Deliveries over HTTP, where the provider sends any.
    fn webhooks(&self) -> Option<&dyn Webhooks> {
        None
    }

    /// What its events mean, where it tells of changes.
    fn project(&self) -> Option<&dyn Project> {
        None
    }

    /// Its objects, where they can be read.
    fn read(&self) -> Option<&dyn Read> {
        None
    }

    /// Billing operations, where the provider has them.
    fn billing(&self) -> Option<&dyn Billing> {
        None
    }

    /// Video operations, where the provider has them.
    fn video(&self) -> Option<&dyn Video> {
        None
    }
}

impl dyn Connection + '_ {
    /// For a caller that holds a record or a list of a provider without such a thing: a fault of ours.
    pub fn readable(&self) -> Result<&dyn Read, ProviderError> {
        self.read().ok_or_else(|| {
            ProviderError::new(
                self.manifest().name,
                "read",
                ErrorKind::Unreadable,
                "it has no objects that can be read",
            )
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Who the keys belong to, as the provider names it.
    pub account: String,
    /// The provider's id of it, as its events name it.
    pub id: Option<String>,
    pub livemode: Option<bool>,
}

/// A connection with its name.
#[derive(Clone)]
pub struct NamedConnection {
    /// `stripe` for the first one, `stripe/<name>` for further ones, `<connection>@<account>` for an account it follows.
    pub name: String,
    pub connection: Arc<dyn Connection>,
}
