//! A connection as it is, but for what a test wants otherwise.

use patchbay_domain::{Change, Kind, ObjectKey, Timestamp, event::Envelope};
use patchbay_providers::{
    Connection, Gateway, Manifest, Projection, ProviderError, Rejection, Unverified, Verified,
    provider::{Answer, Health, ListPage},
    webhook::Malformed,
};
use std::sync::Arc;

pub struct Remade {
    pub connection: Arc<dyn Connection>,
    /// What it says of itself.
    pub manifest: Option<&'static Manifest>,
    /// The type of event that it cannot read.
    pub breaks: Option<&'static str>,
}

impl Connection for Remade {
    fn manifest(&self) -> &'static Manifest {
        self.manifest.unwrap_or_else(|| self.connection.manifest())
    }

    fn livemode(&self) -> Option<bool> {
        self.connection.livemode()
    }

    fn identity(&self) -> Option<String> {
        self.connection.identity()
    }

    fn remember_identity(&self, id: &str) {
        self.connection.remember_identity(id);
    }

    fn verify<'a>(&self, delivery: Unverified<'a>, now: Timestamp) -> Result<Verified<'a>, Rejection> {
        self.connection.verify(delivery, now)
    }

    fn envelope(&self, delivery: &Verified<'_>) -> Result<Envelope, Malformed> {
        self.connection.envelope(delivery)
    }

    fn project(&self, event_type: &str, body: &[u8]) -> Result<Projection, ProviderError> {
        assert_ne!(Some(event_type), self.breaks, "cannot read {}", String::from_utf8_lossy(body));
        self.connection.project(event_type, body)
    }

    fn fetch<'a>(&'a self, key: &'a ObjectKey) -> Answer<'a, Change> {
        self.connection.fetch(key)
    }

    fn list<'a>(&'a self, kind: &'a Kind, cursor: Option<&'a str>) -> Answer<'a, ListPage> {
        self.connection.list(kind, cursor)
    }

    fn health(&self) -> Answer<'_, Health> {
        self.connection.health()
    }

    fn gateway(&self) -> &Gateway {
        self.connection.gateway()
    }
}
