//! The one way a record is written: webhooks, syncs and actions all end here.

use crate::{
    StoreError, WriteTx,
    batch::{self, RecordKey},
    order::{Content, Decision, News, Standing, asked_ourselves, decide},
    records::search_key,
    sql::{Arg, Sql},
};
use patchbay_domain::{
    Change, Index, Source, State,
    change::Applied,
    kind::{Body, OnTie, Rules},
};
use serde_json::Value;
use std::borrow::Cow;

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
    version: i64,
    index: &'a Index,
    body: &'a str,
    deleted: bool,
}

/// What a change says of an object that is there: by itself, or together with what is held.
struct Told<'a> {
    version: i64,
    index: Cow<'a, Index>,
    body: String,
    content: Content,
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
        let rules = self.store.rules(&change.key.kind);
        let based_on = based_on.filter(|_| asked_ourselves(source));
        let mut current = self.current(connection, change).await?;
        loop {
            let told = tell(rules, current.as_ref(), change)?;
            let decision = decide(
                rules.ids,
                current.as_ref().map(|current| Standing {
                    version: current.version,
                    revision: current.revision,
                    deleted: current.deleted != 0,
                }),
                News {
                    version: told.as_ref().map_or(change.version.0, |told| told.version),
                    deletes: told.is_none(),
                    content: match &told {
                        Some(told) => told.content,
                        None if matches!(rules.body, Body::Partial(_)) => Content::Merged,
                        None => Content::Other,
                    },
                    based_on,
                },
            );
            let applied = match decision {
                Decision::Create | Decision::Bury => {
                    if !self.insert(connection, change, told.as_ref()).await? {
                        // Somebody else made the record between our look and our insert; theirs is committed now.
                        current = self.current(connection, change).await?;
                        continue;
                    }
                    if decision == Decision::Create { Applied::Created } else { Applied::Deleted }
                }
                Decision::Update | Decision::Touch | Decision::Revive if told.is_some() => {
                    self.update(connection, change, current.as_ref(), told.as_ref()).await?;
                    match decision {
                        Decision::Update => Applied::Updated,
                        Decision::Revive => Applied::Created,
                        _ => Applied::Unchanged,
                    }
                }
                Decision::Update | Decision::Touch | Decision::Revive | Decision::Delete => {
                    self.delete(connection, change, current.as_ref()).await?;
                    if decision == Decision::Delete { Applied::Deleted } else { Applied::Unchanged }
                }
                Decision::Stale { newer } => Applied::IgnoredStale { newer },
                Decision::Unchanged => Applied::Unchanged,
                Decision::Tie => Applied::Tie,
            };
            let body_after = match &applied {
                Applied::IgnoredStale { .. } => {
                    current.filter(|current| current.deleted == 0).map(|current| current.body)
                }
                _ => told.map(|told| told.body),
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

    async fn insert(&mut self, connection: &str, change: &Change, told: Option<&Told<'_>>) -> Result<bool, StoreError> {
        let now = self.store.now();
        let nothing = Index { created_at: now, ..Index::default() };
        let index = told.map_or(&nothing, |told| told.index.as_ref());
        let body = told.map_or("null", |told| told.body.as_str());
        let written = Written { version: change.version.0, index, body, deleted: told.is_none() };
        let row = self.row(connection, change, 1, &written);
        let key = key_of(connection, change);
        let inserted = if self.batch.holds(&key) {
            self.batch.hold(&key, standing(1, &written), Some(row));
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
        told: Option<&Told<'_>>,
    ) -> Result<(), StoreError> {
        let (Some(current), Some(told)) = (current, told) else { return Ok(()) };
        let index = told.index.as_ref();
        let written = Written { version: told.version, index, body: &told.body, deleted: false };
        let key = key_of(connection, change);
        if self.batch.holds(&key) {
            let revision = current.revision + 1;
            let row = self.row(connection, change, revision, &written);
            self.batch.hold(&key, standing(revision, &written), Some(row));
        } else {
            let sql = Sql::new("UPDATE records SET revision = revision + 1, updated_at = ")
                .bind(self.store.now())
                .push(", version = ")
                .bind(written.version)
                .push(
                    ", (title, subtitle, status, owner, organisation, facet, parent, amount, currency, created_at,                      ended_at, body, deleted, title_key, subtitle_key, search) = ",
                )
                .row(columns(&written, &change.key.id));
            self.tx.execute(of_object(sql, connection, change)).await?;
        }
        let was_counted = current.deleted == 0;
        if !was_counted || current.status != index.status {
            if was_counted {
                self.count_status(connection, change, &current.status, -1);
            }
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
            if current.deleted == 0 {
                self.count_status(connection, change, &current.status, -1);
            }
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
        values.extend([Arg::from(revision), now.into(), now.into(), written.version.into()]);
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

fn standing(revision: i64, written: &Written<'_>) -> Current {
    Current {
        version: written.version,
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

/// What a change tells, by the rules of its kind; nothing of an object that is gone.
fn tell<'a>(rules: Rules, current: Option<&Current>, change: &'a Change) -> Result<Option<Told<'a>>, StoreError> {
    let State::Present { index, body } = &change.state else { return Ok(None) };
    let is_partial = matches!(rules.body, Body::Partial(_));
    let current = current.filter(|current| current.deleted == 0);
    let version = match current {
        // Of two parts, none is outdated by the other.
        Some(current) if is_partial => current.version.max(change.version.0),
        _ => change.version.0,
    };
    let text = body_text(body)?;
    let as_told = |body, content| Ok(Some(Told { version, index: Cow::Borrowed(index), body, content }));
    let Some(current) = current else { return as_told(text, Content::Other) };
    // Texts are compared first, which nearly always settles it; the order of members means nothing.
    if current.body == text {
        return as_told(text, Content::Same);
    }
    let instead = if is_partial { Content::Merged } else { Content::Other };
    // What cannot be read any more is replaced by what can.
    let Ok(held) = serde_json::from_str::<Value>(&current.body) else { return as_told(text, instead) };
    if held == *body {
        return as_told(text, Content::Same);
    }
    let merge = match (rules.body, rules.on_tie) {
        (Body::Partial(merge), _) => merge,
        (Body::Whole, OnTie::Merge(merge)) if version == current.version => merge,
        (Body::Whole, OnTie::KeepBoth) => {
            let prevails = text > body_text(&held)?;
            return as_told(text, if prevails { Content::Prevails } else { Content::Yields });
        }
        (Body::Whole, OnTie::Merge(_) | OnTie::Refetch) => return as_told(text, Content::Other),
    };
    let Ok((index, both)) = merge(&held, body) else { return as_told(text, instead) };
    let content = match (both == held, is_partial) {
        (true, _) => Content::Same,
        (false, true) => Content::Merged,
        (false, false) => Content::Prevails,
    };
    Ok(Some(Told { version, index: Cow::Owned(index), body: body_text(&both)?, content }))
}
