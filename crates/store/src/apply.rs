//! The one way a record is written: webhooks, syncs and actions all end here.

use crate::{
    StoreError, WriteTx,
    batch::{self, RecordKey},
    order::{Decision, News, Standing, asked_ourselves, decide},
    records::search_key,
    sql::{Arg, Sql},
};
use patchbay_domain::{Change, Index, Source, State, change::Applied};
use serde_json::Value;

/// A record as far as decisions need it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Current {
    pub version: i64,
    pub revision: i64,
    pub deleted: i64,
    pub status: String,
    pub body: String,
}

/// What a record's row becomes.
struct Written<'a> {
    index: &'a Index,
    body: &'a str,
    deleted: bool,
}

impl WriteTx {
    /// Applies a change by the ordering rule. `based_on` is the revision a [`Source::Fetch`] or [`Source::Action`] found
    /// before it asked the provider, 0 for no record; with other sources it is ignored.
    pub async fn apply(
        &mut self,
        connection: &str,
        change: &Change,
        source: &Source,
        based_on: Option<i64>,
    ) -> Result<Applied, StoreError> {
        let body = match &change.state {
            State::Present { body, .. } => Some(body_text(body)?),
            State::Deleted => None,
        };
        let based_on = based_on.filter(|_| asked_ourselves(source));
        let mut current = self.current(connection, change).await?;
        loop {
            let decision = decide(
                current.as_ref().map(|current| Standing {
                    version: current.version,
                    revision: current.revision,
                    deleted: current.deleted != 0,
                }),
                News {
                    version: change.version.0,
                    deletes: body.is_none(),
                    same_body: same_body(current.as_ref(), body.as_deref(), change),
                    based_on,
                },
            );
            let applied = match decision {
                Decision::Create | Decision::Bury => {
                    if !self.insert(connection, change, body.as_deref()).await? {
                        // Somebody else made the record between our look and our insert; theirs is committed now.
                        current = self.current(connection, change).await?;
                        continue;
                    }
                    if decision == Decision::Create { Applied::Created } else { Applied::Deleted }
                }
                Decision::Update | Decision::Touch => {
                    self.update(connection, change, current.as_ref(), body.as_deref()).await?;
                    if decision == Decision::Update { Applied::Updated } else { Applied::Unchanged }
                }
                Decision::Delete => {
                    self.delete(connection, change, current.as_ref()).await?;
                    Applied::Deleted
                }
                Decision::Stale { newer } => Applied::IgnoredStale { newer },
                Decision::Unchanged => Applied::Unchanged,
                Decision::Tie => Applied::Tie,
            };
            let body_after = match &applied {
                Applied::IgnoredStale { .. } => {
                    current.filter(|current| current.deleted == 0).map(|current| current.body)
                }
                _ => body,
            };
            self.remember(connection, change, source, &applied, body_after);
            return Ok(applied);
        }
    }

    /// The row, which on `PostgreSQL` stays locked until the transaction ends, so that nobody decides on it meanwhile.
    async fn current(&mut self, connection: &str, change: &Change) -> Result<Option<Current>, StoreError> {
        let key = key_of(connection, change);
        if self.batch.holds(&key) {
            return Ok(self.batch.current(&key));
        }
        let sql = Sql::new("SELECT version, revision, deleted, status, body FROM records");
        let sql = of_object(sql, connection, change);
        let sql = if self.tx.is_postgres() { sql.push(" FOR UPDATE") } else { sql };
        self.tx.optional(sql).await
    }

    async fn insert(&mut self, connection: &str, change: &Change, body: Option<&str>) -> Result<bool, StoreError> {
        let now = self.store.now();
        let nothing = Index { created_at: now, ..Index::default() };
        let index = match &change.state {
            State::Present { index, .. } => index,
            State::Deleted => &nothing,
        };
        let written = Written { index, body: body.unwrap_or("null"), deleted: body.is_none() };
        let row = self.row(connection, change, 1, &written);
        let key = key_of(connection, change);
        let inserted = if self.batch.holds(&key) {
            self.batch.hold(&key, standing(change, 1, &written), Some(row));
            true
        } else {
            let sql = batch::insert().rows([row]).push(batch::KEEP);
            self.tx.execute(sql).await? > 0
        };
        if inserted && !written.deleted {
            self.count_status(connection, change, &index.status, 1);
        }
        Ok(inserted)
    }

    async fn update(
        &mut self,
        connection: &str,
        change: &Change,
        current: Option<&Current>,
        body: Option<&str>,
    ) -> Result<(), StoreError> {
        let (State::Present { index, .. }, Some(current), Some(body)) = (&change.state, current, body) else {
            return Ok(());
        };
        let written = Written { index, body, deleted: false };
        let key = key_of(connection, change);
        if self.batch.holds(&key) {
            let revision = current.revision + 1;
            let row = self.row(connection, change, revision, &written);
            self.batch.hold(&key, standing(change, revision, &written), Some(row));
        } else {
            let sql = Sql::new("UPDATE records SET revision = revision + 1, updated_at = ")
                .bind(self.store.now())
                .push(", version = ")
                .bind(change.version.0)
                .push(
                    ", (title, subtitle, status, owner, organisation, facet, parent, amount, currency, created_at,                      ended_at, body, deleted, title_key, subtitle_key, search) = ",
                )
                .row(columns(&written, &change.key.id));
            self.tx.execute(of_object(sql, connection, change)).await?;
        }
        if current.status != index.status {
            self.count_status(connection, change, &current.status, -1);
            self.count_status(connection, change, &index.status, 1);
        }
        Ok(())
    }

    /// The last known content stays, for those who look at what was deleted.
    async fn delete(&mut self, connection: &str, change: &Change, current: Option<&Current>) -> Result<(), StoreError> {
        let key = key_of(connection, change);
        self.write_early(&key).await?;
        let sql = Sql::new("UPDATE records SET deleted = 1, revision = revision + 1, updated_at = ")
            .bind(self.store.now())
            .push(", version = ")
            .bind(change.version.0);
        self.tx.execute(of_object(sql, connection, change)).await?;
        if let Some(current) = current {
            self.count_status(connection, change, &current.status, -1);
            let gone =
                Current { version: change.version.0, revision: current.revision + 1, deleted: 1, ..current.clone() };
            self.batch.hold(&key, gone, None);
        }
        Ok(())
    }

    /// In the order of [`batch::COLUMNS`].
    fn row(&self, connection: &str, change: &Change, revision: i64, written: &Written<'_>) -> Vec<Arg> {
        let now = self.store.now();
        let mut values = vec![connection.into(), change.key.kind.as_str().into(), Arg::from(&change.key.id)];
        values.extend([Arg::from(revision), now.into(), now.into(), change.version.0.into()]);
        values.extend(columns(written, &change.key.id));
        values
    }

    fn count_status(&mut self, connection: &str, change: &Change, status: &str, difference: i64) {
        let key = (change.key.kind.to_string(), connection.to_owned(), status.to_owned());
        *self.statuses.entry(key).or_default() += difference;
    }

    fn remember(
        &mut self,
        connection: &str,
        change: &Change,
        source: &Source,
        applied: &Applied,
        body_after: Option<String>,
    ) {
        if matches!(applied, Applied::Unchanged | Applied::Tie) {
            return;
        }
        self.history.push(vec![
            self.store.new_id().into(),
            connection.into(),
            change.key.kind.as_str().into(),
            (&change.key.id).into(),
            self.store.now().into(),
            source.name().into(),
            source.id().into(),
            applied.name().into(),
            change.version.0.into(),
            body_after.into(),
        ]);
    }
}

fn key_of(connection: &str, change: &Change) -> RecordKey {
    (connection.to_owned(), change.key.kind.to_string(), change.key.id.clone())
}

fn standing(change: &Change, revision: i64, written: &Written<'_>) -> Current {
    Current {
        version: change.version.0,
        revision,
        deleted: i64::from(written.deleted),
        status: written.index.status.clone(),
        body: written.body.to_owned(),
    }
}

fn of_object(sql: Sql, connection: &str, change: &Change) -> Sql {
    sql.push(" WHERE connection = ")
        .bind(connection)
        .push(" AND kind = ")
        .bind(change.key.kind.as_str())
        .push(" AND external_id = ")
        .bind(&change.key.id)
}

/// The columns that follow from the content, in the order both statements name them.
fn columns(written: &Written, id: &str) -> Vec<Arg> {
    let index = written.index;
    let (title_key, subtitle_key) = (search_key(&index.title), search_key(&index.subtitle));
    let search = format!("{title_key}\n{subtitle_key}\n{}", search_key(id));
    vec![
        (&index.title).into(),
        (&index.subtitle).into(),
        (&index.status).into(),
        (&index.owner).into(),
        (&index.organisation).into(),
        (&index.facet).into(),
        (&index.parent).into(),
        index.amount.into(),
        (&index.currency).into(),
        index.created_at.into(),
        index.ended_at.into(),
        written.body.into(),
        written.deleted.into(),
        title_key.into(),
        subtitle_key.into(),
        search.into(),
    ]
}

fn body_text(body: &Value) -> Result<String, StoreError> {
    serde_json::to_string(body).map_err(|error| StoreError::unreadable("body", error))
}

/// Texts are compared first, which nearly always settles it; the order of members means nothing.
fn same_body(current: Option<&Current>, text: Option<&str>, change: &Change) -> bool {
    let (Some(current), Some(text), State::Present { body, .. }) = (current, text, &change.state) else { return false };
    current.body == text || serde_json::from_str::<Value>(&current.body).is_ok_and(|held| held == *body)
}
