//! Stateful stand-ins of the providers' APIs and hosted pages: what a developer and a newcomer use instead of real accounts.
//!
//! The sandbox speaks the providers' protocols only. It is mounted by the server under `/sandbox` and posts its webhooks to the
//! product like any provider would; the product reaches it through the ordinary variables of [`Sandbox::environment`].

mod clerk;
mod deliveries;
mod html;
mod hub;
mod journal;
mod mounts;
mod mux;
mod panel;
#[cfg(test)]
mod restart;
mod stripe;
mod switches;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;

use hub::Hub;
use patchbay_supervise::keep_alive;

/// Tells the time: microseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What the stand-in Stripe reads in a form body, every text with its full name; none when it refuses the form.
/// For the fuzz targets.
#[doc(hidden)]
pub fn form_pairs(body: &[u8]) -> Option<Vec<(String, String)>> {
    stripe::form_pairs(body)
}

/// How a sandbox is opened.
pub struct SandboxOptions {
    /// The product's own origin, such as `http://127.0.0.1:3000`: the sandbox is under `/sandbox` of it and posts webhooks to it.
    pub base_url: String,
    /// Where state outlives a restart; none forgets it.
    pub state_file: Option<PathBuf>,
    /// Decides the seed data.
    pub seed: u64,
    /// How many customers the seed data has.
    pub customers: usize,
    /// The time.
    pub now: Clock,
    /// Whether things happen by themselves from the start.
    pub traffic: bool,
}

impl SandboxOptions {
    /// The defaults for a product at `base_url`.
    pub fn new(base_url: impl Into<String>, now: Clock) -> Self {
        Self { base_url: base_url.into(), state_file: None, seed: 7, customers: 400, now, traffic: true }
    }
}

/// Why a sandbox could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The origin of the product is not one.
    #[error("{0:?} is not the origin of a web server, such as http://127.0.0.1:3000")]
    BaseUrl(String),
    /// The state file cannot be read or written.
    #[error("the sandbox cannot use its state file: {0}")]
    StateFile(#[from] std::io::Error),
    /// The key that signs sessions cannot be made.
    #[error("the sandbox cannot make a key for its sessions")]
    Key(#[from] clerk::KeyError),
    /// The client that posts webhooks cannot be made.
    #[error("the sandbox cannot make its web client: {0}")]
    Client(#[from] reqwest::Error),
}

/// The stand-ins of all providers. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    hub: Arc<Hub>,
}

impl Sandbox {
    /// Reads the state file, or makes the seed data when there is none yet.
    pub fn open(options: SandboxOptions) -> Result<Self, SandboxError> {
        Ok(Self { hub: Arc::new(Hub::open(options)?) })
    }

    /// Everything the sandbox serves; to be nested at `/sandbox`.
    pub fn router(&self) -> Router {
        Router::new()
            .merge(panel::router(self.hub.clone()))
            .nest("/stripe", stripe::router(self.hub.clone()))
            .nest("/mux", mounts::mux_router(self.hub.clone()))
            .nest("/clerk", self.hub.clerk.router())
    }

    /// The variables that point the product at the sandbox.
    pub fn environment(&self) -> Vec<(String, String)> {
        let base = &self.hub.base;
        let stripe = [
            ("STRIPE_SECRET_KEY", stripe::RESTRICTED_KEY.to_owned()),
            ("STRIPE_PUBLISHABLE_KEY", stripe::PUBLISHABLE_KEY.to_owned()),
            ("STRIPE_WEBHOOK_SECRET", format!("{},{}", stripe::WEBHOOK_SECRET, stripe::CONNECT_WEBHOOK_SECRET)),
            ("STRIPE_API_BASE", format!("{base}/sandbox/stripe")),
            ("STRIPE_FOLLOW_ACCOUNTS", stripe::connect::FOLLOWED.to_owned()),
        ];
        stripe
            .into_iter()
            .chain(mux::MuxSandbox::environment(base))
            .chain(self.hub.clerk.environment())
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// Delivers webhooks, keeps things happening and saves what changed, until `shutdown` ends.
    pub async fn run(self, shutdown: impl Future) {
        let hub = || self.hub.clone();
        let never = || false;
        let work = async {
            tokio::join!(
                keep_alive("sandbox deliveries", || deliveries::run(hub()), never),
                keep_alive("sandbox traffic", || stripe::traffic::run(hub()), never),
                keep_alive("sandbox Mux", || mounts::run_mux(hub()), never)
            )
        };
        tokio::select! {
            _ = shutdown => {}
            _ = work => {}
        }
        self.hub.compact();
    }
}
