//! A database that is older than the inbox's file: what it lacks is passed on to people, and read again where that helps.

use crate::{Engine, sync};
use patchbay_domain::Timestamp;
use patchbay_store::{Gap, StoreError};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// For so long staff are told.
pub const TOLD_FOR: Duration = Duration::from_hours(7 * 24);

#[derive(Default)]
pub(crate) struct Noted(Mutex<Vec<(Timestamp, Gap)>>);

impl Noted {
    pub fn all(&self) -> Vec<(Timestamp, Gap)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Compares the files, before anything is filed.
pub(crate) async fn tell(engine: &Engine) -> Result<(), StoreError> {
    let durable = &engine.0.inbox.durable;
    let found = durable.store.note_gaps(&durable.journal).await?;
    for Gap { connection, from, until } in &found {
        let from = from.map_or_else(|| "the beginning".to_owned(), |from| from.to_string());
        tracing::error!(
            connection,
            from,
            %until,
            "the database is older than the inbox's file: deliveries of that time were acknowledged and are in neither. Their \
             records are read again by a sync; ask the provider to send the events of that time again \
             (docs/operations.md, What is lost in which disaster)"
        );
        if engine.connection(connection).is_some()
            && let Err(error) = sync::start(engine, connection, false).await
        {
            tracing::warn!(connection, error = error.message, "no sync was begun; begin one on the page Connections");
        }
    }
    let noted = durable.store.noted_gaps(TOLD_FOR).await?;
    *engine.0.gaps.0.lock().unwrap_or_else(PoisonError::into_inner) = noted;
    Ok(())
}
