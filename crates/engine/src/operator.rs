//! What staff admins can do. Each action is one audit entry.

use crate::{
    Access, Engine, RequestOrigin, access,
    act::{Action, billing},
    judge,
    payment::PlanChanged,
    plan::{self, Asked, Chooser},
    storage_failed, sync,
};
use patchbay_domain::{
    Kind, ObjectKey, Principal, RecordBody, RecordRef, UserError,
    billing::{Invoice, Price, SUBSCRIPTION, Subscription},
    error::Reason,
    video,
};
use patchbay_providers::{Connection, billing::CancelReason};
use patchbay_store::{AuditOutcome, EventFilter, Record, ReplayPreview, Settlement, Store, SyncRun};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

/// More than this at once is refused; narrow the filter.
pub const REPLAY_LIMIT: u32 = 10_000;

/// Actions of one staff admin within one request. Made by [`Engine::operator`].
pub struct Operator {
    engine: Engine,
    principal: Principal,
    origin: RequestOrigin,
}

/// What a plan change would charge, before anybody agrees to it.
#[derive(Clone, Debug)]
pub struct PlanChangePreview {
    pub subscription: Subscription,
    pub price: Price,
    /// Whether customers may choose it themselves.
    pub on_offer: bool,
    /// Not saved anywhere; its lines say what today costs.
    pub invoice: Invoice,
    /// Signed; must come back with the change itself, so that it is the one that was shown.
    pub quote: String,
}

impl Operator {
    pub(crate) fn new(engine: Engine, principal: Principal, origin: &RequestOrigin) -> Self {
        Self { engine, principal, origin: origin.clone() }
    }

    pub async fn cancel_subscription(
        &self,
        record: &RecordRef,
        now: bool,
        reason: &CancelReason,
        form_id: &str,
    ) -> Result<(), UserError> {
        let (record, connection) = self.target(record, SUBSCRIPTION).await?;
        let name = if now { "subscription.cancel_now" } else { "subscription.cancel" };
        let action = self.action(name, &record, form_id);
        let key = action.idempotency_key();
        let billing = billing(&connection)?;
        if now {
            action.change(billing.cancel_now(&record.key.id, reason, &key)).await
        } else {
            let provider = connection.manifest().name;
            let call =
                async { judge::cancelled(provider, billing.cancel_at_period_end(&record.key.id, reason, &key).await?) };
            action.change(call).await
        }
    }

    pub async fn keep_subscription(&self, record: &RecordRef, form_id: &str) -> Result<(), UserError> {
        let (record, connection) = self.target(record, SUBSCRIPTION).await?;
        let action = self.action("subscription.keep", &record, form_id);
        let (billing, provider, key) = (billing(&connection)?, connection.manifest().name, action.idempotency_key());
        let ends_on_a_date = plan::subscription(&record)?.ends_on_a_date();
        action.change(async { judge::kept(provider, billing.keep(&record.key.id, ends_on_a_date, &key).await?) }).await
    }

    /// Prices the subscription could move to.
    pub async fn plan_options(&self, record: &RecordRef) -> Result<Vec<crate::PlanOption>, UserError> {
        let (record, _) = self.target(record, SUBSCRIPTION).await?;
        plan::options(&self.engine, &record.connection, Some(&plan::subscription(&record)?), Chooser::Staff).await
    }

    /// The items that may be meant by a change to this price; none where it is clear.
    pub async fn plan_items(&self, record: &RecordRef, price: &str) -> Result<Vec<crate::ItemOption>, UserError> {
        let (record, _) = self.target(record, SUBSCRIPTION).await?;
        let asked = Asked { record: &record, price, item: None, chooser: Chooser::Staff, person: &self.principal };
        plan::items(&self.engine, &asked).await
    }

    pub async fn preview_plan_change(&self, record: &RecordRef, price: &str) -> Result<PlanChangePreview, UserError> {
        self.preview_item_change(record, price, None).await
    }

    /// The same for one item of several.
    pub async fn preview_item_change(
        &self,
        record: &RecordRef,
        price: &str,
        item: Option<&str>,
    ) -> Result<PlanChangePreview, UserError> {
        let (record, connection) = self.target(record, SUBSCRIPTION).await?;
        let asked = Asked { record: &record, price, item, chooser: Chooser::Staff, person: &self.principal };
        plan::preview(&self.engine, &connection, &asked).await
    }

    pub async fn change_plan(
        &self,
        record: &RecordRef,
        price: &str,
        quote: &str,
        form_id: &str,
    ) -> Result<PlanChanged, UserError> {
        let (record, connection) = self.target(record, SUBSCRIPTION).await?;
        let action = self.action("subscription.change_plan", &record, form_id);
        let asked = Asked { record: &record, price, item: None, chooser: Chooser::Staff, person: &self.principal };
        plan::change(&self.engine, &connection, &asked, (&action, quote)).await
    }

    pub async fn delete_asset(&self, record: &RecordRef, form_id: &str) -> Result<(), UserError> {
        let (record, connection) = self.target(record, video::Asset::KIND).await?;
        let action = self.action("asset.delete", &record, form_id);
        let video = connection
            .video()
            .ok_or_else(|| UserError::new(Reason::Invalid, "This connection has no video operations."))?;
        action.change(video.delete_asset(&record.key.id)).await
    }

    pub async fn replay_preview(&self, filter: &EventFilter) -> Result<ReplayPreview, UserError> {
        self.store().replay_preview(filter).await.map_err(|error| storage_failed(&error))
    }

    /// Puts events back in line, also processed ones. Answers how many.
    pub async fn replay(&self, ids: &[Uuid]) -> Result<u64, UserError> {
        let count = self.engine.0.store.replay_events(ids).await.map_err(|error| storage_failed(&error))?;
        let target = ids.first().map_or_else(String::new, Uuid::to_string);
        self.replayed(target, json!({ "events": count })).await?;
        Ok(count)
    }

    pub async fn replay_filter(&self, filter: &EventFilter) -> Result<u64, UserError> {
        let count = self.store().replay_filter(filter, REPLAY_LIMIT).await.map_err(|error| storage_failed(&error))?;
        self.replayed("filter".to_owned(), json!({ "events": count, "filter": format!("{filter:?}") })).await?;
        Ok(count)
    }

    /// Says what became of an action that was left without an answer, for those that nothing but a person can tell.
    pub async fn settle_action(&self, id: Uuid, took_effect: bool) -> Result<(), UserError> {
        let store = &self.engine.0.store;
        let entry = store.audit_entry(id).await.map_err(|error| storage_failed(&error))?;
        let entry = entry.ok_or_else(|| UserError::not_found("audit entry"))?;
        let outcome = if took_effect { AuditOutcome::Done } else { AuditOutcome::Failed };
        let is_unknown = entry.outcome == AuditOutcome::Unknown;
        let error = entry.error.filter(|_| !took_effect);
        let settlement = Settlement { outcome, after: entry.after, error, by: Some(self.principal.name.clone()) };
        if !is_unknown || !store.settle_audit(id, &settlement).await.map_err(|error| storage_failed(&error))? {
            return Err(UserError::new(Reason::Conflict, "What became of this action is known already."));
        }
        let after = json!({ "outcome": outcome.as_str(), "action": entry.action });
        self.own("audit.settle", "audit", "", &id.to_string()).done(None, Some(after)).await
    }

    /// A thorough one looks at every record that the lists do not name, however many they are.
    pub async fn start_sync(&self, connection: &str, thorough: bool) -> Result<SyncRun, UserError> {
        let run = sync::start(&self.engine, connection, thorough).await?;
        let after = json!({ "sync": run.id, "thorough": thorough });
        self.own("sync.start", "sync", connection, connection).done(None, Some(after)).await?;
        Ok(run)
    }

    pub async fn cancel_sync(&self, connection: &str) -> Result<(), UserError> {
        let store = &self.engine.0.store;
        let run = store.latest_sync(connection).await.map_err(|error| storage_failed(&error))?;
        let run = run.filter(SyncRun::is_running).ok_or_else(|| {
            UserError::new(Reason::Conflict, "No sync of this connection is running; there is nothing to cancel.")
        })?;
        store.request_cancel(run.id).await.map_err(|error| storage_failed(&error))?;
        self.own("sync.cancel", "sync", connection, connection).done(None, Some(json!({ "sync": run.id }))).await
    }

    /// Asks the provider what the keys may read. What a sync misses and may be read by now, is read.
    pub async fn check_connection(&self, connection: &str) -> Result<Access, UserError> {
        let found = access::refresh(&self.engine, connection).await;
        let found = found.ok_or_else(|| UserError::not_found("connection"))?;
        self.own("connection.check", "connection", connection, connection).done(None, Some(json!(found))).await?;
        let store = &self.engine.0.store;
        let latest = store.latest_sync(connection).await.map_err(|error| storage_failed(&error))?;
        if latest.is_some_and(|run| run.missing().any(|(kind, _)| found.readable.contains(kind))) {
            store.retry_sync_now(connection).await.map_err(|error| storage_failed(&error))?;
            self.engine.0.sync_work.notify_one();
        }
        Ok(found)
    }

    /// Knows who searches.
    fn store(&self) -> Store {
        self.engine.0.store.asked_by(&self.principal.user_id)
    }

    async fn replayed(&self, target: String, after: serde_json::Value) -> Result<(), UserError> {
        self.engine.0.work.ring_all();
        self.own("events.replay", "event", "", &target).done(None, Some(after)).await
    }

    /// The record that is meant, if it is of the kind that the action is for.
    async fn target(&self, wanted: &RecordRef, kind: Kind) -> Result<(Record, Arc<dyn Connection>), UserError> {
        let not_found = || UserError::not_found(kind.as_str());
        if wanted.key.kind != kind {
            return Err(not_found());
        }
        let record = self.engine.0.store.record(&wanted.connection, &wanted.key).await;
        let record = record.map_err(|error| storage_failed(&error))?.ok_or_else(not_found)?;
        let connection = self.engine.connection_of(&record)?;
        Ok((record, connection))
    }

    fn action<'a>(&'a self, name: &'static str, record: &'a Record, form_id: &'a str) -> Action<'a> {
        Action {
            engine: &self.engine,
            principal: &self.principal,
            origin: &self.origin,
            name,
            target: record.reference(),
            form_id,
        }
    }

    /// Of a thing of ours.
    fn own(&self, name: &'static str, kind: &'static str, connection: &str, id: &str) -> Action<'_> {
        Action {
            engine: &self.engine,
            principal: &self.principal,
            origin: &self.origin,
            name,
            target: RecordRef::new(connection, ObjectKey::new(Kind::new(kind), id)),
            form_id: "",
        }
    }
}
