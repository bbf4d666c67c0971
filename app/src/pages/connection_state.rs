//! How a connection and its syncs are doing, in a word with its colour.

use super::links::{between, count};
use crate::components::{Badge, Icon, Progress, Time, Tone};
use leptos::prelude::*;
use patchbay_domain::{Kind, Timestamp};
use patchbay_providers::gateway::Breaker;
use patchbay_store::SyncRun;

/// `ok`, `failing`, `rejecting` or `quiet`.
#[component]
pub fn ConnectionState(state: &'static str) -> impl IntoView {
    let (label, tone, icon) = match state {
        "ok" => ("Ok", Tone::Good, Icon::CircleCheck),
        "failing" => ("Failing", Tone::Bad, Icon::CircleX),
        "rejecting" => ("Rejecting", Tone::Warn, Icon::ShieldX),
        "quiet" => ("Quiet", Tone::Neutral, Icon::CircleDashed),
        other => (other, Tone::Neutral, Icon::CircleDot),
    };
    view! { <Badge label=label tone=tone icon=icon/> }
}

/// Whether calls to the provider go out.
#[component]
pub fn BreakerBadge(breaker: Breaker) -> impl IntoView {
    let (label, tone, icon) = match breaker {
        Breaker::Closed => ("Calls go out", Tone::Good, Icon::CircleCheck),
        Breaker::Open { .. } => ("Calls paused after failures", Tone::Bad, Icon::CirclePause),
        Breaker::HalfOpen => ("The next call decides", Tone::Warn, Icon::TriangleAlert),
    };
    view! { <Badge label=label tone=tone icon=icon/> }
}

/// The last sync in one line.
#[component]
pub fn SyncState(run: Option<SyncRun>, now: Timestamp) -> impl IntoView {
    let Some(run) = run else {
        return view! { <span>"never synced"</span> }.into_any();
    };
    let at = run.finished_at.unwrap_or(run.started_at);
    let words = match run.state.as_str() {
        "running" => format!("{} read", count(run.done)),
        "done" => "synced".to_owned(),
        "failed" => String::new(),
        other => format!("sync {other}"),
    };
    let mark = match run.state.as_str() {
        "failed" => Some(view! { <Badge label="Sync failed" tone=Tone::Bad icon=Icon::CircleX/> }),
        "running" => Some(view! { <Badge label="Syncing" tone=Tone::Info icon=Icon::Loader/> }),
        _ => None,
    };
    let when = (run.state != "running").then(|| view! { <Time at=at now=now/> });
    view! {
        {mark}
        <span>{words} " " {when}</span>
    }
    .into_any()
}

/// A running sync: how far, how fast, and what it reads right now.
#[component]
pub fn SyncProgress(run: SyncRun, kinds: &'static [Kind], now: Timestamp) -> impl IntoView {
    let index = usize::try_from(run.kind_index).unwrap_or(0);
    let reading = kinds
        .get(index)
        .map_or_else(|| "finishing".to_owned(), |kind| format!("reading {}s", kind.as_str().replace('_', " ")));
    let seconds = i64::try_from(now.since(run.started_at).as_secs()).unwrap_or(i64::MAX).max(1);
    let step = (index + 1).min(kinds.len());
    let detail = format!(
        "{} changed · {} per second · {reading}, step {step} of {} · for {}",
        count(run.changed),
        count(run.done / seconds),
        kinds.len(),
        between(run.started_at, now),
    );
    let label = if run.cancel_requested { "Sync, stopping after this page" } else { "Sync" };
    view! { <Progress label=label done=run.done total=None detail=detail/> }
}
