//! Bringing the schema up to date, and waiting until that can be done.

use patchbay_store::{Store, StoreError};
use std::time::Duration;
use tokio::time::Instant;

/// How long the start of a server waits for the schema before it takes deliveries without it.
const PATIENCE: Duration = Duration::from_secs(5);
pub const RETRY: Duration = Duration::from_secs(1);
/// The same sentence is not said again before.
const SAY_AGAIN: Duration = Duration::from_mins(1);

/// Why the schema is not up to date yet, though it will be: the database is away, does not let us in, only reads, or is locked.
pub type Awaited = String;

/// Brings the schema up to date if that can be done soon. Otherwise the server goes on, and [`wait`] does it later.
pub async fn begin(store: &Store) -> Result<Option<Awaited>, StoreError> {
    let migrating = store.clone();
    let migrating = tokio::spawn(async move { migrating.migrate().await });
    match tokio::time::timeout(PATIENCE, migrating).await {
        // Of a schema that is too new, too: deliveries wait in the inbox for a version that can file them.
        Ok(Ok(Err(error))) if error.is_away() || store.refusal().is_some() => Ok(Some(error.to_string())),
        Ok(Ok(result)) => result.map(|()| None),
        Ok(Err(error)) => std::panic::resume_unwind(error.into_panic()),
        // It goes on by itself, because a migration that is cut off would only begin again.
        Err(_) => Ok(Some(format!(
            "the schema was not up to date within {} s: it is being changed, or somebody holds a lock on its tables",
            PATIENCE.as_secs()
        ))),
    }
}

/// Until the schema is up to date. Says why it waits when that is something else than `said`, and once a minute. Ends with an
/// error that no waiting helps against, unless it shall wait for that as well.
pub async fn wait(store: &Store, said: Option<Awaited>, for_all: bool) -> Result<(), StoreError> {
    let mut said = (said.unwrap_or_default(), Instant::now());
    while let Err(error) = store.migrate().await {
        let passes = error.is_away();
        if !passes && !for_all {
            return Err(error);
        }
        let why = error.to_string();
        if why != said.0 || said.1.elapsed() >= SAY_AGAIN {
            if passes {
                tracing::warn!(why, "waiting for the database");
            } else {
                tracing::error!(
                    why,
                    "the database answers again, but cannot be used; deliveries stay in the local journal"
                );
            }
            said = (why, Instant::now());
        }
        tokio::time::sleep(RETRY).await;
    }
    tracing::info!("the database answers and is up to date");
    Ok(())
}
