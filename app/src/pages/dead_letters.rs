//! `/dead-letters`: events that were given up on, with the reason, until somebody replays them.

use super::{
    event_query::EventQuery,
    event_table::{Columns, EventTable},
    events::EventFilterBar,
    export::List,
    links::{count, counted},
    page::{page, staff_frame},
    stored::stored,
};
use crate::{
    components::{
        Button, Card, Code, EmptyState, Icon, LinkButton, Live, Notice, PageHeader, Pager, Size, Tone, Variant, url,
    },
    context::{RequestContext, now, request, staff},
};
use leptos::prelude::*;
use patchbay_domain::{Timestamp, UserError, event::EventState};
use patchbay_store::{EventSummary, Page, ReplayPreview};

const PATH: &str = "/dead-letters";
const BULK: &str = "bulk-replay";

#[component]
pub fn DeadLettersPage() -> impl IntoView {
    page(async move {
        let (staff, request, now) = (staff()?, request(), now());
        let query = query(&request)?;
        let paging = request.page();
        let store = staff.store();
        let events = stored(store.list_events(&query.filter, &paging).await)?;
        let summary = stored(store.replay_preview(&query.filter).await)?;
        let types = stored(store.event_types(None).await)?;
        let connections: Vec<String> = staff.engine().connection_names().map(str::to_owned).collect();
        let may_act = staff.principal().may_act();
        let actions = (may_act && !events.items.is_empty()).then(|| view! { <BulkActions query=query.clone()/> });
        let filter_bar = view! { <EventFilterBar list=List::DeadLetters query=query.clone() types=types connections=connections states=false/> };
        let content = view! {
            <PageHeader title="Dead letters" subtitle="Events that were given up on. Nothing is lost: each is kept until somebody replays it.">
                {actions}
            </PageHeader>
            {filter_bar}
            <Live name="dead-letters">
                <DeadList events=events summary=summary now=now query=query may_act=may_act/>
            </Live>
        };
        Ok(staff_frame("Dead letters", vec![("Dead letters".to_owned(), None)], "processed", content.into_any()))
    })
}

/// The address's filter within the dead ones.
pub fn query(request: &RequestContext) -> Result<EventQuery, UserError> {
    let mut query = EventQuery::of_request(request)?;
    query.pairs.retain(|(name, _)| name != "state");
    query.filter.state = Some(EventState::Dead);
    Ok(query)
}

#[component]
fn BulkActions(query: EventQuery) -> impl IntoView {
    let dead = [("state".to_owned(), EventState::Dead.as_str().to_owned())];
    let all = url::with_query("/events/replay", query.pairs.iter().cloned().chain(dead));
    let label = if query.is_empty() { "Replay all" } else { "Replay all that match" };
    view! {
        <LinkButton href=all variant=Variant::Ghost>{label}</LinkButton>
        <form id=BULK method="get" action="/events/replay">
            <Button icon=Icon::RotateCw>"Replay selected"</Button>
        </form>
    }
}

#[component]
fn DeadList(
    events: Page<EventSummary>,
    summary: ReplayPreview,
    now: Timestamp,
    query: EventQuery,
    may_act: bool,
) -> impl IntoView {
    if events.items.is_empty() {
        return view! { <Card padded=false><NoneDead filtered=!query.is_empty()/></Card> }.into_any();
    }
    view! {
        <div class="grid gap-4">
            <Summary summary=summary now=now query=query.clone()/>
            <Card padded=false>
                <EventTable
                    caption="Dead letters, newest first"
                    events=events.items
                    now=now
                    columns=Columns::Errors
                    select_form=may_act.then_some(BULK)
                />
                <Pager path=PATH query=query.pairs prev=events.prev next=events.next note="50 per page, newest first"/>
            </Card>
        </div>
    }
    .into_any()
}

/// How many there are of what, and what to do about them.
#[component]
fn Summary(summary: ReplayPreview, now: Timestamp, query: EventQuery) -> impl IntoView {
    let number = summary.count;
    let more = if summary.more { "More than " } else { "" };
    let title = format!("{more}{}", counted(number, "dead letter", "dead letters"));
    let since = summary.oldest.map(|at| format!(" The oldest arrived {}.", at.relative_to(now)));
    let chosen = query.value("type");
    let types = summary
        .by_type
        .into_iter()
        .map(|(name, number)| {
            let pairs = query.pairs.iter().filter(|(key, _)| key != "type").cloned();
            let href = url::with_query(PATH, pairs.chain([("type".to_owned(), name.clone())]));
            let current = (chosen.as_deref() == Some(name.as_str())).then_some("true");
            view! {
                <li>
                    <a href=href aria-current=current class="inline-flex h-6 items-center gap-1.5 rounded-full border border-line bg-surface px-2.5 text-xs hover:border-line-strong">
                        <span class="font-mono">{name}</span>
                        <span class="font-semibold tabular-nums">{count(number)}</span>
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <Notice tone=Tone::Warn title=title>
            <p>
                "An event dies when its bytes cannot be read as what they claim to be, or when every attempt failed. Fix the cause the error names, then replay."
                {since}
            </p>
            <ul class="mt-2 flex flex-wrap gap-1.5" aria-label="By type">{types}</ul>
        </Notice>
    }
}

#[component]
fn NoneDead(filtered: bool) -> impl IntoView {
    if filtered {
        return view! {
            <EmptyState title="No dead letter matches" icon=Icon::ListFilter>
                <p>"There may be others."</p>
                <LinkButton href=PATH size=Size::Small>"Show all dead letters"</LinkButton>
            </EmptyState>
        }
        .into_any();
    }
    view! {
        <EmptyState title="No dead letters" icon=Icon::CircleCheck>
            <p>
                "An event that fails for good would wait here with the reason, ready to be replayed. The command line does the same with "
                <Code>"patchbay events replay"</Code> "."
            </p>
        </EmptyState>
    }
    .into_any()
}
