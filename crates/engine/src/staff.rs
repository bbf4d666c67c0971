//! What staff can look at.

use crate::{
    Access, Awaited, Engine, Held, Organisations, Overview, RequestOrigin, access, act::Action, held, overview,
    storage_failed, timeline, timeline::TimelineEntry,
};
use patchbay_domain::{Kind, ObjectKey, Principal, RecordRef, Source, UserError, billing::Subscription};
use patchbay_store::{AuditEntry, EventDetail, HistoryEntry, Record, Store};
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Reads for one staff member. Made by [`Engine::staff`].
pub struct Staff {
    engine: Engine,
    /// Knows who searches.
    store: Store,
    principal: Principal,
}

/// An event with what it changed.
pub struct EventPage {
    pub event: EventDetail,
    pub changes: Vec<HistoryEntry>,
}

/// A record with everything that happened to it.
pub struct RecordPage {
    pub record: Record,
    /// The customer it belongs to, where it belongs to one.
    pub owner: Option<Record>,
    pub timeline: Vec<TimelineEntry>,
}

impl Staff {
    pub(crate) fn new(engine: Engine, principal: Principal) -> Self {
        Self { store: engine.0.store.asked_by(&principal.user_id), engine, principal }
    }

    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The lists. Writing goes through [`crate::Operator`].
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What was last found about the keys of a connection; nobody is asked for it.
    pub async fn access(&self, connection: &str) -> Result<Option<Access>, UserError> {
        access::known(&self.engine, connection).await.map_err(|error| storage_failed(&error))
    }

    pub async fn overview(&self) -> Result<Overview, UserError> {
        overview::read(&self.engine).await.map_err(|error| storage_failed(&error))
    }

    /// Deliveries that were acknowledged and are not events yet.
    pub async fn held(&self) -> Result<Held, UserError> {
        held::read(&self.engine).await.map_err(|error| storage_failed(&error))
    }

    pub async fn event(&self, id: &str) -> Result<EventPage, UserError> {
        let id = Uuid::parse_str(id).map_err(|_| UserError::not_found("event"))?;
        let store = self.store();
        let event = store
            .event(id)
            .await
            .map_err(|error| storage_failed(&error))?
            .ok_or_else(|| UserError::not_found("event"))?;
        let source = Source::Event { id: id.to_string() };
        let changes = store.history_of_source(&source).await.map_err(|error| storage_failed(&error))?;
        Ok(EventPage { event, changes })
    }

    /// Tells that a list left this place as a file.
    pub async fn exported(
        &self,
        list: &str,
        filter: &[(String, String)],
        origin: &RequestOrigin,
    ) -> Result<(), UserError> {
        let filter: BTreeMap<&String, &String> = filter.iter().map(|(name, value)| (name, value)).collect();
        let action = Action {
            engine: &self.engine,
            principal: &self.principal,
            origin,
            name: "list.export",
            target: RecordRef::new("", ObjectKey::new(Kind::new("list"), list)),
            form_id: "",
        };
        action.done(None, Some(json!({ "filter": filter }))).await
    }

    /// Names for the organisations that customers acted for.
    pub async fn organisations(&self, entries: &[AuditEntry]) -> Result<Organisations, UserError> {
        Organisations::of(self.store(), entries).await.map_err(|error| storage_failed(&error))
    }

    /// What a subscription waits for.
    pub async fn awaited(&self, record: &Record, subscription: &Subscription) -> Result<Awaited, UserError> {
        Awaited::of(&self.engine, &record.connection, subscription).await
    }

    pub async fn record(&self, wanted: &RecordRef) -> Result<RecordPage, UserError> {
        let store = self.store();
        let record = store
            .record(&wanted.connection, &wanted.key)
            .await
            .map_err(|error| storage_failed(&error))?
            .ok_or_else(|| UserError::not_found(wanted.key.kind.as_str()))?;
        let owner = match &record.index.owner {
            Some(owner) => store
                .record(&record.connection, &ObjectKey::new(patchbay_domain::billing::CUSTOMER, owner.clone()))
                .await
                .map_err(|error| storage_failed(&error))?,
            None => None,
        };
        let timeline = timeline::of_record(store, &record).await.map_err(|error| storage_failed(&error))?;
        Ok(RecordPage { record, owner, timeline })
    }
}
