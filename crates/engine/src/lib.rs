//! The application itself: inbox, projection worker, syncs and actions. No HTTP server and no UI in it.
//!
//! Everything a person can see or do goes through one of three handles, each made from a [`Principal`]:
//! [`Staff`] (look), [`Operator`] (act) and [`CustomerDesk`] (one organisation's own billing).

mod act;
pub mod backoff;
pub mod calls;
mod customer;
mod filing;
mod inbox;
mod live;
mod operator;
mod overview;
mod people;
mod places;
mod plan;
mod refetch;
mod rejected;
mod retention;
mod share;
mod staff;
mod sync;
mod timeline;
mod worker;

pub use customer::{BillingHome, CustomerDesk, PlanOption};
pub use inbox::{Delivery, IngestError};
pub use live::{LiveMessage, Subscription as LiveSubscription};
pub use operator::{Operator, PlanChangePreview, REPLAY_LIMIT};
pub use overview::{ConnectionOverview, Overview, TrendPoint};
pub use people::{Actor, Organisations};
pub use retention::Retention;
pub use staff::{EventPage, RecordPage, Staff};
pub use timeline::{TimelineEntry, TimelineKind};

use live::Bus;
use patchbay_domain::{Clock, Principal, UserError, error::Reason};
use patchbay_providers::{Connection, NamedConnection};
use patchbay_store::{Journal, Lane, Store};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{Notify, mpsc};

/// What the engine is made of. Time and randomness come with it.
pub struct EngineParts {
    pub store: Store,
    /// Where deliveries are durable first, or while the database is away.
    pub journal: Journal,
    pub connections: Vec<NamedConnection>,
    pub call_log: calls::CallLogReceiver,
    pub retention: Retention,
    /// Jitter of the backoff.
    pub seed: u64,
}

/// The application. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

pub(crate) struct Inner {
    pub store: Store,
    pub connections: BTreeMap<String, Arc<dyn Connection>>,
    pub bus: Bus,
    pub inbox: inbox::Inbox,
    pub rejected: rejected::RejectedLog,
    pub filing: Notify,
    pub work: worker::Bells,
    pub sync_work: Notify,
    pub jitter: backoff::Jitter,
    pub retention: Retention,
    /// Names this process in leases.
    pub owner: String,
    /// Whether this process works on events, or only takes them in.
    pub works: AtomicBool,
    pub stopping: AtomicBool,
    pub stopped: Notify,
    pub overview_cache: overview::Cache,
}

impl Engine {
    /// Starts the parts every role needs: the inbox's committers and the writers of the call and rejection logs.
    pub fn start(parts: EngineParts) -> Self {
        let EngineParts { store, journal, connections, call_log, retention, seed } = parts;
        let owner = store.new_id().to_string();
        let (bus, news) = if store.keeps_frames() {
            let (others, news) = mpsc::channel(share::WAITING);
            (Bus::new(Some(others)), Some(news))
        } else {
            (Bus::new(None), None)
        };
        if let Some(news) = news {
            share::spawn(store.clone(), bus.clone(), owner.clone(), news);
        }
        calls::spawn_writer(store.clone(), bus.clone(), call_log);
        let connections: BTreeMap<_, _> = connections.into_iter().map(|named| (named.name, named.connection)).collect();
        Self(Arc::new_cyclic(|inner| Inner {
            inbox: inbox::Inbox::spawn(store.clone(), journal, connections.keys().cloned(), inner.clone()),
            rejected: rejected::RejectedLog::spawn(store.clone(), bus.clone()),
            work: worker::Bells::new(connections.keys()),
            connections,
            jitter: backoff::Jitter::new(seed),
            retention,
            filing: Notify::new(),
            sync_work: Notify::new(),
            works: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            stopped: Notify::new(),
            overview_cache: overview::Cache::default(),
            owner,
            bus,
            store,
        }))
    }

    /// For staff who want to look.
    pub fn staff(&self, principal: &Principal) -> Result<Staff, UserError> {
        if principal.is_staff() {
            Ok(Staff::new(self.clone(), principal.clone()))
        } else {
            Err(UserError::new(Reason::Forbidden, "This page is for staff. Your billing is at /billing."))
        }
    }

    /// For staff who want to act; viewers are refused.
    pub fn operator(&self, principal: &Principal, request_id: &str) -> Result<Operator, UserError> {
        if principal.may_act() {
            Ok(Operator::new(self.clone(), principal.clone(), request_id))
        } else {
            Err(UserError::forbidden())
        }
    }

    /// For a customer: everything below is limited to their organisation.
    pub async fn customer(&self, principal: &Principal, request_id: &str) -> Result<CustomerDesk, UserError> {
        CustomerDesk::open(self.clone(), principal.clone(), request_id).await
    }

    /// Takes a delivery in: verified and durable when this returns `Ok`. Whether its event is new shows when it is filed.
    pub async fn ingest(&self, delivery: Delivery<'_>) -> Result<(), IngestError> {
        inbox::ingest(&self.0, delivery).await
    }

    /// What changes on the server from now on, limited to what the principal may see.
    pub async fn live(&self, principal: &Principal, topics: &[String]) -> Result<LiveSubscription, UserError> {
        live::subscribe(self, principal, topics).await
    }

    /// Files what the inbox took in until [`Engine::stop`]; every process that serves deliveries or works runs it once.
    pub async fn file(&self) {
        filing::run(self.clone()).await;
    }

    /// Says that the database does not answer: deliveries go to the local journal until everything in it is filed.
    pub fn note_database_away(&self, error: &patchbay_store::StoreError) {
        self.0.inbox.durable.note_away(&error.to_string());
    }

    /// Works on events and syncs and drops what is outdated until [`Engine::stop`]; one call per process is enough.
    pub async fn work(&self) {
        self.0.works.store(true, Ordering::SeqCst);
        tokio::join!(worker::run(self.clone()), sync::supervise(self.clone()), retention::run(self.clone()));
    }

    /// Files everything that was taken in and leaves the work to others. For tests; servers call [`Engine::file`].
    pub async fn file_all(&self) -> Result<(), patchbay_store::StoreError> {
        while filing::file_once(self).await? {}
        Ok(())
    }

    /// Files and works until nothing is due. For tests; servers call [`Engine::file`] and [`Engine::work`].
    pub async fn drain(&self) -> Result<(), patchbay_store::StoreError> {
        self.0.works.store(true, Ordering::SeqCst);
        self.file_all().await?;
        self.0.works.store(false, Ordering::SeqCst);
        while worker::work_once(self, Lane::All).await? > 0 {}
        Ok(())
    }

    /// Drops everything that is outdated now; answers how many rows. For tests; [`Engine::work`] does it again and again.
    pub async fn drop_outdated(&self) -> Result<u64, patchbay_store::StoreError> {
        retention::drop_outdated(self).await
    }

    /// How long things are kept.
    pub fn retention(&self) -> Retention {
        self.0.retention
    }

    /// Starts a sync of every connection that has never had one.
    pub async fn sync_new_connections(&self) -> Result<(), patchbay_store::StoreError> {
        sync::start_first_syncs(self).await
    }

    /// Starts a sync for the command line; staff use [`Operator::start_sync`].
    pub async fn start_sync(&self, connection: &str) -> Result<patchbay_store::SyncRun, UserError> {
        sync::start(self, connection).await
    }

    /// Lets running work finish its transaction and gives its leases back.
    pub async fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        self.0.filing.notify_one();
        self.0.work.ring_all();
        self.0.sync_work.notify_waiters();
        self.0.stopped.notify_waiters();
        if let Err(error) = self.0.store.release_leases(&self.0.owner).await {
            tracing::warn!(%error, "leases were not given back; they expire by themselves");
        }
    }

    pub(crate) fn works(&self) -> bool {
        self.0.works.load(Ordering::SeqCst)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::SeqCst)
    }

    /// Deliveries that are durable and not yet events.
    pub async fn unfiled(&self) -> Result<i64, patchbay_store::StoreError> {
        let durable = &self.0.inbox.durable;
        durable.store.unfiled(&durable.journal).await
    }

    /// Since when deliveries are kept on this machine because `PostgreSQL` does not answer.
    pub fn database_away_since(&self) -> Option<patchbay_domain::Timestamp> {
        self.0.inbox.durable.away_since()
    }

    pub fn clock(&self) -> &Clock {
        self.0.store.clock()
    }

    pub fn connection_names(&self) -> impl Iterator<Item = &str> {
        self.0.connections.keys().map(String::as_str)
    }

    pub fn connection(&self, name: &str) -> Option<&Arc<dyn Connection>> {
        self.0.connections.get(name)
    }

    /// For the command line and the health endpoints of the process itself; people go through a principal.
    pub fn store(&self) -> &Store {
        &self.0.store
    }
}

/// The message for people when the database fails; the cause goes to the log.
pub(crate) fn storage_failed(error: &patchbay_store::StoreError) -> UserError {
    tracing::error!(%error, "the database failed");
    UserError::internal()
}
