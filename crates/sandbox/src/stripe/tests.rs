//! The pretended provider as its users see it.

mod api;
mod asked;
mod confirm;
mod discounts;
mod flows;
mod keys;
mod older;
mod others;
mod pricing;
mod read;
mod seeded;
mod terms;
mod told;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

use super::SECRET_KEY;
use super::model::{Event, Subscription};
use super::state::State;
use crate::{Sandbox, SandboxOptions};

/// 20 November 2026, noon.
const NOW: i64 = 1_795_176_000;

/// A sandbox and its hands-on clock.
struct Bench {
    sandbox: Sandbox,
    router: Router,
    clock: Arc<AtomicI64>,
}

/// An answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().expect("text"))
    }
}

fn options(base: &str, customers: usize) -> (SandboxOptions, Arc<AtomicI64>) {
    let clock = Arc::new(AtomicI64::new(NOW));
    let time = clock.clone();
    let now = Arc::new(move || time.load(Ordering::Relaxed) * 1_000_000);
    let mut options = SandboxOptions::new(base, now);
    options.customers = customers;
    options.traffic = false;
    (options, clock)
}

impl Bench {
    fn new() -> Self {
        Self::at("http://127.0.0.1:9", 40)
    }

    fn at(base: &str, customers: usize) -> Self {
        let (options, clock) = options(base, customers);
        let sandbox = Sandbox::open(options).expect("opens");
        let router = Router::new().nest("/sandbox", sandbox.router());
        Self { sandbox, router, clock }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.expect("answers");
        let (parts, body) = answer.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: axum::body::to_bytes(body, 1 << 24).await.expect("a body"),
        }
    }

    /// An API request with the right key.
    async fn api(&self, method: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        self.keyed(method, path, form, None).await
    }

    async fn keyed(&self, method: &str, path: &str, form: &[(&str, &str)], key: Option<&str>) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/sandbox/stripe/v1/{path}"))
            .header("authorization", format!("Bearer {SECRET_KEY}"))
            .header("content-type", "application/x-www-form-urlencoded");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let body = serde_urlencoded::to_string(form).expect("a form");
        self.send(request.body(Body::from(body)).expect("a request")).await
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.api("GET", path, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        answer.json()
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let answer = self.api("POST", path, form).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        answer.json()
    }

    /// A page as a browser asks for it.
    async fn page(&self, path: &str) -> Answer {
        let request = Request::builder().uri(path).body(Body::empty());
        self.send(request.expect("a request")).await
    }

    /// A form as a browser posts it.
    async fn submit(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let body = serde_urlencoded::to_string(form).expect("a form");
        let request = Request::builder()
            .method("POST")
            .uri(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body));
        self.send(request.expect("a request")).await
    }

    fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        self.sandbox.hub.look(look)
    }

    /// What happened so far.
    fn events(&self) -> Vec<Value> {
        self.look(|state| {
            let rows = state.tables.events.oldest();
            rows.map(|e: &Event| serde_json::from_str(&e.body).expect("JSON")).collect()
        })
    }

    fn event_kinds(&self) -> Vec<String> {
        let kind = |e: &Value| e["type"].as_str().expect("a type").to_owned();
        self.events().iter().map(kind).collect()
    }

    /// The customer that every seed has.
    fn northwind(&self) -> (String, String) {
        self.look(|state| {
            let find = |s: &&Subscription| s.metadata.contains_key("organisation_id");
            let row = state.tables.subscriptions.oldest().find(find);
            let row = row.expect("Northwind");
            (row.customer.clone(), row.id.clone())
        })
    }

    /// The id of a price by its lookup key.
    fn price(&self, key: &str) -> String {
        self.look(|state| {
            let mut rows = state.tables.prices.oldest();
            let row = rows.find(|p| p.lookup_key.as_deref() == Some(key));
            row.expect("a price").id.clone()
        })
    }
}
