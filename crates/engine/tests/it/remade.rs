//! A connection as it is, but for what a test wants otherwise.

use patchbay_providers::{
    Connection, Gateway, Manifest, Project, Projection, ProviderError, Read, Webhooks,
    provider::{Answer, Health},
};
use std::sync::Arc;

pub struct Remade {
    pub connection: Arc<dyn Connection>,
    /// What it says of itself.
    pub manifest: Option<&'static Manifest>,
    /// The type of event that it cannot read.
    pub breaks: Option<&'static str>,
    /// How it takes deliveries in.
    pub webhooks: Option<Arc<dyn Webhooks>>,
}

impl Remade {
    pub fn of(connection: Arc<dyn Connection>) -> Self {
        Self { connection, manifest: None, breaks: None, webhooks: None }
    }
}

impl Connection for Remade {
    fn manifest(&self) -> &'static Manifest {
        self.manifest.unwrap_or_else(|| self.connection.manifest())
    }

    fn gateway(&self) -> &Gateway {
        self.connection.gateway()
    }

    fn health(&self) -> Answer<'_, Health> {
        self.connection.health()
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

    fn webhooks(&self) -> Option<&dyn Webhooks> {
        self.webhooks.as_deref().or_else(|| self.connection.webhooks())
    }

    fn project(&self) -> Option<&dyn Project> {
        Some(self)
    }

    fn read(&self) -> Option<&dyn Read> {
        self.connection.read()
    }
}

impl Project for Remade {
    fn event(&self, event_type: &str, body: &[u8]) -> Result<Projection, ProviderError> {
        assert_ne!(Some(event_type), self.breaks, "cannot read {}", String::from_utf8_lossy(body));
        self.connection.project().unwrap().event(event_type, body)
    }
}
