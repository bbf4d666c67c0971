//! `/events`: everything that was delivered, newest first.

use super::{
    event_query::EventQuery,
    event_table::EventTable,
    export::{List, events_href},
    page::{page, staff_frame},
    stored::stored,
};
use crate::{
    components::{
        Button, Card, EmptyState, FilterBar, Icon, LinkButton, Live, PageHeader, Pager, SelectField, Size, TextField,
        Variant,
    },
    context::{now, request, staff},
};
use leptos::prelude::*;
use patchbay_domain::event::EventState;
use patchbay_store::{EventSummary, Page};
use std::{collections::BTreeMap, time::Duration};

/// The form that the check boxes of the rows belong to.
const BULK: &str = "bulk-replay";

#[component]
pub fn EventsPage() -> impl IntoView {
    page(async move {
        let (staff, request, now) = (staff()?, request(), now());
        let query = EventQuery::of_request(&request)?;
        let paging = request.page();
        let store = staff.store();
        let events = stored(store.list_events(&query.filter, &paging).await)?;
        let types = stored(store.event_types(None).await)?;
        let connections: Vec<String> = staff.engine().connection_names().map(str::to_owned).collect();
        let may_act = staff.principal().may_act();
        let actions = may_act.then(|| view! { <BulkActions query=query.clone() any=!events.items.is_empty()/> });
        let filter_bar =
            view! { <EventFilterBar list=List::Events query=query.clone() types=types connections=connections/> };
        let content = view! {
            <PageHeader title="Events" subtitle="Every verified delivery, stored as it was signed.">
                {actions}
            </PageHeader>
            {filter_bar}
            <Live name="events" announce=true>
                <EventList events=events now=now query=query may_act=may_act kept=staff.engine().retention().events/>
            </Live>
        };
        Ok(staff_frame("Events", vec![("Events".to_owned(), None)], "events", content.into_any()))
    })
}

/// The filter fields of lists of events. A list that has one state only leaves that field out.
#[component]
pub fn EventFilterBar(
    list: List,
    query: EventQuery,
    types: Vec<String>,
    connections: Vec<String>,
    #[prop(default = true)] states: bool,
) -> impl IntoView {
    let choices = std::iter::once((String::new(), "Any state".to_owned()));
    let state_options: Vec<(String, String)> =
        choices.chain(EventState::ALL.map(|state| (state.as_str().to_owned(), capitalised(state.as_str())))).collect();
    let (action, export) = (format!("/{}", list.name()), events_href(list, &query));
    view! {
        <FilterBar action=action filters=query.pairs.len() export_href=export>
            <SelectField label="Type" name="type" compact=true options=type_options(&types, query.value("type")) value=query.value("type").unwrap_or_default()/>
            {states
                .then(|| {
                    view! { <SelectField label="State" name="state" compact=true options=state_options value=query.value("state").unwrap_or_default()/> }
                })}
            <SelectField label="Connection" name="connection" compact=true options=connection_options(connections, query.value("connection")) value=query.value("connection").unwrap_or_default()/>
            <TextField label="Object id" name="object" compact=true mono=true placeholder="sub_…, cus_…" value=query.value("object").unwrap_or_default()/>
            <TextField label="Payload contains" name="text" kind="search" compact=true mono=true value=query.value("text").unwrap_or_default()/>
            <div class="flex min-w-0 flex-1 basis-80 flex-wrap gap-2 sm:min-w-108 sm:max-w-122">
                <TextField label="From (UTC)" name="from" kind="datetime-local" compact=true value=query.value("from").unwrap_or_default()/>
                <TextField label="Before (UTC)" name="to" kind="datetime-local" compact=true value=query.value("to").unwrap_or_default()/>
            </div>
        </FilterBar>
    }
}

/// Each type, and each family of types once more as a whole.
fn type_options(types: &[String], chosen: Option<String>) -> Vec<(String, String)> {
    let mut families: BTreeMap<&str, usize> = BTreeMap::new();
    for name in types {
        for (at, _) in name.match_indices('.') {
            *families.entry(&name[..at]).or_default() += 1;
        }
    }
    let mut options = vec![(String::new(), "Any type".to_owned())];
    let wholes = families.into_iter().filter(|(_, members)| *members > 1);
    let mut named: Vec<(String, String)> =
        wholes.map(|(family, _)| format!("{family}.*")).map(|text| (text.clone(), text)).collect();
    named.extend(types.iter().map(|name| (name.clone(), name.clone())));
    named.sort();
    options.extend(named);
    with_chosen(options, chosen)
}

pub fn connection_options(names: Vec<String>, chosen: Option<String>) -> Vec<(String, String)> {
    let mut options = vec![(String::new(), "Any connection".to_owned())];
    options.extend(names.into_iter().map(|name| (name.clone(), name)));
    with_chosen(options, chosen)
}

/// A value from the address stays chosen, also when nothing of that name was seen yet.
fn with_chosen(mut options: Vec<(String, String)>, chosen: Option<String>) -> Vec<(String, String)> {
    if let Some(chosen) = chosen
        && options.iter().all(|(value, _)| *value != chosen)
    {
        options.push((chosen.clone(), chosen));
    }
    options
}

pub fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Replay of the chosen rows, and of all that the filter finds. Both ask first.
#[component]
fn BulkActions(query: EventQuery, any: bool) -> impl IntoView {
    let everything = (!query.is_empty() && any).then(|| {
        view! { <LinkButton href=query.href("/events/replay") variant=Variant::Ghost>"Replay all that match"</LinkButton> }
    });
    view! {
        {everything}
        <form id=BULK method="get" action="/events/replay">
            <Button icon=Icon::RotateCw disabled=!any>"Replay selected"</Button>
        </form>
    }
}

#[component]
fn EventList(
    events: Page<EventSummary>,
    now: patchbay_domain::Timestamp,
    query: EventQuery,
    may_act: bool,
    kept: Option<Duration>,
) -> impl IntoView {
    if events.items.is_empty() {
        return view! { <Card padded=false><NoEvents filtered=!query.is_empty()/></Card> }.into_any();
    }
    let select_form = may_act.then_some(BULK);
    let note = match kept {
        None => "50 per page, newest first".to_owned(),
        Some(kept) => format!(
            "50 per page, newest first. Kept for {} days; dead letters until they are replayed",
            kept.as_secs() / 86_400
        ),
    };
    view! {
        <Card padded=false>
            <EventTable caption="Events, newest first" events=events.items now=now select_form=select_form/>
            <Pager path="/events" query=query.pairs prev=events.prev next=events.next note=note/>
        </Card>
    }
    .into_any()
}

#[component]
fn NoEvents(filtered: bool) -> impl IntoView {
    if filtered {
        return view! {
            <EmptyState title="No event matches" icon=Icon::ListFilter>
                <p>"Widen the filter. A search within payloads looks into the newest 50,000 events that match the rest of it."</p>
                <LinkButton href="/events" size=Size::Small>"Show all events"</LinkButton>
            </EmptyState>
        }
        .into_any();
    }
    view! {
        <EmptyState title="No events yet" icon=Icon::Webhook>
            <p>"Give each provider its webhook address; what it delivers appears here within a second."</p>
            <LinkButton href="/connections" size=Size::Small>"See the addresses"</LinkButton>
        </EmptyState>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_of_types_can_be_chosen_as_a_whole() {
        let types = ["customer.subscription.created", "customer.subscription.deleted", "ping"].map(str::to_owned);
        let options: Vec<String> =
            type_options(&types, Some("gone.type".to_owned())).into_iter().map(|(value, _)| value).collect();
        assert_eq!(
            options,
            [
                "",
                "customer.*",
                "customer.subscription.*",
                "customer.subscription.created",
                "customer.subscription.deleted",
                "ping",
                "gone.type"
            ]
        );
    }
}
