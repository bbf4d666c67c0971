//! Deliveries that were acknowledged and are not events yet, for staff: what waits for longer than it should, and what was
//! set aside.

use crate::Engine;
use patchbay_domain::Timestamp;
use patchbay_store::{FrameAside, StoreError, Waiting};
use std::{collections::BTreeMap, time::Duration};

/// Filing takes milliseconds, so what waits for so long is worth a word.
const LATE: Duration = Duration::from_mins(1);
/// Reasons that are told of one connection.
const REASONS: usize = 3;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// `None` while nothing waits for long.
    pub waiting: Option<Waiting>,
    pub aside: Vec<Aside>,
}

/// Deliveries of one connection that could not be filed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    pub connection: String,
    pub deliveries: i64,
    pub since: Timestamp,
    /// Each once; no more than some.
    pub reasons: Vec<String>,
}

pub(crate) async fn read(engine: &Engine) -> Result<Held, StoreError> {
    let durable = &engine.0.inbox.durable;
    let waiting = durable.store.waiting(&durable.journal).await?;
    let aside = durable.store.frames_aside(&durable.journal).await?;
    Ok(Held { waiting: is_late(waiting, engine.clock().now()).then_some(waiting), aside: by_connection(aside) })
}

fn is_late(waiting: Waiting, now: Timestamp) -> bool {
    waiting.since.is_some_and(|since| now.since(since) > LATE)
}

fn by_connection(frames: Vec<FrameAside>) -> Vec<Aside> {
    let mut all: BTreeMap<String, Aside> = BTreeMap::new();
    for FrameAside { key, events, received_at, why } in frames {
        let aside = all.entry(key.connection).or_insert_with_key(|connection| Aside {
            connection: connection.clone(),
            deliveries: 0,
            since: received_at,
            reasons: Vec::new(),
        });
        aside.deliveries += events;
        aside.since = aside.since.min(received_at);
        if aside.reasons.len() < REASONS && !aside.reasons.contains(&why) {
            aside.reasons.push(why);
        }
    }
    all.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_store::{FrameKey, FramePlace};

    fn frame(connection: &str, received_at: i64, why: &str) -> FrameAside {
        let key = FrameKey { place: FramePlace::Database, connection: connection.to_owned(), seq: received_at };
        FrameAside { key, events: 2, received_at: Timestamp(received_at), why: why.to_owned() }
    }

    #[test]
    fn what_was_set_aside_adds_up_by_connection_with_each_reason_once() {
        let frames = vec![frame("stripe", 9, "too long"), frame("mux", 5, "odd"), frame("stripe", 7, "too long")];
        let aside = by_connection(frames);
        let seen: Vec<_> = aside.iter().map(|one| (one.connection.as_str(), one.deliveries, one.since.0)).collect();
        assert_eq!(seen, [("mux", 2, 5), ("stripe", 4, 7)]);
        assert_eq!(aside[1].reasons, ["too long"]);
    }

    #[test]
    fn what_waits_for_a_moment_is_not_told() {
        let now = Timestamp::from_seconds(1_000);
        let waiting = |seconds| Waiting { deliveries: 3, since: Some(Timestamp::from_seconds(seconds)) };
        assert!(!is_late(waiting(990), now));
        assert!(is_late(waiting(900), now));
        assert!(!is_late(Waiting::default(), now));
    }
}
