//! A connection gets another name: everything kept under the old one comes along, in one transaction.

use crate::{
    NewAudit, Store, StoreError, counts,
    events::dedup_key,
    sql::{Sql, Tx},
};
use uuid::Uuid;

/// What is kept of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionContents {
    pub connection: String,
    pub events: i64,
    pub pending: i64,
    pub dead: i64,
    pub records: i64,
}

/// Why a connection keeps its name.
#[derive(Debug, thiserror::Error)]
pub enum RenameError {
    #[error("nothing is kept under the name {0}")]
    Nothing(String),
    #[error("{name} has events or records already ({what}); two connections cannot be made one")]
    Taken { name: String, what: &'static str },
    #[error(
        "{0} has deliveries that are not filed yet; start the server until they are, and look at `patchbay inbox list`"
    )]
    Unfiled(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Tables with a column `connection` whose rows are simply given the new name, and what would keep that from being right.
const TABLES: [&str; 10] = [
    "events",
    "event_types",
    "rejections",
    "records",
    "record_counts",
    "record_history",
    "calls",
    "syncs",
    "connection_state",
    "audit",
];
/// Where rows of both names may be, which are added up.
const ADDED_UP: &str = "minute_counts";
/// Deliveries that are not filed name their connection inside too, so there must be none.
const FRAMES: [&str; 2] = ["inbox_frames", "inbox_positions"];

/// Every table with a column `connection` that renaming knows how to treat.
pub fn tables_of_connections() -> impl Iterator<Item = &'static str> {
    TABLES.into_iter().chain([ADDED_UP]).chain(FRAMES)
}

impl Store {
    /// Every connection that something is kept of, whether it is configured or not.
    pub async fn connections_kept(&self) -> Result<Vec<ConnectionContents>, StoreError> {
        let names = Sql::new(
            "SELECT connection FROM event_types UNION SELECT connection FROM record_counts \
             UNION SELECT connection FROM syncs ORDER BY connection",
        );
        let mut kept = Vec::new();
        for (connection,) in self.all::<(String,)>(names).await? {
            // Index events_connection and its siblings of one state.
            let events = |state: &'static str| {
                Sql::new("SELECT COUNT(*) FROM events WHERE connection = ").bind(&connection).push(state)
            };
            let records =
                Sql::new("SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM record_counts WHERE connection = ")
                    .bind(&connection);
            kept.push(ConnectionContents {
                events: self.count_of(events("")).await?,
                pending: self.count_of(events(" AND state = 'pending'")).await?,
                dead: self.count_of(events(" AND state = 'dead'")).await?,
                records: self.count_of(records).await?,
                connection,
            });
        }
        Ok(kept)
    }

    async fn count_of(&self, sql: Sql) -> Result<i64, StoreError> {
        Ok(self.optional::<(i64,)>(sql).await?.map_or(0, |row| row.0))
    }

    /// Gives everything kept of `old` the name `new`; answers how many events and records came along. Stop the server
    /// first: what it takes in meanwhile stays under the old name.
    pub async fn rename_connection(&self, old: &str, new: &str, entry: &NewAudit) -> Result<(u64, u64), RenameError> {
        let mut tx = self.begin().await?;
        check(&mut tx.tx, old, new, self.keeps_frames()).await?;
        rekey_events(&mut tx.tx, old, new).await?;
        // One that was interrupted or is to be tried again under the old name goes on under the new one.
        let superseded = Sql::new("UPDATE syncs SET retry_at = NULL WHERE retry_at IS NOT NULL AND connection = ");
        tx.tx.execute(superseded.bind(new)).await?;
        let cancel = Sql::new("UPDATE syncs SET state = 'cancelled', owner = NULL, finished_at = ")
            .bind(self.now())
            .push(" WHERE state = 'running' AND connection = ")
            .bind(new);
        tx.tx.execute(cancel).await?;
        let mut moved = (0, 0);
        for (table, [clear, rename]) in TABLES.into_iter().zip(STATEMENTS) {
            // What is left of `new` without events and records: types, zeros, small facts.
            if !clear.is_empty() {
                tx.tx.execute(Sql::new(clear).bind(new)).await?;
            }
            let rows = tx.tx.execute(Sql::new(rename).bind(new).push(" WHERE connection = ").bind(old)).await?;
            match table {
                "events" => moved.0 = rows,
                "records" => moved.1 = rows,
                _ => {}
            }
        }
        let add_up = Sql::new(
            "INSERT INTO minute_counts (connection, minute, accepted, duplicates, rejected, processed, dead) SELECT ",
        )
        .bind(new)
        .push(", minute, accepted, duplicates, rejected, processed, dead FROM minute_counts WHERE connection = ")
        .bind(old)
        .push(counts::ADD_UP);
        tx.tx.execute(add_up).await?;
        tx.tx.execute(Sql::new("DELETE FROM minute_counts WHERE connection = ").bind(old)).await?;
        tx.audit(entry).await?;
        tx.commit().await?;
        self.known_outlines().forget();
        Ok(moved)
    }
}

/// For each of [`TABLES`]: what is cleared of the new name, and the renaming. Texts of statements are literals.
const STATEMENTS: [[&str; 2]; 10] = [
    ["", "UPDATE events SET connection = "],
    ["DELETE FROM event_types WHERE connection = ", "UPDATE event_types SET connection = "],
    ["", "UPDATE rejections SET connection = "],
    ["", "UPDATE records SET connection = "],
    ["DELETE FROM record_counts WHERE connection = ", "UPDATE record_counts SET connection = "],
    ["", "UPDATE record_history SET connection = "],
    ["", "UPDATE calls SET connection = "],
    ["", "UPDATE syncs SET connection = "],
    ["DELETE FROM connection_state WHERE connection = ", "UPDATE connection_state SET connection = "],
    ["", "UPDATE audit SET connection = "],
];

async fn check(tx: &mut Tx, old: &str, new: &str, keeps_frames: bool) -> Result<(), RenameError> {
    const TAKEN: [(&str, &str); 3] = [
        ("events", "SELECT 1 FROM events WHERE connection = "),
        ("records", "SELECT 1 FROM records WHERE connection = "),
        ("history", "SELECT 1 FROM record_history WHERE connection = "),
    ];
    for (what, sql) in TAKEN {
        if any(tx, sql, new).await? {
            return Err(RenameError::Taken { name: new.to_owned(), what });
        }
    }
    for name in [old, new] {
        if keeps_frames && any(tx, "SELECT 1 FROM inbox_frames WHERE connection = ", name).await? {
            return Err(RenameError::Unfiled(name.to_owned()));
        }
    }
    let mut is_there = false;
    for sql in [
        "SELECT 1 FROM event_types WHERE connection = ",
        "SELECT 1 FROM record_counts WHERE connection = ",
        "SELECT 1 FROM syncs WHERE connection = ",
        "SELECT 1 FROM rejections WHERE connection = ",
    ] {
        is_there |= any(tx, sql, old).await?;
    }
    if is_there { Ok(()) } else { Err(RenameError::Nothing(old.to_owned())) }
}

async fn any(tx: &mut Tx, sql: &'static str, connection: &str) -> Result<bool, StoreError> {
    let sql = Sql::new("SELECT CAST(COUNT(*) AS BIGINT) FROM (").push(sql).bind(connection).push(" LIMIT 1) AS found");
    Ok(tx.optional::<(i64,)>(sql).await?.is_some_and(|row| row.0 > 0))
}

/// The key that finds an event that is delivered again holds the connection's name.
async fn rekey_events(tx: &mut Tx, old: &str, new: &str) -> Result<(), StoreError> {
    let mut after = Uuid::nil();
    loop {
        // The primary key, walked once.
        let sql = Sql::new("SELECT id, external_id FROM events WHERE id > ")
            .bind(after)
            .push(" AND connection = ")
            .bind(old)
            .push(" ORDER BY id LIMIT 1024");
        let events = tx.all::<(Uuid, String)>(sql).await?;
        let Some((last, _)) = events.last() else { return Ok(()) };
        after = *last;
        for chunk in events.chunks(tx.rows_at_once()) {
            let rows = chunk.iter().map(|(id, external)| vec![(*id).into(), dedup_key(new, external).into()]);
            let sql = Sql::new("WITH rekeyed (id, dedup) AS (")
                .rows(rows)
                .push(") UPDATE events SET dedup = rekeyed.dedup FROM rekeyed WHERE events.id = rekeyed.id");
            tx.execute(sql).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IdSource, StoreOptions};
    use patchbay_domain::{Clock, Timestamp};
    use std::collections::BTreeSet;

    #[tokio::test]
    async fn every_table_that_names_a_connection_is_thought_of() {
        let options = StoreOptions { clock: Clock::fixed(Timestamp(0)), ids: IdSource::Seeded(1), readers: 1 };
        let store = Store::connect("sqlite::memory:", options).await.unwrap();
        store.migrate().await.unwrap();
        let sql = Sql::new(
            "SELECT tables.name FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns \
             WHERE tables.type = 'table' AND columns.name = 'connection'",
        );
        let found: BTreeSet<String> = store.all::<(String,)>(sql).await.unwrap().into_iter().map(|row| row.0).collect();
        // With SQLite, frames lie in a file of their own.
        let known: BTreeSet<String> =
            tables_of_connections().filter(|table| *table != "inbox_frames").map(str::to_owned).collect();
        assert_eq!(found, known);
    }
}
