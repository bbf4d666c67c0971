//! `/calls`: what we asked of providers, one row per attempt.

use super::{
    events::connection_options,
    export::{List, records_href},
    links::duration,
    page::{page, staff_frame},
    records::ListQuery,
    stored::stored,
};
use crate::{
    components::{
        Badge, Card, Cell, CheckField, Column, EmptyState, FilterBar, Icon, LinkButton, LinkCell, Live, PageHeader,
        Pager, Row, SelectField, Size, Table, TextField, Time, Tone,
    },
    context::{RequestContext, now, request, staff},
};
use leptos::prelude::*;
use patchbay_domain::Timestamp;
use patchbay_store::{Call, CallFilter, Page};

const PATH: &str = "/calls";
const PARAMETERS: [&str; 3] = ["connection", "operation", "failed"];

#[component]
pub fn CallsPage() -> impl IntoView {
    page(async move {
        let (staff, request, now) = (staff()?, request(), now());
        let query = ListQuery::read(PATH, &request, &PARAMETERS);
        let CallFilter { connection, operation, failed_only, .. } = filter(&request);
        let calls = stored(staff.store().list_calls(&filter(&request), &request.page()).await)?;
        let options =
            connection_options(staff.engine().connection_names().map(str::to_owned).collect(), connection.clone());
        let export = records_href(List::Calls, &query);
        let content = view! {
            <PageHeader title="Calls" subtitle="What we asked of providers: one row per attempt, personal data masked."/>
            <FilterBar action=PATH filters=query.count() export_href=export>
                <SelectField label="Connection" name="connection" compact=true options=options value=connection.unwrap_or_default()/>
                <TextField label="Operation" name="operation" compact=true mono=true placeholder="subscriptions.list" value=operation.unwrap_or_default()/>
                <div class="flex h-8 items-center px-1">
                    <CheckField label="Failed only" name="failed" checked=failed_only/>
                </div>
            </FilterBar>
            <Live name="calls" announce=true><CallList calls=calls query=query.pairs now=now/></Live>
        };
        Ok(staff_frame("Calls", vec![("Calls".to_owned(), None)], "calls", content.into_any()))
    })
}

pub fn filter(request: &RequestContext) -> CallFilter {
    let query = ListQuery::read(PATH, request, &PARAMETERS);
    CallFilter {
        connection: query.get("connection"),
        operation: query.get("operation"),
        failed_only: query.get("failed").is_some(),
        ..CallFilter::default()
    }
}

#[component]
fn CallList(calls: Page<Call>, query: Vec<(String, String)>, now: Timestamp) -> impl IntoView {
    if calls.items.is_empty() {
        let content = if query.is_empty() {
            view! {
                <EmptyState title="No calls yet" icon=Icon::ArrowLeftRight>
                    <p>"A sync or an action of a person asks the provider; each attempt appears here with its answer and duration."</p>
                    <LinkButton href="/connections" size=Size::Small>"Start a sync"</LinkButton>
                </EmptyState>
            }
            .into_any()
        } else {
            view! {
                <EmptyState title="No call matches" icon=Icon::ListFilter>
                    <p>"An operation is matched whole, as it is written in the list."</p>
                    <LinkButton href=PATH size=Size::Small>"Show all calls"</LinkButton>
                </EmptyState>
            }
            .into_any()
        };
        return view! { <Card padded=false>{content}</Card> }.into_any();
    }
    let head = vec![
        Column::text("Sent"),
        Column::text("Operation"),
        Column::text("Request"),
        Column::text("Answer"),
        Column::end("Took"),
        Column::end("Attempt"),
        Column::text("Connection"),
    ];
    let rows = calls.items.into_iter().map(|call| view! { <CallRow call=call now=now/> }).collect_view();
    view! {
        <Card padded=false>
            <Table caption="Calls to providers, newest first" head=head>{rows}</Table>
            <Pager path=PATH query=query prev=calls.prev next=calls.next note="50 per page, newest first"/>
        </Card>
    }
    .into_any()
}

#[component]
fn CallRow(call: Call, now: Timestamp) -> impl IntoView {
    let error = call.error.clone().map(|text| view! { <span class="mt-0.5 block text-xs text-ink-soft">{text}</span> });
    view! {
        <Row>
            <Cell label="Sent"><span class="text-ink-soft"><Time at=call.at now=now/></span></Cell>
            <LinkCell label="Operation" href=format!("/calls/{}", call.id)>{call.operation}</LinkCell>
            <Cell label="Request" wide=true>
                <code class="font-mono text-xs break-all">{call.method} " " {call.path}</code>
            </Cell>
            <Cell label="Answer" wide=true><Answer status=call.status failed=call.error.is_some()/>{error}</Cell>
            <Cell label="Took" end=true>{duration(call.duration_us)}</Cell>
            <Cell label="Attempt" end=true>{call.attempt}</Cell>
            <Cell label="Connection">{call.connection}</Cell>
        </Row>
    }
}

/// The HTTP status as word and colour; no status means that no answer came.
#[component]
pub fn Answer(status: Option<i64>, failed: bool) -> impl IntoView {
    let label = status.map_or_else(|| "No answer".to_owned(), |status| format!("HTTP {status}"));
    let (tone, icon) = match (status, failed) {
        (Some(200..=399), false) => (Tone::Good, Icon::CircleCheck),
        (Some(404 | 429), _) => (Tone::Warn, Icon::TriangleAlert),
        _ => (Tone::Bad, Icon::CircleX),
    };
    view! { <Badge label=label tone=tone icon=icon/> }
}
