//! What every request passes first and every answer last, deliveries included: who asks, for which host, and the headers that
//! all answers carry. No future is boxed here, because it is on a delivery's way.

use super::{
    client_address::{self, ClientAddress},
    site::{NoHost, Site},
};
use crate::config::limits::TrustedProxies;
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::future::{Either, MapOk, Ready, TryFutureExt, ready};
use std::{
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// A year; browsers then ask over https by themselves.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// Nothing here uses any of it, and nothing that is put onto a page shall.
const NO_DEVICES: HeaderValue = HeaderValue::from_static(
    "accelerometer=(), autoplay=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), \
     microphone=(), midi=(), payment=(), usb=()",
);
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

/// A layer of the whole router.
#[derive(Clone)]
pub struct Front(Arc<Rules>);

struct Rules {
    site: Arc<Site>,
    proxies: TrustedProxies,
    strict_transport: bool,
}

/// Extension of requests that came through a trusted proxy.
#[derive(Clone, Copy)]
pub struct ThroughProxy;

impl Front {
    pub fn new(site: Arc<Site>, proxies: TrustedProxies) -> Self {
        let strict_transport = site.public_url.is_https() && !site.public_url.is_loopback();
        Self(Arc::new(Rules { site, proxies, strict_transport }))
    }
}

impl Rules {
    /// Notes who asks, and answers at once what is not for this server.
    fn refusal(&self, request: &mut Request) -> Option<Response> {
        if let Some(peer) = client_address::peer(request) {
            let client = client_address::of(peer, request.headers(), &self.proxies);
            request.extensions_mut().insert(ClientAddress(client));
            if self.proxies.contains(peer) {
                request.extensions_mut().insert(ThroughProxy);
            }
        }
        if is_for_any_host(request.uri().path()) {
            return None;
        }
        let host = Site::host_of(request, request.extensions().get::<ThroughProxy>().is_some());
        match host {
            Ok(host) if self.site.is_for(host) => None,
            Ok(_) => Some(self.misdirected()),
            Err(NoHost) => {
                metrics::counter!("patchbay_requests_refused_total", "reason" => "no_host").increment(1);
                Some((StatusCode::BAD_REQUEST, "The request names no host, or not one alone.\n").into_response())
            }
        }
    }

    #[cold]
    fn misdirected(&self) -> Response {
        metrics::counter!("patchbay_requests_refused_total", "reason" => "other_host").increment(1);
        let text = format!(
            "This server is {}, and the request was for another host. Behind a proxy, let it pass the Host header on (nginx: \
             proxy_set_header Host $host;), or set PATCHBAY_PUBLIC_URL to the address that people use.\n",
            self.site.public_url
        );
        (StatusCode::MISDIRECTED_REQUEST, text).into_response()
    }
}

/// What machines ask for under whatever name they know: health checks, and deliveries, which their signature lets in. An old
/// webhook address or an internal name must not lose any.
fn is_for_any_host(path: &str) -> bool {
    let path = path.trim_start_matches('/');
    path.starts_with("webhooks/") || matches!(path, "webhooks" | "healthz" | "readyz" | "metrics")
}

/// A handler that says something else knows why.
fn add_headers(headers: &mut HeaderMap, strict_transport: bool) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    for (name, value) in [
        (header::REFERRER_POLICY, SAME_ORIGIN),
        (HeaderName::from_static("permissions-policy"), NO_DEVICES),
        (HeaderName::from_static("cross-origin-opener-policy"), SAME_ORIGIN),
        (HeaderName::from_static("cross-origin-resource-policy"), SAME_ORIGIN),
    ] {
        headers.entry(name).or_insert(value);
    }
    if strict_transport {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
}

impl<S> Layer<S> for Front {
    type Service = Fronted<S>;

    fn layer(&self, inner: S) -> Fronted<S> {
        Fronted { rules: self.0.clone(), inner }
    }
}

#[derive(Clone)]
pub struct Fronted<S> {
    rules: Arc<Rules>,
    inner: S,
}

type Finish = fn(Response<Body>) -> Response<Body>;

fn strict(mut response: Response) -> Response {
    add_headers(response.headers_mut(), true);
    response
}

fn plain(mut response: Response) -> Response {
    add_headers(response.headers_mut(), false);
    response
}

impl<S: Service<Request, Response = Response>> Service<Request> for Fronted<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = MapOk<Either<S::Future, Ready<Result<Response, S::Error>>>, Finish>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let answer = match self.rules.refusal(&mut request) {
            None => Either::Left(self.inner.call(request)),
            Some(refusal) => Either::Right(ready(Ok(refusal))),
        };
        let finish: Finish = if self.rules.strict_transport { strict } else { plain };
        answer.map_ok(finish)
    }
}
