//! Who did what. Entries are added, never changed.

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
    /// `done` or `failed`.
    pub outcome: String,
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
            outcome: row.outcome,
            error: row.error,
            request_id: row.request_id,
            impersonator: row.impersonator,
            session_id: row.session_id,
            address: row.address,
            form_id: row.form_id,
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
        (&entry.outcome).into(),
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

impl WriteTx {
    /// Adds an entry that stands or falls with what it tells of.
    pub async fn audit(&mut self, entry: &NewAudit) -> Result<(), StoreError> {
        self.tx.execute(insert(entry)).await.map(drop)
    }
}

impl Store {
    /// Adds an entry by itself.
    pub async fn insert_audit(&self, entry: &NewAudit) -> Result<(), StoreError> {
        self.execute(insert(entry)).await.map(drop)
    }

    /// Whether this form of this person has had its effect already.
    pub async fn is_form_done(
        &self,
        form_id: &str,
        actor_id: &str,
        action: &str,
        target: &RecordRef,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new("SELECT id FROM audit WHERE form_id = ")
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
            .push(" AND outcome = 'done' LIMIT 1");
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
