//! What staff admins can do. Each action is one audit entry.

use crate::{
    Engine,
    act::{Action, billing},
    plan, storage_failed, sync,
};
use patchbay_domain::{
    Kind, ObjectKey, Principal, RecordBody, Timestamp, UserError,
    billing::{Invoice, Price, SUBSCRIPTION, Subscription},
    error::Reason,
    video,
};
use patchbay_providers::{Connection, provider::CancelReason};
use patchbay_store::{EventFilter, Record, ReplayPreview, SyncRun};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

/// More than this at once is refused; narrow the filter.
pub const REPLAY_LIMIT: u32 = 10_000;

/// Actions of one staff admin within one request. Made by [`Engine::operator`].
pub struct Operator {
    engine: Engine,
    principal: Principal,
    request_id: String,
}

/// What a plan change would charge, before anybody agrees to it.
#[derive(Clone, Debug)]
pub struct PlanChangePreview {
    pub subscription: Subscription,
    pub price: Price,
    /// Not saved anywhere; its lines say what today costs.
    pub invoice: Invoice,
    /// Must come back with the change itself, so that both are the same arithmetic.
    pub proration_at: Timestamp,
}

impl Operator {
    pub(crate) fn new(engine: Engine, principal: Principal, request_id: &str) -> Self {
        Self { engine, principal, request_id: request_id.to_owned() }
    }

    pub async fn cancel_subscription(
        &self,
        id: &str,
        now: bool,
        reason: &CancelReason,
        form_id: &str,
    ) -> Result<(), UserError> {
        let (record, connection) = self.target(SUBSCRIPTION, id).await?;
        let name = if now { "subscription.cancel_now" } else { "subscription.cancel" };
        let action = self.action(name, &record, form_id);
        let key = action.idempotency_key();
        let billing = billing(&connection)?;
        if now {
            action.change(billing.cancel_now(id, reason, &key)).await
        } else {
            action.change(billing.cancel_at_period_end(id, reason, &key)).await
        }
    }

    pub async fn keep_subscription(&self, id: &str, form_id: &str) -> Result<(), UserError> {
        let (record, connection) = self.target(SUBSCRIPTION, id).await?;
        let action = self.action("subscription.keep", &record, form_id);
        action.change(billing(&connection)?.keep(id, &action.idempotency_key())).await
    }

    /// Prices the subscription could move to.
    pub async fn plan_options(&self, id: &str) -> Result<Vec<crate::PlanOption>, UserError> {
        let (record, _) = self.target(SUBSCRIPTION, id).await?;
        plan::options(&self.engine, &record.connection, Some(&plan::subscription(&record)?)).await
    }

    pub async fn preview_plan_change(&self, id: &str, price: &str) -> Result<PlanChangePreview, UserError> {
        let (record, connection) = self.target(SUBSCRIPTION, id).await?;
        plan::preview(&self.engine, &connection, &record, price).await
    }

    pub async fn change_plan(
        &self,
        id: &str,
        price: &str,
        proration_at: Timestamp,
        form_id: &str,
    ) -> Result<(), UserError> {
        let (record, connection) = self.target(SUBSCRIPTION, id).await?;
        let change = plan::checked_change(&self.engine, &record, price, proration_at).await?;
        let action = self.action("subscription.change_plan", &record, form_id);
        action.change(billing(&connection)?.change_plan(&change, &action.idempotency_key())).await
    }

    pub async fn delete_asset(&self, id: &str, form_id: &str) -> Result<(), UserError> {
        let (record, connection) = self.target(video::Asset::KIND, id).await?;
        let action = self.action("asset.delete", &record, form_id);
        let video = connection
            .video()
            .ok_or_else(|| UserError::new(Reason::Invalid, "This connection has no video operations."))?;
        action.change(video.delete_asset(id)).await
    }

    pub async fn replay_preview(&self, filter: &EventFilter) -> Result<ReplayPreview, UserError> {
        self.engine.0.store.replay_preview(filter).await.map_err(|error| storage_failed(&error))
    }

    /// Puts events back in line, also processed ones. Answers how many.
    pub async fn replay(&self, ids: &[Uuid]) -> Result<u64, UserError> {
        let count = self.engine.0.store.replay_events(ids).await.map_err(|error| storage_failed(&error))?;
        let target = ids.first().map_or_else(String::new, Uuid::to_string);
        self.replayed(target, json!({ "events": count })).await?;
        Ok(count)
    }

    pub async fn replay_filter(&self, filter: &EventFilter) -> Result<u64, UserError> {
        let store = &self.engine.0.store;
        let count = store.replay_filter(filter, REPLAY_LIMIT).await.map_err(|error| storage_failed(&error))?;
        self.replayed("filter".to_owned(), json!({ "events": count, "filter": format!("{filter:?}") })).await?;
        Ok(count)
    }

    pub async fn start_sync(&self, connection: &str) -> Result<SyncRun, UserError> {
        let run = sync::start(&self.engine, connection).await?;
        self.own("sync.start", "sync", connection).done(None, Some(json!({ "sync": run.id }))).await?;
        Ok(run)
    }

    pub async fn cancel_sync(&self, connection: &str) -> Result<(), UserError> {
        let store = &self.engine.0.store;
        let run = store.latest_sync(connection).await.map_err(|error| storage_failed(&error))?;
        let run = run.filter(|run| run.state == "running").ok_or_else(|| {
            UserError::new(Reason::Conflict, "No sync of this connection is running; there is nothing to cancel.")
        })?;
        store.request_cancel(run.id).await.map_err(|error| storage_failed(&error))?;
        self.own("sync.cancel", "sync", connection).done(None, Some(json!({ "sync": run.id }))).await
    }

    async fn replayed(&self, target: String, after: serde_json::Value) -> Result<(), UserError> {
        self.engine.0.work.ring_all();
        self.own("events.replay", "event", &target).done(None, Some(after)).await
    }

    async fn target(&self, kind: Kind, id: &str) -> Result<(Record, Arc<dyn Connection>), UserError> {
        let name = kind.to_string();
        let record = self.engine.0.store.record(None, &ObjectKey::new(kind, id)).await;
        let record = record.map_err(|error| storage_failed(&error))?.ok_or_else(|| UserError::not_found(&name))?;
        let connection = self.engine.connection(&record.connection).cloned().ok_or_else(|| {
            UserError::new(Reason::Conflict, "The connection of this object is not configured any more.")
        })?;
        Ok((record, connection))
    }

    fn action<'a>(&'a self, name: &'static str, record: &'a Record, form_id: &'a str) -> Action<'a> {
        Action {
            engine: &self.engine,
            principal: &self.principal,
            request_id: &self.request_id,
            name,
            connection: &record.connection,
            target: record.key.clone(),
            form_id,
        }
    }

    fn own<'a>(&'a self, name: &'static str, kind: &'static str, target: &'a str) -> Action<'a> {
        Action {
            engine: &self.engine,
            principal: &self.principal,
            request_id: &self.request_id,
            name,
            connection: target,
            target: ObjectKey::new(Kind::new(kind), target),
            form_id: "",
        }
    }
}
