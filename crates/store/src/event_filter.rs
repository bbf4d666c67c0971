//! Which events a list or a replay is about.
//!
//! One condition leads and is served by its index (`events_object`, `events_dead`, `events_skipped`, `events_pending`,
//! `events_type`, `events_connection`, `events_skipped_connection` and `events_dead_connection` for both at once, else
//! `events_received`), which also has the order of the list. The others are
//! written as `column || ''`, so that neither planner is tempted to sort a large part of the history instead.

use crate::{
    Store, StoreError,
    page::{Paging, TimeKey},
    payloads::Outlines,
    sql::Sql,
};
use memchr::memmem::Finder;
use patchbay_domain::{Timestamp, event::EventState};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use uuid::Uuid;

/// A text search looks into this many events that match the rest of the filter, from where the page begins.
const TEXT_REACH: u32 = 50_000;
/// Payloads that are in memory at once.
const TEXT_PART: u32 = 250;

/// All conditions must hold; an empty filter is every event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    pub connection: Option<String>,
    /// A type, or with `*` at its end everything that begins so: `invoice.*`.
    pub event_type: Option<String>,
    pub state: Option<EventState>,
    /// The provider's id of the object.
    pub object_id: Option<String>,
    /// Received at or after.
    pub from: Option<Timestamp>,
    /// Received before.
    pub to: Option<Timestamp>,
    /// Occurs in the payload byte by byte, upper and lower case told apart. Looks into 50,000 events that match
    /// everything else, from where the page begins, and no further, so that it stays bounded.
    pub text: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lead {
    Object,
    State,
    Type,
    Connection,
    Received,
}

impl EventFilter {
    fn lead(&self) -> Lead {
        let indexed_state = match self.state {
            None | Some(EventState::Processed) => false,
            // A type that nothing reads is skipped as a whole.
            Some(EventState::Skipped) => self.event_type.is_none(),
            Some(EventState::Pending | EventState::Dead) => true,
        };
        if self.object_id.is_some() {
            Lead::Object
        } else if indexed_state {
            Lead::State
        } else if self.event_type.is_some() {
            Lead::Type
        } else if self.connection.is_some() {
            Lead::Connection
        } else {
            Lead::Received
        }
    }

    /// Everything but type and text.
    fn conditions(&self, sql: Sql) -> Sql {
        let lead = self.lead();
        let sql = sql.bind_if(" AND object_id = ", self.object_id.as_ref());
        let sql = match self.state {
            None => sql,
            // Literals, because a partial index serves only a condition it can see.
            Some(state) if lead == Lead::State => sql.push(match state {
                EventState::Pending => " AND state = 'pending'",
                EventState::Processed => " AND state = 'processed'",
                EventState::Skipped => " AND state = 'skipped'",
                EventState::Dead => " AND state = 'dead'",
            }),
            Some(state) => sql.push(" AND state || '' = ").bind(state.as_str()),
        };
        let by_both = lead == Lead::State && self.state != Some(EventState::Pending);
        let leads = lead == Lead::Connection || by_both;
        let column = if leads { " AND connection = " } else { " AND connection || '' = " };
        sql.bind_if(column, self.connection.as_ref())
            .bind_if(" AND received_at >= ", self.from)
            .bind_if(" AND received_at < ", self.to)
    }

    /// The types it names; `None` for all.
    async fn types(&self, store: &Store) -> Result<Option<Vec<String>>, StoreError> {
        let Some(wanted) = &self.event_type else { return Ok(None) };
        let Some(prefix) = wanted.strip_suffix('*') else { return Ok(Some(vec![wanted.clone()])) };
        if prefix.is_empty() {
            return Ok(None);
        }
        let known = store.event_types(self.connection.as_deref()).await?;
        Ok(Some(known.into_iter().filter(|known| known.starts_with(prefix)).collect()))
    }
}

/// Appends `SELECT columns …`: the page's events, with one more where there are more.
///
/// The page is found over keys alone, in an index; whole rows are read for that page only.
pub(crate) async fn matching_events(
    store: &Store,
    sql: Sql,
    columns: &'static str,
    (filter, scope): (&EventFilter, Scope),
    paging: &Paging<TimeKey>,
) -> Result<Sql, StoreError> {
    let types = filter.types(store).await?;
    let choice = Choice { filter, scope, types: types.as_deref() };
    let sql = sql.push("SELECT ").push(columns).push(" FROM ");
    let sql = match &filter.text {
        None => choice
            .keys(sql, |sql| {
                paging.order(paging.seek(sql, "received_at, id"), "received_at, id", "received_at DESC, id DESC")
            })
            .push(" AS found JOIN events ON events.id = found.id WHERE 1 = 1"),
        Some(text) => sql.push("events WHERE events.id IN ").list(choice.with_text(store, text, paging).await?),
    };
    Ok(paging.order(sql, "events.received_at, events.id", "events.received_at DESC, events.id DESC"))
}

/// Which of the matching events count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    /// Those a replay would touch: a pending event is in line already.
    Finished,
}

struct Choice<'a> {
    filter: &'a EventFilter,
    scope: Scope,
    types: Option<&'a [String]>,
}

/// Some events' payloads as they are stored, in the order of the page, and where they end.
struct Payloads {
    rows: Vec<PayloadRow>,
    outlines: Outlines,
    last: Option<TimeKey>,
}

/// Id, time, connection, type, encoding, body.
type PayloadRow = (Uuid, i64, String, String, i64, Vec<u8>);

impl Payloads {
    /// Those whose body holds `text`; none when nobody waits for them any more.
    fn with(self, text: &str, left: &AtomicBool) -> Result<Vec<Uuid>, StoreError> {
        let text = Finder::new(text);
        let mut found = Vec::new();
        for (id, _, connection, event_type, encoding, body) in self.rows {
            if left.load(Ordering::Relaxed) {
                break;
            }
            let body = self.outlines.unpack(&(connection, event_type), encoding, body)?;
            if text.find(&body).is_some() {
                found.push(id);
            }
        }
        Ok(found)
    }
}

impl Choice<'_> {
    /// Those whose payload holds `text`: as many as the page shows and one more, if there are so many within reach.
    async fn with_text(&self, store: &Store, text: &str, paging: &Paging<TimeKey>) -> Result<Vec<Uuid>, StoreError> {
        let turn = store.search_turn().await?;
        let text: Arc<str> = Arc::from(text);
        let mut found = Vec::new();
        let mut part = paging.part(paging.from(), TEXT_PART);
        for _ in 0..TEXT_REACH / TEXT_PART {
            let payloads = self.payloads(store, &part).await?;
            let (read, last, text) = (payloads.rows.len(), payloads.last, text.clone());
            found.extend(turn.run(move |left| payloads.with(&text, left)).await?);
            if read < TEXT_PART as usize || found.len() > paging.limit() as usize {
                break;
            }
            part = paging.part(last, TEXT_PART);
        }
        turn.end();
        Ok(found)
    }

    async fn payloads(&self, store: &Store, part: &Paging<TimeKey>) -> Result<Payloads, StoreError> {
        let sql = Sql::new(
            "SELECT events.id, events.received_at, events.connection, events.event_type, event_payloads.encoding, \
             event_payloads.body FROM ",
        );
        let sql = self
            .keys(sql, |sql| {
                part.order(part.seek(sql, "received_at, id"), "received_at, id", "received_at DESC, id DESC")
            })
            .push(
                " AS found JOIN events ON events.id = found.id JOIN event_payloads ON event_payloads.event_id = found.id",
            );
        let sql = part.order(sql, "events.received_at, events.id", "events.received_at DESC, events.id DESC");
        let rows = store.all::<PayloadRow>(sql).await?;
        let last = rows.last().map(|row| TimeKey(row.1, row.0));
        let outlines = store.outlines(rows.iter().map(|row| (row.2.clone(), row.3.clone())).collect()).await?;
        Ok(Payloads { rows, outlines, last })
    }

    /// `(SELECT id, received_at …)`, where `finish` appends order and limit.
    fn keys(&self, sql: Sql, finish: impl Fn(Sql) -> Sql) -> Sql {
        let sql = sql.push("(");
        let sql = match self.types {
            None => finish(self.conditions(sql)),
            Some([]) => sql.push("SELECT id, received_at FROM events WHERE 1 = 0"),
            Some(types) if self.filter.lead() == Lead::Type => self.per_type(sql, types, &finish),
            Some(types) => finish(self.conditions(sql).push(" AND event_type || '' IN ").list(types)),
        };
        sql.push(")")
    }

    /// One index range per type, each read no further than the page, and then merged.
    fn per_type(&self, sql: Sql, types: &[String], finish: impl Fn(Sql) -> Sql) -> Sql {
        let mut sql = sql.push("SELECT id, received_at FROM (");
        for (number, event_type) in types.iter().enumerate() {
            let branch = sql.push(if number == 0 {
                "SELECT id, received_at FROM ("
            } else {
                " UNION ALL SELECT id, received_at FROM ("
            });
            sql = finish(self.conditions(branch).push(" AND event_type = ").bind(event_type)).push(") AS branch");
        }
        finish(sql.push(") AS merged WHERE 1 = 1"))
    }

    fn conditions(&self, sql: Sql) -> Sql {
        let sql = self.filter.conditions(sql.push("SELECT id, received_at FROM events WHERE 1 = 1"));
        match self.scope {
            Scope::All => sql,
            Scope::Finished => sql.push(" AND state || '' <> 'pending'"),
        }
    }
}
