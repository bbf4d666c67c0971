//! The timeline of a record. What caused a change and the change itself are one entry.

use super::records::readable;
use crate::components::{Card, DiffView, EmptyState, Icon, Timeline, TimelineEntry, TimelineSource, json_diff};
use leptos::prelude::*;
use patchbay_domain::Timestamp;
use patchbay_engine::{TimelineEntry as Entry, TimelineKind};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq)]
struct Shown {
    source: TimelineSource,
    title: String,
    at: Timestamp,
    href: Option<String>,
    by: Option<String>,
    status: Option<String>,
    /// Content before and after, where it changed.
    change: Option<(Value, Value)>,
    note: Option<&'static str>,
}

const IGNORED: &str = "Older than what the record already held, so the record was left as it was.";

fn shown(entries: Vec<Entry>) -> Vec<Shown> {
    let (changes, causes): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| matches!(entry.kind, TimelineKind::Change | TimelineKind::Ignored));
    let mut list: Vec<Shown> = causes.iter().map(of_cause).collect();
    for change in changes {
        let cause = causes.iter().position(|cause| is_cause(cause, &change));
        let ignored = change.kind == TimelineKind::Ignored;
        let (note, content) = if ignored { (Some(IGNORED), None) } else { (None, change.before.zip(change.after)) };
        if let Some(at) = cause {
            list[at].change = content.or(list[at].change.take());
            list[at].note = note;
            continue;
        }
        let source = if change.source == "sync" { TimelineSource::Sync } else { TimelineSource::Change };
        list.push(Shown {
            source,
            title: change.title,
            at: change.at,
            href: change.href,
            by: source_words(&change.source).map(str::to_owned),
            status: None,
            change: content,
            note,
        });
    }
    list.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    list
}

fn is_cause(cause: &Entry, change: &Entry) -> bool {
    match cause.kind {
        TimelineKind::Event => change.href.is_some() && cause.href == change.href,
        TimelineKind::Action => change.source == "action" && cause.after.is_some() && cause.after == change.after,
        TimelineKind::Change | TimelineKind::Ignored => false,
    }
}

fn of_cause(cause: &Entry) -> Shown {
    let source = match &cause.actor {
        Some(actor) if actor.is_customer() => TimelineSource::Customer,
        Some(_) => TimelineSource::Staff,
        None => TimelineSource::Event,
    };
    Shown {
        source,
        title: if cause.actor.is_some() { action_words(&cause.title) } else { cause.title.clone() },
        at: cause.at,
        href: cause.href.clone(),
        by: cause.actor.as_ref().map(ToString::to_string),
        status: cause.status.clone(),
        change: cause.before.clone().zip(cause.after.clone()),
        note: None,
    }
}

/// A sync has an icon and a word of its own already.
fn source_words(source: &str) -> Option<&str> {
    match source {
        "event" => Some("by a webhook event"),
        "sync" => None,
        "fetch" => Some("read again from the provider"),
        "action" => Some("by a person's action"),
        other => Some(other),
    }
}

/// `subscription.cancel_now` as `Subscription: cancel now`.
fn action_words(name: &str) -> String {
    let spaced = name.replace('_', " ").replace('.', ": ");
    super::events::capitalised(&spaced)
}

#[component]
pub fn RecordTimeline(entries: Vec<Entry>, now: Timestamp) -> impl IntoView {
    let shown = shown(entries);
    if shown.is_empty() {
        return view! {
            <Card title="Timeline" padded=false>
                <EmptyState title="Nothing happened yet" icon=Icon::Clock>
                    <p>"Events, changes and actions of people appear here."</p>
                </EmptyState>
            </Card>
        }
        .into_any();
    }
    let items = shown.into_iter().map(|entry| view! { <ShownEntry entry=entry now=now/> }).collect_view();
    view! { <Card title="Timeline"><Timeline>{items}</Timeline></Card> }.into_any()
}

#[component]
fn ShownEntry(entry: Shown, now: Timestamp) -> impl IntoView {
    let rows = entry.change.map(|(before, after)| readable(json_diff(&before, &after))).filter(|rows| !rows.is_empty());
    let note = entry.note.map(|text| view! { <p>{text}</p> });
    let changed = rows.map(|rows| {
        let fields = super::links::counted(i64::try_from(rows.len()).unwrap_or(i64::MAX), "field", "fields");
        view! {
            <details>
                <summary class="w-fit cursor-pointer rounded-sm text-accent hover:underline">{format!("Changed {fields}")}</summary>
                <div class="mt-2 rounded-md border border-line text-ink"><DiffView rows=rows/></div>
            </details>
        }
    });
    // An empty box would leave a gap.
    if note.is_none() && changed.is_none() {
        return view! {
            <TimelineEntry source=entry.source title=entry.title at=entry.at now=now nostrip:href=entry.href nostrip:by=entry.by nostrip:status=entry.status/>
        }
        .into_any();
    }
    view! {
        <TimelineEntry source=entry.source title=entry.title at=entry.at now=now nostrip:href=entry.href nostrip:by=entry.by nostrip:status=entry.status>
            {note}
            {changed}
        </TimelineEntry>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_engine::Actor;
    use serde_json::json;

    fn entry(kind: TimelineKind, at: i64, href: Option<&str>, source: &str) -> Entry {
        Entry {
            at: Timestamp(at),
            kind,
            title: "title".to_owned(),
            source: source.to_owned(),
            actor: None,
            status: Some("processed".to_owned()),
            href: href.map(str::to_owned),
            before: Some(json!({"a": 1})),
            after: Some(json!({"a": 2})),
        }
    }

    #[test]
    fn an_event_and_the_change_it_brought_are_one_entry() {
        let mut event = entry(TimelineKind::Event, 1, Some("/events/1"), "");
        (event.before, event.after) = (None, None);
        let list = shown(vec![entry(TimelineKind::Change, 2, Some("/events/1"), "event"), event]);
        assert_eq!(list.len(), 1);
        assert_eq!(list[0].status.as_deref(), Some("processed"));
        assert!(list[0].change.is_some());
    }

    #[test]
    fn a_change_by_a_sync_stands_for_itself() {
        let list = shown(vec![entry(TimelineKind::Change, 2, None, "sync")]);
        assert_eq!(list[0].source, TimelineSource::Sync);
    }

    #[test]
    fn an_action_names_who_did_it_and_whether_that_is_a_customer() {
        let by = |organisation: Option<&str>| {
            let actor = Actor { name: "Chiara Rossi".to_owned(), organisation: organisation.map(str::to_owned) };
            Entry { actor: Some(actor), ..entry(TimelineKind::Action, 3, None, "") }
        };
        let list = shown(vec![by(Some("Northwind Traders")), by(None)]);
        assert_eq!(list[0].source, TimelineSource::Customer);
        assert_eq!(list[0].by.as_deref(), Some("Chiara Rossi · Northwind Traders"));
        assert_eq!((list[1].source, list[1].by.as_deref()), (TimelineSource::Staff, Some("Chiara Rossi")));
    }

    #[test]
    fn an_action_reads_as_words() {
        assert_eq!(action_words("subscription.cancel_now"), "Subscription: cancel now");
    }
}
