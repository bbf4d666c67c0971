//! Puts the parts of this folder together as a [`Connection`].

use super::{API_VERSION, MANIFEST, client::Client, config::Config, health, project, read, webhook};
use crate::{
    error::ProviderError,
    gateway::Gateway,
    provider::{Answer, Billing, Connection, Health, ListPage, Manifest, Projection},
    registry::{ConfigError, ConnectArgs},
    webhook::{Malformed, Rejection, Unverified, Verified},
};
use patchbay_domain::{Change, Kind, ObjectKey, Timestamp, event::Envelope};
use std::sync::Arc;

/// One Stripe account.
pub(super) struct Stripe {
    pub(super) client: Client,
    webhook_secrets: Vec<String>,
    livemode: bool,
}

/// Connects the account that the settings name. Sends nothing yet.
pub fn connect(args: ConnectArgs<'_>) -> Result<Arc<dyn Connection>, ConfigError> {
    Stripe::new(args).map(|stripe| Arc::new(stripe) as Arc<dyn Connection>)
}

impl Stripe {
    pub(super) fn new(args: ConnectArgs<'_>) -> Result<Self, ConfigError> {
        let config = Config::read(&args)?;
        tracing::debug!(connection = %args.name, ?config, api_version = API_VERSION, "connecting Stripe");
        let client = Client::new(&config, args.name, args.clock, args.http, args.log);
        Ok(Self { client, webhook_secrets: config.webhook_secrets, livemode: config.livemode })
    }
}

impl Connection for Stripe {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    fn livemode(&self) -> Option<bool> {
        Some(self.livemode)
    }

    fn verify<'a>(&self, delivery: Unverified<'a>, now: Timestamp) -> Result<Verified<'a>, Rejection> {
        webhook::verify(&self.webhook_secrets, delivery, now)
    }

    fn envelope(&self, delivery: &Verified<'_>) -> Result<Envelope, Malformed> {
        webhook::envelope(delivery)
    }

    fn project(&self, event_type: &str, body: &[u8]) -> Result<Projection, ProviderError> {
        project::project(event_type, body)
    }

    fn fetch<'a>(&'a self, key: &'a ObjectKey) -> Answer<'a, Change> {
        Box::pin(read::fetch(&self.client, key))
    }

    fn list<'a>(&'a self, kind: &'a Kind, cursor: Option<&'a str>) -> Answer<'a, ListPage> {
        Box::pin(read::list(&self.client, kind, cursor))
    }

    fn health(&self) -> Answer<'_, Health> {
        Box::pin(health::check(&self.client, self.livemode))
    }

    fn gateway(&self) -> &Gateway {
        self.client.gateway()
    }

    fn billing(&self) -> Option<&dyn Billing> {
        Some(self)
    }
}
