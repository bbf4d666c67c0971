//! `/connections`: every account of a provider, how it is doing, and its syncs.

use super::{
    connection_state::{BreakerBadge, ConnectionState, SyncProgress},
    links::{between, count, counted},
    page::{page, staff_frame},
    stored::stored,
};
use crate::{
    components::{
        Badge, Button, Card, Cell, Code, Column, EmptyState, Icon, Id, KeyValue, KeyValues, LinkButton, Live,
        PageHeader, Pager, Row, Size, StatusBadge, Table, Time, Tone, Variant, url,
    },
    context::{app, request, staff},
};
use leptos::prelude::*;
use patchbay_domain::{Kind, Timestamp};
use patchbay_engine::{ConnectionOverview, Staff};
use patchbay_providers::{
    gateway::{Breaker, GatewayStatus},
    provider::Manifest,
    registry::PROVIDERS,
};
use patchbay_store::{EventFilter, Page, PageRequest, SyncRun};
use std::sync::Arc;

const PATH: &str = "/connections";

/// A connection with what this page alone shows.
struct Shown {
    overview: ConnectionOverview,
    api_version: &'static str,
    kinds: &'static [Kind],
    event_types: &'static [&'static str],
    webhook_url: String,
    last_webhook: Option<Timestamp>,
}

#[component]
pub fn ConnectionsPage() -> impl IntoView {
    page(async move {
        let (staff, app, request) = (staff()?, app(), request());
        let overview = staff.overview().await?;
        let now = overview.now;
        let shown = shown(&staff, overview.connections, &app.public_url).await?;
        let syncs = stored(staff.store().list_syncs(None, &request.page()).await)?;
        let may_act = staff.principal().may_act();
        let cards = shown
            .into_iter()
            .map(|shown| view! { <ConnectionCard shown=shown may_act=may_act now=now/> })
            .collect_view();
        let content = view! {
            <PageHeader title="Connections" subtitle="One account of one provider each. Keys come from the environment and are never shown."/>
            <div class="grid gap-4">
                <Live name="connections"><div class="grid items-start gap-4 xl:grid-cols-2">{cards}</div></Live>
                <NotConfigured providers=app.not_configured/>
                <Live name="syncs"><Syncs syncs=syncs now=now/></Live>
            </div>
        };
        Ok(staff_frame(
            "Connections",
            vec![("Connections".to_owned(), None)],
            "syncs,rejections,events",
            content.into_any(),
        ))
    })
}

async fn shown(
    staff: &Staff,
    connections: Vec<ConnectionOverview>,
    public_url: &str,
) -> Result<Vec<Shown>, patchbay_domain::UserError> {
    let newest = PageRequest { limit: 1, ..PageRequest::default() };
    let mut list = Vec::with_capacity(connections.len());
    for overview in connections {
        let Some(connection) = staff.engine().connection(&overview.name) else { continue };
        let Manifest { api_version, kinds, event_types, .. } = connection.manifest();
        // One indexed read for each configured account, of which there are a handful.
        let filter = EventFilter { connection: Some(overview.name.clone()), ..EventFilter::default() };
        let events = stored(staff.store().list_events(&filter, &newest).await)?;
        list.push(Shown {
            webhook_url: format!("{public_url}/webhooks/{}", overview.name),
            last_webhook: events.items.first().map(|event| event.received_at),
            api_version,
            kinds,
            event_types,
            overview,
        });
    }
    Ok(list)
}

#[component]
fn ConnectionCard(shown: Shown, may_act: bool, now: Timestamp) -> impl IntoView {
    let Shown { overview, api_version, kinds, event_types, webhook_url, last_webhook } = shown;
    let name = overview.name.clone();
    let with_name = |path: &str| url::with_query(path, [("connection".to_owned(), name.clone())]);
    let (events, calls, refused) = (with_name("/events"), with_name("/calls"), with_name("/rejections"));
    let environment = match overview.livemode {
        Some(true) => view! { <Badge label="live" tone=Tone::Good/> }.into_any(),
        Some(false) => view! { <Badge label="test" tone=Tone::Neutral icon=Icon::FlaskConical/> }.into_any(),
        None => ().into_any(),
    };
    let actions = view! {
        {environment}
        <ConnectionState state=overview.state/>
    }
    .into_any();
    let last_webhook = match last_webhook {
        Some(at) => view! { <Time at=at now=now/> }.into_any(),
        None => view! { <span class="text-ink-soft">"none yet"</span> }.into_any(),
    };
    let hour = format!(
        "{} accepted, {} refused, {} dead",
        count(overview.accepted),
        count(overview.rejected),
        count(overview.dead)
    );
    let types = event_types.iter().map(|name| view! { <li>{*name}</li> }).collect_view();
    view! {
        <Card title=name.clone() actions=actions>
            <p class="mb-3 text-sm text-ink-soft">{overview.why}</p>
            <KeyValues>
                <KeyValue label="Provider">{overview.provider} <span class="text-ink-soft">" · API " {api_version}</span></KeyValue>
                <KeyValue label="Webhook address">
                    <Id text=webhook_url/>
                    <details class="mt-1 text-xs text-ink-soft">
                        <summary class="cursor-pointer">{format!("Events to send: {} types", event_types.len())}</summary>
                        <ul class="mt-1 grid gap-x-4 font-mono break-all sm:grid-cols-2">{types}</ul>
                    </details>
                </KeyValue>
                <KeyValue label="Last webhook">{last_webhook}</KeyValue>
                <KeyValue label="Within the hour">{hour}</KeyValue>
                <KeyValue label="Calls"><Gateway status=overview.gateway now=now/></KeyValue>
            </KeyValues>
            <SyncPanel name=name run=overview.last_sync kinds=kinds may_act=may_act now=now/>
            <div class="mt-4 flex flex-wrap gap-x-4 gap-y-1 text-sm">
                <a href=events class="text-accent hover:underline">"Events"</a>
                <a href=calls class="text-accent hover:underline">"Calls"</a>
                <a href=refused class="text-accent hover:underline">"Rejections"</a>
            </div>
        </Card>
    }
}

#[component]
fn Gateway(status: GatewayStatus, now: Timestamp) -> impl IntoView {
    let note = match status.breaker {
        Breaker::Open { until } => format!("tried again {}", until.relative_to(now)),
        Breaker::Closed | Breaker::HalfOpen => String::new(),
    };
    let whole = |number: u64| count(i64::try_from(number).unwrap_or(i64::MAX));
    let numbers = format!("{} since the start, {} failed", whole(status.calls), whole(status.failures));
    let rate =
        format!("{:.0} per second allowed, {:.0} in reserve now", status.rate_per_second, status.tokens_left.max(0.0));
    view! {
        <div class="flex flex-wrap items-center gap-2">
            <BreakerBadge breaker=status.breaker/>
            <span class="text-xs text-ink-soft">{note}</span>
        </div>
        <p class="mt-1">{numbers}</p>
        <p class="text-xs text-ink-soft">{rate}</p>
    }
}

/// What the last sync did, or how far the running one is, and the button for it.
#[component]
fn SyncPanel(
    name: String,
    run: Option<SyncRun>,
    kinds: &'static [Kind],
    may_act: bool,
    now: Timestamp,
) -> impl IntoView {
    let running = run.as_ref().is_some_and(|run| run.state == "running");
    let cancelling = run.as_ref().is_some_and(|run| run.cancel_requested);
    let state = match run {
        None => view! { <p class="text-sm text-ink-soft">"Never synced. A sync reads everything the provider has, page by page."</p> }.into_any(),
        Some(run) if running => view! { <SyncProgress run=run kinds=kinds now=now/> }.into_any(),
        Some(run) => {
            let at = run.finished_at.unwrap_or(run.heartbeat_at);
            let words = format!("{} read, {} changed", count(run.done), count(run.changed));
            let error = run.error.map(|text| view! { <p class="mt-1 text-sm break-words text-bad">{text}</p> });
            view! {
                <p class="flex flex-wrap items-center gap-2 text-sm">
                    <span class="font-medium">"Last sync"</span>
                    <StatusBadge status=run.state/>
                    <span class="text-ink-soft">{words} ", " <Time at=at now=now/></span>
                </p>
                {error}
            }
            .into_any()
        }
    };
    let button = may_act.then(|| {
        let (action, label, variant) = if running {
            ("/actions/cancel-sync", if cancelling { "Cancelling" } else { "Cancel" }, Variant::Secondary)
        } else {
            ("/actions/start-sync", "Sync now", Variant::Secondary)
        };
        let icon = if running { Icon::X } else { Icon::RefreshCw };
        view! {
            <form method="post" action=action>
                <input type="hidden" name="connection" value=name/>
                <Button size=Size::Small variant=variant icon=icon disabled=cancelling && running>{label}</Button>
            </form>
        }
    });
    view! {
        <div class="mt-4 flex items-center gap-4 rounded-md bg-canvas px-3 py-2.5">
            <div class="min-w-0 flex-1">{state}</div>
            {button}
        </div>
    }
}

/// Providers that could be connected, with the settings they ask for.
#[component]
fn NotConfigured(providers: Arc<[(String, String)]>) -> impl IntoView {
    if providers.is_empty() {
        return ().into_any();
    }
    let items = providers
        .iter()
        .map(|(name, why)| {
            let manifest = PROVIDERS
                .iter()
                .map(|entry| entry.manifest)
                .find(|manifest| manifest.name == name || manifest.id == name);
            let variables = manifest.map(|manifest| view! { <Variables manifest=manifest/> });
            view! {
                <li class="px-4 py-3 text-sm">
                    <div class="flex flex-wrap items-center gap-x-3 gap-y-1">
                        <span class="font-medium">{name.clone()}</span>
                        <StatusBadge status="not_configured"/>
                        <span class="min-w-0 break-words text-ink-soft">{why.clone()}</span>
                    </div>
                    {variables}
                </li>
            }
        })
        .collect_view();
    view! {
        <div id="not-configured">
            <Card title="Not configured" padded=false><ul class="divide-y divide-line">{items}</ul></Card>
        </div>
    }
    .into_any()
}

#[component]
fn Variables(manifest: &'static Manifest) -> impl IntoView {
    let rows = manifest
        .variables
        .iter()
        .map(|variable| {
            let required = if variable.required { "required" } else { "optional" };
            view! {
                <KeyValue label=required>
                    <Code>{variable.name}</Code>
                    <p class="mt-0.5 text-xs text-ink-soft">{variable.help}</p>
                </KeyValue>
            }
        })
        .collect_view();
    view! {
        <details class="mt-2">
            <summary class="cursor-pointer text-sm text-accent">"All its settings"</summary>
            <div class="mt-2 max-w-3xl"><KeyValues>{rows}</KeyValues></div>
        </details>
    }
}

#[component]
fn Syncs(syncs: Page<SyncRun>, now: Timestamp) -> impl IntoView {
    if syncs.items.is_empty() {
        return view! {
            <Card title="Syncs" padded=false>
                <EmptyState title="No sync yet" icon=Icon::RefreshCw>
                    <p>"The first one of a connection starts by itself; later ones are started above."</p>
                    <LinkButton href="/events" size=Size::Small>"See what webhooks brought"</LinkButton>
                </EmptyState>
            </Card>
        }
        .into_any();
    }
    let head = vec![
        Column::text("Started"),
        Column::text("Connection"),
        Column::text("State"),
        Column::end("Read"),
        Column::end("Changed"),
        Column::end("Took"),
        Column::text("Error"),
    ];
    let rows = syncs
        .items
        .into_iter()
        .map(|run| {
            let took = between(run.started_at, run.finished_at.unwrap_or(now));
            view! {
                <Row>
                    <Cell label="Started"><Time at=run.started_at now=now/></Cell>
                    <Cell label="Connection">{run.connection}</Cell>
                    <Cell label="State"><StatusBadge status=run.state/></Cell>
                    <Cell label="Read" end=true>{count(run.done)}</Cell>
                    <Cell label="Changed" end=true>{count(run.changed)}</Cell>
                    <Cell label="Took" end=true>{took}</Cell>
                    <Cell label="Error" wide=true>{run.error.unwrap_or_else(|| "—".to_owned())}</Cell>
                </Row>
            }
        })
        .collect_view();
    let note = format!("{} per page, newest first", counted(i64::from(crate::context::PAGE_ROWS), "sync", "syncs"));
    view! {
        <Card title="Syncs" padded=false>
            <Table caption="Syncs, newest first" head=head>{rows}</Table>
            <Pager path=PATH query=Vec::new() prev=syncs.prev next=syncs.next note=note/>
        </Card>
    }
    .into_any()
}
