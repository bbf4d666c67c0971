//! What changed, told to whoever watches. Losing a message costs freshness, never data: pages read the store.

use crate::Engine;
use patchbay_domain::{Principal, RecordRef, UserError, error::Reason};
use serde::Serialize;
use std::collections::BTreeSet;
use tokio::sync::{broadcast, mpsc};

/// Messages a slow watcher may be behind before it is told to reload instead.
const BEHIND: usize = 1_024;

/// One piece of news. `topic` names what to look at again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LiveMessage {
    /// `events`, `rejections`, `syncs`, `connections`, `calls`, `records:<kind>` or a record's own ([`RecordRef::topic`]).
    pub topic: String,
    /// Id of the thing, where there is one.
    pub id: String,
    /// A short text for people.
    pub text: String,
    /// The customer whom this concerns; how a customer's stream is limited to their own.
    #[serde(skip)]
    pub owner: Option<RecordRef>,
}

impl LiveMessage {
    /// A topic that concerns every watcher: some news was missed.
    pub const RELOAD: &str = "reload";

    pub(crate) fn reload() -> Self {
        Self::new(Self::RELOAD, "", "")
    }

    pub fn new(topic: impl Into<String>, id: impl Into<String>, text: impl Into<String>) -> Self {
        Self { topic: topic.into(), id: id.into(), text: text.into(), owner: None }
    }

    #[must_use]
    pub fn owned_by(mut self, owner: Option<RecordRef>) -> Self {
        self.owner = owner;
        self
    }
}

#[derive(Clone)]
pub(crate) struct Bus {
    here: broadcast::Sender<LiveMessage>,
    /// Towards other processes, where there is a way (`share.rs`).
    others: Option<mpsc::Sender<LiveMessage>>,
}

impl Bus {
    pub fn new(others: Option<mpsc::Sender<LiveMessage>>) -> Self {
        Self { here: broadcast::channel(BEHIND).0, others }
    }

    /// To watchers here and in other processes. Nobody watching is no error.
    pub fn publish(&self, message: LiveMessage) {
        if let Some(others) = &self.others {
            // A full channel tells others to look at everything again anyway.
            others.try_send(message.clone()).ok();
        }
        self.publish_here(message);
    }

    pub fn publish_here(&self, message: LiveMessage) {
        self.here.send(message).ok();
    }

    /// Whether news is worth the making: somebody watches here, or may watch elsewhere.
    pub fn is_watched(&self) -> bool {
        self.here.receiver_count() > 0 || self.others.is_some()
    }

    pub fn watch(&self) -> broadcast::Receiver<LiveMessage> {
        self.here.subscribe()
    }
}

/// A stream of news, already limited to what the principal may see.
pub struct Subscription {
    receiver: broadcast::Receiver<LiveMessage>,
    topics: BTreeSet<String>,
    /// `None` for staff, who may see everything.
    customers: Option<(Engine, Principal, BTreeSet<RecordRef>)>,
}

impl Subscription {
    /// The next message, or a `reload` message when this watcher fell behind; `None` when the server stops.
    pub async fn next(&mut self) -> Option<LiveMessage> {
        loop {
            match self.receiver.recv().await {
                Ok(message) if message.topic == LiveMessage::RELOAD || self.wants(&message).await => {
                    return Some(message);
                }
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => return Some(LiveMessage::reload()),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    async fn wants(&mut self, message: &LiveMessage) -> bool {
        match &mut self.customers {
            None => self.topics.contains(&message.topic),
            Some((engine, principal, own)) => {
                let Some(owner) = &message.owner else { return false };
                // A first purchase makes the customer after the page was opened.
                if message.topic == "records:customer"
                    && let Ok(desk) = engine.customer(principal, &crate::RequestOrigin::default()).await
                {
                    *own = desk.customer_references();
                }
                self.topics.contains("billing") && own.contains(owner)
            }
        }
    }
}

/// Topics are checked here: a customer may watch `billing` alone, which means their own.
pub(crate) async fn subscribe(
    engine: &Engine,
    principal: &Principal,
    topics: &[String],
) -> Result<Subscription, UserError> {
    let customers = if principal.is_staff() {
        None
    } else if topics.iter().all(|topic| topic == "billing") {
        let own = engine.customer(principal, &crate::RequestOrigin::default()).await?.customer_references();
        Some((engine.clone(), principal.clone(), own))
    } else {
        return Err(UserError::new(Reason::Forbidden, "You can watch your own billing only."));
    };
    Ok(Subscription { receiver: engine.0.bus.watch(), topics: topics.iter().cloned().collect(), customers })
}
