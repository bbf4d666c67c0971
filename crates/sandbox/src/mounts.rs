//! How the other providers' stand-ins hang on the shared switches and the shared queue.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;

use crate::hub::Hub;
use crate::mux;
use crate::stripe::time;
use crate::switches::Fault;

/// How often Mux's processing moves on.
const TICK: Duration = Duration::from_millis(500);

/// The Mux stand-in, misbehaving as told.
pub(crate) fn mux_router(hub: Arc<Hub>) -> Router {
    hub.mux.router().layer(middleware::from_fn_with_state(hub, misbehave))
}

async fn misbehave(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    // Pictures come from elsewhere and stay well.
    if request.uri().path().starts_with("/image/") {
        return next.run(request).await;
    }
    let switches = hub.switches();
    if switches.latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(switches.latency_ms.into())).await;
    }
    let mut response = match switches.fault() {
        Fault::None => {
            let response = next.run(request).await;
            // Saved before it is acknowledged.
            hub.settle_mux();
            response
        }
        Fault::RateLimited => {
            let mut response =
                mux::error_answer(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests");
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
        Fault::ServerError => {
            mux::error_answer(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong")
        }
        Fault::Outage => {
            mux::error_answer(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", "Service unavailable")
        }
    };
    if let Ok(date) = HeaderValue::from_str(&time::http_date(hub.now())) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

/// Moves Mux's processing on, for ever.
pub(crate) async fn run_mux(hub: Arc<Hub>) {
    loop {
        hub.settle_mux();
        tokio::time::sleep(TICK).await;
    }
}
