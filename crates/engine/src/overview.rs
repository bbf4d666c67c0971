//! What the first page shows. Nothing here counts a table: counts are kept where they change.

use crate::Engine;
use patchbay_domain::{Timestamp, billing::SUBSCRIPTION};
use patchbay_providers::gateway::{Breaker, GatewayStatus};
use patchbay_store::{MinuteCount, StoreError, SyncRun};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

const MONTHS: i32 = 14;
const TREND_AGE: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_hours(1);
/// A connection is `rejecting` when, within this time, at least [`REJECTING_FROM`] deliveries were refused and more than
/// were accepted. So a single piece of junk raises no alarm, and a wrong secret does within its first deliveries.
const REJECTING_WITHIN: Duration = Duration::from_mins(10);
const REJECTING_FROM: i64 = 3;

#[derive(Clone, Debug)]
pub struct Overview {
    pub now: Timestamp,
    pub connections: Vec<ConnectionOverview>,
    /// The last 60 minutes, one entry per minute and connection that saw anything.
    pub minutes: Vec<MinuteCount>,
    /// Subscriptions by status.
    pub subscriptions: Vec<(String, i64)>,
    /// Subscriptions that ran at the end of each month.
    pub trend: Vec<TrendPoint>,
}

#[derive(Clone, Debug)]
pub struct ConnectionOverview {
    pub name: String,
    pub provider: &'static str,
    pub area: &'static str,
    pub livemode: Option<bool>,
    pub gateway: GatewayStatus,
    pub last_sync: Option<SyncRun>,
    /// Within the last hour.
    pub accepted: i64,
    pub rejected: i64,
    pub dead: i64,
    /// `ok`, `failing`, `rejecting` or `quiet`, and why.
    pub state: &'static str,
    pub why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrendPoint {
    pub month: Timestamp,
    pub running: i64,
    pub started: i64,
    pub ended: i64,
}

/// The trend is read over all subscriptions, so it is kept for some seconds.
#[derive(Default)]
pub(crate) struct Cache(Mutex<Option<(Timestamp, Vec<TrendPoint>)>>);

pub(crate) async fn read(engine: &Engine) -> Result<Overview, StoreError> {
    let now = engine.clock().now();
    let store = &engine.0.store;
    let minutes = store.minute_counts(None, now.minus(HOUR), now).await?;
    Ok(Overview {
        now,
        connections: connections(engine, &minutes).await?,
        subscriptions: store.status_counts(&SUBSCRIPTION, None).await?,
        trend: trend(engine, now).await?,
        minutes,
    })
}

pub(crate) async fn connections(
    engine: &Engine,
    minutes: &[MinuteCount],
) -> Result<Vec<ConnectionOverview>, StoreError> {
    let mut list = Vec::with_capacity(engine.0.connections.len());
    for (name, connection) in &engine.0.connections {
        let hour = Counts::of(minutes.iter().filter(|minute| minute.connection == *name));
        let since = engine.clock().now().minus(REJECTING_WITHIN);
        let recent = Counts::of(minutes.iter().filter(|minute| minute.connection == *name && minute.minute >= since));
        let gateway = connection.gateway().status();
        let (state, why) = judge(breaker_is_open(&gateway), hour, recent);
        let manifest = connection.manifest();
        list.push(ConnectionOverview {
            name: name.clone(),
            provider: manifest.name,
            area: manifest.area,
            livemode: connection.livemode(),
            last_sync: engine.0.store.latest_sync(name).await?,
            gateway,
            accepted: hour.accepted,
            rejected: hour.rejected,
            dead: hour.dead,
            state,
            why,
        });
    }
    Ok(list)
}

/// Calls of this connection are not even tried just now.
pub(crate) fn breaker_is_open(gateway: &GatewayStatus) -> bool {
    matches!(gateway.breaker, Breaker::Open { .. })
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    accepted: i64,
    rejected: i64,
    dead: i64,
}

impl Counts {
    fn of<'a>(minutes: impl Iterator<Item = &'a MinuteCount>) -> Self {
        minutes.fold(Self::default(), |sum, minute| Self {
            accepted: sum.accepted + minute.accepted,
            rejected: sum.rejected + minute.rejected,
            dead: sum.dead + minute.dead,
        })
    }
}

fn judge(breaker_is_open: bool, hour: Counts, recent: Counts) -> (&'static str, String) {
    if breaker_is_open {
        ("failing", "Calls to the provider fail; they are paused for a moment.".to_owned())
    } else if recent.rejected >= REJECTING_FROM && recent.rejected > recent.accepted {
        let minutes = REJECTING_WITHIN.as_secs() / 60;
        let refused = counted(recent.rejected, "delivery", "deliveries");
        ("rejecting", format!("{refused} refused within {minutes} minutes: is the webhook secret right?"))
    } else if hour.dead > 0 {
        ("failing", format!("{} became dead letters in the last hour.", counted(hour.dead, "event", "events")))
    } else if hour.accepted == 0 && hour.rejected == 0 {
        ("quiet", "No webhook in the last hour.".to_owned())
    } else {
        let refused = if hour.rejected == 0 { "none".to_owned() } else { hour.rejected.to_string() };
        let state = if hour.accepted == 0 { "quiet" } else { "ok" };
        (state, format!("{} in the last hour, {refused} refused.", counted(hour.accepted, "webhook", "webhooks")))
    }
}

fn counted(count: i64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

async fn trend(engine: &Engine, now: Timestamp) -> Result<Vec<TrendPoint>, StoreError> {
    let cached = engine.0.overview_cache.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((at, trend)) = cached
        && now.since(at) < TREND_AGE
        && !trend.is_empty()
    {
        return Ok(trend);
    }
    let trend = read_trend(engine, now).await?;
    *engine.0.overview_cache.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, trend.clone()));
    Ok(trend)
}

async fn read_trend(engine: &Engine, now: Timestamp) -> Result<Vec<TrendPoint>, StoreError> {
    let months = month_starts(now);
    let counts = engine.0.store.started_and_ended(&SUBSCRIPTION, &months).await?;
    let mut running = counts.before.0 - counts.before.1;
    let points = months.iter().zip(counts.buckets).map(|(month, (started, ended))| {
        running += started - ended;
        TrendPoint { month: *month, running, started, ended }
    });
    Ok(points.collect())
}

/// First instants (UTC) of the last months up to this one, oldest first.
fn month_starts(now: Timestamp) -> Vec<Timestamp> {
    let year: i32 = now.zoned("%Y").parse().unwrap_or(1970);
    let month: i32 = now.zoned("%m").parse().unwrap_or(1);
    let this = year * 12 + month - 1;
    (this - MONTHS + 1..=this)
        .filter_map(|index| {
            let (year, month) = (index.div_euclid(12), index.rem_euclid(12) + 1);
            Timestamp::parse_rfc3339(&format!("{year:04}-{month:02}-01T00:00:00Z"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(accepted: i64, rejected: i64, dead: i64) -> Counts {
        Counts { accepted, rejected, dead }
    }

    #[test]
    fn one_piece_of_junk_raises_no_alarm() {
        let (state, why) = judge(false, counts(40, 1, 0), counts(0, 1, 0));
        assert_eq!((state, why.as_str()), ("ok", "40 webhooks in the last hour, 1 refused."));
        assert_eq!(judge(false, counts(0, 2, 0), counts(0, 2, 0)).0, "quiet");
    }

    #[test]
    fn a_wrong_secret_is_seen_within_minutes_however_much_was_accepted_before() {
        assert_eq!(judge(false, counts(5_000, 3, 0), counts(2, 3, 0)).0, "rejecting");
        assert_eq!(judge(false, counts(5_000, 3, 0), counts(3, 3, 0)).0, "ok", "most are still accepted");
    }

    #[test]
    fn paused_calls_and_dead_letters_are_failures() {
        assert_eq!(judge(true, counts(1, 0, 0), counts(1, 0, 0)).0, "failing");
        assert_eq!(judge(false, counts(9, 0, 1), counts(1, 0, 0)).0, "failing");
        assert_eq!(judge(false, counts(0, 0, 0), counts(0, 0, 0)).0, "quiet");
    }

    #[test]
    fn months_run_across_the_year_and_end_with_this_one() {
        let now = Timestamp::parse_rfc3339("2026-01-20T10:00:00Z").unwrap();
        let months = month_starts(now);
        assert_eq!(months.len(), 14);
        assert_eq!(months.last().unwrap().rfc3339(), "2026-01-01T00:00:00Z");
        assert_eq!(months[0].rfc3339(), "2024-12-01T00:00:00Z");
    }
}
