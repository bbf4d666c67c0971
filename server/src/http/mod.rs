//! The router and what every request passes through.

mod account;
mod auth;
mod client_address;
mod export;
mod front;
mod handshake;
mod health;
mod interrupted;
pub mod listener;
mod live;
mod pages;
pub mod rates;
mod ready;
pub mod redirect;
mod refusal;
mod security;
pub mod site;
mod streams;
mod telemetry;
mod webhooks;

use crate::{
    assets,
    config::{Limits, Metrics as MetricsAccess},
    numbers::Numbers,
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, Method, StatusCode, Uri},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use front::Front;
pub use health::{serve_apart, serve_worker};
use leptos::config::LeptosOptions;
use patchbay_app::context::AppContext;
use patchbay_engine::Engine;
use patchbay_providers::clerk::SessionVerifier;
pub use rates::RateLimits;
use site::Site;
use std::{path::PathBuf, sync::Arc};
pub use streams::Streams;
use tokio::{runtime::Handle, task::AbortHandle};
use tower_http::compression::CompressionLayer;

/// What handlers share.
#[derive(Clone)]
pub struct AppState {
    pub engine: Engine,
    pub app: AppContext,
    pub leptos: LeptosOptions,
    pub verifier: Option<Arc<SessionVerifier>>,
    pub numbers: Numbers,
    pub limits: Limits,
    pub site: Arc<Site>,
    pub rates: Arc<RateLimits>,
    pub streams: Arc<Streams>,
    pub metrics_access: MetricsAccess,
    /// Where deliveries are kept on this machine.
    pub inbox_folder: PathBuf,
}

impl axum::extract::FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos.clone()
    }
}

/// The threads that serve deliveries hand over what else comes on the same connections, see `listener`. What changes something is
/// finished, also when the browser has gone; what is only read ends with whoever wanted to read it.
async fn on_the_products_threads(State(threads): State<Handle>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let answer = threads.spawn(next.run(request));
    let _ends_with_the_reader = reads.then(|| AbortOnDrop(answer.abort_handle()));
    match answer.await {
        Ok(response) => response,
        Err(error) => {
            patchbay_domain::limited!(error, %error, "a request was not answered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// To be called on the product's threads. `extra` holds what is mounted beside the product: the sandbox.
pub fn router(state: &AppState, extra: Option<Router>) -> Router {
    let people = pages::router(state)
        .merge(live::router())
        .merge(export::router())
        .merge(interrupted::router())
        .layer(middleware::from_fn_with_state(state.clone(), auth::identify))
        .merge(account::router().layer(middleware::from_fn_with_state(state.clone(), rates::sign_ins)))
        .layer(middleware::from_fn_with_state(state.site.clone(), security::same_origin_posts))
        .layer(middleware::from_fn_with_state(state.clone(), refusal::while_refused))
        .layer(middleware::from_fn(security::headers))
        .layer(CompressionLayer::new());
    let files = Router::new()
        .route("/pkg/{*path}", get(assets::serve))
        .route("/fonts/{*path}", get(assets::serve))
        .route("/interrupted.js", get(interrupted::script))
        .route("/favicon.svg", get(assets::serve))
        // Browsers ask for it on pages that name no icon.
        .route("/favicon.ico", get(|headers: HeaderMap| assets::serve(Uri::from_static("/favicon.svg"), headers)))
        .route("/robots.txt", get(assets::serve))
        .layer(CompressionLayer::new());
    let mut router = Router::new().merge(people).merge(files).merge(health::router()).with_state(state.clone());
    if let Some(extra) = extra {
        router = router.nest(
            "/sandbox",
            extra.layer(middleware::from_fn_with_state(state.site.clone(), security::same_origin_posts)),
        );
    }
    router
        .layer(DefaultBodyLimit::max(security::MAX_BODY_BYTES))
        .layer(middleware::from_fn(telemetry::trace))
        .layer(middleware::from_fn_with_state(Handle::current(), on_the_products_threads))
        .layer(middleware::from_fn_with_state(state.engine.clone(), webhooks::answer_first))
        .layer(Front::new(state.site.clone(), state.limits.trusted_proxies.clone()))
}
