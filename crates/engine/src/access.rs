//! What the keys of each connection may read: found out after a sync and when somebody asks, and kept, so that a page that
//! shows it calls nobody.

use crate::{Engine, live::LiveMessage};
use patchbay_domain::{Kind, Timestamp, error::Problem};
use patchbay_providers::access;
use patchbay_store::StoreError;
use serde::{Deserialize, Serialize};

/// Key in `connection_state`.
const STATE: &str = "access";

/// What was found about the keys of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    pub at: Timestamp,
    /// Kinds that could be read.
    pub readable: Vec<Kind>,
    pub unreadable: Vec<Unreadable>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// None for the account itself.
    pub kind: Option<Kind>,
    pub problem: Problem,
}

/// What was last found, if anything was.
pub(crate) async fn known(engine: &Engine, name: &str) -> Result<Option<Access>, StoreError> {
    let state = engine.0.store.state(name, STATE).await?;
    // What an earlier version wrote in another form is as good as nothing: it is asked for again.
    Ok(state.and_then(|state| serde_json::from_value(state).ok()))
}

/// Finds it out anew and keeps it. None for a connection that is not configured.
pub(crate) async fn refresh(engine: &Engine, name: &str) -> Option<Access> {
    let connection = engine.connection(name)?;
    let manifest = connection.manifest();
    let found = access::check(connection.as_ref()).await;
    let mut now = Access { at: engine.clock().now(), readable: Vec::new(), unreadable: Vec::new() };
    if let Err(error) = found.account {
        now.unreadable.push(Unreadable { kind: None, problem: access::problem(manifest, None, &error) });
    }
    for (kind, found) in found.kinds {
        match found {
            Ok(()) => now.readable.push(kind),
            Err(error) => {
                let problem = access::problem(manifest, Some(&kind), &error);
                now.unreadable.push(Unreadable { kind: Some(kind), problem });
            }
        }
    }
    let kept = match serde_json::to_value(&now) {
        Ok(value) => engine.0.store.put_state(name, STATE, &value).await,
        Err(error) => Err(StoreError::Unreadable { what: "access", reason: error.to_string() }),
    };
    if let Err(error) = kept {
        tracing::warn!(connection = %name, %error, "what keys may read was found out and not kept");
    }
    engine.0.bus.publish(LiveMessage::new("syncs", name, "checked"));
    Some(now)
}
