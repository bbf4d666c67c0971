//! Lists that webhooks do not keep fresh are read again when they are older than their kind allows.

use crate::Engine;
use patchbay_domain::{Kind, Timestamp, kind::Mirror};
use patchbay_providers::Manifest;
use patchbay_store::{StoreError, SyncRun, SyncState};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// Key in `connection_state`: when each kind was last listed to its end.
const STATE: &str = "listed";

/// How old the listing of a kind may become; none for those that are not read by the clock.
fn limit(manifest: &Manifest, kind: &Kind) -> Option<Duration> {
    match manifest.kind(kind)?.mirror {
        Mirror::Full(full) => full.refresh,
        Mirror::Events | Mirror::Browse => None,
    }
}

/// Starts a sync of what has become too old. One that is under way, or will be tried again by itself, comes first.
pub(crate) async fn start_due(engine: &Engine) -> Result<(), StoreError> {
    let store = &engine.0.store;
    for (name, connection) in &engine.0.connections {
        let manifest = connection.manifest();
        if !manifest.listed().any(|kind| limit(manifest, kind).is_some()) {
            continue;
        }
        // Its first sync is started with the process.
        let Some(latest) = store.latest_sync(name).await? else { continue };
        if latest.is_running() || latest.retry_at.is_some() {
            continue;
        }
        let due = due(manifest, &read(engine, name).await?, &latest, engine.clock().now());
        if due.is_empty() {
            continue;
        }
        match store.start_sync(name, &due).await {
            Ok(_) | Err(StoreError::AlreadyRunning { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn due(manifest: &Manifest, listed: &BTreeMap<String, i64>, latest: &SyncRun, now: Timestamp) -> Vec<Kind> {
    // Whoever stopped a sync does not want the next one at once.
    let stopped = latest.finished_at.filter(|_| latest.state == SyncState::Cancelled);
    let is_due = |kind: &&Kind| {
        let last = listed.get(kind.as_str()).map(|&micros| Timestamp(micros)).max(stopped);
        limit(manifest, kind).is_some_and(|limit| last.is_none_or(|last| last.plus(limit) <= now))
    };
    manifest.listed().filter(is_due).cloned().collect()
}

async fn read(engine: &Engine, name: &str) -> Result<BTreeMap<String, i64>, StoreError> {
    let state = engine.0.store.state(name, STATE).await?.unwrap_or(Value::Null);
    Ok(serde_json::from_value(state).unwrap_or_default())
}

/// A kind was listed to its end.
pub(crate) async fn note(engine: &Engine, name: &str, manifest: &Manifest, kind: &Kind) -> Result<(), StoreError> {
    if limit(manifest, kind).is_none() {
        return Ok(());
    }
    let mut listed = read(engine, name).await?;
    listed.insert(kind.to_string(), engine.clock().now().micros());
    engine.0.store.put_state(name, STATE, &serde_json::json!(listed)).await
}
