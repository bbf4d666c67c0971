//! `/events/{id}`: one delivery, what was tried with it and what it changed.

use super::{
    event_table::{Columns, EventTable, ObjectLink, state_word},
    links::{bytes, duration, record_href},
    page::{page, staff_frame},
    replay::ReplayForm,
    stored::stored,
};
use crate::{
    components::{
        Card, Cell, Column, DiffView, EmptyState, ExactTime, Icon, Id, JsonView, KeyValue, KeyValues, LinkButton, Live,
        Notice, PageHeader, Row, Size, StatusBadge, Table, Time, Tone, Variant, json_diff, url,
    },
    context::{now, request, staff},
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use patchbay_domain::{RecordRef, Timestamp, event::EventState};
use patchbay_engine::{EventPage as Event, Staff};
use patchbay_store::{Attempt, EventFilter, EventSummary, HistoryEntry, PageRequest};
use serde_json::Value;

/// Events of the same object that came before this one.
const EARLIER: u32 = 5;
/// Payloads up to this many bytes start unfolded.
const UNFOLDED: usize = 6_000;
/// How far back the state before this event is looked for.
const HISTORY: u32 = 50;

#[component]
pub fn EventPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    page(async move {
        let (staff, now, request_id) = (staff()?, now(), request().request_id);
        tracing::debug!(event = id, request_id, "an event is read");
        let event = staff.event(&id).await?;
        let earlier = earlier(&staff, &event.event.summary).await?;
        let before = state_before(&staff, &event).await?;
        let may_act = staff.principal().may_act();
        let title = event.event.summary.event_type.clone();
        let crumbs = vec![("Events".to_owned(), Some("/events".to_owned())), (title.clone(), None)];
        let content = view! { <EventBody event=event earlier=earlier before=before may_act=may_act now=now/> };
        Ok(staff_frame(&title, crumbs, "processed", content.into_any()))
    })
}

async fn earlier(staff: &Staff, event: &EventSummary) -> Result<Vec<EventSummary>, patchbay_domain::UserError> {
    let Some(object) = &event.object else { return Ok(Vec::new()) };
    let filter = EventFilter {
        connection: Some(event.connection.clone()),
        object_id: Some(object.id.clone()),
        to: Some(event.received_at),
        ..EventFilter::default()
    };
    let page = PageRequest { limit: EARLIER, ..PageRequest::default() };
    Ok(stored(staff.store().list_events(&filter, &page).await)?.items)
}

/// What the event's own object was before the event changed it.
async fn state_before(staff: &Staff, event: &Event) -> Result<Option<Value>, patchbay_domain::UserError> {
    let summary = &event.event.summary;
    let Some(object) = summary.object.as_ref().filter(|_| !event.changes.is_empty()) else { return Ok(None) };
    let page = PageRequest { limit: HISTORY, ..PageRequest::default() };
    let history = stored(staff.store().history(&summary.connection, object, &page).await)?.items;
    let id = summary.id.to_string();
    let own = history.iter().position(|entry| entry.source_id == id);
    Ok(own.and_then(|own| history.into_iter().skip(own + 1).find_map(|entry| entry.body_after)))
}

#[component]
fn EventBody(
    event: Event,
    earlier: Vec<EventSummary>,
    before: Option<Value>,
    may_act: bool,
    now: Timestamp,
) -> impl IntoView {
    let detail = event.event;
    let summary = detail.summary;
    let replay = may_act.then(|| {
        let variant = if summary.state == EventState::Dead { Variant::Primary } else { Variant::Secondary };
        view! { <ReplayForm ids=summary.id.to_string() label="Replay" variant=variant/> }
    });
    let status = state_word(&summary);
    let subtitle = format!("{} · received {}", summary.connection, summary.received_at.relative_to(now));
    view! {
        <Live name="event">
            <PageHeader title=summary.event_type.clone() status=status subtitle=subtitle id=summary.external_id.clone()>
                {replay}
            </PageHeader>
            <div class="grid gap-4">
                <Trouble event=summary.clone() now=now/>
                <div class="grid items-start gap-4 xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
                    <div class="grid min-w-0 gap-4">
                        <Effects changes=event.changes before=before event=summary.clone()/>
                        <Attempts attempts=detail.attempts now=now/>
                        <Payload body=detail.body.to_vec()/>
                    </div>
                    <div class="grid min-w-0 gap-4">
                        <Facts event=summary.clone()/>
                        <Earlier events=earlier event=summary now=now/>
                        <Headers headers=detail.headers/>
                    </div>
                </div>
            </div>
        </Live>
    }
}

/// Why it is not done yet, and what happens next.
#[component]
fn Trouble(event: EventSummary, now: Timestamp) -> impl IntoView {
    let error = event.error.clone()?;
    match event.state {
        EventState::Dead => Some(
            view! {
                <Notice tone=Tone::Bad title="Given up on">
                    <p class="break-words">{error}</p>
                    <p class="mt-1 text-ink-soft">"Its effects are not in our records. Fix the cause, then replay it."</p>
                </Notice>
            }
            .into_any(),
        ),
        EventState::Pending if event.attempts == 0 => Some(
            view! {
                <Notice tone=Tone::Warn title="It waits">
                    <p class="break-words">{error}</p>
                    <p class="mt-1 text-ink-soft">"No attempt is lost by that: it is worked on as soon as it can be."</p>
                </Notice>
            }
            .into_any(),
        ),
        EventState::Pending => {
            let next = if event.leased { "A worker is trying again right now.".to_owned() } else { format!("The next attempt is due {}.", event.due_at.relative_to(now)) };
            Some(
                view! {
                    <Notice tone=Tone::Warn title="The last attempt failed">
                        <p class="break-words">{error}</p>
                        <p class="mt-1 text-ink-soft">{next}</p>
                    </Notice>
                }
                .into_any(),
            )
        }
        EventState::Skipped => Some(
            view! {
                <Notice tone=Tone::Info title="Kept, and not recorded">
                    <p class="break-words">{error}</p>
                </Notice>
            }
            .into_any(),
        ),
        EventState::Processed => None,
    }
}

#[component]
fn Effects(changes: Vec<HistoryEntry>, before: Option<Value>, event: EventSummary) -> impl IntoView {
    if changes.is_empty() {
        let (title, why) = match event.state {
            EventState::Pending => ("Nothing yet", "It waits for a worker."),
            EventState::Processed => {
                ("Nothing differed", "The records already stood where this event would have brought them.")
            }
            EventState::Skipped if event.error.is_some() => ("Nothing", "It was set aside for the reason above."),
            EventState::Skipped => (
                "Nothing reads this type",
                "It is kept as it was delivered. Should a later release read it, replay it.",
            ),
            EventState::Dead => ("Nothing", "No attempt came to its end."),
        };
        return view! {
            <Card title="What it changed">
                <p class="text-sm font-medium">{title}</p>
                <p class="mt-0.5 text-sm text-ink-soft">{why}</p>
            </Card>
        }
        .into_any();
    }
    let own = event.object;
    let items = changes
        .into_iter()
        .map(|change| {
            let is_own = own.as_ref() == Some(&change.key);
            let before = before.clone().filter(|_| is_own);
            view! { <EffectOf change=change before=before/> }
        })
        .collect_view();
    view! {
        <Card title="What it changed" padded=false>
            <ul class="divide-y divide-line">{items}</ul>
        </Card>
    }
    .into_any()
}

#[component]
fn EffectOf(change: HistoryEntry, before: Option<Value>) -> impl IntoView {
    let kind = change.key.kind.as_str().replace('_', " ");
    let href = record_href(&RecordRef::new(&change.connection, change.key.clone()));
    let detail = match (change.outcome.as_str(), before, change.body_after) {
        ("ignored", _, _) => {
            view! { <p class="px-4 pb-3 text-sm text-ink-soft">"The record already held newer news, so it was left as it was."</p> }.into_any()
        }
        (_, Some(before), Some(after)) => view! { <DiffView rows=json_diff(&before, &after)/> }.into_any(),
        (_, None, Some(after)) => view! {
            <details class="px-4 pb-3">
                <summary class="cursor-pointer text-sm text-ink-soft">"What it is since"</summary>
                <div class="mt-2"><JsonView value=after/></div>
            </details>
        }
        .into_any(),
        (_, _, None) => ().into_any(),
    };
    view! {
        <li>
            <div class="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-3 text-sm">
                <span class="font-medium">{super::events::capitalised(&kind)}</span>
                <a href=href class="min-w-0 font-mono text-xs break-all text-accent hover:underline">{change.key.id}</a>
                <span class="ml-auto"><StatusBadge status=change.outcome/></span>
            </div>
            {detail}
        </li>
    }
}

#[component]
fn Attempts(attempts: Vec<Attempt>, now: Timestamp) -> impl IntoView {
    if attempts.is_empty() {
        return view! {
            <Card title="Attempts">
                <p class="text-sm text-ink-soft">"None yet. A worker takes events in the order of their objects."</p>
            </Card>
        }
        .into_any();
    }
    let rows = attempts
        .into_iter()
        .rev()
        .map(|attempt| {
            view! {
                <Row>
                    <Cell label="Started"><Time at=attempt.started_at now=now/></Cell>
                    <Cell label="Outcome"><StatusBadge status=attempt.outcome/></Cell>
                    <Cell label="Took" end=true>{duration(attempt.duration_us)}</Cell>
                    <Cell label="Reason" wide=true>{attempt.error.unwrap_or_else(|| "—".to_owned())}</Cell>
                </Row>
            }
        })
        .collect_view();
    let head = vec![Column::text("Started"), Column::text("Outcome"), Column::end("Took"), Column::text("Reason")];
    view! { <Card title="Attempts" padded=false><Table caption="Attempts, newest first" head=head>{rows}</Table></Card> }.into_any()
}

#[component]
fn Payload(body: Vec<u8>) -> impl IntoView {
    let content = if let Ok(value) = serde_json::from_slice::<Value>(&body) {
        let small = body.len() <= UNFOLDED;
        view! { <JsonView value=value open=small/> }.into_any()
    } else {
        let text = String::from_utf8_lossy(&body).into_owned();
        view! {
            <p class="mb-2 text-sm text-ink-soft">"The body is not JSON. It is shown as text."</p>
            <pre class="overflow-x-auto rounded-md bg-sunken px-3 py-2 font-mono text-xs leading-5 whitespace-pre-wrap break-all" tabindex="0">{text}</pre>
        }
        .into_any()
    };
    view! { <Card title="Payload, as it was delivered">{content}</Card> }
}

#[component]
fn Facts(event: EventSummary) -> impl IntoView {
    let connection = event.connection.clone();
    view! {
        <Card title="Facts">
            <KeyValues>
                <KeyValue label="Object"><ObjectLink connection=connection object=event.object/></KeyValue>
                <KeyValue label="Happened"><ExactTime at=event.occurred_at/></KeyValue>
                <KeyValue label="Received"><ExactTime at=event.received_at/></KeyValue>
                {event.finished_at.map(|at| view! { <KeyValue label="Finished"><ExactTime at=at/></KeyValue> })}
                <KeyValue label="Connection"><a href="/connections" class="text-accent hover:underline">{event.connection}</a></KeyValue>
                <KeyValue label="Replays">{event.replays}</KeyValue>
                <KeyValue label="Size">{bytes(event.size_bytes)}</KeyValue>
                <KeyValue label="Our id"><Id text=event.id.to_string()/></KeyValue>
                <KeyValue label="Request id"><Id text=event.request_id/></KeyValue>
            </KeyValues>
        </Card>
    }
}

#[component]
fn Earlier(events: Vec<EventSummary>, event: EventSummary, now: Timestamp) -> impl IntoView {
    let object = event.object?;
    let all = url::with_query("/events", [("object".to_owned(), object.id)]);
    let link = view! { <LinkButton href=all size=Size::Small variant=Variant::Ghost>"All of this object"</LinkButton> }
        .into_any();
    let content = if events.is_empty() {
        view! {
            <EmptyState title="This is the first one" icon=Icon::Webhook>
                <p>"Nothing was delivered about this object before."</p>
            </EmptyState>
        }
        .into_any()
    } else {
        view! { <EventTable caption="Earlier events of the same object" events=events now=now columns=Columns::Brief/> }
            .into_any()
    };
    Some(view! { <Card title="Before this" actions=link padded=false>{content}</Card> })
}

#[component]
fn Headers(headers: Vec<(String, String)>) -> impl IntoView {
    let items = headers
        .into_iter()
        .map(|(name, value)| view! { <KeyValue label=name><code class="font-mono text-xs break-all">{value}</code></KeyValue> })
        .collect_view();
    view! { <Card title="Headers"><KeyValues>{items}</KeyValues></Card> }
}
