//! Work on events: who holds which, and how it ended.

use crate::{Store, StoreError, WriteTx, counts::Counter, events::object_key, sql::Sql};
use bytes::Bytes;
use patchbay_domain::{ObjectKey, Timestamp, event::EventState};
use std::{collections::HashMap, time::Duration};
use uuid::Uuid;

/// Names the lock under which `PostgreSQL` hands out events: "inbox" in ASCII.
const CLAIM_LOCK: i64 = 0x69_6e_62_6f_78;
const CHUNK: usize = 500;

/// Some earlier event of the same object is in somebody's hands or waits for its next attempt.
/// Index `events_pending_object` leads straight to such events. What makes an event free is said at [`free_from`].
fn blocked(sql: Sql, now: Timestamp, longest: Timestamp) -> Sql {
    sql.push(
        "EXISTS (SELECT 1 FROM events AS earlier WHERE earlier.state = 'pending' \
         AND earlier.connection = events.connection AND earlier.object_kind = events.object_kind \
         AND earlier.object_id = events.object_id \
         AND (earlier.received_at, earlier.id) < (events.received_at, events.id) AND earlier.due_at > ",
    )
    .bind(now)
    .push(" AND earlier.attempts > 0 AND (earlier.lease_owner IS NULL OR earlier.due_at <= ")
    .bind(longest)
    .push("))")
}

/// An event is free when its time has come. Clocks are stepped, so two more are: one that nobody has tried yet, whatever
/// the clock said when it came, and one whose lease ends later than any lease can that was given by a clock like ours.
fn free_from(sql: Sql, now: Timestamp, longest: Timestamp) -> Sql {
    // `due_at + 0` keeps planners from events_pending_due, which would have them sort the whole backlog.
    sql.push("(due_at + 0 <= ")
        .bind(now)
        .push(" OR attempts = 0 OR (lease_owner IS NOT NULL AND due_at + 0 > ")
        .bind(longest)
        .push("))")
}

fn held_by(sql: Sql, owner: &str) -> Sql {
    sql.push("state = 'pending' AND lease_owner = ").bind(owner)
}

/// What was begun and not finished does not count as an attempt.
fn give_back(now: Timestamp) -> Sql {
    Sql::new("UPDATE events SET lease_owner = NULL, attempts = attempts - 1, due_at = ").bind(now)
}

/// Whose events a worker takes. One that has a connection to itself is held up by no other's.
#[derive(Clone, Copy, Debug)]
pub enum Lane<'a> {
    All,
    Of(&'a str),
    NotOf(&'a [String]),
}

impl Lane<'_> {
    fn limit(self, sql: Sql) -> Sql {
        match self {
            Self::All | Self::NotOf([]) => sql,
            Self::Of(connection) => sql.push(" AND connection = ").bind(connection),
            Self::NotOf(connections) => sql.push(" AND connection NOT IN ").list(connections),
        }
    }
}

/// An event in this worker's hands until its lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedEvent {
    pub id: Uuid,
    pub connection: String,
    pub external_id: String,
    pub event_type: String,
    pub object: Option<ObjectKey>,
    pub occurred_at: Timestamp,
    pub received_at: Timestamp,
    /// This one included: 1 at the first.
    pub attempts: i64,
    /// Empty when it is [`ClaimedEvent::unreadable`].
    pub body: Bytes,
    /// Why the stored body cannot be read, if that is so. It must not keep others from being claimed.
    pub unreadable: Option<String>,
}

/// How one attempt went, for the list of attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptOutcome {
    pub started_at: Timestamp,
    pub duration_us: i64,
    /// One word, such as `processed` or `failed`.
    pub outcome: String,
    pub error: Option<String>,
}

#[derive(sqlx::FromRow)]
struct ClaimedRow {
    id: Uuid,
    connection: String,
    external_id: String,
    event_type: String,
    object_kind: Option<String>,
    object_id: Option<String>,
    occurred_at: i64,
    received_at: i64,
    attempts: i64,
}

impl Store {
    /// Takes due events for `owner`, in the order they were received. An event waits while an earlier one of its object
    /// is held by somebody or waits for its next attempt; earlier free ones come in the same batch, before it.
    pub async fn claim_events(
        &self,
        lane: Lane<'_>,
        owner: &str,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<ClaimedEvent>, StoreError> {
        let now = self.now();
        let mut tx = self.write().await?;
        if tx.is_postgres() {
            // Claims go one at a time, as they do in SQLite. With SKIP LOCKED alone, a claimer would pass over an event
            // that another is just taking and could take a later event of the same object.
            let lock = Sql::new("SELECT CAST(1 AS BIGINT) FROM pg_advisory_xact_lock(").bind(CLAIM_LOCK).push(")");
            tx.optional::<(i64,)>(lock).await?;
        }
        // Twice a lease leaves room for the clocks of several machines to differ.
        let longest = now.plus(lease * 2);
        // Index events_pending or events_pending_connection: walked in order until the batch is full. The outer
        // conditions are what PostgreSQL checks again on a row that was finished just now.
        let sql = Sql::new("UPDATE events SET attempts = attempts + 1, lease_owner = ")
            .bind(owner)
            .push(", due_at = ")
            .bind(now.plus(lease))
            .push(" WHERE state = 'pending' AND ");
        let sql = free_from(sql, now, longest).push(" AND id IN (SELECT id FROM events WHERE state = 'pending'");
        let sql = free_from(lane.limit(sql).push(" AND "), now, longest).push(" AND NOT ");
        let sql = blocked(sql, now, longest).push(" ORDER BY received_at, id LIMIT ").bind(limit).push(
            ") RETURNING id, connection, external_id, event_type, object_kind, object_id, occurred_at, received_at, \
                 attempts",
        );
        let mut rows = tx.all::<ClaimedRow>(sql).await?;
        rows.sort_by_key(|row| (row.received_at, row.id));
        let types = rows.iter().map(|row| (row.connection.clone(), row.event_type.clone())).collect();
        let mut bodies: HashMap<Uuid, (i64, Vec<u8>)> = HashMap::with_capacity(rows.len());
        for chunk in rows.chunks(CHUNK) {
            let sql = Sql::new("SELECT event_id, encoding, body FROM event_payloads WHERE event_id IN ")
                .list(chunk.iter().map(|row| row.id));
            let found = tx.all::<(Uuid, i64, Vec<u8>)>(sql).await?;
            bodies.extend(found.into_iter().map(|(id, encoding, body)| (id, (encoding, body))));
        }
        tx.commit().await?;
        let outlines = self.outlines(types).await?;
        let claimed = rows
            .into_iter()
            .map(|row| {
                let key = (row.connection, row.event_type);
                let (encoding, body) = bodies.remove(&row.id).unwrap_or_default();
                let (body, unreadable) = match outlines.unpack(&key, encoding, body) {
                    Ok(body) => (body, None),
                    Err(error) => (Bytes::new(), Some(error.to_string())),
                };
                ClaimedEvent {
                    body,
                    unreadable,
                    id: row.id,
                    connection: key.0,
                    external_id: row.external_id,
                    event_type: key.1,
                    object: object_key(row.object_kind, row.object_id),
                    occurred_at: Timestamp(row.occurred_at),
                    received_at: Timestamp(row.received_at),
                    attempts: row.attempts,
                }
            })
            .collect();
        Ok(claimed)
    }

    /// When the next event is free: in the past when one is free now, `None` when nothing is pending. Events behind
    /// another one of their object do not count; that one does.
    pub async fn next_due(&self, lane: Lane<'_>) -> Result<Option<Timestamp>, StoreError> {
        // Index events_pending_due or events_pending_connection_due: the first that is not blocked.
        let sql = lane.limit(Sql::new("SELECT due_at FROM events WHERE state = 'pending'")).push(" AND NOT ");
        let sql = blocked(sql, self.now(), Timestamp(i64::MAX)).push(" ORDER BY due_at LIMIT 1");
        Ok(self.optional::<(i64,)>(sql).await?.map(|row| Timestamp(row.0)))
    }

    /// Pending events of all connections but these: how many of each. Index `events_pending_connection`.
    pub async fn pending_of_others(&self, connections: &[String]) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = Sql::new("SELECT connection, COUNT(*) FROM events WHERE state = 'pending'");
        let sql = Lane::NotOf(connections).limit(sql).push(" GROUP BY connection ORDER BY connection");
        self.all(sql).await
    }

    /// Says on at most `limit` pending events of a connection why they wait; answers how many it said so of.
    pub async fn explain_pending(&self, connection: &str, why: &str, limit: u32) -> Result<u64, StoreError> {
        let sql = Sql::new("UPDATE events SET error = ")
            .bind(why)
            .push(" WHERE state = 'pending' AND id IN (SELECT id FROM events WHERE state = 'pending' AND connection = ")
            .bind(connection)
            .push(" AND (error IS NULL OR error <> ")
            .bind(why)
            .push(") LIMIT ")
            .bind(limit)
            .push(")");
        self.execute(sql).await
    }

    /// Keeps events for `lease` from now on, as far as `owner` still holds them.
    pub async fn extend_lease(&self, ids: &[Uuid], owner: &str, lease: Duration) -> Result<(), StoreError> {
        let due_at = self.now().plus(lease);
        let mut tx = self.write().await?;
        for chunk in ids.chunks(CHUNK) {
            let sql = Sql::new("UPDATE events SET due_at = ")
                .bind(due_at)
                .push(" WHERE id IN ")
                .list(chunk.iter().copied())
                .push(" AND ");
            tx.execute(held_by(sql, owner)).await?;
        }
        tx.commit().await
    }

    /// Gives back everything `owner` holds, syncs included; answers how many events. What was begun and not finished
    /// does not count as an attempt.
    pub async fn release_leases(&self, owner: &str) -> Result<u64, StoreError> {
        let mut tx = self.write().await?;
        // Index events_pending.
        let released = tx.execute(held_by(give_back(self.now()).push(" WHERE "), owner)).await?;
        let syncs = Sql::new("UPDATE syncs SET owner = NULL WHERE state = 'running' AND owner = ").bind(owner);
        tx.execute(syncs).await?;
        tx.commit().await?;
        Ok(released)
    }
}

impl WriteTx {
    /// Ends the work on an event. `false` when `owner` does not hold it any more: roll back then, because the effects
    /// are another's to write.
    pub async fn finish_event(
        &mut self,
        id: Uuid,
        owner: &str,
        state: EventState,
        attempt: &AttemptOutcome,
    ) -> Result<bool, StoreError> {
        let now = self.store.now();
        let sql = Sql::new("UPDATE events SET lease_owner = NULL, state = ")
            .bind(state.as_str())
            .push(", finished_at = ")
            .bind(now)
            .push(", error = ")
            .bind(&attempt.error);
        let Some(connection) = self.end_attempt(sql, id, owner, attempt).await? else { return Ok(false) };
        let counter = if state == EventState::Dead { Counter::Dead } else { Counter::Processed };
        self.counts.add(&connection, now, counter);
        Ok(true)
    }

    /// Puts an event off until `due_at`. `false` as with [`WriteTx::finish_event`].
    pub async fn retry_event(
        &mut self,
        id: Uuid,
        owner: &str,
        due_at: Timestamp,
        attempt: &AttemptOutcome,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new("UPDATE events SET lease_owner = NULL, due_at = ")
            .bind(due_at)
            .push(", error = ")
            .bind(&attempt.error);
        Ok(self.end_attempt(sql, id, owner, attempt).await?.is_some())
    }

    /// Puts an event back as if it had not been claimed. `false` as with [`WriteTx::finish_event`].
    pub async fn give_back_event(&mut self, id: Uuid, owner: &str) -> Result<bool, StoreError> {
        let sql = give_back(self.store.now()).push(" WHERE id = ").bind(id).push(" AND ");
        Ok(self.tx.execute(held_by(sql, owner)).await? == 1)
    }

    /// Answers the event's connection, if `owner` held it.
    async fn end_attempt(
        &mut self,
        update: Sql,
        id: Uuid,
        owner: &str,
        attempt: &AttemptOutcome,
    ) -> Result<Option<String>, StoreError> {
        let sql = update.push(" WHERE id = ").bind(id).push(" AND ");
        let sql = held_by(sql, owner).push(" RETURNING connection");
        let Some((connection,)) = self.tx.optional::<(String,)>(sql).await? else { return Ok(None) };
        self.note_attempt(id, attempt.clone());
        Ok(Some(connection))
    }

    pub(crate) fn note_attempt(&mut self, event: Uuid, attempt: AttemptOutcome) {
        self.attempts.push(vec![
            self.store.new_id().into(),
            event.into(),
            attempt.started_at.into(),
            attempt.duration_us.into(),
            attempt.outcome.into(),
            attempt.error.into(),
        ]);
    }
}
