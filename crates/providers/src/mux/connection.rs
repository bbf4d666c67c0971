//! One Mux environment as a connection: everything in this folder, put together.

use super::{MANIFEST, MuxConfig, client::Client, client::PROVIDER, health, project, webhook};
use crate::{
    error::{ErrorKind, ProviderError},
    gateway::Gateway,
    identity::Identity,
    manifest::Manifest,
    project::{Project, Projection},
    provider::{Answer, Connection, Health},
    read::{ListPage, Read},
    registry::{ConfigError, ConnectArgs},
    video::Video,
    webhook::{Malformed, Received, Rejection, Unverified, Verified, Webhooks},
};
use http::HeaderMap;
use patchbay_domain::{Change, Kind, ObjectKey, RecordBody, Timestamp, video::Asset};
use std::sync::{Arc, OnceLock};

/// A connected Mux environment.
pub struct Mux {
    pub(super) client: Client,
    webhook_secrets: Vec<String>,
    pub(super) image_base_url: String,
    /// Known after the first health check: the token does not say it.
    livemode: OnceLock<bool>,
    /// The environment that the token is of.
    identity: Identity,
}

/// For the registry: connects with the settings that the arguments give.
#[expect(clippy::needless_pass_by_value, reason = "the registry hands the arguments over")]
pub fn connect(args: ConnectArgs<'_>) -> Result<Arc<dyn Connection>, ConfigError> {
    Ok(Arc::new(Mux::new(MuxConfig::read(&args)?, &args)))
}

impl Mux {
    /// Connects with the settings of `args`; sends nothing yet.
    pub fn new(config: MuxConfig, args: &ConnectArgs<'_>) -> Self {
        Self {
            client: Client::new(&config, args),
            webhook_secrets: config.webhook_secrets,
            image_base_url: config.image_base_url,
            livemode: OnceLock::new(),
            identity: Identity::default(),
        }
    }

    async fn object(&self, key: &ObjectKey) -> Result<Change, ProviderError> {
        only_assets("fetch", &key.kind)?;
        let (wire, at) = self.client.asset(&key.id).await?;
        project::change(wire, at)
    }

    async fn page(&self, kind: &Kind, cursor: Option<&str>) -> Result<ListPage, ProviderError> {
        only_assets("list", kind)?;
        let (page, at) = self.client.assets(cursor).await?;
        let changes = page.data.into_iter().map(|wire| project::change(wire, at)).collect::<Result<_, _>>()?;
        Ok(ListPage { changes, next: page.next_cursor.filter(|next| !next.is_empty()) })
    }

    async fn check(&self) -> Result<Health, ProviderError> {
        let health = health::check(&self.client).await?;
        if let Some(live) = health.livemode {
            self.livemode.get_or_init(|| live);
        }
        if let Some(id) = &health.id {
            self.identity.read(id);
        }
        Ok(health)
    }
}

impl Connection for Mux {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    fn gateway(&self) -> &Gateway {
        &self.client.gateway
    }

    fn health(&self) -> Answer<'_, Health> {
        Box::pin(self.check())
    }

    fn livemode(&self) -> Option<bool> {
        self.livemode.get().copied()
    }

    fn identity(&self) -> Option<String> {
        self.identity.get()
    }

    fn remember_identity(&self, id: &str) {
        self.identity.remember(id);
    }

    fn webhooks(&self) -> Option<&dyn Webhooks> {
        Some(self)
    }

    fn project(&self) -> Option<&dyn Project> {
        Some(self)
    }

    fn read(&self) -> Option<&dyn Read> {
        Some(self)
    }

    fn video(&self) -> Option<&dyn Video> {
        Some(self)
    }
}

impl Webhooks for Mux {
    fn precheck(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        webhook::SCHEME.precheck(&self.webhook_secrets, headers)
    }

    fn verify<'a>(&self, delivery: Unverified<'a>, now: Timestamp) -> Result<Verified<'a>, Rejection> {
        webhook::SCHEME.verify(&self.webhook_secrets, delivery, now)
    }

    fn receive<'a>(&self, delivery: &Verified<'a>) -> Result<Received<'a>, Malformed> {
        Ok(Received::event(webhook::envelope(delivery)?, delivery))
    }
}

impl Project for Mux {
    fn event(&self, event_type: &str, body: &[u8]) -> Result<Projection, ProviderError> {
        project::event(self.identity.get().as_deref(), event_type, body)
    }
}

impl Read for Mux {
    fn fetch<'a>(&'a self, key: &'a ObjectKey) -> Answer<'a, Change> {
        Box::pin(self.object(key))
    }

    fn list<'a>(&'a self, kind: &'a Kind, cursor: Option<&'a str>) -> Answer<'a, ListPage> {
        Box::pin(self.page(kind, cursor))
    }

    fn probe<'a>(&'a self, kind: &'a Kind) -> Answer<'a, ()> {
        Box::pin(async move {
            only_assets("list", kind)?;
            self.client.first_asset().await
        })
    }
}

fn only_assets(operation: &str, kind: &Kind) -> Result<(), ProviderError> {
    if *kind == Asset::KIND {
        return Ok(());
    }
    let message = format!("there are no objects of the kind {kind}");
    Err(ProviderError::new(PROVIDER, operation, ErrorKind::Refused, message))
}
