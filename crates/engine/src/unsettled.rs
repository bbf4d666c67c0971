//! Finds out what became of actions that were left without an answer: after a crash between the call and its answer, or when
//! the provider did not say. The target is read again; where that tells, the action is settled, and where it does not, a
//! person is asked for it on its page.

use crate::{
    Engine,
    action_spec::{action_spec, is_about_record},
    refetch,
    worker::{note, publish},
};
use patchbay_domain::{State, limited};
use patchbay_store::{AuditEntry, AuditOutcome, Settlement, StoreError};
use std::time::Duration;

/// Longer than any action takes: three attempts with their pauses.
const LONGEST: Duration = Duration::from_mins(3);
/// What is not found out by then is left to people.
const GIVE_UP: Duration = Duration::from_hours(24);
const EVERY: Duration = Duration::from_secs(30);
const AT_ONCE: u32 = 500;
/// Who found out.
const OURSELVES: &str = "reading it again";

pub(crate) async fn run(engine: Engine) {
    while !engine.is_stopping() {
        // Listened for from here on, so that a stop in between is heard.
        let stopped = engine.0.stopped.notified();
        if let Err(error) = settle_once(&engine).await
            && engine.0.inbox.durable.away_since().is_none()
        {
            limited!(error, %error, "actions without an answer were not looked up");
        }
        tokio::select! {
            () = stopped => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Looks at every action that should have its outcome by now.
pub(crate) async fn settle_once(engine: &Engine) -> Result<(), StoreError> {
    let now = engine.clock().now();
    for mut entry in engine.0.store.open_actions(now.minus(GIVE_UP), now.minus(LONGEST), AT_ONCE).await? {
        if entry.outcome == AuditOutcome::Started {
            entry.error = Some("the process ended, or gave up, before there was an answer".to_owned());
            engine.0.store.settle_audit(entry.id, &unknown(&entry)).await?;
        }
        look(engine, &entry).await?;
    }
    Ok(())
}

fn unknown(entry: &AuditEntry) -> Settlement {
    Settlement { outcome: AuditOutcome::Unknown, after: None, error: entry.error.clone(), by: None }
}

/// Reads the target, which brings the record up to date in any case.
async fn look(engine: &Engine, entry: &AuditEntry) -> Result<(), StoreError> {
    let target = &entry.target;
    if !is_about_record(&target.key.kind) || engine.connection(&target.connection).is_none() {
        return Ok(());
    }
    let took_effect = action_spec(&entry.action).and_then(|spec| spec.took_effect);
    // One reading is enough where it does not tell.
    let was_read = entry.settled.as_ref().is_some_and(|settled| settled.at >= entry.at.plus(LONGEST));
    if took_effect.is_none() && was_read {
        return Ok(());
    }
    let cause = entry.id.to_string();
    let change = match refetch::refetch(engine, &target.connection, &target.key, &cause).await? {
        Ok((change, applied)) => {
            let mut news = Vec::new();
            note(&mut news, &target.connection, &change, &applied);
            publish(engine, news);
            change
        }
        // Its webhook or the next sync brings it where no other round looks again.
        Err(error) => {
            tracing::info!(%target, %error, "the target of an action without an answer could not be read");
            return Ok(());
        }
    };
    let settlement = match took_effect.and_then(|took_effect| took_effect(&change)) {
        None => unknown(entry),
        Some(true) => {
            let after = match change.state {
                State::Present { body, .. } => Some(body),
                State::Deleted => None,
            };
            Settlement { outcome: AuditOutcome::Done, after, error: None, by: Some(OURSELVES.to_owned()) }
        }
        Some(false) => {
            let error = entry.error.clone().or_else(|| Some("the provider never did it".to_owned()));
            Settlement { outcome: AuditOutcome::Failed, after: None, error, by: Some(OURSELVES.to_owned()) }
        }
    };
    engine.0.store.settle_audit(entry.id, &settlement).await.map(drop)
}
