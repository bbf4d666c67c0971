//! Whose keys each connection has: read from the provider, kept in the database, and asked for before it matters.

use crate::{Engine, worker};
use futures::future::join_all;
use patchbay_providers::{Connection, Projection, ProviderError};
use patchbay_store::ClaimedEvent;
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

/// Key in `connection_state`.
const STATE: &str = "identity";
/// Between two tries to read it.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Takes over what earlier processes read, then reads it once from each provider.
pub(crate) async fn learn(engine: Engine) {
    join_all(engine.0.connections.iter().map(|(name, connection)| learn_one(&engine, name, connection.as_ref()))).await;
}

pub(crate) async fn recall(engine: &Engine) {
    for (name, connection) in &engine.0.connections {
        match engine.0.store.state(name, STATE).await {
            Ok(Some(Value::String(id))) => connection.remember_identity(&id),
            Ok(_) => {}
            // It is read from the provider anyway; filing says that the database is away.
            Err(error) => tracing::debug!(connection = %name, %error, "whose keys these are was not looked up"),
        }
    }
}

async fn learn_one(engine: &Engine, name: &str, connection: &dyn Connection) {
    let mut pause = FIRST_PAUSE;
    while !engine.is_stopping() {
        let known = connection.identity();
        match connection.health().await {
            Ok(_) => return keep(engine, name, known, connection.identity()).await,
            Err(error) => tracing::debug!(connection = %name, %error, "whose keys these are could not be read yet"),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = engine.0.stopped.notified() => return,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn keep(engine: &Engine, name: &str, before: Option<String>, now: Option<String>) {
    let Some(now) = now.filter(|now| before.as_ref() != Some(now)) else { return };
    if let Some(before) = before {
        tracing::warn!(connection = %name, before, now, "the keys are of another account than before");
    }
    if let Err(error) = engine.0.store.put_state(name, STATE, &Value::String(now)).await {
        tracing::warn!(connection = %name, %error, "whose keys these are was not kept; it is read again at the next start");
    }
}

/// Settles what hangs on whose keys these are. When the provider does not say, its own signature has to do: the secret is
/// one of the environment's endpoint.
pub(crate) async fn decide<'a>(
    engine: &Engine,
    events: impl Iterator<Item = (&'a ClaimedEvent, &'a mut Result<Projection, ProviderError>)>,
) {
    let mut asked = BTreeSet::new();
    for (event, projected) in events {
        if !matches!(projected, Ok(Projection::Undecided(_))) {
            continue;
        }
        if let Some(connection) = engine.connection(&event.connection)
            && asked.insert(event.connection.clone())
            && connection.identity().is_none()
            && let Err(error) = connection.health().await
        {
            tracing::debug!(connection = %event.connection, %error, "whose keys these are could not be read");
        }
        *projected = match worker::read(engine, &event.connection, &event.event_type, &event.body) {
            Ok(Projection::Undecided(ours)) => Ok(*ours),
            decided => decided,
        };
    }
}
