//! The application itself: inbox, projection worker, syncs and actions. No HTTP server and no UI in it.
//!
//! Everything a person can see or do goes through one of three handles, each made from a [`Principal`]:
//! [`Staff`] (look), [`Operator`] (act) and [`CustomerDesk`] (one organisation's own billing).

mod access;
mod act;
mod action_spec;
pub mod backoff;
pub mod calls;
mod crowd;
mod customer;
mod durable;
mod failure;
mod filing;
mod gaps;
mod heartbeat;
mod held;
mod identity;
mod inbox;
mod judge;
mod live;
mod operator;
mod overview;
mod payment;
mod people;
mod places;
mod plan;
mod quote;
mod refetch;
mod refresh;
mod rejected;
mod retention;
mod share;
mod staff;
mod sweep;
mod sync;
mod timeline;
mod unsettled;
mod worker;

pub use access::{Access, Unreadable};
pub use action_spec::{ACTIONS, ActionSpec, action_spec};
pub use customer::{BillingHome, CustomerDesk, ItemOption, PlanOption};
pub use gaps::TOLD_FOR as GAPS_TOLD_FOR;
pub use held::{Aside, Held};
pub use inbox::{Arrival, Delivery, IngestError};
pub use live::{LiveMessage, Subscription as LiveSubscription};
pub use operator::{Operator, PlanChangePreview, REPLAY_LIMIT};
pub use overview::{ConnectionOverview, Overview, TrendPoint};
pub use payment::{Awaited, NextPhase, OpenPayment, OwnInvoice, PlanChanged};
pub use people::{Actor, Organisations};
pub use plan::BillingRules;
pub use retention::Retention;
pub use staff::{EventPage, RecordPage, Staff};
pub use timeline::{TimelineEntry, TimelineKind};

use live::Bus;
use patchbay_domain::{Clock, Principal, UserError, error::Reason};
use patchbay_providers::{Connection, NamedConnection, registry, webhook::Reply};
use patchbay_store::{Journal, Lane, Record, Store};
use patchbay_supervise as supervise;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    sync::{Notify, OnceCell, mpsc},
    task::JoinSet,
};

/// What the engine is made of. Time and randomness come with it.
pub struct EngineParts {
    pub store: Store,
    /// Where deliveries are durable first, or while the database is away.
    pub journal: Journal,
    pub connections: Vec<NamedConnection>,
    pub call_log: calls::CallLogReceiver,
    pub settings: EngineSettings,
}

/// What the engine is told once and keeps.
pub struct EngineSettings {
    /// Connections that somebody meant to configure and that cannot be made, and why.
    pub misconfigured: BTreeMap<String, String>,
    pub retention: Retention,
    /// What customers may choose, and who of them.
    pub billing: BillingRules,
    /// Where the product is reached from outside, without a slash at the end.
    pub public_url: String,
    /// Jitter of the backoff.
    pub seed: u64,
    /// Signs what forms carry, where the database has no key for that yet.
    pub key_candidate: [u8; 32],
}

impl EngineSettings {
    /// The usual ones, with randomness from outside. Without a public URL, schemes that sign the address refuse everything.
    pub fn new(seed: u64, key_candidate: [u8; 32]) -> Self {
        let (retention, billing) = (Retention::default(), BillingRules::default());
        Self { misconfigured: BTreeMap::new(), retention, billing, public_url: String::new(), seed, key_candidate }
    }
}

/// Where a request comes from, for the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestOrigin {
    pub request_id: String,
    /// The client's network address.
    pub address: Option<String>,
}

/// What is wrong with parts that run all the time; nothing where they are well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// A delivery would not be stored.
    pub inbox: Option<String>,
    /// Deliveries are stored and wait.
    pub filing: Option<String>,
}

/// The application. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

pub(crate) struct Inner {
    pub store: Store,
    pub connections: BTreeMap<String, Arc<dyn Connection>>,
    pub settings: EngineSettings,
    pub bus: Bus,
    pub inbox: inbox::Inbox,
    pub rejected: rejected::RejectedLog,
    pub filing: Notify,
    pub filing_pulse: filing::Pulse,
    pub work: worker::Bells,
    pub sync_work: Notify,
    pub jitter: backoff::Jitter,
    pub quote_key: OnceCell<Vec<u8>>,
    /// Names this process in leases.
    pub owner: String,
    /// Whether this process works on events, or only takes them in.
    pub works: AtomicBool,
    pub stopping: AtomicBool,
    pub stopped: Notify,
    pub overview_cache: overview::Cache,
    pub gaps: gaps::Noted,
}

impl Engine {
    /// Starts the parts every role needs: the inbox's committers and the writers of the call and rejection logs.
    pub fn start(parts: EngineParts) -> Self {
        let EngineParts { store, journal, connections, call_log, settings } = parts;
        let store = store.with_rules(registry::rules);
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
            jitter: backoff::Jitter::new(settings.seed),
            settings,
            quote_key: OnceCell::new(),
            filing: Notify::new(),
            filing_pulse: filing::Pulse::default(),
            sync_work: Notify::new(),
            works: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            stopped: Notify::new(),
            overview_cache: overview::Cache::default(),
            gaps: gaps::Noted::default(),
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
    pub fn operator(&self, principal: &Principal, origin: &RequestOrigin) -> Result<Operator, UserError> {
        if principal.may_act() {
            Ok(Operator::new(self.clone(), principal.clone(), origin))
        } else {
            Err(UserError::forbidden())
        }
    }

    /// For a customer: everything below is limited to their organisation.
    pub async fn customer(&self, principal: &Principal, origin: &RequestOrigin) -> Result<CustomerDesk, UserError> {
        CustomerDesk::open(self.clone(), principal.clone(), origin).await
    }

    /// What speaks against a delivery before its body is read. A refusal is counted and listed here, as everywhere.
    pub fn admit(&self, arrival: Arrival<'_>) -> Result<(), IngestError> {
        inbox::admit(&self.0, arrival).map(drop)
    }

    /// Counts and lists a delivery that never became one: of no form that could be read.
    pub fn refuse(&self, arrival: Arrival<'_>, reason: &'static str, detail: &str) {
        inbox::refuse(&self.0, arrival, reason, detail);
    }

    /// Takes a delivery in: verified and durable when this returns `Ok`, with the answer that the provider wants, if it wants
    /// one. Whether its events are new shows when they are filed.
    pub async fn ingest(&self, delivery: Delivery<'_>) -> Result<Option<Reply>, IngestError> {
        inbox::ingest(&self.0, delivery).await
    }

    /// What changes on the server from now on, limited to what the principal may see.
    pub async fn live(&self, principal: &Principal, topics: &[String]) -> Result<LiveSubscription, UserError> {
        live::subscribe(self, principal, topics).await
    }

    /// Files what the inbox took in until [`Engine::stop`]; every process that serves deliveries or works runs it once.
    pub async fn file(&self) {
        identity::recall(self).await;
        let learned = AtomicBool::new(false);
        let learn = || async {
            identity::learn(self.clone()).await;
            learned.store(true, Ordering::SeqCst);
        };
        tokio::join!(
            Box::pin(supervise::keep_alive("filing", || filing::run(self.clone()), || self.is_stopping())),
            Box::pin(supervise::keep_alive("identity", learn, || {
                learned.load(Ordering::SeqCst) || self.is_stopping()
            })),
        );
    }

    /// Says that the database does not answer: deliveries go to the local journal until everything in it is filed.
    pub fn note_database_away(&self, why: &str) {
        self.0.inbox.durable.note_away(why);
    }

    /// Works on events and syncs and drops what is outdated until [`Engine::stop`]; one call per process is enough.
    pub async fn work(&self) {
        self.0.works.store(true, Ordering::SeqCst);
        // Tasks of their own, which end with this one.
        let mut tasks = JoinSet::new();
        for name in self.0.connections.keys() {
            let name = name.clone();
            self.keep_working(&mut tasks, format!("worker:{name}"), move |engine| worker::run(engine, name.clone()));
        }
        self.keep_working(&mut tasks, "worker".to_owned(), worker::explain_waiting);
        self.keep_working(&mut tasks, "syncs".to_owned(), sync::supervise);
        self.keep_working(&mut tasks, "retention".to_owned(), retention::run);
        self.keep_working(&mut tasks, "actions".to_owned(), unsettled::run);
        self.keep_working(&mut tasks, "heartbeat".to_owned(), heartbeat::run);
        tasks.join_all().await;
    }

    fn keep_working<T>(&self, tasks: &mut JoinSet<()>, name: String, make: impl Fn(Engine) -> T + Send + Sync + 'static)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        let engine = self.clone();
        tasks.spawn(async move {
            supervise::keep_alive(&name, || make(engine.clone()), || engine.is_stopping()).await;
        });
    }

    /// What is wrong with the parts that take deliveries in, if something is. Only the inbox decides about storing.
    pub async fn problems(&self) -> Problems {
        Problems { inbox: self.0.inbox.check().await.err(), filing: self.0.filing_pulse.problem(self.clock().now()) }
    }

    /// Frames that could not be filed and wait for people.
    pub async fn frames_aside(&self) -> Result<Vec<patchbay_store::FrameAside>, patchbay_store::StoreError> {
        let durable = &self.0.inbox.durable;
        durable.store.frames_aside(&durable.journal).await
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
        for name in self.0.connections.keys() {
            while worker::work_once(self, Lane::Of(name)).await? > 0 {}
        }
        Ok(())
    }

    /// Runs the syncs that are due to their ends. For tests; servers call [`Engine::work`].
    pub async fn drain_syncs(&self) -> Result<(), patchbay_store::StoreError> {
        sync::drain(self).await
    }

    /// Finds out what became of actions without an answer. For tests; [`Engine::work`] does it again and again.
    pub async fn settle_actions(&self) -> Result<(), patchbay_store::StoreError> {
        unsettled::settle_once(self).await
    }

    /// Drops everything that is outdated now; answers how many rows. For tests; [`Engine::work`] does it again and again.
    pub async fn drop_outdated(&self) -> Result<u64, patchbay_store::StoreError> {
        retention::drop_outdated(self).await
    }

    /// How long things are kept.
    pub fn retention(&self) -> Retention {
        self.0.settings.retention
    }

    /// Starts a sync of every connection that has never had one, and tries those again that are incomplete.
    pub async fn sync_new_connections(&self) -> Result<(), patchbay_store::StoreError> {
        sync::start_first_syncs(self).await
    }

    /// Starts a sync for the command line; staff use [`Operator::start_sync`]. A thorough one looks at every record that the
    /// lists do not name, however many they are.
    pub async fn start_sync(&self, connection: &str, thorough: bool) -> Result<patchbay_store::SyncRun, UserError> {
        sync::start(self, connection, thorough).await
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

    /// Deliveries that are missing because the database is older than the inbox's file, with when that was found. Told for
    /// a week.
    pub fn gaps(&self) -> Vec<(patchbay_domain::Timestamp, patchbay_store::Gap)> {
        self.0.gaps.all()
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

    /// The connection that brought a record.
    pub(crate) fn connection_of(&self, record: &Record) -> Result<Arc<dyn Connection>, UserError> {
        self.connection(&record.connection).cloned().ok_or_else(|| {
            UserError::new(Reason::Conflict, "The connection of this object is not configured any more.")
        })
    }

    /// For the command line and the health endpoints of the process itself; people go through a principal.
    pub fn store(&self) -> &Store {
        &self.0.store
    }
}

/// The message for people when the database fails; the cause goes to the log.
pub(crate) fn storage_failed(error: &patchbay_store::StoreError) -> UserError {
    if matches!(error, patchbay_store::StoreError::Busy) {
        return UserError::new(
            Reason::Busy,
            "Other searches within payloads are running. Nothing was changed; try again in a moment, or narrow the filter.",
        );
    }
    patchbay_domain::limited!(error, %error, "the database failed");
    UserError::internal()
}
