//! The HTTP side of the API: authentication, faults, idempotency, and which function answers what.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use base64::Engine;
use rand::Rng;
use serde_json::{Value, json};

use super::connect::Account;
use super::errors::ApiError;
use super::form::Form;
use super::model::{Event, SetupIntent};
use super::state::{Row, State};
use super::{
    API_VERSION, RESTRICTED_KEY, SECRET_KEY, billing, catalogue, checkout, connect, coupons, customers, deletions,
    discounts, drafts, idempotency, intents, invoices, items, meters, paging, payment_methods, payments, permissions,
    portal, prices, render, schedules, sources, subscriptions, time, trials,
};
use crate::hub::Hub;
use crate::switches::Fault;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("stripe-should-retry");
const LIMITED_REASON: HeaderName = HeaderName::from_static("stripe-rate-limited-reason");
const STRIPE_ACCOUNT: HeaderName = HeaderName::from_static("stripe-account");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const ORIGINAL: HeaderName = HeaderName::from_static("original-request");

/// An answer on its way out.
struct Answer {
    status: StatusCode,
    body: String,
    replayed_from: Option<String>,
}

/// Whatever is neither the API nor one of its pages.
pub(crate) async fn unknown(Shared(hub): Shared<Arc<Hub>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let request = request_id();
    let answer = refusal(&hub, &ApiError::no_route(method.as_str(), uri.path()), &request);
    respond(&hub, answer, &headers, &request, None)
}

/// Every request under `/v1/`.
pub(crate) async fn handle(
    Shared(hub): Shared<Arc<Hub>>,
    Path(path): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = request_id();
    let switches = hub.switches();
    if switches.latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(switches.latency_ms.into())).await;
    }
    let fault = match switches.fault() {
        Fault::None => None,
        Fault::RateLimited => Some(ApiError::rate_limited()),
        Fault::ServerError => Some(ApiError::broken(StatusCode::INTERNAL_SERVER_ERROR)),
        Fault::Outage => {
            return outage(&hub);
        }
    };
    let key = headers
        .get(&IDEMPOTENCY_KEY)
        .and_then(|v| v.to_str().ok())
        .filter(|_| method == Method::POST)
        .map(str::to_owned);
    let allowed = || {
        let secret = authorise(&headers)?;
        let account = connect::acting(headers.get(&STRIPE_ACCOUNT).and_then(|value| value.to_str().ok()))?;
        permit(&switches.lacks, &secret, account, &method, &path).map(|()| account)
    };
    let answer = match fault.map_or_else(allowed, Err) {
        Ok(account) => work(&hub, account, &method, &uri, &path, &body, &request, key.clone()),
        Err(error) => refusal(&hub, &error, &request),
    };
    respond(&hub, answer, &headers, &request, key)
}

#[expect(clippy::too_many_arguments, reason = "the parts of a request")]
fn work(
    hub: &Hub,
    account: Account,
    method: &Method,
    uri: &Uri,
    path: &str,
    body: &[u8],
    request: &str,
    key: Option<String>,
) -> Answer {
    let query = uri.query().unwrap_or_default().as_bytes();
    let text = if method == Method::POST || query.is_empty() { body } else { query };
    let form = match Form::parse(text) {
        Ok(form) => form,
        Err(error) => return refusal(hub, &error, request),
    };
    let asked = idempotency::asked(path, &form);
    hub.answer(account, Some((request.to_owned(), key.clone())), |state| {
        billing::lapse(state);
        if let Some(key) = &key {
            match idempotency::find(state, key, &asked) {
                Ok(Some(kept)) => {
                    return Answer {
                        status: StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK),
                        body: kept.body,
                        replayed_from: Some(kept.request),
                    };
                }
                Ok(None) => {}
                Err(error) => return refusal(hub, &error, request),
            }
        }
        let result = dispatch(state, method, path, &form).map(|mut value| {
            render::expand(state, &mut value, &form.texts("expand"));
            pending(hub, &mut value);
            value
        });
        let answer = match result {
            Ok(value) => Answer { status: StatusCode::OK, body: value.to_string(), replayed_from: None },
            Err(error) => refusal(hub, &error, request),
        };
        // A request refused before anything was done may be corrected and sent again with its key.
        let ran = answer.status.is_success() || answer.status == StatusCode::PAYMENT_REQUIRED;
        if let Some(key) = key.filter(|_| ran) {
            idempotency::keep(state, &key, asked, answer.status, &answer.body, request);
        }
        answer
    })
}

fn refusal(hub: &Hub, error: &ApiError, request: &str) -> Answer {
    let pages = format!("{}/sandbox/stripe", hub.base);
    Answer { status: error.status, body: error.body(&pages, request).to_string(), replayed_from: None }
}

fn respond(hub: &Hub, answer: Answer, asked: &HeaderMap, request: &str, key: Option<String>) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, "application/json");
    set(header::CACHE_CONTROL, "no-cache, no-store");
    set(header::DATE, &time::http_date(hub.now()));
    set(REQUEST_ID, request);
    let version = asked.get(&STRIPE_VERSION).and_then(|v| v.to_str().ok());
    set(STRIPE_VERSION, version.unwrap_or(API_VERSION));
    if let Some(key) = key {
        set(IDEMPOTENCY_KEY, &key);
        set(ORIGINAL, answer.replayed_from.as_deref().unwrap_or(request));
    }
    if answer.replayed_from.is_some() {
        set(REPLAYED, "true");
    }
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        set(LIMITED_REASON, "global-rate");
        set(SHOULD_RETRY, "true");
    } else if answer.status.is_server_error() {
        set(SHOULD_RETRY, "true");
    } else if answer.status.is_client_error() {
        set(SHOULD_RETRY, "false");
    }
    response
}

/// What a proxy in front of a dead service says.
fn outage(hub: &Hub) -> Response {
    let mut response = Response::new(Body::from(
        "<html><head><title>503 Service Temporarily Unavailable</title></head><body><h1>503 Service Temporarily Unavailable</h1></body></html>",
    ));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    if let Ok(date) = HeaderValue::from_str(&time::http_date(hub.now())) {
        headers.insert(header::DATE, date);
    }
    response
}

fn request_id() -> String {
    let mut random = rand::rng();
    let mut id = "req_".to_owned();
    id.extend((0..14).map(|_| char::from(random.sample(rand::distr::Alphanumeric))));
    id
}

/// Bearer, or the key as the user of basic authentication.
fn authorise(headers: &HeaderMap) -> Result<String, ApiError> {
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let key = given.and_then(|text| {
        let (scheme, rest) = text.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(rest.trim().to_owned());
        }
        let pair = base64::engine::general_purpose::STANDARD.decode(rest.trim()).ok()?;
        let pair = String::from_utf8(pair).ok()?;
        Some(pair.split(':').next().unwrap_or_default().to_owned())
    });
    match key {
        Some(key) if key == SECRET_KEY || key == RESTRICTED_KEY => Ok(key),
        key => Err(ApiError::unauthorised(key.as_deref())),
    }
}

/// What a restricted key lacks, it may not do.
fn permit(lacks: &[String], key: &str, account: Account, method: &Method, path: &str) -> Result<(), ApiError> {
    match permissions::needed(method, path) {
        Some(permission) if key == RESTRICTED_KEY && !permissions::has(lacks, &permission) => {
            Err(ApiError::not_permitted(key, account.map_or(connect::OWN, |one| one.id), &permission))
        }
        _ => Ok(()),
    }
}

/// Events say how many endpoints still wait for them.
fn pending(hub: &Hub, value: &mut Value) {
    let one = |event: &mut Value| {
        if event["object"] == "event" {
            let waits = event["id"].as_str().is_some_and(|id| hub.deliveries.waits(id));
            event["pending_webhooks"] = json!(i32::from(waits));
        }
    };
    match value.get_mut("data").and_then(Value::as_array_mut) {
        Some(data) => data.iter_mut().for_each(one),
        None => one(value),
    }
}

/// One object, or 404.
pub(crate) fn retrieve<T: Row>(state: &State, id: &str) -> Result<Value, ApiError> {
    find::<T>(state, id, "id").map(|row| row.render(state))
}

/// One object, or the error that names the parameter.
pub(crate) fn find<'a, T: Row>(state: &'a State, id: &str, param: &str) -> Result<&'a T, ApiError> {
    let word = T::KIND.replace("payment_method", "PaymentMethod");
    state.get::<T>(id).ok_or_else(|| ApiError::no_such(&word, id, param))
}

fn dispatch(state: &mut State, method: &Method, path: &str, form: &Form) -> Result<Value, ApiError> {
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        // Or it would be taken for an id.
        ("GET", [_, "search"]) => Err(ApiError::no_route("GET", &format!("/v1/{path}"))),
        ("GET", ["customers"]) => customers::list(state, form),
        ("POST", ["customers"]) => customers::create(state, form),
        ("GET", ["customers", id]) => customers::get(state, id),
        ("POST", ["customers", id]) => customers::update(state, id, form),
        ("DELETE", ["customers", id]) => customers::delete(state, id),
        ("GET", ["customers", id, "payment_methods"]) => payment_methods::of_customer(state, id, form),
        ("GET", ["customers", id, "payment_methods", card]) => payment_methods::get_of_customer(state, id, card),
        ("GET", ["customers", id, "sources"]) => sources::list(state, id, form),
        ("POST", ["customers", id, "sources"]) => sources::create(state, id, form),
        ("GET", ["customers", id, "sources", source]) => sources::get(state, id, source),
        ("POST", ["customers", id, "sources", source]) => sources::update(state, id, source, form),
        ("DELETE", ["customers", id, "sources", source]) => sources::delete(state, id, source),
        ("POST", ["sources"]) => sources::create_free(state, form),
        ("GET", ["sources", id]) => sources::get_free(state, id),
        ("DELETE", ["products", id]) => deletions::product(state, id),
        ("DELETE", ["plans", id]) => deletions::plan(state, id),
        ("DELETE", ["invoices", id]) => deletions::invoice(state, id),
        ("GET", ["products"]) => catalogue::products(state, form),
        ("GET", ["products", id]) => catalogue::product(state, id),
        ("POST", ["products"]) => catalogue::create(state, form),
        ("POST", ["products", id]) => catalogue::update(state, id, form),
        ("GET", ["prices"]) => prices::list(state, form),
        ("POST", ["prices"]) => prices::create(state, form),
        ("GET", ["prices", id]) => prices::get(state, id),
        ("POST", ["prices", id]) => prices::update(state, id, form),
        (_, ["coupons" | "promotion_codes" | "subscription_schedules", ..]) => terms(state, method, path, &parts, form),
        ("DELETE", ["customers", id, "discount"]) => discounts::of_customer(state, id),
        ("DELETE", ["subscriptions", id, "discount"]) => discounts::of_subscription(state, id),
        (_, ["billing", rest @ ..]) => billing(state, method, path, rest, form),
        ("GET", ["payment_methods"]) => payment_methods::list(state, form),
        ("GET", ["payment_methods", id]) => payment_methods::get(state, id),
        ("POST", ["payment_methods", id]) => payment_methods::update(state, id, form),
        ("POST", ["payment_methods", id, "attach"]) => payment_methods::attach(state, id, form),
        ("POST", ["payment_methods", id, "detach"]) => payment_methods::detach(state, id),
        ("GET", ["subscriptions"]) => subscriptions::list(state, form),
        ("POST", ["subscriptions"]) => subscriptions::create(state, form),
        ("GET", ["subscriptions", id]) => subscriptions::get(state, id),
        ("POST", ["subscriptions", id]) => subscriptions::update(state, id, form),
        ("POST", ["subscriptions", id, "resume"]) => trials::resume(state, id, form),
        ("DELETE", ["subscriptions", id]) => subscriptions::cancel(state, id, form),
        ("POST", ["subscriptions", id, "migrate"]) => subscriptions::migrate(state, id, form),
        ("GET", ["subscription_items"]) => items::list(state, form),
        ("POST", ["subscription_items"]) => items::create(state, form),
        ("GET", ["subscription_items", id]) => items::get(state, id),
        ("POST", ["subscription_items", id]) => items::update(state, id, form),
        ("DELETE", ["subscription_items", id]) => items::delete(state, id, form),
        ("GET", ["invoices"]) => invoices::list(state, form),
        ("POST", ["invoices"]) => drafts::create(state, form),
        ("POST", ["invoices", "create_preview"]) => invoices::preview(state, form),
        ("GET", ["invoices", id]) => invoices::get(state, id),
        ("POST", ["invoices", id]) => drafts::update(state, id, form),
        ("POST", ["invoices", id, "finalize"]) => drafts::finalize(state, id, form),
        ("POST", ["invoices", id, "send"]) => invoices::send(state, id),
        ("GET", ["invoices", id, "lines"]) => invoices::lines(state, id, form),
        ("POST", ["invoices", id, "pay"]) => invoices::pay(state, id, form),
        ("POST", ["invoices", id, "void"]) => invoices::void(state, id),
        ("POST", ["invoices", id, "mark_uncollectible"]) => invoices::mark_uncollectible(state, id),
        ("GET", ["invoice_payments"]) => payments::of_invoices(state, form),
        ("GET", ["invoice_payments", id]) => payments::of_invoice(state, id),
        ("GET", ["payment_intents"]) => payments::intents(state, form),
        ("POST", ["payment_intents"]) => intents::create(state, form),
        ("POST", ["payment_intents", id, "confirm"]) => intents::confirm(state, id, form),
        ("POST", ["payment_intents", id, "capture"]) => intents::capture(state, id, form),
        ("POST", ["payment_intents", id, "cancel"]) => intents::cancel(state, id, form),
        ("GET", ["payment_intents", id]) => payments::intent(state, id),
        ("GET", ["setup_intents"]) => {
            form.only(&[&paging::NAMES[..], &["customer", "payment_method"]].concat())?;
            let customer = form.text("customer");
            paging::list(state, form, "/v1/setup_intents", |row: &SetupIntent| {
                customer.is_none() || row.customer.as_deref() == customer
            })
        }
        ("GET", ["setup_intents", id]) => retrieve::<SetupIntent>(state, id),
        ("POST", ["checkout", "sessions"]) => checkout::create(state, form),
        ("GET", ["checkout", "sessions"]) => checkout::list(state, form),
        ("GET", ["checkout", "sessions", id]) => checkout::get(state, id),
        ("GET", ["checkout", "sessions", id, "line_items"]) => checkout::line_items(state, id),
        ("POST", ["checkout", "sessions", id, "expire"]) => checkout::expire(state, id),
        ("POST", ["billing_portal", "sessions"]) => portal::create(state, form),
        ("GET", ["events"]) => events(state, form),
        ("GET", ["events", id]) => retrieve::<Event>(state, id),
        ("GET", ["balance"]) => Ok(payments::balance(state)),
        ("GET", ["account"]) => Ok(connect::render_account(state.account)),
        ("GET", ["accounts"]) => connect::list(state.account, form),
        ("GET", ["accounts", id]) => connect::get(state.account, id),
        _ => Err(ApiError::no_route(method.as_str(), &format!("/v1/{path}"))),
    }
}

/// What changes what a subscription costs: coupons, codes for them, schedules.
fn terms(state: &mut State, method: &Method, path: &str, parts: &[&str], form: &Form) -> Result<Value, ApiError> {
    match (method.as_str(), parts) {
        ("GET", ["coupons"]) => coupons::list(state, form),
        ("POST", ["coupons"]) => coupons::create(state, form),
        ("GET", ["coupons", id]) => coupons::get(state, id),
        ("POST", ["coupons", id]) => coupons::update(state, id, form),
        ("DELETE", ["coupons", id]) => coupons::delete(state, id),
        ("GET", ["promotion_codes"]) => coupons::codes(state, form),
        ("POST", ["promotion_codes"]) => coupons::create_code(state, form),
        ("GET", ["promotion_codes", id]) => coupons::code(state, id),
        ("POST", ["promotion_codes", id]) => coupons::update_code(state, id, form),
        ("GET", ["subscription_schedules"]) => schedules::list(state, form),
        ("POST", ["subscription_schedules"]) => schedules::create(state, form),
        ("GET", ["subscription_schedules", id]) => schedules::get(state, id),
        ("POST", ["subscription_schedules", id]) => schedules::update(state, id, form),
        ("POST", ["subscription_schedules", id, "release"]) => schedules::release(state, id, form),
        ("POST", ["subscription_schedules", id, "cancel"]) => schedules::cancel(state, id, form),
        _ => Err(ApiError::no_route(method.as_str(), &format!("/v1/{path}"))),
    }
}

/// What lies under `/v1/billing/`.
fn billing(state: &mut State, method: &Method, path: &str, rest: &[&str], form: &Form) -> Result<Value, ApiError> {
    match (method.as_str(), rest) {
        ("GET", ["meters"]) => meters::list(state, form),
        ("POST", ["meters"]) => meters::create(state, form),
        ("GET", ["meters", id]) => meters::get(state, id),
        ("POST", ["meters", id]) => meters::update(state, id, form),
        ("POST", ["meters", id, "deactivate"]) => meters::switch(state, id, false),
        ("POST", ["meters", id, "reactivate"]) => meters::switch(state, id, true),
        ("GET", ["meters", id, "event_summaries"]) => meters::summaries(state, id, form),
        ("POST", ["meter_events"]) => meters::report(state, form),
        _ => Err(ApiError::no_route(method.as_str(), &format!("/v1/{path}"))),
    }
}

fn events(state: &State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[&paging::NAMES[..], &["type", "types"]].concat())?;
    let mut kinds = form.texts("types");
    kinds.extend(form.text("type"));
    let matches = |kind: &str| {
        kinds.is_empty()
            || kinds.iter().any(|wanted| match wanted.strip_suffix('*') {
                Some(start) => kind.starts_with(start),
                None => kind == *wanted,
            })
    };
    paging::list(state, form, "/v1/events", |row: &Event| matches(&row.kind))
}
