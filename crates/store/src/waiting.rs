//! Frames that wait to be filed, and whose turn it is; and those that `PostgreSQL` keeps itself. `journal.rs` has the others.
//!
//! Each connection's frames are filed in their order, but connections take turns: what one has delivered in a flood
//! does not hold up the few deliveries of another.

use crate::{
    Frame,
    sql::{Arg, Sql},
};
use patchbay_domain::Timestamp;
use std::collections::BTreeMap;

/// `(seq, events)` of a connection's next frames.
pub(crate) type Sizes = Vec<(i64, i64)>;

/// Frames of a connection that are looked at in one go.
pub(crate) const AT_ONCE: i64 = 256;

pub(crate) fn insert(frames: &[Frame]) -> Sql {
    Sql::new("INSERT INTO inbox_frames (connection, events, received_at, frame) ").rows(frames.iter().map(row))
}

/// Of deliveries that could not be filed.
pub(crate) fn insert_aside(frames: &[Frame], how: i64, why: &str) -> Sql {
    let rows = frames.iter().map(|frame| [row(frame), vec![how.into(), why.into()]].concat());
    Sql::new("INSERT INTO inbox_frames (connection, events, received_at, frame, damaged, why) ").rows(rows)
}

fn row(frame: &Frame) -> Vec<Arg> {
    vec![(&frame.connection).into(), frame.events.into(), frame.received_at.into(), frame.bytes.clone().into()]
}

/// Connections that have frames: one look into the index for each, however many frames there are.
pub(crate) fn connections() -> Sql {
    Sql::new(
        "WITH RECURSIVE named (connection) AS (\
         SELECT MIN(connection) FROM inbox_frames WHERE damaged = 0 \
         UNION ALL SELECT (SELECT MIN(later.connection) FROM inbox_frames later \
         WHERE later.damaged = 0 AND later.connection > named.connection) FROM named \
         WHERE named.connection IS NOT NULL) \
         SELECT connection FROM named WHERE connection IS NOT NULL",
    )
}

pub(crate) fn sizes(connection: &str) -> Sql {
    Sql::new("SELECT seq, events FROM inbox_frames WHERE damaged = 0 AND connection = ")
        .bind(connection)
        .push(" ORDER BY seq LIMIT ")
        .bind(AT_ONCE)
}

pub(crate) fn frames(connection: &str, last: i64) -> Sql {
    Sql::new("SELECT seq, frame FROM inbox_frames WHERE damaged = 0 AND connection = ")
        .bind(connection)
        .push(" AND seq <= ")
        .bind(last)
        .push(" ORDER BY seq")
}

/// Deliveries that are not filed.
pub(crate) fn deliveries() -> Sql {
    Sql::new("SELECT CAST(COALESCE(SUM(events), 0) AS BIGINT) FROM inbox_frames WHERE damaged = 0")
}

/// When the first of a connection's frames came.
pub(crate) fn oldest(connection: &str) -> Sql {
    Sql::new("SELECT received_at FROM inbox_frames WHERE damaged = 0 AND connection = ")
        .bind(connection)
        .push(" ORDER BY seq LIMIT 1")
}

/// Deliveries that are acknowledged and not filed yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    pub deliveries: i64,
    /// When the first of them came.
    pub since: Option<Timestamp>,
}

impl Waiting {
    pub(crate) fn add(&mut self, deliveries: i64, since: Option<Timestamp>) {
        self.deliveries += deliveries;
        self.since = self.since.into_iter().chain(since).min();
    }
}

/// The last frame of each connection that is filed next, so that no more than `most` deliveries come together. What one does not need
/// of its share goes to those that have more; one frame of each comes in any case.
pub(crate) fn take_turns(waiting: BTreeMap<String, Sizes>, most: i64) -> BTreeMap<String, i64> {
    let mut waiting: Vec<(i64, String, Sizes)> = waiting
        .into_iter()
        .map(|(connection, sizes)| (sizes.iter().map(|(_, events)| events).sum(), connection, sizes))
        .collect();
    waiting.sort_unstable();
    let mut left = most;
    let mut to_come = i64::try_from(waiting.len()).unwrap_or(i64::MAX);
    let mut positions = BTreeMap::new();
    for (_, connection, sizes) in waiting {
        if let Some((last, events)) = last_within(&sizes, left / to_come) {
            left = (left - events).max(0);
            positions.insert(connection, last);
        }
        to_come -= 1;
    }
    positions
}

/// The last frame that still fits, the first one in any case, and the deliveries up to it.
fn last_within(sizes: &[(i64, i64)], events: i64) -> Option<(i64, i64)> {
    let (first, rest) = sizes.split_first()?;
    let mut last = *first;
    for (seq, size) in rest {
        if last.1 + size > events {
            break;
        }
        last = (*seq, last.1 + size);
    }
    Some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(waiting: &[(&str, &[(i64, i64)])], most: i64) -> Vec<(String, i64)> {
        let waiting = waiting.iter().map(|(name, sizes)| ((*name).to_owned(), sizes.to_vec())).collect();
        take_turns(waiting, most).into_iter().collect()
    }

    #[test]
    fn a_connection_by_itself_takes_all() {
        assert_eq!(next(&[("a", &[(1, 5), (2, 5), (3, 5)])], 10), [("a".to_owned(), 2)]);
    }

    #[test]
    fn the_first_frame_is_taken_however_large_it_is() {
        assert_eq!(next(&[("a", &[(7, 500), (8, 1)])], 10), [("a".to_owned(), 7)]);
    }

    #[test]
    fn a_few_deliveries_come_at_once_whatever_another_connection_has_waiting() {
        let quiet: &[(i64, i64)] = &[(91, 1), (95, 1), (99, 1)];
        let noisy: Vec<(i64, i64)> = (1..90).map(|seq| (seq, 4)).collect();
        assert_eq!(
            next(&[("noisy", &noisy), ("quiet", quiet)], 20),
            [("noisy".to_owned(), 4), ("quiet".to_owned(), 99)]
        );
    }

    #[test]
    fn two_that_have_much_share_evenly() {
        let much: Vec<(i64, i64)> = (1..90).map(|seq| (seq, 1)).collect();
        assert_eq!(next(&[("a", &much), ("b", &much)], 20), [("a".to_owned(), 10), ("b".to_owned(), 10)]);
    }

    #[test]
    fn what_has_nothing_waiting_gets_no_position() {
        assert_eq!(next(&[("a", &[]), ("b", &[(3, 1)])], 20), [("b".to_owned(), 3)]);
    }
}
