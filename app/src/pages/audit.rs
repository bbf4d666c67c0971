//! `/audit`: who did what.

use super::{
    export::{List, records_href},
    links::object_href,
    page::{page, staff_frame},
    records::ListQuery,
    stored::stored,
};
use crate::{
    components::{
        Card, Cell, Column, EmptyState, FilterBar, Icon, LinkButton, LinkCell, PageHeader, Pager, Row, SelectField,
        Size, StatusBadge, Table, TextField, Time, url,
    },
    context::{RequestContext, now, request, staff},
};
use leptos::prelude::*;
use patchbay_domain::Timestamp;
use patchbay_engine::Organisations;
use patchbay_store::{AuditEntry, AuditFilter, Page};
use uuid::Uuid;

const PATH: &str = "/audit";
const PARAMETERS: [&str; 3] = ["actor", "action", "target"];

/// Actions there are, of staff and of customers.
const ACTIONS: [&str; 13] = [
    "asset.delete",
    "customer.create",
    "events.replay",
    "payment_method.add",
    "payment_method.remove",
    "payment_method.set_default",
    "subscription.cancel",
    "subscription.cancel_now",
    "subscription.change_plan",
    "subscription.checkout",
    "subscription.keep",
    "sync.cancel",
    "sync.start",
];

#[component]
pub fn AuditPage() -> impl IntoView {
    page(async move {
        let (staff, request, now) = (staff()?, request(), now());
        let query = ListQuery::read(PATH, &request, &PARAMETERS);
        let filter = filter(&request);
        let entries = stored(staff.store().list_audit(&filter, &request.page()).await)?;
        let organisations = staff.organisations(&entries.items).await?;
        let export = records_href(List::Audit, &query);
        let content = view! {
            <PageHeader title="Audit log" subtitle="Every action of a person, staff or customer. Entries are added, never changed."/>
            <FilterBar action=PATH filters=query.count() export_href=export>
                <SelectField label="Action" name="action" compact=true options=action_options(filter.action.as_deref()) value=filter.action.clone().unwrap_or_default()/>
                <TextField label="Person (user id)" name="actor" compact=true mono=true placeholder="user_…" value=filter.actor.clone().unwrap_or_default()/>
                <TextField label="Target id" name="target" compact=true mono=true placeholder="sub_…, stripe" value=filter.target_id.clone().unwrap_or_default()/>
            </FilterBar>
            <AuditList entries=entries organisations=organisations query=query.pairs now=now/>
        };
        Ok(staff_frame("Audit log", vec![("Audit log".to_owned(), None)], "", content.into_any()))
    })
}

pub fn filter(request: &RequestContext) -> AuditFilter {
    let query = ListQuery::read(PATH, request, &PARAMETERS);
    AuditFilter { actor: query.get("actor"), action: query.get("action"), target_id: query.get("target") }
}

fn action_options(chosen: Option<&str>) -> Vec<(String, String)> {
    let mut options = vec![(String::new(), "Any action".to_owned())];
    options.extend(
        ACTIONS
            .iter()
            .copied()
            .chain(chosen.filter(|name| !ACTIONS.contains(name)))
            .map(|name| (name.to_owned(), name.to_owned())),
    );
    options
}

#[component]
fn AuditList(
    entries: Page<AuditEntry>,
    organisations: Organisations,
    query: Vec<(String, String)>,
    now: Timestamp,
) -> impl IntoView {
    if entries.items.is_empty() {
        let content = if query.is_empty() {
            view! {
                <EmptyState title="Nobody did anything yet" icon=Icon::ScrollText>
                    <p>"A changed plan, a cancelled subscription, a replay or a sync would be listed here, with who did it and what changed."</p>
                </EmptyState>
            }
            .into_any()
        } else {
            view! {
                <EmptyState title="No entry matches" icon=Icon::ListFilter>
                    <p>"Ids are matched whole."</p>
                    <LinkButton href=PATH size=Size::Small>"Show all entries"</LinkButton>
                </EmptyState>
            }
            .into_any()
        };
        return view! { <Card padded=false>{content}</Card> }.into_any();
    }
    let head = ["When", "Action", "Person", "Target", "Outcome"].map(Column::text).to_vec();
    let rows = entries
        .items
        .into_iter()
        .map(|entry| {
            let organisation = organisations.actor(&entry).organisation;
            view! { <AuditRow entry=entry organisation=organisation now=now/> }
        })
        .collect_view();
    view! {
        <Card padded=false>
            <Table caption="Actions of people, newest first" head=head>{rows}</Table>
            <Pager path=PATH query=query prev=entries.prev next=entries.next note="50 per page, newest first"/>
        </Card>
    }
    .into_any()
}

#[component]
fn AuditRow(entry: AuditEntry, organisation: Option<String>, now: Timestamp) -> impl IntoView {
    let person = url::with_query(PATH, [("actor".to_owned(), entry.actor_id)]);
    let customer =
        organisation.map(|name| view! { <span class="text-xs text-ink-soft">{format!(" · {name}, customer")}</span> });
    let error = entry.error.map(|text| view! { <span class="mt-0.5 block text-xs text-ink-soft">{text}</span> });
    view! {
        <Row>
            <Cell label="When"><span class="text-ink-soft"><Time at=entry.at now=now/></span></Cell>
            <LinkCell label="Action" href=format!("/audit/{}", entry.id)>{entry.action}</LinkCell>
            <Cell label="Person"><a href=person class="hover:text-accent hover:underline">{entry.actor_name}</a>{customer}</Cell>
            <Cell label="Target"><Target kind=entry.target_kind id=entry.target_id/></Cell>
            <Cell label="Outcome" wide=true><StatusBadge status=entry.outcome/>{error}</Cell>
        </Row>
    }
}

/// What the action was about.
#[component]
pub fn Target(kind: String, id: String) -> impl IntoView {
    match target_href(&kind, &id) {
        Some(href) => view! { <a href=href title=kind.replace('_', " ") class="font-mono text-xs break-all text-accent hover:underline">{id}</a> }.into_any(),
        None => view! { <span>{kind.replace('_', " ")} " " <code class="font-mono text-xs break-all">{id}</code></span> }.into_any(),
    }
}

fn target_href(kind: &str, id: &str) -> Option<String> {
    match kind {
        "sync" => Some("/connections".to_owned()),
        "event" => Uuid::parse_str(id).is_ok().then(|| format!("/events/{id}")),
        _ => (!id.is_empty()).then(|| object_href(kind, id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_of_a_filter_has_no_single_event_to_show() {
        assert_eq!(target_href("event", "filter"), None);
        assert_eq!(target_href("sync", "stripe").as_deref(), Some("/connections"));
        assert_eq!(target_href("subscription", "sub_1").as_deref(), Some("/subscriptions/sub_1"));
    }

    #[test]
    fn an_action_from_the_address_stays_chosen() {
        assert_eq!(
            action_options(Some("video.reindex")).last().map(|(value, _)| value.as_str()),
            Some("video.reindex")
        );
        assert_eq!(action_options(Some("sync.start")).len(), ACTIONS.len() + 1);
    }
}
