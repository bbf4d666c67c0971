//! `/`: is everything well, and whose fault is it if not.

use super::{
    connection_state::{BreakerBadge, ConnectionState, LatestSync},
    event_table::EventTable,
    links::{count, number},
    page::{page, staff_frame},
    standing::standing,
    stored::stored,
};
use crate::{
    components::{
        AreaChart, Badge, BarChart, Card, Change, Direction, EmptyState, Icon, LinkButton, Live, PageHeader, Series,
        Size, StatTile, Tone, Variant, url,
    },
    context::{app, staff},
};
use leptos::prelude::*;
use patchbay_domain::{Timestamp, event::EventState};
use patchbay_engine::{ConnectionOverview, Overview, TrendPoint};
use patchbay_providers::gateway::Breaker;
use patchbay_store::{EventFilter, EventSummary, MinuteCount, PageRequest, ReplayPreview};
use std::{sync::Arc, time::Duration};

const LATEST: u32 = 10;
const MINUTES: usize = 60;
const MINUTE: Duration = Duration::from_mins(1);

#[component]
pub fn OverviewPage() -> impl IntoView {
    page(async move {
        let (staff, not_configured) = (staff()?, app().not_configured);
        let overview = staff.overview().await?;
        let newest = PageRequest { limit: LATEST, ..PageRequest::default() };
        let latest = stored(staff.store().list_events(&EventFilter::default(), &newest).await)?;
        let dead = EventFilter { state: Some(EventState::Dead), ..EventFilter::default() };
        let dead = stored(staff.store().replay_preview(&dead).await)?;
        let minutes = Minutes::of(&overview.minutes, overview.now);
        let now = overview.now;
        let standing = standing(&staff, now).await?;
        let content = view! {
            <PageHeader title="Overview"/>
            <Live name="overview">
                {standing} <div class="grid gap-4">
                    <Tiles overview=overview.clone() minutes=minutes.clone() dead=dead/>
                    <Connections connections=overview.connections not_configured=not_configured now=now/>
                    <div class="grid items-start gap-4 xl:grid-cols-2">
                        <Card title="Webhooks"><MinuteChart minutes=minutes/></Card>
                        <Card title="Subscriptions"><Trend trend=overview.trend/></Card>
                    </div>
                    <Latest events=latest.items now=now/>
                </div>
            </Live>
        };
        Ok(staff_frame(
            "Overview",
            vec![("Overview".to_owned(), None)],
            "events,processed,rejections,syncs",
            content.into_any(),
        ))
    })
}

/// The last hour, minute by minute, over all connections. Oldest first.
#[derive(Clone, Debug, PartialEq)]
struct Minutes {
    labels: Vec<String>,
    accepted: Vec<i64>,
    rejected: Vec<i64>,
    dead: Vec<i64>,
}

impl Minutes {
    fn of(counts: &[MinuteCount], now: Timestamp) -> Self {
        let mut minutes = Self {
            labels: Vec::with_capacity(MINUTES),
            accepted: vec![0; MINUTES],
            rejected: vec![0; MINUTES],
            dead: vec![0; MINUTES],
        };
        let minute = |at: Timestamp| at.seconds().div_euclid(60);
        let ago = |slot: usize| u32::try_from(MINUTES - 1 - slot).unwrap_or(0);
        minutes.labels.extend((0..MINUTES).map(|slot| now.minus(MINUTE * ago(slot)).zoned("%H:%M")));
        for count in counts {
            let Ok(back) = usize::try_from(minute(now) - minute(count.minute)) else { continue };
            let Some(slot) = (MINUTES - 1).checked_sub(back) else { continue };
            minutes.accepted[slot] += count.accepted;
            minutes.rejected[slot] += count.rejected;
            minutes.dead[slot] += count.dead;
        }
        minutes
    }
}

fn points(counts: &[i64]) -> Vec<f64> {
    counts.iter().copied().map(number).collect()
}

#[component]
fn Tiles(overview: Overview, minutes: Minutes, dead: ReplayPreview) -> impl IntoView {
    let (accepted, rejected): (i64, i64) = (minutes.accepted.iter().sum(), minutes.rejected.iter().sum());
    let died: i64 = minutes.dead.iter().sum();
    let refusals = if rejected > 0 { points(&minutes.rejected) } else { Vec::new() };
    let refused_note = if rejected > 0 { "somebody's signature does not match" } else { "every signature matched" };
    let dead_count = format!("{}{}", count(dead.count), if dead.more { "+" } else { "" });
    let dead_note = if dead.count == 0 {
        "nothing waits for a person".to_owned()
    } else {
        format!("{} given up on in the last hour, replays counted", count(died))
    };
    let dead_status = if dead.count == 0 { "" } else { "dead" };
    let statuses: Vec<String> = overview
        .subscriptions
        .iter()
        .filter(|(status, number)| {
            *number > 0 && !status.is_empty() && status != "canceled" && status != "incomplete_expired"
        })
        .map(|(status, number)| format!("{} {}", count(*number), status.replace('_', " ")))
        .collect();
    let running = overview.trend.last().map_or(0, |point| point.running);
    let change = match overview.trend.as_slice() {
        [.., before, now] if before.running > 0 => {
            let (now, before) = (number(now.running), number(before.running));
            Some(Change { now, before, direction: Direction::UpIsGood, period: "the end of last month" })
        }
        _ => None,
    };
    let trend: Vec<i64> = overview.trend.iter().map(|point| point.running).collect();
    let subscriptions =
        StatTileOf { value: count(running), change, points: points(&trend), note: statuses.join(" · ") };
    view! {
        <div class="grid gap-4 sm:grid-cols-2 xl:grid-cols-4">
            <StatTile label="Webhooks accepted, last hour" value=count(accepted) points=points(&minutes.accepted) href="/events" note="per minute, all connections"/>
            <StatTile
                label="Deliveries refused, last hour"
                value=count(rejected)
                points=refusals
                href="/rejections"
                note=refused_note
            />
            <StatTile label="Dead letters" value=dead_count href="/dead-letters" note=dead_note status=dead_status/>
            <SubscriptionTile tile=subscriptions/>
        </div>
    }
}

struct StatTileOf {
    value: String,
    change: Option<Change>,
    points: Vec<f64>,
    note: String,
}

#[component]
fn SubscriptionTile(tile: StatTileOf) -> impl IntoView {
    let StatTileOf { value, change, points, note } = tile;
    let note = if note.is_empty() { "none yet".to_owned() } else { note };
    match change {
        Some(change) => {
            view! { <StatTile label="Running subscriptions" value=value change=change points=points href="/subscriptions" note=note/> }.into_any()
        }
        None => view! { <StatTile label="Running subscriptions" value=value points=points href="/subscriptions" note=note/> }.into_any(),
    }
}

#[component]
fn Connections(
    connections: Vec<ConnectionOverview>,
    not_configured: Arc<[(String, String)]>,
    now: Timestamp,
) -> impl IntoView {
    let link = view! { <LinkButton href="/connections" size=Size::Small variant=Variant::Ghost>"All connections"</LinkButton> }.into_any();
    let quiet = (!not_configured.is_empty()).then(|| {
        let names: Vec<&str> = not_configured.iter().map(|(name, _)| name.as_str()).collect();
        let text = format!("Not configured: {}.", names.join(", "));
        view! {
            <p class="border-t border-line px-4 py-2.5 text-xs text-ink-soft">
                {text} " " <a href="/connections#not-configured" class="text-accent hover:underline">"What is missing"</a>
            </p>
        }
    });
    if connections.is_empty() {
        return view! {
            <Card title="Connections" actions=link padded=false>
                <EmptyState title="No provider is connected" icon=Icon::Plug>
                    <p>"Set a provider's keys and restart; its state, webhooks and records appear here."</p>
                    <LinkButton href="/connections" size=Size::Small>"See what is missing"</LinkButton>
                </EmptyState>
                {quiet}
            </Card>
        }
        .into_any();
    }
    let items = connections
        .into_iter()
        .map(|connection| view! { <ConnectionLine connection=connection now=now/> })
        .collect_view();
    view! {
        <Card title="Connections" actions=link padded=false>
            <ul class="divide-y divide-line">{items}</ul>
            {quiet}
        </Card>
    }
    .into_any()
}

#[component]
fn ConnectionLine(connection: ConnectionOverview, now: Timestamp) -> impl IntoView {
    let (href, words) = where_to_look(&connection);
    let breaker = connection.gateway.breaker;
    let paused = (breaker != Breaker::Closed).then(|| view! { <BreakerBadge breaker=breaker/> });
    let test = (connection.livemode == Some(false)).then(|| view! { <Badge label="test"/> });
    view! {
        <li class="grid items-center gap-x-6 gap-y-1.5 px-4 py-3 text-sm sm:grid-cols-[minmax(8rem,1fr)_minmax(0,4fr)_minmax(0,12rem)]">
            <div class="flex flex-wrap items-center gap-2">
                <a href="/connections" class="font-medium hover:text-accent hover:underline">{connection.name.clone()}</a>
                {test}
            </div>
            <div class="flex min-w-0 flex-wrap items-center gap-x-3 gap-y-1">
                <ConnectionState state=connection.state/>
                {paused}
                <span class="min-w-0 text-ink-soft">{connection.why}</span>
                <a href=href class="text-accent hover:underline">{words}</a>
            </div>
            <div class="flex flex-wrap items-center gap-2 text-xs text-ink-soft sm:justify-end"><LatestSync run=connection.last_sync now=now/></div>
        </li>
    }
}

/// The list that explains the state.
fn where_to_look(connection: &ConnectionOverview) -> (String, &'static str) {
    let (path, words, narrow) = match connection.state {
        "rejecting" => ("/rejections", "See who is refused", None),
        "failing" if connection.dead > 0 => ("/dead-letters", "See the dead letters", None),
        "failing" => ("/calls", "See the failed calls", Some(("failed", "true"))),
        _ => ("/events", "Its events", None),
    };
    let pairs = [("connection", connection.name.as_str())].into_iter().chain(narrow);
    (url::with_query(path, pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))), words)
}

#[component]
fn MinuteChart(minutes: Minutes) -> impl IntoView {
    let series = vec![
        Series::new("Accepted", Tone::Info, points(&minutes.accepted)),
        Series::new("Refused", Tone::Warn, points(&minutes.rejected)),
        Series::new("Dead", Tone::Bad, points(&minutes.dead)),
    ];
    view! { <BarChart title="Per minute, last hour (UTC)" labels=minutes.labels series=series/> }
}

#[component]
fn Trend(trend: Vec<TrendPoint>) -> impl IntoView {
    if trend.iter().all(|point| point.running == 0 && point.started == 0) {
        return view! {
            <EmptyState title="No subscriptions yet" icon=Icon::TrendingUp>
                <p>"After the first sync the last 14 months are drawn here."</p>
            </EmptyState>
        }
        .into_any();
    }
    let labels = trend.iter().map(|point| point.month.zoned("%b %Y")).collect();
    let values = trend.iter().map(|point| number(point.running)).collect();
    view! { <AreaChart title="Running at the end of each month, last 14 months" labels=labels series=vec![Series::new("Running", Tone::Info, values)]/> }.into_any()
}

#[component]
fn Latest(events: Vec<EventSummary>, now: Timestamp) -> impl IntoView {
    let link = view! { <LinkButton href="/events" size=Size::Small variant=Variant::Ghost>"All events"</LinkButton> }
        .into_any();
    let content = if events.is_empty() {
        view! {
            <EmptyState title="No events yet" icon=Icon::Webhook>
                <p>"Give each provider its webhook address; what it delivers appears here within a second."</p>
                <LinkButton href="/connections" size=Size::Small>"See the addresses"</LinkButton>
            </EmptyState>
        }
        .into_any()
    } else {
        view! { <EventTable caption="Latest events" events=events now=now/> }.into_any()
    };
    view! { <Card title="Latest events" actions=link padded=false>{content}</Card> }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(minute: Timestamp, connection: &str, accepted: i64) -> MinuteCount {
        MinuteCount {
            connection: connection.to_owned(),
            minute,
            accepted,
            duplicates: 0,
            rejected: 0,
            processed: 0,
            dead: 0,
        }
    }

    #[test]
    fn minutes_of_all_connections_add_up_in_their_slot() {
        let now = Timestamp::from_seconds(7_230);
        let counts = [
            count(Timestamp::from_seconds(7_200), "a", 2),
            count(Timestamp::from_seconds(7_200), "b", 3),
            count(Timestamp::from_seconds(3_660), "a", 4),
            count(Timestamp::from_seconds(3_600), "a", 9),
        ];
        let minutes = Minutes::of(&counts, now);
        assert_eq!(minutes.accepted[59], 5);
        assert_eq!(minutes.accepted[0], 4);
        assert_eq!(minutes.accepted.iter().sum::<i64>(), 9, "what is older than the hour is left out");
        assert_eq!((minutes.labels[0].as_str(), minutes.labels[59].as_str()), ("01:01", "02:00"));
    }
}
