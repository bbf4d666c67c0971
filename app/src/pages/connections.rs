//! `/connections`: every account of a provider, how it is doing, and its syncs.

use super::{
    connection_parts::{AccessPanel, SyncPanel, Syncs},
    connection_state::{BreakerBadge, ConnectionState},
    links::count,
    page::{page, staff_frame},
    standing::standing,
    stored::stored,
};
use crate::{
    components::{
        Badge, Card, Code, Icon, Id, KeyValue, KeyValues, Live, Notice, PageHeader, StatusBadge, Time, Tone, url,
    },
    context::{app, request, staff},
};
use leptos::prelude::*;
use patchbay_domain::Timestamp;
use patchbay_engine::{Access, ConnectionOverview, Staff};
use patchbay_providers::{
    gateway::{Breaker, GatewayStatus},
    manifest::Manifest,
    registry::PROVIDERS,
};
use patchbay_store::{EventFilter, PageRequest};
use std::sync::Arc;

const PATH: &str = "/connections";

/// A connection with what this page alone shows.
struct Shown {
    overview: ConnectionOverview,
    api_version: &'static str,
    /// How many of them a sync reads.
    kinds: usize,
    event_types: &'static [&'static str],
    webhook_url: String,
    last_webhook: Option<Timestamp>,
    access: Option<Access>,
    left_out: Option<&'static str>,
    /// The account of somebody else that it follows.
    follows: Option<String>,
}

#[component]
pub fn ConnectionsPage() -> impl IntoView {
    page(async move {
        let (staff, app, request) = (staff()?, app(), request());
        let overview = staff.overview().await?;
        let now = overview.now;
        let shown = shown(&staff, overview.connections, &app.public_url).await?;
        let syncs = stored(staff.store().list_syncs(None, &request.page()).await)?;
        let standing = standing(&staff, now).await?;
        let may_act = staff.principal().may_act();
        let cards = shown
            .into_iter()
            .map(|shown| view! { <ConnectionCard shown=shown may_act=may_act now=now/> })
            .collect_view();
        let content = view! {
            <PageHeader title="Connections" subtitle="One account of one provider each. Keys come from the environment and are never shown."/>
            <Live name="standing">{standing}</Live>
            <div class="grid gap-4">
                <Live name="connections"><div class="grid items-start gap-4 xl:grid-cols-2">{cards}</div></Live>
                <NotConfigured providers=app.not_configured/>
                <Live name="syncs"><Syncs path=PATH syncs=syncs now=now/></Live>
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
        let manifest = connection.manifest();
        let Manifest { api_version, event_types, .. } = manifest;
        // One indexed read for each configured account, of which there are a handful.
        let filter = EventFilter { connection: Some(overview.name.clone()), ..EventFilter::default() };
        let events = stored(staff.store().list_events(&filter, &newest).await)?;
        let follows = connection.follows().map(str::to_owned);
        // What happens in an account that is followed comes in where its platform's does.
        let (name, suffix) = (&overview.name, follows.as_ref().map(|account| format!("@{account}")));
        let address = suffix.and_then(|suffix| name.strip_suffix(&suffix)).unwrap_or(name);
        list.push(Shown {
            webhook_url: format!("{public_url}/webhooks/{address}"),
            follows,
            last_webhook: events.items.first().map(|event| event.received_at),
            access: staff.access(&overview.name).await?,
            left_out: connection.read().and_then(patchbay_providers::Read::left_out),
            api_version,
            kinds: manifest.listed().count(),
            event_types,
            overview,
        });
    }
    Ok(list)
}

#[component]
fn ConnectionCard(shown: Shown, may_act: bool, now: Timestamp) -> impl IntoView {
    let Shown { overview, api_version, kinds, event_types, webhook_url, last_webhook, access, left_out, follows } =
        shown;
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
    let plain = overview.gateway.plain_http.then(|| {
        view! {
            <div class="mb-3">
                <Notice tone=Tone::Bad title="Calls are not encrypted">
                    "The address of this API is plain http on another machine. Keys and personal data can be read and answers changed by anybody in between."
                </Notice>
            </div>
        }
    });
    let hour = format!(
        "{} accepted, {} refused, {} dead",
        count(overview.accepted),
        count(overview.rejected),
        count(overview.dead)
    );
    let listens = follows.is_some().then(|| {
        view! {
            <p class="mt-1 text-xs text-ink-soft">
                "The platform's address: its endpoint for connected accounts delivers events of all of them here."
            </p>
        }
    });
    let said = access.iter().flat_map(|access| &access.unreadable).map(|one| one.problem.clone()).collect();
    let types = event_types.iter().map(|name| view! { <li>{*name}</li> }).collect_view();
    view! {
        <Card title=name.clone() actions=actions>
            {plain}
            <p class="mb-3 text-sm text-ink-soft">{overview.why}</p>
            <KeyValues>
                <KeyValue label="Provider">{overview.provider} <span class="text-ink-soft">" · API " {api_version}</span></KeyValue>
                {follows.map(|account| view! { <KeyValue label="Connected account"><Id text=account/></KeyValue> })}
                <KeyValue label="Webhook address">
                    <Id text=webhook_url/>
                    {listens}
                    <details class="mt-1 text-xs text-ink-soft">
                        <summary class="cursor-pointer">{format!("Events to send: {} types", event_types.len())}</summary>
                        <ul class="mt-1 grid gap-x-4 font-mono break-all sm:grid-cols-2">{types}</ul>
                    </details>
                </KeyValue>
                <KeyValue label="Last webhook">{last_webhook}</KeyValue>
                <KeyValue label="Last hour">{hour}</KeyValue>
                <KeyValue label="Calls"><Gateway status=overview.gateway now=now/></KeyValue>
            </KeyValues>
            <AccessPanel name=name.clone() access=access left_out=left_out may_act=may_act now=now/>
            <SyncPanel name=name run=overview.last_sync kinds=kinds said=said may_act=may_act now=now/>
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
