//! One world per test: a provider stand-in on a port of its own, and clocks that only tests move.

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use hmac::{Hmac, Mac};
use http::{HeaderMap, HeaderValue};
use patchbay_domain::{Clock, Timestamp};
use patchbay_engine::{
    Arrival, BillingRules, Delivery, Engine, EngineParts, EngineSettings, IngestError, Retention, calls,
};
use patchbay_providers::{
    Connection, NamedConnection,
    registry::{ConnectArgs, PROVIDERS},
    webhook::Reply,
};
use patchbay_sandbox::{Sandbox, SandboxOptions};
use patchbay_store::{IdSource, Journal, Store, StoreOptions, SyncState};
use serde_json::Value;
use sha2::Sha256;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

/// 20 November 2026, noon.
pub const START: Timestamp = Timestamp::from_seconds(1_795_176_000);

/// What is between the product and its providers.
#[derive(Default)]
pub struct Line {
    /// Writes are refused before they are there.
    pub refuses: AtomicBool,
    /// Writes are carried out, and their answers are lost.
    pub loses_answers: AtomicBool,
    /// Writes that were there.
    pub writes: AtomicU32,
}

async fn pass(State(line): State<Arc<Line>>, request: Request, next: Next) -> Response {
    let reads = request.method() == "GET" || request.uri().path().ends_with("/create_preview");
    if reads {
        return next.run(request).await;
    }
    if line.refuses.load(Ordering::SeqCst) {
        let error = serde_json::json!({ "error": {
            "type": "card_error", "code": "card_declined", "message": "Your card was declined.", "messages": ["No."],
        } });
        return (StatusCode::PAYMENT_REQUIRED, axum::Json(error)).into_response();
    }
    line.writes.fetch_add(1, Ordering::SeqCst);
    let answer = next.run(request).await;
    if line.loses_answers.load(Ordering::SeqCst) { StatusCode::GATEWAY_TIMEOUT.into_response() } else { answer }
}

pub struct World {
    pub line: Arc<Line>,
    pub clock: Clock,
    pub variables: BTreeMap<String, String>,
    http: reqwest::Client,
}

impl World {
    pub async fn new() -> Self {
        let clock = Clock::fixed(START);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let now = {
            let clock = clock.clone();
            Arc::new(move || clock.now().micros())
        };
        let options = SandboxOptions { base_url, state_file: None, seed: 1, customers: 3, now, traffic: false };
        let sandbox = Sandbox::open(options).unwrap();
        let line = Arc::new(Line::default());
        let router =
            Router::new().nest("/sandbox", sandbox.router()).layer(middleware::from_fn_with_state(line.clone(), pass));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let variables = sandbox.environment().into_iter().collect();
        Self { line, clock, variables, http: client() }
    }

    pub fn variable(&self, name: &str) -> &str {
        &self.variables[name]
    }

    /// A fresh database with an engine of its own; nothing works on events until the test says so.
    pub async fn engine(&self) -> Engine {
        self.engine_that_keeps(Retention::default()).await
    }

    pub async fn engine_that_keeps(&self, retention: Retention) -> Engine {
        self.engine_with(&[("stripe", &self.variables)], retention).await
    }

    /// With records of all that the stand-ins of Stripe and Mux have.
    pub async fn synced(&self) -> Engine {
        self.synced_with(BillingRules::default()).await
    }

    pub async fn synced_with(&self, billing: BillingRules) -> Engine {
        let connections = [("stripe", &self.variables), ("mux", &self.variables)];
        let engine = self.engine_for(&connections, Retention::default(), billing).await;
        engine.sync_new_connections().await.unwrap();
        let working = tokio::spawn({
            let engine = engine.clone();
            async move { engine.work().await }
        });
        for name in ["stripe", "mux"] {
            loop {
                let run = engine.store().latest_sync(name).await.unwrap().unwrap();
                if !run.is_running() {
                    assert_eq!(run.state, SyncState::Done, "{name}: {:?}", run.error);
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        working.abort();
        engine
    }

    /// With connections to Stripe by name, each with its own variables.
    pub async fn engine_with(&self, connections: &[(&str, &BTreeMap<String, String>)], retention: Retention) -> Engine {
        self.engine_for(connections, retention, BillingRules::default()).await
    }

    /// With what is made of the connection to Stripe in its place.
    pub async fn engine_of(&self, wrap: impl Fn(Arc<dyn Connection>) -> Arc<dyn Connection>) -> Engine {
        let connections = [("stripe", &self.variables)];
        self.build(&connections, Retention::default(), BillingRules::default(), wrap).await
    }

    async fn engine_for(
        &self,
        connections: &[(&str, &BTreeMap<String, String>)],
        retention: Retention,
        billing: BillingRules,
    ) -> Engine {
        self.build(connections, retention, billing, |connection| connection).await
    }

    async fn build(
        &self,
        connections: &[(&str, &BTreeMap<String, String>)],
        retention: Retention,
        billing: BillingRules,
        wrap: impl Fn(Arc<dyn Connection>) -> Arc<dyn Connection>,
    ) -> Engine {
        let options = StoreOptions { clock: self.clock.clone(), ids: IdSource::Random, readers: 1 };
        let store = Store::connect("sqlite::memory:", options).await.unwrap();
        store.migrate().await.unwrap();
        let journal = Journal::open("sqlite::memory:", store.new_id()).await.unwrap();
        let (log, call_log) = calls::queue();
        let connect = |(name, variables): &(&str, &BTreeMap<String, String>)| {
            let provider = if *name == "mux" { "mux" } else { "stripe" };
            let entry = PROVIDERS.iter().find(|entry| entry.manifest.id == provider).unwrap();
            let connection = (entry.connect)(ConnectArgs {
                name: (*name).to_owned(),
                variables: &|name| variables.get(name).cloned(),
                clock: self.clock.clone(),
                http: client(),
                log: log.clone(),
            })
            .unwrap();
            NamedConnection { name: (*name).to_owned(), connection: wrap(connection) }
        };
        let connections = connections.iter().map(connect).collect();
        Engine::start(EngineParts {
            store,
            journal,
            connections,
            call_log,
            settings: EngineSettings {
                retention,
                billing,
                public_url: "https://patchbay.test".to_owned(),
                ..EngineSettings::new(1, [7; 32])
            },
        })
    }

    /// Asks the stand-in's API and moves the clock, so that some events share a second and others do not.
    pub async fn post(&self, path: &str, form: &[(&str, &str)], then: Duration) -> Value {
        let body = serde_urlencoded::to_string(form).unwrap();
        let request =
            self.http.post(self.url(path)).header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = self.answer(request).await;
        self.clock.advance(then);
        answer
    }

    /// What the owner of a card answers their bank on the hosted page of an invoice.
    pub async fn at_the_bank(&self, invoice: &str, answer: &str) {
        let page = format!("{}/invoices/{invoice}", self.variable("STRIPE_API_BASE"));
        self.on_the_page(&page, &[("bank", answer)]).await;
    }

    /// What somebody types on a hosted page of the provider.
    pub async fn on_the_page(&self, page: &str, form: &[(&str, &str)]) {
        let body = serde_urlencoded::to_string(form).unwrap();
        let request = self.http.post(page).header("content-type", "application/x-www-form-urlencoded").body(body);
        let status = self.http.execute(request.build().unwrap()).await.unwrap().status();
        // Redirects are not followed: the way back is the product's.
        assert!(status.is_success() || status.is_redirection(), "{status}");
        self.clock.advance(Duration::from_secs(1));
    }

    pub async fn delete(&self, path: &str, then: Duration) -> Value {
        let answer = self.answer(self.http.delete(self.url(path))).await;
        self.clock.advance(then);
        answer
    }

    pub async fn get(&self, path: &str) -> Value {
        self.answer(self.http.get(self.url(path))).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.variable("STRIPE_API_BASE"))
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Value {
        let request = request.bearer_auth(self.variable("STRIPE_SECRET_KEY")).build().unwrap();
        let response = self.http.execute(request).await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Every event the stand-in made, oldest first.
    pub async fn events(&self) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        loop {
            let after = events
                .last()
                .map(|event| format!("&starting_after={}", event["id"].as_str().unwrap()))
                .unwrap_or_default();
            let page = self.get(&format!("events?limit=100{after}")).await;
            events.extend(page["data"].as_array().unwrap().iter().cloned());
            if page["has_more"] != true {
                break;
            }
        }
        events.reverse();
        events
    }

    pub async fn deliver(&self, engine: &Engine, event: &Value) -> Result<(), IngestError> {
        self.deliver_to(engine, "stripe", event).await
    }

    pub async fn deliver_to(&self, engine: &Engine, connection: &str, event: &Value) -> Result<(), IngestError> {
        let body = serde_json::to_vec(event).unwrap();
        let headers = self.signed(&body);
        engine.ingest(delivery(connection, &headers, body)).await.map(drop)
    }

    /// Answers what the provider is answered.
    pub async fn deliver_raw(
        &self,
        engine: &Engine,
        headers: &HeaderMap,
        body: Vec<u8>,
    ) -> Result<Option<Reply>, IngestError> {
        engine.ingest(delivery("stripe", headers, body)).await
    }

    pub fn signed(&self, body: &[u8]) -> HeaderMap {
        let at = self.clock.now().seconds();
        let secret = self.variable("STRIPE_WEBHOOK_SECRET").split(',').next().unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{at}.").as_bytes());
        mac.update(body);
        let signature = hex::encode(mac.finalize().into_bytes());
        let mut headers = HeaderMap::new();
        headers.insert("stripe-signature", HeaderValue::from_str(&format!("t={at},v1={signature}")).unwrap());
        headers
    }
}

fn delivery<'a>(connection: &'a str, headers: &'a HeaderMap, body: Vec<u8>) -> Delivery<'a> {
    Delivery {
        arrival: Arrival {
            connection,
            method: &http::Method::POST,
            target: "/webhooks/stripe?to=us",
            headers,
            remote: None,
        },
        body: Bytes::from(body),
        request_id: "req_test",
    }
}

#[expect(clippy::disallowed_methods, reason = "a test injects its own client")]
fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}
