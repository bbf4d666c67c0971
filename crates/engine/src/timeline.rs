//! One axis for everything that happened to an object: events, changes and people's actions.

use crate::people::{Actor, Organisations};
use patchbay_domain::Timestamp;
use patchbay_store::{AuditFilter, PageRequest, Record, Store, StoreError};
use serde_json::Value;

const ENTRIES: u32 = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimelineKind {
    /// A webhook event about the object arrived.
    Event,
    /// The record changed.
    Change,
    /// A change was not applied because the record was newer already.
    Ignored,
    /// A person did something.
    Action,
}

#[derive(Clone, Debug)]
pub struct TimelineEntry {
    pub at: Timestamp,
    pub kind: TimelineKind,
    pub title: String,
    /// What brought a change: `event`, `sync`, `fetch` or `action`. Empty for everything else.
    pub source: String,
    /// Who acted, for actions.
    pub actor: Option<Actor>,
    /// The state of an event, the outcome of an action.
    pub status: Option<String>,
    /// Page that shows it whole.
    pub href: Option<String>,
    /// The record's content before and after, for changes.
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// Newest first.
pub(crate) async fn of_record(store: &Store, record: &Record) -> Result<Vec<TimelineEntry>, StoreError> {
    let page = PageRequest { limit: ENTRIES, ..PageRequest::default() };
    let history = store.history(&record.connection, &record.key, &page).await?.items;
    let events = store.events_of_object(&record.connection, &record.key.id, &page).await?.items;
    let filter = AuditFilter {
        target_id: Some(record.key.id.clone()),
        target_kind: Some(record.key.kind.to_string()),
        connection: Some(record.connection.clone()),
        ..AuditFilter::default()
    };
    let audit = store.list_audit(&filter, &page).await?.items;
    let organisations = Organisations::of(store, &audit).await?;

    let mut entries: Vec<TimelineEntry> = Vec::with_capacity(history.len() + events.len() + audit.len());
    let mut older: Vec<Option<Value>> = history.iter().skip(1).map(|entry| entry.body_after.clone()).collect();
    older.push(None);
    for (entry, before) in history.into_iter().zip(older) {
        let ignored = entry.outcome == "ignored";
        entries.push(TimelineEntry {
            at: entry.at,
            kind: if ignored { TimelineKind::Ignored } else { TimelineKind::Change },
            title: if ignored {
                "Ignored: older than what is here".to_owned()
            } else {
                format!("Record {}", entry.outcome)
            },
            href: (entry.source_type == "event").then(|| format!("/events/{}", entry.source_id)),
            source: entry.source_type,
            actor: None,
            status: None,
            before,
            after: entry.body_after,
        });
    }
    entries.extend(events.into_iter().map(|event| TimelineEntry {
        at: event.received_at,
        kind: TimelineKind::Event,
        title: event.event_type,
        source: String::new(),
        actor: None,
        status: Some(event.state.as_str().to_owned()),
        href: Some(format!("/events/{}", event.id)),
        before: None,
        after: None,
    }));
    entries.extend(audit.into_iter().map(|entry| TimelineEntry {
        at: entry.at,
        kind: TimelineKind::Action,
        actor: Some(organisations.actor(&entry)),
        title: entry.action,
        source: String::new(),
        status: Some(entry.outcome.as_str().to_owned()),
        href: Some(format!("/audit/{}", entry.id)),
        before: entry.before,
        after: entry.after,
    }));
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    Ok(entries)
}
