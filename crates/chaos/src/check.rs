//! The ledger held against the tables. Pure, so that it can be shown to find what it is there to find.

use crate::{
    ledger::{Entry, Ledger, moment},
    plan::Event,
    snapshot::{HistoryRow, RecordRow, Snapshot, StoredEvent},
};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};
use uuid::Uuid;

/// What must not be, each with a sentence. All empty is what a round has to end with.
#[derive(Debug, Default)]
pub struct Findings {
    /// Acknowledged, and not there, not there in time, or without its effect.
    pub lost: Vec<String>,
    /// Stored or counted twice, or with its effect twice.
    pub doubled: Vec<String>,
    /// There, and never genuinely sent.
    pub invented: Vec<String>,
    /// A record that is older than what was acknowledged of its object.
    pub stale: Vec<String>,
    /// Answers that no delivery of its sort may get.
    pub wrong_answers: Vec<String>,
}

impl Findings {
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// Each with the name of its sort.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &String)> {
        [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("invented", &self.invented),
            ("stale", &self.stale),
            ("wrong answer", &self.wrong_answers),
        ]
        .into_iter()
        .flat_map(|(name, list)| list.iter().map(move |line| (name, line)))
    }
}

pub fn compare(ledger: &Ledger, snapshot: &Snapshot) -> Findings {
    let mut findings = Findings { wrong_answers: ledger.wrong_answers.clone(), ..Findings::default() };
    let stored = stored_once(ledger, snapshot, &mut findings);
    acknowledged_are_stored(ledger, &stored, &mut findings);
    events_have_one_effect(&stored, snapshot, &mut findings);
    events_have_one_attempt(&stored, snapshot, &mut findings);
    records_are_the_newest(ledger, &stored, snapshot, &mut findings);
    counts_add_up(ledger, snapshot, &mut findings);
    findings.lost.extend(snapshot.damage.iter().map(|line| format!("the database is damaged: {line}")));
    findings
}

/// A stored event beside its entry in the ledger.
struct Stored<'a> {
    row: &'a StoredEvent,
    entry: &'a Entry,
}

fn stored_once<'a>(
    ledger: &'a Ledger,
    snapshot: &'a Snapshot,
    findings: &mut Findings,
) -> BTreeMap<&'a str, Stored<'a>> {
    let mut stored = BTreeMap::new();
    for row in &snapshot.events {
        let id = row.external_id.as_str();
        let Some(entry) = ledger.entries.get(id) else {
            findings.invented.push(format!("{id} is stored and was never sent"));
            continue;
        };
        match moment(&row.request_id) {
            Some(sent) if entry.sent.contains(&sent) => {}
            Some(sent) if ledger.forged.contains(&sent) => {
                findings.invented.push(format!("{id} is stored as the forged delivery {sent} had it"));
            }
            _ => findings.invented.push(format!("{id} is stored from a delivery that was none: {}", row.request_id)),
        }
        if row.connection != entry.event.connection {
            findings.invented.push(format!("{id} is stored as one of {}", row.connection));
        }
        if stored.insert(id, Stored { row, entry }).is_some() {
            findings.doubled.push(format!("{id} is stored more than once"));
        }
    }
    stored
}

fn acknowledged_are_stored(ledger: &Ledger, stored: &BTreeMap<&str, Stored<'_>>, findings: &mut Findings) {
    for (id, entry) in &ledger.entries {
        if entry.is_acknowledged && !stored.contains_key(id.as_str()) {
            findings.lost.push(format!("{id} was acknowledged and is not stored"));
        }
    }
}

fn events_have_one_effect(stored: &BTreeMap<&str, Stored<'_>>, snapshot: &Snapshot, findings: &mut Findings) {
    let mut effects: BTreeMap<&str, Vec<&HistoryRow>> = BTreeMap::new();
    for row in &snapshot.history {
        effects.entry(row.source_id.as_str()).or_default().push(row);
    }
    for (id, Stored { row, entry }) in stored {
        if row.state != "processed" {
            findings.lost.push(format!("{id} is stored and {} instead of processed", row.state));
        }
        let rows = effects.remove(row.id.to_string().as_str()).unwrap_or_default();
        match (rows.len(), row.state.as_str()) {
            (0, "processed") => findings.lost.push(format!("{id} is processed and had no effect")),
            (0 | 1, _) => {}
            (count, _) => findings.doubled.push(format!("{id} had its effect {count} times")),
        }
        for effect in rows {
            effect_is_the_events(&entry.event, effect, findings);
        }
    }
    for rows in effects.into_values().flatten() {
        let HistoryRow { external_id, source_type, source_id, .. } = rows;
        findings
            .invented
            .push(format!("the history of {external_id} names a cause unknown here: {source_type} {source_id}"));
    }
}

fn effect_is_the_events(event: &Event, effect: &HistoryRow, findings: &mut Findings) {
    if effect.source_type != "event" || effect.external_id != event.object || effect.version != event.version() {
        findings.invented.push(format!("{} had another event's effect: {effect:?}", event.id));
    }
    let shown = effect.body_after.as_ref().is_some_and(|body| body.contains(&event.mark()));
    if matches!(effect.outcome.as_str(), "created" | "updated") && !shown {
        findings.invented.push(format!("{} left another content than its own: {effect:?}", event.id));
    }
}

fn events_have_one_attempt(stored: &BTreeMap<&str, Stored<'_>>, snapshot: &Snapshot, findings: &mut Findings) {
    let mut attempts: BTreeMap<Uuid, usize> = BTreeMap::new();
    for attempt in snapshot.attempts.iter().filter(|attempt| attempt.outcome == "processed") {
        *attempts.entry(attempt.event_id).or_default() += 1;
    }
    for (id, Stored { row, .. }) in stored {
        match (attempts.remove(&row.id).unwrap_or(0), row.state.as_str()) {
            (0, "processed") => findings.lost.push(format!("{id} is processed without an attempt")),
            (0 | 1, _) => {}
            (count, _) => findings.doubled.push(format!("{id} was processed {count} times")),
        }
    }
    if !attempts.is_empty() {
        findings.invented.push(format!("{} events were worked on that are not stored", attempts.len()));
    }
}

fn records_are_the_newest(
    ledger: &Ledger,
    stored: &BTreeMap<&str, Stored<'_>>,
    snapshot: &Snapshot,
    findings: &mut Findings,
) {
    let mut newest: BTreeMap<&str, &Event> = BTreeMap::new();
    // What is acknowledged counts even where it is not stored: the record is behind then, too.
    let acknowledged = ledger.entries.values().filter(|entry| entry.is_acknowledged);
    for event in stored.values().map(|stored| stored.entry).chain(acknowledged).map(|entry| &entry.event) {
        let held = newest.entry(event.object.as_str()).or_insert(event);
        if held.number < event.number {
            *held = event;
        }
    }
    let mut writes: BTreeMap<&str, Vec<&HistoryRow>> = BTreeMap::new();
    for row in snapshot.history.iter().filter(|row| row.outcome != "ignored") {
        writes.entry(row.external_id.as_str()).or_default().push(row);
    }
    for record in &snapshot.records {
        let Some(event) = newest.remove(record.external_id.as_str()) else {
            findings.invented.push(format!("there is a record {} {}", record.kind, record.external_id));
            continue;
        };
        record_is_the_newest(record, event, findings);
        let writes = writes.remove(record.external_id.as_str()).unwrap_or_default();
        record_was_written_once_per_version(record, &writes, findings);
    }
    findings.lost.extend(newest.into_keys().map(|object| format!("there is no record of {object}")));
}

fn record_is_the_newest(record: &RecordRow, event: &Event, findings: &mut Findings) {
    let RecordRow { external_id, version, .. } = record;
    match version.cmp(&event.version()) {
        Ordering::Less => {
            findings.stale.push(format!("{external_id} stands at {version}, and {} is newer", event.id));
            return;
        }
        Ordering::Greater => {
            findings.invented.push(format!("{external_id} stands at {version}, which was never sent"));
            return;
        }
        Ordering::Equal => {}
    }
    if record.connection != event.connection {
        findings.invented.push(format!("{external_id} is a record of {}", record.connection));
    }
    if record.kind != event.kind.name() || (record.deleted != 0) != event.deletes {
        findings.stale.push(format!("{external_id} is not as {} left it: {record:?}", event.id));
    } else if !event.deletes && !record.body.contains(&event.mark()) {
        findings.stale.push(format!("{external_id} has the version of {} and another content", event.id));
    }
}

fn record_was_written_once_per_version(record: &RecordRow, writes: &[&HistoryRow], findings: &mut Findings) {
    let object = &record.external_id;
    let versions: BTreeSet<i64> = writes.iter().map(|row| row.version).collect();
    if versions.len() < writes.len() {
        findings.doubled.push(format!("{object} was written more than once with one version"));
    }
    if writes.iter().filter(|row| row.outcome == "created").count() > 1 {
        findings.doubled.push(format!("{object} was made more than once"));
    }
    let written = i64::try_from(writes.len()).unwrap_or(i64::MAX);
    match record.revision.cmp(&written) {
        Ordering::Greater => findings
            .doubled
            .push(format!("{object} was written {} times, and its history tells of {written}", record.revision)),
        Ordering::Less => findings
            .lost
            .push(format!("{object} was written {} times, and its history tells of {written}", record.revision)),
        Ordering::Equal => {}
    }
}

fn counts_add_up(ledger: &Ledger, snapshot: &Snapshot, findings: &mut Findings) {
    // Each acknowledged delivery is stored, or dropped as a duplicate of one that is. Were one lost and its event stored
    // again by a later delivery, only this would tell. One whose sender got no answer counts as well, even twice.
    let received = snapshot.totals.accepted + snapshot.totals.duplicates;
    let acknowledged = ledger.acknowledged_deliveries();
    if received < acknowledged {
        findings.lost.push(format!("{acknowledged} deliveries were acknowledged, and {received} are accounted for"));
    }
    let processed = snapshot.events.iter().filter(|event| event.state == "processed").count();
    count("accepted", snapshot.totals.accepted, snapshot.events.len(), findings);
    count("processed", snapshot.totals.processed, processed, findings);
    if snapshot.totals.dead > 0 {
        findings.lost.push(format!("{} events were given up", snapshot.totals.dead));
    }
    let mut live: BTreeMap<&str, i64> = snapshot.live.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    let kinds: BTreeSet<&str> = snapshot.records.iter().map(|record| record.kind.as_str()).collect();
    for kind in kinds {
        let there = snapshot.records.iter().filter(|record| record.kind == kind && record.deleted == 0).count();
        count(&format!("live {kind}"), live.remove(kind).unwrap_or(0), there, findings);
    }
}

fn count(what: &str, counted: i64, there: usize, findings: &mut Findings) {
    let line = format!("{what}: {counted} were counted, {there} are there");
    match counted.cmp(&i64::try_from(there).unwrap_or(i64::MAX)) {
        Ordering::Less => findings.lost.push(line),
        Ordering::Greater => findings.doubled.push(line),
        Ordering::Equal => {}
    }
}
