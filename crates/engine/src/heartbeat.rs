//! Says in the database that this process works on events, so that `patchbay doctor` can tell when nobody does.

use crate::Engine;
use patchbay_store::HEARTBEAT;

/// Until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let (store, owner) = (&engine.0.store, &engine.0.owner);
    while !engine.is_stopping() {
        // Listened for from here on, so that a stop in between is heard.
        let stopped = engine.0.stopped.notified();
        if let Err(error) = store.note_worker(owner).await {
            tracing::debug!(%error, "this worker did not say that it lives");
        }
        tokio::select! {
            () = stopped => {}
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
    }
    if let Err(error) = store.forget_worker(owner).await {
        tracing::debug!(%error, "this worker is taken for alive for some seconds more");
    }
}
