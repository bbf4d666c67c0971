//! What waits, and whether anybody works on it.

use super::{Findings, counted};
use patchbay_domain::Timestamp;
use patchbay_store::{Backlog, Journal, Store, StoreError, Waiting};
use std::time::Duration;

/// A worker takes what is due within seconds.
const SOON: Duration = Duration::from_mins(1);
/// Deliveries wait for milliseconds in the inbox.
const MANY: i64 = 1_000;

pub async fn check_work(findings: &mut Findings, store: &Store) {
    match read(store).await {
        Ok((backlog, workers)) => judge(findings, store.clock().now(), &backlog, workers),
        Err(error) => findings.problem("events", error.to_string()),
    }
}

async fn read(store: &Store) -> Result<(Backlog, i64), StoreError> {
    Ok((store.backlog().await?, store.workers_alive().await?))
}

fn judge(findings: &mut Findings, now: Timestamp, backlog: &Backlog, workers: i64) {
    let late = backlog.due_since.filter(|due| now.since(*due) > SOON);
    let pending = counted(backlog.pending, "event waits", "events wait");
    let running = counted(workers, "worker runs", "workers run");
    match late {
        Some(due) if workers == 0 => findings.problem(
            "events",
            format!(
                "{pending} since {due}, and no worker runs: start `patchbay worker`, or `patchbay serve` without --no-worker"
            ),
        ),
        Some(due) => findings.warning("events", format!("{pending}, one of them since {due}, although {running}")),
        None => findings.ok("events", format!("{pending}; {running}")),
    }
    judge_dead(findings, backlog.dead);
}

/// Of a server that starts: what else waits, it is about to work on.
pub async fn check_dead_letters(findings: &mut Findings, store: &Store) {
    match store.backlog().await {
        Ok(backlog) => judge_dead(findings, backlog.dead),
        Err(error) => findings.problem("events", error.to_string()),
    }
}

fn judge_dead(findings: &mut Findings, dead: i64) {
    if dead > 0 {
        let dead = counted(dead, "event is a dead letter", "events are dead letters");
        findings
            .warning("events", format!("{dead}: see `patchbay events list --state dead` for why, then replay them"));
    }
}

pub async fn check_inbox(findings: &mut Findings, store: &Store, journal: &Journal) {
    match (store.waiting(journal).await, store.frames_aside(journal).await) {
        (Ok(Waiting { deliveries, since }), Ok(aside)) if aside.is_empty() => {
            let since = since.map_or_else(String::new, |since| format!(", since {since}"));
            let text = format!("{} to be filed{since}", counted(deliveries, "delivery waits", "deliveries wait"));
            if deliveries > MANY {
                findings.warning("inbox", format!("{text}; a running server files them"));
            } else {
                findings.ok("inbox", text);
            }
        }
        (Ok(_), Ok(aside)) => {
            let since = aside.iter().map(|frame| frame.received_at).min().unwrap_or_default();
            let aside = counted(aside.iter().map(|frame| frame.events).sum(), "delivery", "deliveries");
            let text = format!(
                "{aside} could not be filed and set aside, since {since}; `patchbay inbox list` says why, `patchbay inbox retry` files \
                 them again"
            );
            findings.problem("inbox", text);
        }
        (Err(error), _) | (_, Err(error)) => findings.problem("inbox", error.to_string()),
    }
    match (store.gaps(journal).await, store.noted_gaps(patchbay_engine::GAPS_TOLD_FOR).await) {
        (Ok(new), Ok(noted)) => {
            for gap in noted.into_iter().map(|(_, gap)| gap).chain(new) {
                let from = gap.from.map_or_else(|| "the beginning".to_owned(), |from| from.to_string());
                let text = format!(
                    "deliveries of {0} from {from} until {1} are missing, because the database is older than the inbox's \
                     file; `patchbay sync {0}` reads the records again; ask the provider to send its events of that time \
                     again",
                    gap.connection, gap.until
                );
                findings.problem("inbox", text);
            }
        }
        (Err(error), _) | (_, Err(error)) => findings.problem("inbox", error.to_string()),
    }
}

/// What is kept of connections that are not there: after a renaming, or a mistake in the configuration.
pub async fn check_kept(findings: &mut Findings, store: &Store, configured: &[String]) {
    let kept = match store.connections_kept().await {
        Ok(kept) => kept,
        Err(error) => return findings.problem("database", error.to_string()),
    };
    for kept in kept.into_iter().filter(|kept| !configured.contains(&kept.connection)) {
        let name = &kept.connection;
        let text = format!(
            "is not configured; of it are kept {} events ({} pending, {} dead letters) and {} records. Configure it again, \
             or give them its new name: `patchbay connections rename {name} <new>`",
            kept.events, kept.pending, kept.dead, kept.records
        );
        // Of a provider that is not used any more, records stay, and nothing waits.
        if kept.pending > 0 {
            findings.problem(name, text);
        } else {
            findings.warning(name, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn judged(pending: i64, late: Option<i64>, workers: i64) -> Vec<Level> {
        let now = Timestamp::from_seconds(10_000);
        let due_since = late.map(|seconds| Timestamp::from_seconds(10_000 - seconds));
        let mut findings = Findings::default();
        judge(&mut findings, now, &Backlog { pending, due_since, ..Backlog::default() }, workers);
        findings.all().iter().map(|finding| finding.level).collect()
    }

    #[test]
    fn work_that_nobody_does_is_a_problem_and_work_that_is_late_a_warning() {
        assert_eq!(judged(30, Some(90), 0), [Level::Problem]);
        assert_eq!(judged(30, Some(90), 1), [Level::Warning]);
        assert_eq!(judged(30, Some(30), 0), [Level::Ok], "it may have come just now");
        assert_eq!(judged(30, Some(-600), 0), [Level::Ok], "it waits for its next try");
        assert_eq!(judged(0, None, 0), [Level::Ok]);
    }

    #[test]
    fn dead_letters_are_counted() {
        let mut findings = Findings::default();
        judge(&mut findings, Timestamp::from_seconds(1), &Backlog { dead: 2, ..Backlog::default() }, 1);
        let warning = &findings.all()[1];
        assert!(
            warning.level == Level::Warning && warning.text.starts_with("2 events are dead letters"),
            "{warning:?}"
        );
    }
}
