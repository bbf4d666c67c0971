//! How a person's action reaches a provider: one way for staff and customers, always in the audit log.

use crate::{
    Engine, RequestOrigin, storage_failed,
    worker::{note, publish},
};
use patchbay_domain::{Change, Principal, RecordRef, Source, UserError, change::Applied};
use patchbay_providers::{Billing, Connection, ProviderError};
use patchbay_store::{AuditOutcome, NewAudit, Record, Settlement};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{future::Future, sync::Arc};
use uuid::Uuid;

/// Characters of a form's id that count. Ours are shorter; what a browser sends may be anything.
const FORM_ID: usize = 128;

/// Who does what to which object.
pub(crate) struct Action<'a> {
    pub engine: &'a Engine,
    pub principal: &'a Principal,
    pub origin: &'a RequestOrigin,
    /// `subscription.cancel`: noun, dot, verb.
    pub name: &'static str,
    pub target: RecordRef,
    /// From the form, so that a form sent twice is one effect.
    pub form_id: &'a str,
}

impl Action<'_> {
    /// The same for the same form, and for no other: everything counts whole, so that no id can end where a form's begins.
    pub fn idempotency_key(&self) -> String {
        let RecordRef { connection, key } = &self.target;
        let mut digest = Sha256::new();
        for part in [self.name, connection, key.kind.as_str(), &key.id, self.form_id] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        format!("patchbay-{}", hex::encode(digest.finalize()))
    }

    /// Whether this very form has had its effect already: it was sent twice.
    pub async fn is_done(&self) -> Result<bool, UserError> {
        let Some(form_id) = self.form() else { return Ok(false) };
        let store = &self.engine.0.store;
        let done = store.is_form_done(&form_id, &self.principal.user_id, self.name, &self.target).await;
        done.map_err(|error| storage_failed(&error))
    }

    /// The form's id as it is kept; none for what came from no form.
    fn form(&self) -> Option<String> {
        (!self.form_id.is_empty()).then(|| self.form_id.chars().take(FORM_ID).collect())
    }

    /// Calls the provider and applies what it answers, in one transaction with the outcome in the audit log. That it was
    /// started is there before, so that whoever comes after a crash knows what to look for.
    pub async fn change<F>(&self, call: F) -> Result<(), UserError>
    where
        F: Future<Output = Result<Change, ProviderError>>,
    {
        if self.is_done().await? {
            return Ok(());
        }
        let before = self.record().await?;
        let id = self.started(before.as_ref()).await?;
        match call.await {
            Ok(change) => self.applied(id, before, change).await,
            Err(error) => Err(self.failed(id, &error).await),
        }
    }

    /// For what answers a page to go to and changes nothing yet.
    pub async fn link<F>(&self, call: F) -> Result<String, UserError>
    where
        F: Future<Output = Result<String, ProviderError>>,
    {
        let id = self.started(None).await?;
        match call.await {
            Ok(url) => {
                let done = Settlement { outcome: AuditOutcome::Done, after: None, error: None, by: None };
                let settled = self.engine.0.store.settle_audit(id, &done).await;
                settled.map_err(|error| storage_failed(&error))?;
                Ok(url)
            }
            Err(error) => Err(self.failed(id, &error).await),
        }
    }

    /// An action of ours that no provider takes part in (a replay, a sync).
    pub async fn done(&self, before: Option<Value>, after: Option<Value>) -> Result<(), UserError> {
        let entry = self.entry(before, after, AuditOutcome::Done);
        self.engine.0.store.insert_audit(&entry).await.map_err(|error| storage_failed(&error))
    }

    /// Writes down that it begins. A form that came before and was left without an answer is the same action.
    async fn started(&self, before: Option<&Record>) -> Result<Uuid, UserError> {
        let store = &self.engine.0.store;
        if let Some(form) = self.form() {
            let open = store.open_form(&form, &self.principal.user_id, self.name, &self.target).await;
            if let Some(id) = open.map_err(|error| storage_failed(&error))? {
                return Ok(id);
            }
        }
        let entry = self.entry(before.map(|record| record.body.clone()), None, AuditOutcome::Started);
        store.insert_audit(&entry).await.map_err(|error| storage_failed(&error))?;
        Ok(entry.id)
    }

    async fn record(&self) -> Result<Option<Record>, UserError> {
        let store = &self.engine.0.store;
        store.record(&self.target.connection, &self.target.key).await.map_err(|error| storage_failed(&error))
    }

    async fn applied(&self, id: Uuid, before: Option<Record>, mut change: Change) -> Result<(), UserError> {
        let revision = before.as_ref().map_or(0, |record| record.revision);
        if let Some(record) = &before {
            // The answer was given after the state we hold; the provider's clock has whole seconds.
            change.version.0 = change.version.0.max(record.version);
        }
        let after = match &change.state {
            patchbay_domain::State::Present { body, .. } => Some(body.clone()),
            patchbay_domain::State::Deleted => None,
        };
        let done = Settlement { outcome: AuditOutcome::Done, after, error: None, by: None };
        let source = Source::Action { id: id.to_string() };
        let write = async {
            let mut tx = self.engine.0.store.begin().await?;
            let applied = tx.apply(&self.target.connection, &change, &source, Some(revision)).await?;
            tx.settle_audit(id, &done).await?;
            tx.commit().await?;
            Ok(applied)
        };
        let applied = Box::pin(write).await.map_err(|error| storage_failed(&error))?;
        if applied == Applied::Tie {
            // Its own webhook was here first. The object is read again rather than guessed.
            let cause = id.to_string();
            let read = crate::refetch::refetch(self.engine, &self.target.connection, &change.key, &cause);
            if let Ok(Err(error)) = Box::pin(read).await {
                tracing::warn!(object = %change.key, %error, "a changed object was not read again; its webhook will bring it");
            }
        }
        let mut news = Vec::new();
        note(&mut news, &self.target.connection, &change, &applied);
        publish(self.engine, news);
        Ok(())
    }

    async fn failed(&self, id: Uuid, error: &ProviderError) -> UserError {
        tracing::warn!(action = self.name, target = %self.target, %error, "an action failed at the provider");
        let outcome = if error.may_be_done() { AuditOutcome::Unknown } else { AuditOutcome::Failed };
        let failed = Settlement { outcome, after: None, error: Some(error.to_string()), by: None };
        if let Err(error) = self.engine.0.store.settle_audit(id, &failed).await {
            tracing::error!(%error, "that an action failed is missing from the audit log");
        }
        let mut told = error.for_person();
        if outcome == AuditOutcome::Unknown {
            let provider = error.provider;
            told.message = format!(
                "{provider} gave no clear answer, so it is not known yet whether this took effect. Look at it again in a minute, \
                 before you try once more."
            );
        }
        told
    }

    fn entry(&self, before: Option<Value>, after: Option<Value>, outcome: AuditOutcome) -> NewAudit {
        NewAudit {
            id: self.engine.0.store.new_id(),
            at: self.engine.clock().now(),
            actor_id: self.principal.user_id.clone(),
            actor_name: self.principal.name.clone(),
            action: self.name.to_owned(),
            target: self.target.clone(),
            organisation: self.principal.organisation.as_ref().map(|organisation| organisation.id.clone()),
            before,
            after,
            outcome,
            error: None,
            request_id: self.origin.request_id.clone(),
            impersonator: self.principal.impersonator.clone(),
            session_id: self.principal.session.clone(),
            address: self.origin.address.clone(),
            form_id: self.form(),
            settled: None,
        }
    }
}

/// The billing operations of a connection, or a sentence why there are none.
pub(crate) fn billing(connection: &Arc<dyn Connection>) -> Result<&dyn Billing, UserError> {
    connection.billing().ok_or_else(|| {
        let name = connection.manifest().name;
        UserError::new(patchbay_domain::error::Reason::Invalid, format!("{name} has no billing operations."))
    })
}
