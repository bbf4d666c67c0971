//! How a person's action reaches a provider: one way for staff and customers, always in the audit log.

use crate::{
    Engine, storage_failed,
    worker::{note, publish},
};
use patchbay_domain::{Change, ObjectKey, Principal, Source, UserError, change::Applied};
use patchbay_providers::{Billing, Connection, ProviderError};
use patchbay_store::{NewAudit, Record};
use serde_json::Value;
use std::{future::Future, sync::Arc};

/// Who does what to which object.
pub(crate) struct Action<'a> {
    pub engine: &'a Engine,
    pub principal: &'a Principal,
    pub request_id: &'a str,
    /// `subscription.cancel`: noun, dot, verb.
    pub name: &'static str,
    pub connection: &'a str,
    pub target: ObjectKey,
    /// From the form, so that a form sent twice is one effect.
    pub form_id: &'a str,
}

impl Action<'_> {
    /// At most 255 characters, the same for the same form.
    pub fn idempotency_key(&self) -> String {
        format!("patchbay-{}-{}-{}", self.name, self.target.id, self.form_id).chars().take(255).collect()
    }

    /// Calls the provider, applies what it answers and writes the audit entry, both in one transaction.
    pub async fn change<F>(&self, call: F) -> Result<(), UserError>
    where
        F: Future<Output = Result<Change, ProviderError>>,
    {
        let before = self.record().await?;
        match call.await {
            Ok(change) => self.applied(before, change).await,
            Err(error) => Err(self.failed(before, &error).await),
        }
    }

    /// For what answers a page to go to and changes nothing yet.
    pub async fn link<F>(&self, call: F) -> Result<String, UserError>
    where
        F: Future<Output = Result<String, ProviderError>>,
    {
        match call.await {
            Ok(url) => {
                self.done(None, None).await?;
                Ok(url)
            }
            Err(error) => Err(self.failed(None, &error).await),
        }
    }

    /// An action of ours that no provider takes part in (a replay, a sync).
    pub async fn done(&self, before: Option<Value>, after: Option<Value>) -> Result<(), UserError> {
        let entry = self.entry(before, after, None);
        self.engine.0.store.insert_audit(&entry).await.map_err(|error| storage_failed(&error))
    }

    async fn record(&self) -> Result<Option<Record>, UserError> {
        let store = &self.engine.0.store;
        store.record(Some(self.connection), &self.target).await.map_err(|error| storage_failed(&error))
    }

    async fn applied(&self, before: Option<Record>, mut change: Change) -> Result<(), UserError> {
        let revision = before.as_ref().map_or(0, |record| record.revision);
        if let Some(record) = &before {
            // The answer was given after the state we hold; the provider's clock has whole seconds.
            change.version.0 = change.version.0.max(record.version);
        }
        let after = match &change.state {
            patchbay_domain::State::Present { body, .. } => Some(body.clone()),
            patchbay_domain::State::Deleted => None,
        };
        let entry = self.entry(before.map(|record| record.body), after, None);
        let source = Source::Action { id: entry.id.to_string() };
        let write = async {
            let mut tx = self.engine.0.store.begin().await?;
            let applied = tx.apply(self.connection, &change, &source, Some(revision)).await?;
            tx.audit(&entry).await?;
            tx.commit().await?;
            Ok(applied)
        };
        let applied = write.await.map_err(|error| storage_failed(&error))?;
        if applied == Applied::Tie {
            // Its own webhook was here first. The object is read again rather than guessed.
            if let Ok(Err(error)) =
                crate::refetch::refetch(self.engine, self.connection, &change.key, &entry.id.to_string()).await
            {
                tracing::warn!(object = %change.key, %error, "a changed object was not read again; its webhook will bring it");
            }
        }
        let mut news = Vec::new();
        note(&mut news, &change, &applied);
        publish(self.engine, news);
        Ok(())
    }

    async fn failed(&self, before: Option<Record>, error: &ProviderError) -> UserError {
        tracing::warn!(action = self.name, target.id = %self.target.id, %error, "an action failed at the provider");
        let entry = self.entry(before.map(|record| record.body), None, Some(error.to_string()));
        if let Err(error) = self.engine.0.store.insert_audit(&entry).await {
            tracing::error!(%error, "a failed action is missing from the audit log");
        }
        error.for_person()
    }

    fn entry(&self, before: Option<Value>, after: Option<Value>, error: Option<String>) -> NewAudit {
        NewAudit {
            id: self.engine.0.store.new_id(),
            at: self.engine.clock().now(),
            actor_id: self.principal.user_id.clone(),
            actor_name: self.principal.name.clone(),
            action: self.name.to_owned(),
            target_kind: self.target.kind.to_string(),
            target_id: self.target.id.clone(),
            organisation: self.principal.organisation.as_ref().map(|organisation| organisation.id.clone()),
            before,
            after,
            outcome: if error.is_some() { "failed" } else { "done" }.to_owned(),
            error,
            request_id: self.request_id.to_owned(),
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
