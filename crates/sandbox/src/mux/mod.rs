//! Stands in for Mux: assets that are processed while one watches, their pictures, and the events about them.

mod api;
mod model;
mod picture;
mod seed;
mod state;
#[cfg(test)]
mod tests;

use crate::Clock;
use axum::{Router, http::StatusCode, response::Response};
use serde_json::Value;
pub(crate) use state::{KIND, State};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The value for `MUX_TOKEN_ID`.
pub const TOKEN_ID: &str = "sandbox-token";
/// The value for `MUX_TOKEN_SECRET`; opens nothing but the sandbox.
pub const TOKEN_SECRET: &str = "sandbox-token-secret";
/// The value for `MUX_WEBHOOK_SECRET`; proves nothing but that the sandbox sent it.
pub const WEBHOOK_SECRET: &str = "sandbox-mux-webhook-secret";
/// Where the signature of a delivery goes: `t=…,v1=…`, made like Stripe's.
pub const SIGNATURE_HEADER: &str = "mux-signature";
/// Where the router is mounted on the product's origin.
const MOUNT: &str = "/sandbox/mux";

/// An event to be posted to the product.
#[derive(Clone, Debug, PartialEq)]
pub struct OutgoingEvent {
    /// The provider's id of the event.
    pub id: String,
    /// Id of the asset that it is about.
    pub object: String,
    /// With the type of the event as `type`: `video.asset.ready`.
    pub body: Value,
}

/// One Mux environment. Cheap to clone; the clones share their assets.
#[derive(Clone)]
pub struct MuxSandbox {
    state: Arc<Mutex<State>>,
    clock: Clock,
}

impl MuxSandbox {
    /// An environment with 24 assets that `seed` decides. `clock` gives microseconds, like every clock of the sandbox.
    pub fn new(seed: u64, clock: Clock) -> Self {
        let state = seed::state(seed, clock());
        Self::with(state, clock)
    }

    /// An environment as an earlier run left it: what was in preparation goes on.
    pub(crate) fn with(state: State, clock: Clock) -> Self {
        Self { state: Arc::new(Mutex::new(state)), clock }
    }

    /// The variables that point the product at this environment; `origin` is the product's own.
    pub fn environment(origin: &str) -> Vec<(&'static str, String)> {
        let base = format!("{}{MOUNT}", origin.trim_end_matches('/'));
        vec![
            ("MUX_TOKEN_ID", TOKEN_ID.to_owned()),
            ("MUX_TOKEN_SECRET", TOKEN_SECRET.to_owned()),
            ("MUX_WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
            ("MUX_IMAGE_BASE_URL", format!("{base}/image")),
            ("MUX_BASE_URL", base),
        ]
    }

    /// Everything it serves; to be nested at `/mux` of the sandbox.
    pub fn router(&self) -> Router {
        api::router(self.clone())
    }

    /// Somebody uploads a video: for traffic that happens by itself.
    pub fn upload_sample(&self) {
        let new = seed::sample(&mut rand::rng());
        self.state().create(new, self.now());
    }

    /// So that an answer is never behind what an event will say.
    fn bring_up_to_date(&self) {
        self.state().advance(self.now());
    }

    fn now(&self) -> i64 {
        (self.clock)()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error answer in Mux's shape, for the switches that make the API fail.
pub fn error_answer(status: StatusCode, error_type: &str, message: &str) -> Response {
    api::error(status, error_type, message)
}
