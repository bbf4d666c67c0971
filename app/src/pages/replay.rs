//! `/events/replay`: what a replay would put back in line, before it does.

use super::{
    event_query::{EventQuery, read_ids},
    links::{count, counted},
    page::{page, staff_frame},
};
use crate::{
    components::{Button, Card, ConfirmCard, Effect, EmptyState, Icon, LinkButton, Size, Variant},
    context::{operator, request, staff},
};
use leptos::prelude::*;
use patchbay_domain::UserError;
use patchbay_engine::REPLAY_LIMIT;
use patchbay_store::ReplayPreview;
use uuid::Uuid;

const LEAD: &str = "Each event is read again from the bytes that were stored, in the order of its object. News older than what a record \
                    holds by now changes nothing, and no provider is asked to charge, cancel or send anything.";

#[component]
pub fn ReplayPage() -> impl IntoView {
    page(async move {
        staff()?;
        let (operator, request) = (operator()?, request());
        let chosen = request.query().iter().filter(|(name, _)| name == "ids").map(|(_, value)| value.as_str());
        let ids = read_ids(chosen)?;
        let query = EventQuery::of_request(&request)?;
        let content = if !ids.is_empty() {
            view! { <ChosenEvents ids=ids/> }.into_any()
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

#[component]
fn ChosenEvents(ids: Vec<Uuid>) -> impl IntoView {
    let number = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    let list = ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",");
    let links = ids
        .into_iter()
        .map(|id| {
            let href = format!("/events/{id}");
            view! { <li><a href=href class="text-accent hover:underline">{id.to_string()}</a></li> }
        })
        .collect_view();
    let effects = vec![Effect::total("Events put back in line", count(number))];
    view! {
        <ConfirmCard title=format!("Replay {}?", counted(number, "event", "events")) lead=LEAD effects=effects cancel_href="/events">
            <ReplayForm ids=list label=format!("Replay {}", counted(number, "event", "events"))/>
        </ConfirmCard>
        <div class="mx-auto mt-4 max-w-xl">
            <Card title="The chosen events">
                <ul class="grid gap-1 font-mono text-xs break-all">{links}</ul>
            </Card>
        </div>
    }
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
