//! Stands in for Mux: assets that are processed while one watches, their pictures, direct uploads, live streams, and the events
//! about them.

mod api;
mod assets;
mod live;
mod model;
mod params;
mod picture;
mod seed;
mod state;
#[cfg(test)]
mod tests;
mod uploads;

use crate::Clock;
use axum::{Router, http::StatusCode, response::Response};
use model::{Asset, Origin};
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
    /// Id of the asset, upload or live stream that it is about: such events leave one after another.
    pub object: String,
    /// With the type of the event as `type`: `video.asset.ready`.
    pub body: Value,
}

/// One Mux environment. Cheap to clone; the clones share their assets.
#[derive(Clone)]
pub struct MuxSandbox {
    state: Arc<Mutex<State>>,
    clock: Clock,
    /// Where it is mounted, as browsers see it.
    base: Arc<str>,
}

impl MuxSandbox {
    /// An environment at the product's `origin` with 24 assets that `seed` decides. `clock` gives microseconds, like every clock of the sandbox.
    pub fn new(origin: &str, seed: u64, clock: Clock) -> Self {
        let state = seed::state(seed, clock());
        Self::with(origin, state, clock)
    }

    /// An environment as an earlier run left it: what was in preparation goes on.
    pub(crate) fn with(origin: &str, state: State, clock: Clock) -> Self {
        Self { state: Arc::new(Mutex::new(state)), clock, base: mounted(origin).into() }
    }

    fn base(&self) -> &str {
        &self.base
    }

    /// The variables that point the product at this environment; `origin` is the product's own.
    pub fn environment(origin: &str) -> Vec<(&'static str, String)> {
        let base = mounted(origin);
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
        let mut random = rand::rng();
        let (new, input) = seed::sample(&mut random);
        self.create(Asset::new(&mut random, new, input, Origin::Address, self.now()));
    }

    /// Begins the next live stream that is idle, or a first one; or ends the one that runs.
    pub fn switch_live(&self) {
        let now = self.now();
        let mut state = self.state();
        let running = state.streams.iter().find(|stream| stream.status == "active").map(|stream| stream.id.clone());
        match running {
            Some(id) => live::end(&mut state, &id, now),
            None if live::begin(&mut state, now) => {}
            None => {
                state.put_stream(live::LiveStream::sample(now), &["created"], now);
                live::begin(&mut state, now);
            }
        }
    }

    /// A new asset; its processing begins at once.
    fn create(&self, asset: Asset) {
        self.state().create(asset, self.now());
    }

    fn change(&self, id: &str, event: &'static str, edit: impl FnOnce(&mut Asset)) -> Option<Asset> {
        let now = self.now();
        self.state().change(id, event, now, edit)
    }

    fn put_upload(&self, upload: uploads::Upload, event: Option<&'static str>) {
        let now = self.now();
        self.state().put_upload(upload, event, &self.base, now);
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

/// The address of what is mounted at `origin`.
fn mounted(origin: &str) -> String {
    format!("{}{MOUNT}", origin.trim_end_matches('/'))
}

/// An error answer in Mux's shape, for the switches that make the API fail.
pub fn error_answer(status: StatusCode, error_type: &str, message: &str) -> Response {
    api::error(status, error_type, message)
}
