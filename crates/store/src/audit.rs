//! Who did what. Entries are added and settled; nothing else of them ever changes.

use crate::{
    Page, PageRequest, Store, StoreError, WriteTx,
    page::{Paging, TimeKey},
    sql::Sql,
};
use patchbay_domain::{Kind, ObjectKey, RecordRef, Timestamp};
use serde_json::Value;
use uuid::Uuid;

const LIST: u8 = b'a';

/// One action of one person.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    pub id: Uuid,
    pub at: Timestamp,
    /// The identity provider's user id.
    pub actor_id: String,
    /// As it was at the time.
    pub actor_name: String,
    /// `subscription.cancel`
    pub action: String,
    /// What it was done to: a record, or a thing of ours (`sync`, `event`, `list`), which may have no connection.
    pub target: RecordRef,
    /// Whom a customer acted for.
    pub organisation: Option<String>,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub outcome: AuditOutcome,
    pub error: Option<String>,
    /// Names the HTTP request in the logs; empty for the command line.
    pub request_id: String,
    /// The user id of somebody else who was signed in as the actor.
    pub impersonator: Option<String>,
    /// The identity provider's id of the sign-in.
    pub session_id: Option<String>,
    /// The client's network address, or the machine of a command.
    pub address: Option<String>,
    /// Of the form it came from, so that a form sent twice is one effect.
    pub form_id: Option<String>,
    pub settled: Option<Settled>,
}

/// When the outcome of an action was last written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub at: Timestamp,
    /// Who found out, where that was not the action itself.
    pub by: Option<String>,
}

/// What became of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditOutcome {
    /// The provider is being asked, or the process ended before there was an answer.
    Started,
    Done,
    Failed,
    /// No answer came, and it may have taken effect.
    Unknown,
}

impl AuditOutcome {
    pub const ALL: [Self; 4] = [Self::Started, Self::Done, Self::Failed, Self::Unknown];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }

    /// Whether it is yet to be found out.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Started | Self::Unknown)
    }
}

/// What an action came to.
#[derive(Clone, Debug)]
pub struct Settlement {
    pub outcome: AuditOutcome,
    pub after: Option<Value>,
    pub error: Option<String>,
    /// Who found out, where that was not the action itself.
    pub by: Option<String>,
}

/// An entry is stored as it comes.
pub type NewAudit = AuditEntry;

/// All conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The actor's user id.
    pub actor: Option<String>,
    pub action: Option<String>,
    pub target_id: Option<String>,
    pub target_kind: Option<String>,
    pub connection: Option<String>,
    pub outcome: Option<AuditOutcome>,
}

#[derive(sqlx::FromRow)]
struct AuditRow {
    id: Uuid,
    at: i64,
    actor_id: String,
    actor_name: String,
    action: String,
    connection: String,
    target_kind: String,
    target_id: String,
    organisation: Option<String>,
    before_body: Option<String>,
    after_body: Option<String>,
    outcome: String,
    error: Option<String>,
    request_id: String,
    impersonator: Option<String>,
    session_id: Option<String>,
    address: Option<String>,
    form_id: Option<String>,
    settled_at: Option<i64>,
    settled_by: Option<String>,
}

impl TryFrom<AuditRow> for AuditEntry {
    type Error = StoreError;

    fn try_from(row: AuditRow) -> Result<Self, StoreError> {
        Ok(Self {
            before: read_value(row.before_body.as_deref())?,
            after: read_value(row.after_body.as_deref())?,
            id: row.id,
            at: Timestamp(row.at),
            actor_id: row.actor_id,
            actor_name: row.actor_name,
            action: row.action,
            target: RecordRef::new(row.connection, ObjectKey::new(Kind::from(row.target_kind), row.target_id)),
            organisation: row.organisation,
            outcome: AuditOutcome::parse(&row.outcome)
                .ok_or_else(|| StoreError::unreadable("audit entry", format!("the outcome {:?}", row.outcome)))?,
            error: row.error,
            request_id: row.request_id,
            impersonator: row.impersonator,
            session_id: row.session_id,
            address: row.address,
            form_id: row.form_id,
            settled: row.settled_at.map(|at| Settled { at: Timestamp(at), by: row.settled_by }),
        })
    }
}

fn read_value(text: Option<&str>) -> Result<Option<Value>, StoreError> {
    text.map(serde_json::from_str).transpose().map_err(|error| StoreError::unreadable("audit entry", error))
}

fn insert(entry: &NewAudit) -> Sql {
    let row = vec![
        entry.id.into(),
        entry.at.into(),
        (&entry.actor_id).into(),
        (&entry.actor_name).into(),
        (&entry.action).into(),
        (&entry.target.connection).into(),
        entry.target.key.kind.as_str().into(),
        (&entry.target.key.id).into(),
        (&entry.organisation).into(),
        entry.before.as_ref().map(Value::to_string).into(),
        entry.after.as_ref().map(Value::to_string).into(),
        entry.outcome.as_str().into(),
        (&entry.error).into(),
        (&entry.request_id).into(),
        (&entry.impersonator).into(),
        (&entry.session_id).into(),
        (&entry.address).into(),
        (&entry.form_id).into(),
    ];
    Sql::new(
        "INSERT INTO audit (id, at, actor_id, actor_name, action, connection, target_kind, target_id, organisation, \
         before_body, after_body, outcome, error, request_id, impersonator, session_id, address, form_id) ",
    )
    .rows([row])
}

/// What is done stays done, whatever a second try of the same says.
fn settle(id: Uuid, settlement: &Settlement, now: Timestamp) -> Sql {
    let Settlement { outcome, after, error, by } = settlement;
    let sql = Sql::new("UPDATE audit SET outcome = ")
        .bind(outcome.as_str())
        .push(", after_body = ")
        .bind(after.as_ref().map(Value::to_string))
        .push(", error = ")
        .bind(error)
        .push(", settled_at = ")
        .bind(now)
        .push(", settled_by = ")
        .bind(by)
        .push(" WHERE id = ")
        .bind(id);
    match outcome {
        AuditOutcome::Done => sql.push(" AND outcome <> 'done'"),
        _ => sql.push(" AND outcome IN ('started', 'unknown')"),
    }
}

impl WriteTx {
    /// Says what became of an action, standing or falling with its effects.
    pub async fn settle_audit(&mut self, id: Uuid, settlement: &Settlement) -> Result<(), StoreError> {
        let now = self.store.now();
        self.tx.execute(settle(id, settlement, now)).await.map(drop)
    }

    /// Adds an entry that stands or falls with what it tells of.
    pub async fn audit(&mut self, entry: &NewAudit) -> Result<(), StoreError> {
        self.tx.execute(insert(entry)).await.map(drop)
    }
}

fn of_form(form_id: &str, actor_id: &str, action: &str, target: &RecordRef) -> Sql {
    Sql::new("SELECT id FROM audit WHERE form_id = ")
        .bind(form_id)
        .push(" AND actor_id || '' = ")
        .bind(actor_id)
        .push(" AND action || '' = ")
        .bind(action)
        .push(" AND target_id || '' = ")
        .bind(&target.key.id)
        .push(" AND target_kind || '' = ")
        .bind(target.key.kind.as_str())
        .push(" AND connection || '' = ")
        .bind(&target.connection)
}

impl Store {
    /// Adds an entry by itself.
    pub async fn insert_audit(&self, entry: &NewAudit) -> Result<(), StoreError> {
        self.execute(insert(entry)).await.map(drop)
    }

    /// Says what became of an action; answers whether that was open.
    pub async fn settle_audit(&self, id: Uuid, settlement: &Settlement) -> Result<bool, StoreError> {
        Ok(self.execute(settle(id, settlement, self.now())).await? > 0)
    }

    /// Actions that began before `then` and have no outcome, oldest first. Those that are known to be unknown are left out when
    /// they began before `since`.
    pub async fn open_actions(
        &self,
        since: Timestamp,
        then: Timestamp,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let sql = Sql::new("SELECT * FROM audit WHERE outcome IN ('started', 'unknown') AND at < ")
            .bind(then)
            .push(" AND (outcome = 'started' OR at >= ")
            .bind(since)
            .push(") ORDER BY at, id LIMIT ")
            .bind(i64::from(limit));
        self.all::<AuditRow>(sql).await?.into_iter().map(AuditEntry::try_from).collect()
    }

    /// How many actions of people wait for somebody to find out what became of them.
    pub async fn count_unknown_actions(&self) -> Result<i64, StoreError> {
        self.number(Sql::new(
            "SELECT COUNT(*) FROM audit WHERE outcome IN ('started', 'unknown') AND outcome || '' = 'unknown'",
        ))
        .await
    }

    /// The entry of this very form of this person, if it is still open: trying once more is the same action.
    pub async fn open_form(
        &self,
        form_id: &str,
        actor_id: &str,
        action: &str,
        target: &RecordRef,
    ) -> Result<Option<Uuid>, StoreError> {
        let sql = of_form(form_id, actor_id, action, target).push(" AND outcome IN ('started', 'unknown') LIMIT 1");
        Ok(self.optional::<(Uuid,)>(sql).await?.map(|(id,)| id))
    }

    /// Whether this form of this person has had its effect already.
    pub async fn is_form_done(
        &self,
        form_id: &str,
        actor_id: &str,
        action: &str,
        target: &RecordRef,
    ) -> Result<bool, StoreError> {
        let sql = of_form(form_id, actor_id, action, target).push(" AND outcome = 'done' LIMIT 1");
        Ok(self.optional::<(Uuid,)>(sql).await?.is_some())
    }

    /// Newest first.
    pub async fn list_audit(&self, filter: &AuditFilter, page: &PageRequest) -> Result<Page<AuditEntry>, StoreError> {
        let paging = Paging::read(LIST, page)?;
        // One condition leads and has its index (audit_target, audit_actor, audit_action); see `event_filter.rs`.
        let actor = if filter.target_id.is_some() { " AND actor_id || '' = " } else { " AND actor_id = " };
        let action = if filter.target_id.is_some() || filter.actor.is_some() {
            " AND action || '' = "
        } else {
            " AND action = "
        };
        let sql = Sql::new("SELECT * FROM audit WHERE 1 = 1")
            .bind_if(" AND target_id = ", filter.target_id.as_ref())
            .bind_if(" AND target_kind || '' = ", filter.target_kind.as_ref())
            .bind_if(" AND connection || '' = ", filter.connection.as_ref())
            .bind_if(" AND outcome || '' = ", filter.outcome.map(AuditOutcome::as_str))
            .bind_if(actor, filter.actor.as_ref())
            .bind_if(action, filter.action.as_ref());
        let sql = paging.order(paging.seek(sql, "at, id"), "at, id", "at DESC, id DESC");
        let rows = self.all::<AuditRow>(sql).await?;
        paging.page(rows, |row| TimeKey(row.at, row.id)).try_map(AuditEntry::try_from)
    }

    pub async fn audit_entry(&self, id: Uuid) -> Result<Option<AuditEntry>, StoreError> {
        let sql = Sql::new("SELECT * FROM audit WHERE id = ").bind(id);
        self.optional::<AuditRow>(sql).await?.map(AuditEntry::try_from).transpose()
    }
}
