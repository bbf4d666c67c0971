//! `/events/replay`: what a replay would put back in line, before it does.

use super::{
    event_query::{EventQuery, read_ids},
    event_table::EventTable,
    links::{count, counted},
    page::{page, staff_frame},
    stored::stored,
};
use crate::{
    components::{Button, Card, ConfirmCard, Effect, EmptyState, Icon, LinkButton, Size, Variant},
    context::{now, operator, request, staff},
};
use leptos::prelude::*;
use patchbay_domain::{Timestamp, UserError, event::EventState};
use patchbay_engine::REPLAY_LIMIT;
use patchbay_store::{EventSummary, ReplayPreview};

const LEAD: &str = "Each event is read again from the bytes that were stored, in the order of its object. News older than what a record \
                    holds by now changes nothing, and no provider is asked to charge, cancel or send anything.";

#[component]
pub fn ReplayPage() -> impl IntoView {
    page(async move {
        let (staff, operator, request) = (staff()?, operator()?, request());
        let chosen = request.query().iter().filter(|(name, _)| name == "ids").map(|(_, value)| value.as_str());
        let ids = read_ids(chosen)?;
        let query = EventQuery::of_request(&request)?;
        let content = if !ids.is_empty() {
            let events = stored(staff.store().events_by_ids(&ids).await)?;
            view! { <ChosenEvents events=events now=now()/> }.into_any()
        } else if query.is_empty() {
            nothing_chosen()
        } else {
            let preview = operator.replay_preview(&query.filter).await?;
            view! { <Matching query=query preview=preview/> }.into_any()
        };
        let crumbs = vec![("Events".to_owned(), Some("/events".to_owned())), ("Replay".to_owned(), None)];
        Ok::<_, UserError>(staff_frame("Replay events", crumbs, "", content))
    })
}

/// Those that are in line already are shown, and left alone.
#[component]
fn ChosenEvents(events: Vec<EventSummary>, now: Timestamp) -> impl IntoView {
    let size = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let finished: Vec<String> =
        events.iter().filter(|event| event.state != EventState::Pending).map(|event| event.id.to_string()).collect();
    let (number, waiting) = (size(finished.len()), size(events.len() - finished.len()));
    let list = view! {
        <div class="mx-auto mt-4 max-w-4xl">
            <Card title="The chosen events" padded=false>
                <EventTable caption="The chosen events, newest first" events=events now=now/>
            </Card>
        </div>
    };
    if number == 0 {
        return view! {
            <Card padded=false>
                <EmptyState title="Nothing to replay" icon=Icon::RotateCw>
                    <p>"The chosen events are in line already, or are not kept any more."</p>
                    <LinkButton href="/events" size=Size::Small>"Back to the list"</LinkButton>
                </EmptyState>
            </Card>
            {(waiting > 0).then_some(list)}
        }
        .into_any();
    }
    let mut effects = Vec::new();
    if waiting > 0 {
        effects.push(Effect::new("In line already, left alone", count(waiting)));
    }
    effects.push(Effect::total("Events put back in line", count(number)));
    let words = counted(number, "event", "events");
    view! {
        <ConfirmCard title=format!("Replay {words}?") lead=LEAD effects=effects cancel_href="/events">
            <ReplayForm ids=finished.join(",") label=format!("Replay {words}")/>
        </ConfirmCard>
        {list}
    }
    .into_any()
}

#[component]
fn Matching(query: EventQuery, preview: ReplayPreview) -> impl IntoView {
    let number = preview.count;
    let back = query.href("/events");
    if number == 0 {
        return view! {
            <Card padded=false>
                <EmptyState title="No event matches any more" icon=Icon::ListFilter>
                    <p>"Nothing would be replayed."</p>
                    <LinkButton href=back size=Size::Small>"Back to the list"</LinkButton>
                </EmptyState>
            </Card>
        }
        .into_any();
    }
    let limit = i64::from(REPLAY_LIMIT);
    let too_many = preview.more || number > limit;
    let mut effects: Vec<Effect> =
        query.phrases().into_iter().map(|(label, value)| Effect::new(label, value)).collect();
    effects.extend(preview.by_type.iter().map(|(name, number)| Effect::new(name.clone(), count(*number))));
    if let (Some(oldest), Some(newest)) = (preview.oldest, preview.newest) {
        effects.push(Effect::new("Oldest received", format!("{} UTC", oldest.date_time())));
        effects.push(Effect::new("Newest received", format!("{} UTC", newest.date_time())));
    }
    let total = if too_many { format!("more than {}", count(limit)) } else { count(number) };
    effects.push(Effect::total("Events put back in line", total));
    if too_many {
        let lead = format!(
            "At most {} events can be replayed at once. Narrow the filter, for example by type or time.",
            count(limit)
        );
        return view! {
            <ConfirmCard title="Too many events at once" lead=lead effects=effects cancel_href=back.clone() danger=true>
                <LinkButton href=back variant=Variant::Primary>"Narrow the filter"</LinkButton>
            </ConfirmCard>
        }
        .into_any();
    }
    let events = counted(number, "event", "events");
    view! {
        <ConfirmCard title=format!("Replay {events}?") lead=LEAD effects=effects cancel_href=back>
            <ReplayForm filter=query.text() label=format!("Replay {events}")/>
        </ConfirmCard>
    }
    .into_any()
}

/// Posts either ids or a filter.
#[component]
pub fn ReplayForm(
    /// Joined by commas.
    #[prop(optional, into)]
    ids: String,
    /// As a query string.
    #[prop(optional, into)]
    filter: String,
    #[prop(into)] label: String,
    #[prop(default = Variant::Primary)] variant: Variant,
) -> impl IntoView {
    view! {
        <form method="post" action="/actions/replay-events">
            <input type="hidden" name="ids" value=ids/>
            <input type="hidden" name="filter" value=filter/>
            <Button variant=variant icon=Icon::RotateCw>{label}</Button>
        </form>
    }
}

fn nothing_chosen() -> AnyView {
    view! {
        <Card padded=false>
            <EmptyState title="No event is chosen" icon=Icon::RotateCw>
                <p>"Tick events in the list, or filter it and choose “Replay all that match”."</p>
                <LinkButton href="/events" size=Size::Small>"Choose events"</LinkButton>
            </EmptyState>
        </Card>
    }
    .into_any()
}
