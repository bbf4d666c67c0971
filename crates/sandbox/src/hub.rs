//! What the parts of the sandbox share: the account, the switches, the queue of deliveries, the state file.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clerk::{self, ClerkSandbox};
use crate::deliveries::{Deliveries, Delivery, Target};
use crate::journal::Journal;
use crate::mux::{self, MuxSandbox};
use crate::stripe::State;
use crate::stripe::connect::{Account, Accounts, lines_of};
use crate::stripe::{API_VERSION, versions};
use crate::switches::Switches;
use crate::{Clock, SandboxError, SandboxOptions};

/// The shared heart of a sandbox.
pub(crate) struct Hub {
    /// The product's origin, without a slash at its end.
    pub base: String,
    pub clock: Clock,
    pub deliveries: Deliveries,
    pub mux: MuxSandbox,
    pub clerk: ClerkSandbox,
    switches: Mutex<Switches>,
    stripe: Mutex<Accounts>,
    journal: Arc<Journal>,
}

impl Hub {
    /// Reads the state file; makes the seed data if it held none.
    pub(crate) fn open(options: SandboxOptions) -> Result<Self, SandboxError> {
        let base = origin(&options.base_url)?;
        let mut accounts = Accounts::new(&format!("{base}/sandbox/stripe"));
        let mut switches = Switches { traffic: options.traffic, ..Switches::default() };
        let deliveries = Deliveries::new()?;
        let (mut assets, mut identities) = (None, clerk::Kept::default());
        let journal = Arc::new(Journal::open(options.state_file.as_deref(), |entry| match entry.kind.as_str() {
            "delivery" => deliveries.read(&entry),
            "switches" => {
                if let Ok(kept) = serde_json::from_str(entry.row.get()) {
                    switches = kept;
                }
            }
            mux::KIND => mux::State::read(&mut assets, &entry),
            clerk::KIND => identities.read(&entry),
            _ => accounts.read(&entry),
        })?);
        accounts.seed(options.seed, options.customers, (options.now)() / 1_000_000);
        let hub = Self {
            mux: match assets {
                Some(assets) => MuxSandbox::with(&base, assets, options.now.clone()),
                None => MuxSandbox::new(&base, options.seed, options.now.clone()),
            },
            clerk: ClerkSandbox::with(base.clone(), identities, journal.clone(), options.now.clone())?,
            base,
            clock: options.now,
            deliveries,
            switches: Mutex::new(switches),
            stripe: Mutex::new(accounts),
            journal,
        };
        hub.compact();
        Ok(hub)
    }

    /// Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        (self.clock)().div_euclid(1_000_000)
    }

    /// How the sandbox misbehaves now.
    pub(crate) fn switches(&self) -> Switches {
        lock(&self.switches).clone()
    }

    /// Changes the switches and remembers them.
    pub(crate) fn set_switches<E>(&self, change: impl FnOnce(&mut Switches) -> Result<(), E>) -> Result<Switches, E> {
        let mut guard = lock(&self.switches);
        change(&mut guard)?;
        self.journal.append(&Vec::from_iter(crate::journal::line("switches", &*guard)));
        Ok(guard.clone())
    }

    /// Does one piece of work on the account: its changes are saved and its events queued when it is done.
    pub(crate) fn work<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        self.answer(None, None, act)
    }

    /// Like [`Hub::work`], in any account, for an API request with its id and idempotency key.
    pub(crate) fn answer<R>(
        &self,
        account: Account,
        request: Option<(String, Option<String>)>,
        act: impl FnOnce(&mut State) -> R,
    ) -> R {
        let mut accounts = lock(&self.stripe);
        let state = accounts.of(account);
        state.now = self.now();
        state.request = request;
        let switches = self.switches();
        state.webhook_version = versions::known(&switches.webhook_version).unwrap_or(API_VERSION);
        let result = act(state);
        state.request = None;
        let events = std::mem::take(&mut state.outbox);
        let mut lines = lines_of(account, state.changed_lines());
        let target = if account.is_some() { Target::Connect } else { Target::Stripe };
        for id in events {
            if let Some(event) = state.tables.events.get(&id) {
                let delivery = Delivery {
                    id: event.id.clone(),
                    target,
                    lane: event.lane.clone(),
                    body: event.body.clone(),
                    attempt: 0,
                };
                lines.extend(self.deliveries.push(delivery, &switches));
            }
        }
        self.journal.append(&lines);
        drop(accounts);
        if self.journal.grown() {
            self.compact();
        }
        result
    }

    /// Reads the account.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        let mut accounts = lock(&self.stripe);
        let state = accounts.of(None);
        state.now = self.now();
        look(state)
    }

    /// Somebody uploads a video.
    pub(crate) fn upload_sample(&self) {
        self.mux.upload_sample();
        self.settle_mux();
    }

    /// A live stream begins, or the one that runs ends.
    pub(crate) fn switch_live(&self) {
        self.mux.switch_live();
        self.settle_mux();
    }

    /// Moves Mux's processing on to now: what changed is saved and its events are queued, in one go.
    pub(crate) fn settle_mux(&self) {
        let mut assets = self.mux.state();
        assets.advance((self.clock)());
        let events = assets.take_events();
        let mut lines = assets.changed_lines();
        let switches = self.switches();
        for event in events {
            let body = event.body.to_string();
            let delivery = Delivery { id: event.id, target: Target::Mux, lane: event.object, body, attempt: 0 };
            lines.extend(self.deliveries.push(delivery, &switches));
        }
        self.journal.append(&lines);
    }

    /// Notes what became of a delivery.
    pub(crate) fn note(&self, lines: &[String]) {
        self.journal.append(lines);
    }

    /// Rewrites the state file without its history. Everybody who saves holds their own lock while they append, so all of
    /// them are held here first: nothing appended is left out.
    pub(crate) fn compact(&self) {
        let accounts = lock(&self.stripe);
        let assets = self.mux.state();
        let identities = self.clerk.kept();
        let switches = lock(&self.switches);
        let everything = || {
            let mut lines = identities.all_lines();
            lines.extend(crate::journal::line("switches", &*switches));
            lines.extend(assets.all_lines());
            lines.extend(accounts.all_lines());
            lines.extend(self.deliveries.all_lines());
            lines
        };
        if let Err(error) = self.journal.rewrite(everything) {
            tracing::warn!(%error, "the sandbox could not rewrite its state file");
        }
    }
}

/// A lock that outlives a panic elsewhere.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn origin(text: &str) -> Result<String, SandboxError> {
    let wrong = || SandboxError::BaseUrl(text.to_owned());
    let url = url::Url::parse(text).map_err(|_| wrong())?;
    let origin = url.origin();
    if !origin.is_tuple() {
        return Err(wrong());
    }
    Ok(origin.ascii_serialization())
}
