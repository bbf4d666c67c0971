//! The router and what every request passes through.

mod account;
mod auth;
pub mod doors;
mod export;
mod handshake;
mod health;
mod interrupted;
mod live;
mod pages;
mod security;
mod telemetry;
mod webhooks;

use crate::assets;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, StatusCode, Uri},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use leptos::config::LeptosOptions;
use metrics_exporter_prometheus::PrometheusHandle;
use patchbay_app::context::AppContext;
use patchbay_engine::Engine;
use patchbay_providers::clerk::SessionVerifier;
use std::sync::Arc;
use tokio::runtime::Handle;
use tower_http::compression::CompressionLayer;

/// What handlers share.
#[derive(Clone)]
pub struct AppState {
    pub engine: Engine,
    pub app: AppContext,
    pub leptos: LeptosOptions,
    pub verifier: Option<Arc<SessionVerifier>>,
    pub metrics: PrometheusHandle,
}

impl axum::extract::FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos.clone()
    }
}

/// The threads that serve deliveries hand over what else comes on the same connections, see `doors`. What was begun is
/// finished, also when the browser has gone.
async fn on_the_products_threads(State(threads): State<Handle>, request: Request, next: Next) -> Response {
    match threads.spawn(next.run(request)).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "a request was not answered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// To be called on the product's threads. `extra` holds what is mounted beside the product: the sandbox.
pub fn router(state: &AppState, extra: Option<Router>) -> Router {
    let people = pages::router(state)
        .merge(live::router())
        .merge(export::router())
        .merge(interrupted::router())
        .layer(middleware::from_fn_with_state(state.clone(), auth::identify))
        .merge(account::router())
        .layer(middleware::from_fn(security::same_origin_posts))
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
        router = router.nest("/sandbox", extra.layer(middleware::from_fn(security::same_origin_posts)));
    }
    router
        .layer(DefaultBodyLimit::max(security::MAX_BODY_BYTES))
        .layer(middleware::from_fn(telemetry::trace))
        .layer(middleware::from_fn_with_state(Handle::current(), on_the_products_threads))
        .merge(webhooks::router(state.engine.clone()))
}
