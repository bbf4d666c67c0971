//! The sender's own book: what was sent, and what was answered. The database is held against this and nothing else.

use crate::plan::{Delivery, Event, Plan, What};
use patchbay_bench::Failure;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

/// Numbers the deliveries, each try for itself.
pub type Moment = u64;

/// One event in the book.
#[derive(Clone, Debug)]
pub struct Entry {
    pub event: Event,
    /// When each genuine delivery of it was begun.
    pub sent: Vec<Moment>,
    pub is_acknowledged: bool,
}

#[derive(Default)]
pub struct Counts {
    /// Deliveries of any kind.
    pub sent: usize,
    /// Acknowledged deliveries of events that were acknowledged before.
    pub duplicates: usize,
    /// Forged deliveries refused.
    pub refused: usize,
    /// Genuine deliveries refused because our clock was not the provider's.
    pub out_of_time: usize,
    /// Genuine deliveries that were asked to come again.
    pub put_off: usize,
    /// Deliveries without any answer.
    pub cut: usize,
}

pub struct Ledger {
    /// By the provider's id of the event; those never sent have no moment.
    pub entries: BTreeMap<String, Entry>,
    /// Moments of forged deliveries.
    pub forged: BTreeSet<Moment>,
    /// What no answer may be: an acknowledged forgery, a genuine delivery refused for good.
    pub wrong_answers: Vec<String>,
    pub counts: Counts,
    /// Events acknowledged.
    pub acknowledged: usize,
    /// Whether genuine deliveries may be refused for their time.
    pub clock_is_stepped: bool,
    now: Moment,
    file: BufWriter<File>,
}

/// Names a delivery; the product keeps it with the event it stored.
pub fn request_id(sent: Moment) -> String {
    format!("chaos_{sent}")
}

/// The moment in a [`request_id`].
pub fn moment(request_id: &str) -> Option<Moment> {
    request_id.strip_prefix("chaos_")?.parse().ok()
}

impl Ledger {
    /// `path` gets a line per answer.
    pub fn new(plan: &Plan, path: &Path) -> Result<Self, Failure> {
        let entry = |event: &Event| Entry { event: event.clone(), sent: Vec::new(), is_acknowledged: false };
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "moment\tevent\tobject\tversion\tdelivery\tstatus")?;
        Ok(Self {
            entries: plan.events.iter().map(|event| (event.id.clone(), entry(event))).collect(),
            forged: BTreeSet::new(),
            wrong_answers: Vec::new(),
            counts: Counts::default(),
            acknowledged: 0,
            clock_is_stepped: false,
            now: 0,
            file,
        })
    }

    /// A delivery goes out.
    pub fn send(&mut self, event: &Event, delivery: Delivery) -> Moment {
        self.now += 1;
        self.counts.sent += 1;
        if matches!(delivery.what, What::Forged(_)) {
            self.forged.insert(self.now);
        } else if let Some(entry) = self.entries.get_mut(&event.id) {
            entry.sent.push(self.now);
        }
        self.now
    }

    /// Its answer; `None` when the connection ended without one. Says whether it is to be sent again.
    pub fn answer(
        &mut self,
        event: &Event,
        delivery: Delivery,
        sent: Moment,
        status: Option<u16>,
    ) -> Result<bool, Failure> {
        let text = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        writeln!(self.file, "{sent}\t{}\t{}\t{}\t{:?}\t{text}", event.id, event.object, event.number, delivery.what)?;
        let again = match (delivery.what, status) {
            (What::Forged(_), Some(400 | 401)) => {
                self.counts.refused += 1;
                false
            }
            (What::Forged(_), None | Some(503)) => false,
            (_, Some(200)) if !matches!(delivery.what, What::Forged(_)) => {
                self.acknowledge(event);
                false
            }
            (what, Some(401)) if self.clock_is_stepped => {
                self.counts.out_of_time += 1;
                what == What::Genuine { again: true }
            }
            (what, None | Some(503)) => {
                *(if status.is_some() { &mut self.counts.put_off } else { &mut self.counts.cut }) += 1;
                what == What::Genuine { again: true }
            }
            (what, Some(status)) => {
                self.wrong_answers.push(format!("{what:?} delivery {sent} of {} was answered with {status}", event.id));
                false
            }
        };
        Ok(again)
    }

    fn acknowledge(&mut self, event: &Event) {
        let Some(entry) = self.entries.get_mut(&event.id) else { return };
        if entry.is_acknowledged {
            self.counts.duplicates += 1;
        } else {
            entry.is_acknowledged = true;
            self.acknowledged += 1;
        }
    }

    pub fn acknowledged_deliveries(&self) -> i64 {
        i64::try_from(self.acknowledged + self.counts.duplicates).unwrap_or(i64::MAX)
    }

    /// Writes out what is buffered.
    pub fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.file.flush()?)
    }
}
