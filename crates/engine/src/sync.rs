//! Reads everything a provider has, page by page. Progress is saved with each page, so a sync survives a restart,
//! goes on where it was, and can be cancelled.

use crate::{
    Engine,
    live::LiveMessage,
    refetch, storage_failed,
    worker::{note, publish},
};
use patchbay_domain::{Source, UserError, change::Applied, error::Reason};
use patchbay_providers::{Connection, ProviderError};
use patchbay_store::{StoreError, SyncProgress, SyncRun};
use std::{sync::Arc, time::Duration};

const POLL: Duration = Duration::from_secs(5);
/// A running sync without a sign of life for this long belongs to nobody.
const ABANDONED: Duration = Duration::from_mins(1);
const TRIES: u32 = 6;

pub(crate) async fn start(engine: &Engine, connection: &str) -> Result<SyncRun, UserError> {
    if engine.connection(connection).is_none() {
        return Err(UserError::not_found("connection"));
    }
    match engine.0.store.start_sync(connection).await {
        Ok(run) => {
            engine.0.sync_work.notify_one();
            engine.0.bus.publish(LiveMessage::new("syncs", connection, "started"));
            Ok(run)
        }
        Err(StoreError::AlreadyRunning { .. }) => Err(UserError::new(
            Reason::Conflict,
            "A sync of this connection is running already. Watch it below, or cancel it.",
        )),
        Err(error) => Err(storage_failed(&error)),
    }
}

pub(crate) async fn start_first_syncs(engine: &Engine) -> Result<(), StoreError> {
    for name in engine.connection_names() {
        if engine.0.store.latest_sync(name).await?.is_none() {
            match engine.0.store.start_sync(name).await {
                Ok(_) | Err(StoreError::AlreadyRunning { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    engine.0.sync_work.notify_one();
    Ok(())
}

pub(crate) async fn supervise(engine: Engine) {
    while !engine.is_stopping() {
        if let Err(error) = run_waiting(&engine).await {
            tracing::error!(%error, "syncs could not be looked up");
        }
        tokio::select! {
            () = engine.0.sync_work.notified() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

async fn run_waiting(engine: &Engine) -> Result<(), StoreError> {
    let runs = engine.0.store.take_syncs(&engine.0.owner, ABANDONED).await?;
    for run in runs {
        tokio::spawn(run_one(engine.clone(), run));
    }
    Ok(())
}

async fn run_one(engine: Engine, run: SyncRun) {
    let connection_name = run.connection.clone();
    let id = run.id;
    let (state, error) = match run_pages(&engine, run).await {
        Ok(End::Done) => ("done", None),
        Ok(End::Cancelled) => ("cancelled", None),
        // The row stays `running`; the next process takes it over and goes on at the cursor.
        Ok(End::Stopping) => return,
        Err(reason) => ("failed", Some(reason)),
    };
    if let Some(reason) = &error {
        tracing::warn!(connection = %connection_name, reason, "sync failed");
    }
    if let Err(error) = engine.0.store.finish_sync(id, state, error.as_deref()).await {
        tracing::error!(%error, "the end of a sync was not written");
    }
    engine.0.bus.publish(LiveMessage::new("syncs", connection_name, state));
}

enum End {
    Done,
    Cancelled,
    Stopping,
}

async fn run_pages(engine: &Engine, run: SyncRun) -> Result<End, String> {
    let Some(connection) = engine.connection(&run.connection).cloned() else {
        return Err("the connection is not configured any more".to_owned());
    };
    let kinds = connection.manifest().kinds;
    let mut progress =
        SyncProgress { kind_index: run.kind_index, cursor: run.cursor.clone(), done: run.done, changed: run.changed };
    while let Some(kind) = usize::try_from(progress.kind_index).ok().and_then(|index| kinds.get(index)) {
        if engine.is_stopping() {
            return Ok(End::Stopping);
        }
        if engine.0.store.sync_cancel_requested(run.id).await.map_err(|error| error.to_string())? {
            return Ok(End::Cancelled);
        }
        let page =
            list_patiently(&connection, kind, progress.cursor.as_deref()).await.map_err(|error| error.to_string())?;
        progress.done += i64::try_from(page.changes.len()).unwrap_or(0);
        if page.next.is_none() {
            progress.kind_index += 1;
        }
        progress.cursor = page.next.clone();
        apply_page(engine, &run, &page.changes, &mut progress).await.map_err(|error| error.to_string())?;
    }
    Ok(End::Done)
}

async fn list_patiently(
    connection: &Arc<dyn Connection>,
    kind: &patchbay_domain::Kind,
    cursor: Option<&str>,
) -> Result<patchbay_providers::provider::ListPage, ProviderError> {
    let mut tries = 0;
    loop {
        match connection.list(kind, cursor).await {
            Err(error) if error.is_temporary() && tries < TRIES => {
                tries += 1;
                let wait = error.retry_after.unwrap_or(Duration::from_secs(2_u64.pow(tries)));
                tokio::time::sleep(wait).await;
            }
            answer => return answer,
        }
    }
}

async fn apply_page(
    engine: &Engine,
    run: &SyncRun,
    changes: &[patchbay_domain::Change],
    progress: &mut SyncProgress,
) -> Result<(), StoreError> {
    let source = Source::Sync { id: run.id.to_string() };
    let mut ties = Vec::new();
    let mut news = Vec::new();
    let mut tx = engine.0.store.begin().await?;
    for change in changes {
        let applied = tx.apply(&run.connection, change, &source, None).await?;
        match applied {
            Applied::Tie => ties.push(change.key.clone()),
            Applied::Created | Applied::Updated | Applied::Deleted => progress.changed += 1,
            Applied::Unchanged | Applied::IgnoredStale { .. } => {}
        }
        note(&mut news, change, &applied);
    }
    tx.save_sync_progress(run.id, progress).await?;
    tx.commit().await?;
    publish(engine, news);
    engine.0.bus.publish(LiveMessage::new("syncs", run.connection.clone(), progress.done.to_string()));
    for key in ties {
        if let Err(error) = refetch::refetch(engine, &run.connection, &key, &run.id.to_string()).await? {
            tracing::warn!(object = %key, %error, "an object that changed during the sync was not read again");
        }
    }
    Ok(())
}
