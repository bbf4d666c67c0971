//! For orchestrators and scrapers. Nothing here is personal or secret.

use super::{
    AppState, client_address, ready,
    site::{Site, is_this_machine},
};
use crate::{config::Metrics, numbers::Numbers, signals};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Version, header},
    response::{IntoResponse, Response},
    routing::get,
};
use patchbay_engine::Engine;
use std::net::TcpListener;
use tokio::{sync::watch, task::JoinHandle};

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready::answer))
        .route("/metrics", get(numbers))
}

/// For an address of their own, until the stop signal. Started again when it fails.
pub fn serve_apart(state: AppState, listener: TcpListener, stopping: watch::Receiver<bool>) -> JoinHandle<()> {
    let readiness = Router::new().route("/readyz", get(ready::answer)).with_state(state.clone());
    let router = apart(state.engine, state.numbers, state.metrics_access).merge(readiness);
    serve("metrics address", listener, router, stopping)
}

/// For those who watch a process that serves no browsers.
pub fn serve_worker(
    engine: Engine,
    numbers: Numbers,
    access: Metrics,
    listener: TcpListener,
    stopping: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let of_worker = |State(engine): State<Engine>| async move { ready::of_worker(&engine).await };
    let readiness = Router::new().route("/readyz", get(of_worker)).with_state(engine.clone());
    serve("worker's address", listener, apart(engine, numbers, access).merge(readiness), stopping)
}

fn apart(engine: Engine, numbers: Numbers, access: Metrics) -> Router {
    let answer = |State((engine, numbers, access)): State<(Engine, Numbers, Metrics)>, headers: HeaderMap| async move {
        if access.admits(&headers) { numbers.render(&engine).await.into_response() } else { asks_for_token() }
    };
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(answer))
        .with_state((engine, numbers, access))
}

/// Whoever connects while it is started again waits: the socket stays.
fn serve(name: &str, listener: TcpListener, router: Router, stopping: watch::Receiver<bool>) -> JoinHandle<()> {
    let is_over = stopping.clone();
    let make = move || {
        let (socket, router, stopping) = (listener.try_clone(), router.clone(), stopping.clone());
        async move {
            let served = async {
                let listener = tokio::net::TcpListener::from_std(socket?)?;
                axum::serve(listener, router).with_graceful_shutdown(signals::stopped(stopping)).await
            };
            if let Err(error) = served.await {
                tracing::error!(%error, "this process cannot be watched at its own address");
            }
        }
    };
    patchbay_supervise::spawn(name, make, move || *is_over.borrow())
}

async fn numbers(State(state): State<AppState>, request: Request) -> Response {
    let access = &state.metrics_access;
    if access.asks_for_token() {
        return if access.has_token(request.headers()) {
            render(&state).await.into_response()
        } else {
            asks_for_token()
        };
    }
    if access.addr.is_none() && state.site.is_this_machines() && is_from_here(&request) {
        return render(&state).await.into_response();
    }
    (StatusCode::NOT_FOUND, "Set PATCHBAY_METRICS_TOKEN or PATCHBAY_METRICS_ADDR to read the numbers from elsewhere.\n")
        .into_response()
}

fn asks_for_token() -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"metrics\"")];
    (StatusCode::UNAUTHORIZED, challenge, "The numbers are read with PATCHBAY_METRICS_TOKEN as a bearer token.\n")
        .into_response()
}

/// From this machine, and not through a proxy on it. One that says nothing of itself, as nginx does by default, cannot be told
/// from this machine's own requests, at most by HTTP/1.0: so where the public URL says that others come here, this is not asked.
fn is_from_here(request: &Request) -> bool {
    client_address::peer(request).is_some_and(|peer| peer.is_loopback())
        && request.version() > Version::HTTP_10
        && !client_address::OF_PROXIES.iter().any(|name| request.headers().contains_key(name))
        && Site::host_of(request, false).is_ok_and(is_this_machine)
}

async fn render(state: &AppState) -> String {
    state.numbers.render(&state.engine).await
}
