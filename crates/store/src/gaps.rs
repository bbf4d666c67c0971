//! What is in neither file: deliveries that were filed into a database that is no longer here, and deleted from the journal.

use crate::{Journal, Store, StoreError, filing::put_positions, journal::Line, sql::Sql};
use patchbay_domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// Under this name a gap is kept with its connection.
const STATE: &str = "inbox_gap";

/// Deliveries of a connection that were acknowledged and filed, and are in none of the files that are here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub connection: String,
    /// When the last delivery came that is here.
    pub from: Option<Timestamp>,
    /// When the last one came that is not.
    pub until: Timestamp,
}

impl Store {
    /// Compares the journal with this database, which has to know of everything that the journal has deleted. If it does
    /// not, it is older: it was put back from a backup, or its disk was rolled back.
    pub async fn gaps(&self, journal: &Journal) -> Result<Vec<Gap>, StoreError> {
        Ok(self.compare(journal).await?.into_values().map(|(gap, _)| gap).collect())
    }

    /// The same, and remembers them, so that each is found once. To be called before anything is filed.
    pub async fn note_gaps(&self, journal: &Journal) -> Result<Vec<Gap>, StoreError> {
        let gaps = self.compare(journal).await?;
        if gaps.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.write().await?;
        for (gap, lines) in gaps.values() {
            let value = serde_json::to_string(gap).map_err(|error| StoreError::unreadable("gap", error))?;
            let row = vec![gap.connection.as_str().into(), STATE.into(), value.into(), self.now().into()];
            let sql = Sql::new("INSERT INTO connection_state (connection, name, value, updated_at) ").rows([row]).push(
                " ON CONFLICT (connection, name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
            );
            tx.execute(sql).await?;
            // All up to there is deleted, so that nothing that is still in the journal is passed over.
            tx.execute(put_positions(lines.iter().map(|(line, seq)| (line, *seq)))).await?;
        }
        tx.commit().await?;
        Ok(gaps.into_values().map(|(gap, _)| gap).collect())
    }

    /// Those that were found in the last so long, with when.
    pub async fn noted_gaps(&self, in_the_last: Duration) -> Result<Vec<(Timestamp, Gap)>, StoreError> {
        let sql = Sql::new("SELECT updated_at, value FROM connection_state WHERE name = ")
            .bind(STATE)
            .push(" AND updated_at > ")
            .bind(self.now().minus(in_the_last))
            .push(" ORDER BY connection");
        let read = |(at, text): (i64, String)| {
            let gap = serde_json::from_str(&text).map_err(|error| StoreError::unreadable("gap", error))?;
            Ok((Timestamp(at), gap))
        };
        self.all::<(i64, String)>(sql).await?.into_iter().map(read).collect()
    }

    async fn compare(&self, journal: &Journal) -> Result<BTreeMap<String, (Gap, Vec<(Line, i64)>)>, StoreError> {
        let forgotten = journal.forgotten().await?;
        let lines: Vec<Line> = forgotten.iter().map(|one| one.line.clone()).collect();
        let filed = self.positions(&lines).await?;
        let mut gaps: BTreeMap<String, (Gap, Vec<(Line, i64)>)> = BTreeMap::new();
        for one in forgotten {
            if filed.get(&one.line).is_some_and(|filed| *filed >= one.seq) {
                continue;
            }
            let connection = one.line.connection.clone();
            let newest = Sql::new("SELECT MAX(received_at) FROM events WHERE connection = ").bind(&connection);
            let from = self.optional::<(Option<i64>,)>(newest).await?.and_then(|row| row.0).map(Timestamp);
            let gap = Gap { connection: connection.clone(), from, until: one.received_at };
            let (gap, lines) = gaps.entry(connection).or_insert_with(|| (gap, Vec::new()));
            gap.until = gap.until.max(one.received_at);
            lines.push((one.line, one.seq));
        }
        Ok(gaps)
    }
}
