//! Puts the parts of this folder together as a [`Connection`].

use super::{API_VERSION, MANIFEST, client::Client, config::Config, health, origin::Ours, project, read, webhook};
use crate::{
    billing::Billing,
    error::ProviderError,
    gateway::Gateway,
    identity::Identity,
    manifest::Manifest,
    project::{Project, Projection},
    provider::{Answer, Connection, Health, NamedConnection},
    read::{ListPage, Read},
    registry::{ConfigError, ConnectArgs},
    webhook::{Malformed, Received, Rejection, Unverified, Verified, Webhooks},
};
use http::HeaderMap;
use patchbay_domain::{Change, Kind, ObjectKey, Timestamp};
use std::{collections::BTreeMap, sync::Arc};

/// One Stripe account: the keys' own, or one that is connected to it.
pub(super) struct Stripe {
    pub(super) client: Client,
    webhook_secrets: Vec<String>,
    livemode: bool,
    identity: Identity,
    /// The connected accounts that are followed, by their ids.
    followed: BTreeMap<String, NamedConnection>,
}

/// Connects the account that the settings name. Sends nothing yet.
#[expect(clippy::needless_pass_by_value, reason = "the registry hands the arguments over")]
pub fn connect(args: ConnectArgs<'_>) -> Result<Arc<dyn Connection>, ConfigError> {
    Stripe::new(&args).map(|stripe| Arc::new(stripe) as Arc<dyn Connection>)
}

impl Stripe {
    pub(super) fn new(args: &ConnectArgs<'_>) -> Result<Self, ConfigError> {
        let config = Config::read(args)?;
        tracing::debug!(connection = %args.name, ?config, api_version = API_VERSION, "connecting Stripe");
        let mut followed = BTreeMap::new();
        for account in &config.follow {
            let name = format!("{}@{account}", args.name);
            let stripe = Self::in_account(&config, Some(account.clone()), name.clone(), args)?;
            followed.insert(account.clone(), NamedConnection { name, connection: Arc::new(stripe) });
        }
        Ok(Self { followed, ..Self::in_account(&config, None, args.name.clone(), args)? })
    }

    fn in_account(
        config: &Config,
        account: Option<String>,
        name: String,
        args: &ConnectArgs<'_>,
    ) -> Result<Self, ConfigError> {
        let identity = Identity::default();
        if let Some(account) = &account {
            identity.read(account);
        }
        Ok(Self {
            client: Client::new(config, account, name, args.clock.clone(), args.http.clone(), args.log.clone())?,
            webhook_secrets: config.webhook_secrets.clone(),
            livemode: config.livemode,
            identity,
            followed: BTreeMap::new(),
        })
    }
}

impl Connection for Stripe {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    fn gateway(&self) -> &Gateway {
        self.client.gateway()
    }

    fn health(&self) -> Answer<'_, Health> {
        Box::pin(async {
            let health = health::check(&self.client, self.livemode).await?;
            if let Some(id) = &health.id
                && self.client.account().is_none()
            {
                self.identity.read(id);
            }
            Ok(health)
        })
    }

    fn livemode(&self) -> Option<bool> {
        Some(self.livemode)
    }

    fn identity(&self) -> Option<String> {
        self.identity.get()
    }

    fn remember_identity(&self, id: &str) {
        self.identity.remember(id);
    }

    fn followed(&self) -> Vec<NamedConnection> {
        self.followed.values().cloned().collect()
    }

    fn follows(&self) -> Option<&str> {
        self.client.account()
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

    fn billing(&self) -> Option<&dyn Billing> {
        Some(self)
    }
}

impl Webhooks for Stripe {
    fn precheck(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        webhook::SCHEME.precheck(&self.webhook_secrets, headers)
    }

    fn verify<'a>(&self, delivery: Unverified<'a>, now: Timestamp) -> Result<Verified<'a>, Rejection> {
        webhook::SCHEME.verify(&self.webhook_secrets, delivery, now)
    }

    fn receive<'a>(&self, delivery: &Verified<'a>) -> Result<Received<'a>, Malformed> {
        let mut received = Received::event(webhook::envelope(delivery)?, delivery);
        // Reading the account takes a second pass, which is only for those who follow somebody.
        if !self.followed.is_empty()
            && let Some(followed) = webhook::account(delivery).and_then(|account| self.followed.get(&account))
            && let Received::Events { events, .. } = &mut received
        {
            for told in events {
                told.recipient = Some(followed.name.clone());
            }
        }
        Ok(received)
    }
}

impl Project for Stripe {
    fn event(&self, event_type: &str, body: &[u8]) -> Result<Projection, ProviderError> {
        let account = self.identity.get();
        let is_followed = self.client.account().is_some();
        project::project(&Ours { account: account.as_deref(), livemode: self.livemode, is_followed }, event_type, body)
    }

    fn complete<'a>(&'a self, event_type: &'a str, body: &'a [u8]) -> Answer<'a, Vec<Change>> {
        Box::pin(read::complete_event(&self.client, event_type, body))
    }
}

impl Read for Stripe {
    fn fetch<'a>(&'a self, key: &'a ObjectKey) -> Answer<'a, Change> {
        Box::pin(read::fetch(&self.client, key))
    }

    fn list<'a>(&'a self, kind: &'a Kind, cursor: Option<&'a str>) -> Answer<'a, ListPage> {
        Box::pin(read::list(&self.client, kind, cursor))
    }

    fn probe<'a>(&'a self, kind: &'a Kind) -> Answer<'a, ()> {
        Box::pin(read::probe(&self.client, kind))
    }

    fn left_out(&self) -> Option<&'static str> {
        const TEST_CLOCKS: &str = "Customers of test clocks and their subscriptions are not in Stripe's lists, so a sync does not \
                                   read them. What webhooks say of them is recorded.";
        (!self.livemode).then_some(TEST_CLOCKS)
    }
}
