//! What staff can look at.

use crate::{Engine, Organisations, Overview, overview, storage_failed, timeline, timeline::TimelineEntry};
use patchbay_domain::{Kind, ObjectKey, Principal, Source, UserError};
use patchbay_store::{AuditEntry, EventDetail, HistoryEntry, Record, Store};
use uuid::Uuid;

/// Reads for one staff member. Made by [`Engine::staff`].
pub struct Staff {
    engine: Engine,
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
        Self { engine, principal }
    }

    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The lists. Writing goes through [`crate::Operator`].
    pub fn store(&self) -> &Store {
        &self.engine.0.store
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub async fn overview(&self) -> Result<Overview, UserError> {
        overview::read(&self.engine).await.map_err(|error| storage_failed(&error))
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

    /// Names for the organisations that customers acted for.
    pub async fn organisations(&self, entries: &[AuditEntry]) -> Result<Organisations, UserError> {
        Organisations::of(self.store(), entries).await.map_err(|error| storage_failed(&error))
    }

    /// A record by its provider's id, whichever connection has it.
    pub async fn record(&self, kind: &Kind, id: &str) -> Result<RecordPage, UserError> {
        let key = ObjectKey::new(kind.clone(), id);
        let store = self.store();
        let record = store
            .record(None, &key)
            .await
            .map_err(|error| storage_failed(&error))?
            .ok_or_else(|| UserError::not_found(kind.as_str()))?;
        let owner = match &record.index.owner {
            Some(owner) => store
                .record(Some(&record.connection), &ObjectKey::new(patchbay_domain::billing::CUSTOMER, owner.clone()))
                .await
                .map_err(|error| storage_failed(&error))?,
            None => None,
        };
        let timeline = timeline::of_record(store, &record).await.map_err(|error| storage_failed(&error))?;
        Ok(RecordPage { record, owner, timeline })
    }
}
