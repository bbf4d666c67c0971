//! How a connection and its syncs are doing, in a word with its colour.

use super::links::{between, count, counted};
use crate::components::{Badge, Icon, Progress, Time, Tone};
use leptos::prelude::*;
use patchbay_domain::Timestamp;
use patchbay_providers::gateway::Breaker;
use patchbay_store::{SyncRun, SyncState};

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
pub fn LatestSync(run: Option<SyncRun>, now: Timestamp) -> impl IntoView {
    let Some(run) = run else {
        return view! { <span>"never synced"</span> }.into_any();
    };
    let missing = i64::try_from(run.missing().count()).unwrap_or(i64::MAX);
    let (mark, words) = match run.state {
        SyncState::Running => (Some(("Syncing", Tone::Info, Icon::Loader)), format!("{} read", count(run.done))),
        SyncState::Done => (None, "synced".to_owned()),
        SyncState::Incomplete => {
            let words = format!("{} missing", counted(missing, "kind", "kinds"));
            (Some(("Sync incomplete", Tone::Warn, Icon::TriangleAlert)), words)
        }
        SyncState::Failed => (Some(("Sync failed", Tone::Bad, Icon::CircleX)), String::new()),
        SyncState::Cancelled => (None, "sync canceled".to_owned()),
    };
    let mark = mark.map(|(label, tone, icon)| view! { <Badge label=label tone=tone icon=icon/> });
    let at = run.finished_at.unwrap_or(run.started_at);
    let when = (!run.is_running()).then(|| view! { <Time at=at now=now/> });
    view! {
        {mark}
        <span>{words} " " {when}</span>
    }
    .into_any()
}

/// A running sync: how far, how fast, and what it reads right now.
#[component]
pub fn SyncProgress(run: SyncRun, kinds: usize, now: Timestamp) -> impl IntoView {
    let label = if run.cancel_requested { "Sync, stopping after this page" } else { "Sync" };
    view! { <Progress label=label done=run.done total=None detail=progress(&run, kinds, now)/> }
}

fn progress(run: &SyncRun, kinds: usize, now: Timestamp) -> String {
    let missing = run.missing().count();
    let reading =
        run.reading().map_or_else(|| "finishing".to_owned(), |unread| format!("reading {}", unread.kind.plural()));
    let mut parts = vec![format!("{} changed", count(run.changed))];
    if run.attempts == 1 {
        let seconds = i64::try_from(now.since(run.started_at).as_secs()).unwrap_or(i64::MAX).max(1);
        let step = (kinds + missing + 1).saturating_sub(run.unread.len()).min(kinds);
        parts.push(format!("{} per second", count(run.done / seconds)));
        parts.push(format!("{reading}, step {step} of {kinds}"));
        parts.push(format!("for {}", between(run.started_at, now)));
    } else {
        parts.push(reading);
        parts.push(format!("try {} for what is missing", run.attempts));
    }
    if missing > 0 {
        parts.push(format!("{missing} missing so far"));
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_domain::{Kind, error::Problem};
    use patchbay_store::Unread;

    #[test]
    fn progress_counts_a_kind_that_could_not_be_read_as_a_step() {
        const KINDS: [Kind; 3] = [Kind::new("product"), Kind::new("payment_method"), Kind::new("invoice")];
        let at = Timestamp::from_seconds;
        let problem = Problem { why: "No.".to_owned(), what_to_do: "Ask.".to_owned() };
        let mut run = SyncRun {
            id: uuid::Uuid::nil(),
            connection: "stripe".to_owned(),
            state: SyncState::Running,
            owner: None,
            unread: KINDS.map(Unread::new).into(),
            done: 0,
            changed: 0,
            started_at: at(0),
            heartbeat_at: at(0),
            finished_at: None,
            error: None,
            cancel_requested: false,
            attempts: 1,
            retry_at: None,
            thorough: false,
        };
        let words = |run: &SyncRun| progress(run, KINDS.len(), at(2));
        assert!(words(&run).contains("reading products, step 1 of 3"), "{}", words(&run));
        run.unread[0].problem = Some(problem);
        assert!(words(&run).contains("reading payment methods, step 2 of 3"), "{}", words(&run));
        assert!(words(&run).ends_with("1 missing so far"), "{}", words(&run));
        run.unread.remove(1);
        assert!(words(&run).contains("reading invoices, step 3 of 3"), "{}", words(&run));
        run.attempts = 4;
        assert!(words(&run).contains("reading invoices · try 4 for what is missing"), "{}", words(&run));
    }
}
