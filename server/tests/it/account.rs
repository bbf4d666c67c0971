//! A real account around the real binary: somebody to sign in as, and the providers' APIs behind it, answering what the
//! test says.

use crate::{
    database::Database,
    deliveries::{WEBHOOK_SECRETS, now, signature},
    server::{METRICS_TOKEN, Server},
    sessions::{KEYS, sign},
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, Uri},
    response::{IntoResponse, Response},
};
use hmac::{Hmac, Mac};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

const PARTY: &str = "https://patchbay.example.com";
const MUX_SECRET: &str = "mux-webhook-secret";
/// The account that the keys are of.
pub const OWN_ACCOUNT: &str = "acct_ours";
pub const OWN_ENVIRONMENT: &str = "env1";

/// As a status: no answer at all.
pub const SILENCE: u16 = 0;

#[derive(Clone, Default)]
struct Apis {
    answers: Arc<Mutex<HashMap<String, (u16, Value)>>>,
    /// `POST /v1/subscriptions/sub_1 cancel_at_period_end=false`, with `, key` and `, in acct_…` at the end where they came with it.
    asked: Arc<Mutex<Vec<String>>>,
}

async fn answer(State(apis): State<Apis>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let key = headers.get("idempotency-key").map(|key| format!(", {}", key.to_str().unwrap())).unwrap_or_default();
    let form = reqwest::Url::parse(&format!("http://form/?{}", String::from_utf8_lossy(&body))).unwrap();
    let form = form.query_pairs().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let line = format!("{method} {}", uri.path());
    let full = format!("{method} {uri}");
    let acting = headers.get("stripe-account").map(|account| format!(", in {}", account.to_str().unwrap()));
    apis.asked.lock().unwrap().push(format!("{line} {form}{key}{}", acting.unwrap_or_default()));
    let sent = apis.asked.lock().unwrap().last().cloned().unwrap_or_default();
    let (special, found) = {
        let answers = apis.answers.lock().unwrap();
        let special = answers
            .iter()
            .find(|(when, _)| when.split_once(" with ").is_some_and(|(of, part)| of == line && sent.contains(part)));
        let found = answers.get(&full).or_else(|| answers.get(&line));
        (special.map(|(_, answer)| answer.clone()), found.cloned())
    };
    if let Some((status, body)) = special {
        return (StatusCode::from_u16(status).unwrap(), Json(body)).into_response();
    }
    if let Some((status, body)) = found {
        if status == SILENCE {
            return std::future::pending().await;
        }
        let status = StatusCode::from_u16(status).unwrap();
        return match body {
            Value::String(text) => (status, text.clone()).into_response(),
            body => (status, Json(body.clone())).into_response(),
        };
    }
    let path = uri.path();
    let known = [
        "products",
        "prices",
        "customers",
        "subscriptions",
        "subscription_schedules",
        "invoices",
        "payment_intents",
        "invoice_payments",
    ];
    if path.strip_prefix("/v1/").is_some_and(|kind| known.contains(&kind)) && method == Method::GET {
        return Json(json!({"object": "list", "data": [], "has_more": false, "url": path})).into_response();
    }
    let error =
        json!({"error": {"type": "invalid_request_error", "message": format!("Unrecognized request URL ({line}).")}});
    (StatusCode::NOT_FOUND, Json(error)).into_response()
}

pub struct Account {
    pub server: Server,
    pub database: Database,
    issuer: String,
    apis: Apis,
}

impl Account {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// `more` wins over what is set here.
    pub async fn start_with(more: &[(&str, &str)]) -> Self {
        Self::start_on(Database::sqlite(), more).await
    }

    pub async fn start_on(database: Database, more: &[(&str, &str)]) -> Self {
        let apis = Apis::default();
        let account = json!({"id": OWN_ACCOUNT, "object": "account"});
        let who = json!({"data": {"environment_id": OWN_ENVIRONMENT, "environment_name": "Ours"}});
        for (line, body) in [
            ("GET /jwks", json!({ "keys": [KEYS[0].1] })),
            ("GET /v1/account", account),
            ("GET /system/v1/whoami", who),
            ("GET /video/v1/assets", json!({"data": []})),
        ] {
            apis.answers.lock().unwrap().insert(line.to_owned(), (200, body));
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(apis.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let jwks = format!("{base}/jwks");
        let mut settings = vec![
            ("CLERK_SIGN_IN_URL", "https://accounts.example.com/sign-in"),
            ("CLERK_ISSUER", base.as_str()),
            ("CLERK_JWKS_URL", jwks.as_str()),
            ("CLERK_AUTHORIZED_PARTIES", PARTY),
            ("PATCHBAY_PUBLIC_URL", PARTY),
            ("PATCHBAY_METRICS_TOKEN", METRICS_TOKEN),
            ("PATCHBAY_STAFF_ORGANISATION", "org_staff"),
            ("PATCHBAY_PLANS", "price_met,price_pro,price_base,price_del,price_two"),
            ("STRIPE_API_BASE", base.as_str()),
            ("MUX_BASE_URL", base.as_str()),
            ("MUX_TOKEN_ID", "token"),
            ("MUX_TOKEN_SECRET", "hush"),
            ("MUX_WEBHOOK_SECRET", MUX_SECRET),
        ];
        settings.extend(more);
        let server = Server::start_with(&database, &settings).await;
        Self { server, database, issuer: base, apis }
    }

    /// What the providers answer from now on: `GET /v1/customers/cus_1`, with or without its query.
    pub fn answers(&self, line: &str, status: u16, body: Value) {
        self.apis.answers.lock().unwrap().insert(line.to_owned(), (status, body));
    }

    /// The same for requests with this in their form or key.
    pub fn answers_with(&self, line: &str, part: &str, status: u16, body: Value) {
        self.answers(&format!("{line} with {part}"), status, body);
    }

    /// Requests so far that begin like this.
    pub fn asked(&self, start: &str) -> Vec<String> {
        self.apis.asked.lock().unwrap().iter().filter(|asked| asked.starts_with(start)).cloned().collect()
    }

    /// The cookie of an admin of this organization.
    pub fn admin_of(&self, organisation: &str) -> String {
        let claims = json!({
            "v": 2, "iss": self.issuer, "azp": PARTY, "sub": "user_1", "sid": "sess_1", "iat": now() - 60,
            "exp": now() + 600, "o": {"id": organisation, "rol": "admin", "slg": "organisation"},
        });
        format!("__session={}", sign(&KEYS[0].0, &claims))
    }

    /// A page as staff see it.
    pub async fn staff_page(&self, path: &str) -> String {
        self.page(&self.admin_of("org_staff"), path).await
    }

    /// A page as a customer's admin sees it.
    pub async fn customer_page(&self, organisation: &str, path: &str) -> String {
        self.page(&self.admin_of(organisation), path).await
    }

    async fn page(&self, cookie: &str, path: &str) -> String {
        let answer = self.server.http.get(self.server.url(path)).header("cookie", cookie).header("accept", "text/html");
        let answer = answer.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, 200, "{path}: {text}");
        text
    }

    /// Posts a form as an admin of the organization; answers the status and where it leads.
    pub async fn act(&self, organisation: &str, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let mut fields = fields.to_vec();
        if !fields.iter().any(|(name, _)| *name == "form_id") {
            fields.push(("form_id", "form-1"));
        }
        let post = self.server.http.post(self.server.url(path)).form(&fields).header("accept", "text/html");
        let post = post.header("cookie", self.admin_of(organisation)).header("sec-fetch-site", "same-origin");
        let answer = post.send().await.unwrap();
        let location = answer.headers().get("location").map_or("", |to| to.to_str().unwrap());
        (answer.status().as_u16(), location.to_owned())
    }

    /// Signed as its provider signs it.
    pub async fn deliver(&self, path: &str, body: &Value) {
        let body = serde_json::to_vec(body).unwrap();
        let request = self.server.delivery(path, None, &body);
        let request = if path.ends_with("/mux") {
            request.header("mux-signature", mux_signature(&body))
        } else {
            request.header("stripe-signature", signature(WEBHOOK_SECRETS[0], now(), &body))
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    /// One of Stripe's, about this object.
    pub async fn happens(&self, number: i64, event_type: &str, object: Value) {
        self.happens_with(number, event_type, object, json!({})).await;
    }

    /// The same with more in the envelope.
    pub async fn happens_with(&self, number: i64, event_type: &str, object: Value, more: Value) {
        let mut event = json!({
            "id": format!("evt_{number}"), "object": "event", "api_version": "2026-10-28.endive",
            "created": 1_795_000_000 + number, "livemode": false, "type": event_type, "data": {"object": object},
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.deliver("/webhooks/stripe", &event).await;
    }

    /// Until every delivery is an event and every event is done with.
    pub async fn settled(&self) {
        self.server.filed().await;
        let pending = "SELECT COUNT(*) FROM events WHERE state = 'pending'";
        self.database.until(pending, 0, std::time::Duration::from_mins(1)).await;
    }
}

fn mux_signature(body: &[u8]) -> String {
    let at = now();
    let mut mac = Hmac::<Sha256>::new_from_slice(MUX_SECRET.as_bytes()).unwrap();
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()))
}
