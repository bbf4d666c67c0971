//! Events in rows, the same wherever they are listed.

use super::links::record_href;
use crate::components::{Cell, Column, LinkCell, Row, SelectCell, StatusBadge, Table, Time};
use leptos::prelude::*;
use patchbay_domain::{ObjectKey, RecordRef, Timestamp, event::EventState};
use patchbay_store::EventSummary;

/// What is shown of each event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Columns {
    /// Type and state only, for narrow places.
    Brief,
    #[default]
    All,
    /// With the error instead of the state, for dead letters.
    Errors,
}

/// The state, finer than it is stored: a pending event may be held by a worker, or wait after a failed attempt.
pub fn state_word(event: &EventSummary) -> &'static str {
    match event.state {
        EventState::Pending if event.leased => "processing",
        EventState::Pending if event.attempts > 0 => "retrying",
        state => state.as_str(),
    }
}

#[component]
pub fn EventTable(
    #[prop(into)] caption: String,
    events: Vec<EventSummary>,
    now: Timestamp,
    #[prop(optional)] columns: Columns,
    /// Id of the form that the check boxes belong to.
    #[prop(default = None)]
    select_form: Option<&'static str>,
) -> impl IntoView {
    let mut head = Vec::new();
    if select_form.is_some() {
        head.push(Column::hidden("Select"));
    }
    head.extend(["Received", "Type"].map(Column::text));
    if columns != Columns::Brief {
        head.push(Column::text("Object"));
    }
    match columns {
        Columns::Brief => head.push(Column::text("State")),
        Columns::All => head.extend([Column::text("State"), Column::end("Attempts"), Column::text("Connection")]),
        Columns::Errors => head.extend([Column::text("Error"), Column::end("Attempts"), Column::text("Connection")]),
    }
    let rows = events
        .into_iter()
        .map(|event| view! { <EventRow event=event now=now columns=columns select_form=select_form/> })
        .collect_view();
    view! { <Table caption=caption head=head>{rows}</Table> }
}

#[component]
fn EventRow(event: EventSummary, now: Timestamp, columns: Columns, select_form: Option<&'static str>) -> impl IntoView {
    let select = select_form.map(|form| {
        let label = format!("Select {} {}", event.event_type, event.external_id);
        view! { <SelectCell name="ids" value=event.id.to_string() label=label form=form.to_owned()/> }
    });
    let state = state_word(&event);
    let name =
        if columns == Columns::Brief { breaking(&event.event_type) } else { event.event_type.clone().into_any() };
    let waits = (event.state == EventState::Pending && event.attempts > 0 && !event.leased)
        .then(|| format!("next attempt {}", event.due_at.relative_to(now)))
        .or_else(|| event.error.clone().filter(|_| event.state == EventState::Skipped));
    let middle = if columns == Columns::Errors {
        view! { <Cell label="Error" wide=true>{event.error.clone().unwrap_or_else(|| "No reason was kept.".to_owned())}</Cell> }.into_any()
    } else {
        view! {
            <Cell label="State" wide=event.state == EventState::Skipped && waits.is_some()>
                <span class="inline-flex flex-wrap items-center gap-2">
                    <StatusBadge status=state/>
                    {waits.map(|text| view! { <span class="text-xs text-ink-soft">{text}</span> })}
                </span>
            </Cell>
        }
        .into_any()
    };
    let connection = event.connection.clone();
    let object = (columns != Columns::Brief)
        .then(|| view! { <Cell label="Object"><ObjectLink connection=connection object=event.object/></Cell> });
    let rest = matches!(columns, Columns::All | Columns::Errors).then(|| {
        view! {
            <Cell label="Attempts" end=true>{event.attempts}</Cell>
            <Cell label="Connection">{event.connection.clone()}</Cell>
        }
    });
    view! {
        <Row>
            {select}
            <Cell label="Received">
                <span class="text-ink-soft"><Time at=event.received_at now=now/></span>
            </Cell>
            <LinkCell label="Type" href=format!("/events/{}", event.id)>{name}</LinkCell>
            {object}
            {middle}
            {rest}
        </Row>
    }
}

/// A type that may break after its dots, for narrow places.
fn breaking(event_type: &str) -> AnyView {
    event_type.split_inclusive('.').map(|part| view! { {part.to_owned()} <wbr/> }).collect_view().into_any()
}

/// The object an event or an entry is about.
#[component]
pub fn ObjectLink(connection: String, object: Option<ObjectKey>) -> impl IntoView {
    match object {
        None => view! { <span class="text-ink-faint" aria-label="none">"—"</span> }.into_any(),
        Some(key) => {
            let href = record_href(&RecordRef::new(connection, key.clone()));
            let ObjectKey { kind, id } = key;
            let title = kind.as_str().replace('_', " ");
            // Some providers' ids are longer than all other cells of a row together.
            let title = format!("{title} {id}");
            view! { <a href=href title=title class="font-mono text-xs break-all text-accent hover:underline [td_&]:inline-block [td_&]:max-w-52 [td_&]:truncate [td_&]:align-middle">{id}</a> }
                .into_any()
        }
    }
}
