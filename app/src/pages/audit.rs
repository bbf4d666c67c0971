//! `/audit`: who did what.

use super::{
    export::{List, records_href},
    links::record_href,
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
use patchbay_domain::{ObjectKey, RecordRef, Timestamp};
use patchbay_engine::{ACTIONS, Organisations, action_spec};
use patchbay_store::{AuditEntry, AuditFilter, AuditOutcome, Page};
use uuid::Uuid;

const PATH: &str = "/audit";
const PARAMETERS: [&str; 5] = ["actor", "action", "connection", "target", "outcome"];

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
            <PageHeader title="Audit log" subtitle="Every action of a person: staff, a customer, or somebody at the command line. Nothing here can be edited or removed."/>
            <FilterBar action=PATH filters=query.count() export_href=export>
                <SelectField label="Action" name="action" compact=true options=action_options(filter.action.as_deref()) value=filter.action.clone().unwrap_or_default()/>
                <SelectField label="Outcome" name="outcome" compact=true options=outcome_options() value=filter.outcome.map(AuditOutcome::as_str).unwrap_or_default()/>
                <TextField label="Person (user id)" name="actor" compact=true mono=true placeholder="user_…" value=filter.actor.clone().unwrap_or_default()/>
                <TextField label="Connection" name="connection" compact=true mono=true placeholder="stripe" value=filter.connection.clone().unwrap_or_default()/>
                <TextField label="Target id" name="target" compact=true mono=true placeholder="sub_…, stripe" value=filter.target_id.clone().unwrap_or_default()/>
            </FilterBar>
            <AuditList entries=entries organisations=organisations query=query.pairs now=now/>
        };
        Ok(staff_frame("Audit log", vec![("Audit log".to_owned(), None)], "", content.into_any()))
    })
}

pub fn filter(request: &RequestContext) -> AuditFilter {
    let query = ListQuery::read(PATH, request, &PARAMETERS);
    AuditFilter {
        actor: query.get("actor"),
        action: query.get("action"),
        connection: query.get("connection"),
        target_id: query.get("target"),
        target_kind: None,
        outcome: query.get("outcome").as_deref().and_then(AuditOutcome::parse),
    }
}

fn outcome_options() -> Vec<(String, String)> {
    let mut options = vec![(String::new(), "Any outcome".to_owned())];
    options.extend(AuditOutcome::ALL.map(|outcome| (outcome.as_str().to_owned(), outcome.as_str().to_owned())));
    options
}

fn action_options(chosen: Option<&str>) -> Vec<(String, String)> {
    let mut options = vec![(String::new(), "Any action".to_owned())];
    options.extend(ACTIONS.iter().map(|spec| (spec.name.to_owned(), spec.words.to_owned())));
    options.extend(chosen.filter(|name| action_spec(name).is_none()).map(|name| (name.to_owned(), name.to_owned())));
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
                    <p>"A changed plan, a canceled subscription, a replay or a sync would be listed here, with who did it and what changed."</p>
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
    let head = ["When", "Action", "Person", "From", "Target", "Outcome"].map(Column::text).to_vec();
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
    let impersonator = entry.impersonator.map(|other| {
        view! { <span class="block text-xs text-warn">"impersonated by " <code class="font-mono break-all">{other}</code></span> }
    });
    let from = entry.address.unwrap_or_else(|| "\u{2013}".to_owned());
    let error = entry.error.map(|text| view! { <span class="mt-0.5 block text-xs text-ink-soft">{text}</span> });
    view! {
        <Row>
            <Cell label="When"><span class="text-ink-soft"><Time at=entry.at now=now/></span></Cell>
            <LinkCell label="Action" href=format!("/audit/{}", entry.id)>{entry.action}</LinkCell>
            <Cell label="Person"><a href=person class="hover:text-accent hover:underline">{entry.actor_name}</a>{customer}{impersonator}</Cell>
            <Cell label="From"><span class="font-mono text-xs break-all text-ink-soft">{from}</span></Cell>
            <Cell label="Target"><Target target=entry.target/></Cell>
            <Cell label="Outcome" wide=true><StatusBadge status=entry.outcome.as_str()/>{error}</Cell>
        </Row>
    }
}

/// What the action was about.
#[component]
pub fn Target(target: RecordRef) -> impl IntoView {
    let href = target_href(&target);
    let ObjectKey { kind, id } = target.key;
    let kind = kind.as_str().replace('_', " ");
    match href {
        Some(href) => {
            view! { <a href=href title=kind class="font-mono text-xs break-all text-accent hover:underline">{id}</a> }
                .into_any()
        }
        None => view! { <span>{kind} " " <code class="font-mono text-xs break-all">{id}</code></span> }.into_any(),
    }
}

fn target_href(target: &RecordRef) -> Option<String> {
    let ObjectKey { kind, id } = &target.key;
    match kind.as_str() {
        "sync" | "connection" => Some("/connections".to_owned()),
        "audit" => Uuid::parse_str(id).is_ok().then(|| format!("/audit/{id}")),
        "list" => Some(format!("/{id}")),
        "backup" | "database" | "inbox" => None,
        "event" => Uuid::parse_str(id).is_ok().then(|| format!("/events/{id}")),
        _ => (!target.connection.is_empty()).then(|| record_href(target)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_domain::Kind;

    #[test]
    fn a_replay_of_a_filter_has_no_single_event_to_show() {
        let href = |connection, kind, id| target_href(&RecordRef::new(connection, ObjectKey::new(Kind::new(kind), id)));
        assert_eq!(href("", "event", "filter"), None);
        assert_eq!(href("stripe", "sync", "stripe").as_deref(), Some("/connections"));
        assert_eq!(href("stripe", "subscription", "sub_1").as_deref(), Some("/subscriptions/stripe/sub_1"));
        assert_eq!(href("", "inbox", "3"), None, "a thing of ours has no record");
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
