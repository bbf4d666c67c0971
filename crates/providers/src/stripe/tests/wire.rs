//! What goes over the wire: a local server records every request and answers from a script.

#![expect(clippy::disallowed_methods, reason = "a test injects its own client")]

mod documents;
mod requests;

use crate::{
    Read as _,
    billing::{Billing, CancelReason, Checkout, NewCustomer, PaidBy, PlanChange},
    error::{ErrorKind, ProviderError},
    gateway::NoCallLog,
    gone,
    provider::Connection,
    registry::{ConfigError, ConnectArgs},
    stripe::connection::Stripe,
};
use axum::{Router, extract::State as Shared, response::IntoResponse};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use patchbay_domain::{
    Change, Clock, ObjectKey, State, Timestamp, Version,
    billing::{CUSTOMER, PAYMENT_METHOD, SUBSCRIPTION},
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

/// The server's `Date`.
const DATE: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
/// The server's `Date` is a second later: an answer that took under a second describes that second or a later one.
const AS_OF: Timestamp = Timestamp::from_seconds(1_699_999_999);

pub(super) struct Seen {
    method: Method,
    uri: String,
    headers: HeaderMap,
    body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Method, path and percent-decoded query.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, decoded(&self.uri))
    }

    /// The form, percent-decoded.
    fn form(&self) -> String {
        decoded(&self.body)
    }
}

fn decoded(text: &str) -> String {
    let plain = text.replace('%', "\u{1}");
    let mut parts = plain.split('\u{1}');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.extend(hex::decode(&part[..2]).unwrap());
        bytes.extend(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

#[derive(Clone)]
struct Answer {
    status: u16,
    should_retry: Option<&'static str>,
    body: String,
}

/// Where the API is on the server.
const BASE: &str = "/sandbox/stripe";

#[derive(Clone, Default)]
pub(super) struct Server {
    pub(super) seen: Arc<Mutex<Vec<Seen>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Server {
    /// What is answered next.
    fn will_answer(&self, answers: &[(u16, &str)]) {
        let answers =
            answers.iter().map(|&(status, body)| Answer { status, should_retry: None, body: body.to_owned() });
        self.answers.lock().unwrap().extend(answers);
    }
}

async fn answer(
    Shared(server): Shared<Server>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let body = String::from_utf8(body.to_vec()).unwrap();
    server.seen.lock().unwrap().push(Seen { method, uri: uri.to_string(), headers, body });
    let answer = server.answers.lock().unwrap().pop_front().unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("date", DATE.parse().unwrap());
    headers.insert("request-id", "req_1".parse().unwrap());
    if let Some(should_retry) = answer.should_retry {
        headers.insert("stripe-should-retry", should_retry.parse().unwrap());
    }
    (StatusCode::from_u16(answer.status).unwrap(), headers, answer.body)
}

fn settings(extra: &[(&str, &str)]) -> HashMap<String, String> {
    let base = [("STRIPE_SECRET_KEY", "sk_test_1"), ("STRIPE_WEBHOOK_SECRET", "whsec_a, whsec_b")];
    base.iter().chain(extra).map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn connect(settings: &HashMap<String, String>) -> Result<Stripe, ConfigError> {
    Stripe::new(&ConnectArgs {
        name: "stripe".to_owned(),
        variables: &|name| settings.get(name).cloned(),
        clock: Clock::fixed(Timestamp::from_seconds(1)),
        http: reqwest::Client::new(),
        log: Arc::new(NoCallLog),
    })
}

/// A connection to a server that gives these answers, one after the other.
pub(super) async fn stripe(answers: &[(u16, &str)]) -> (Stripe, Server) {
    stripe_with(&[], answers).await
}

/// The same with further settings.
pub(super) async fn stripe_with(more: &[(&str, &str)], answers: &[(u16, &str)]) -> (Stripe, Server) {
    let server = Server::default();
    server.will_answer(answers);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}{BASE}", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer).with_state(server.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let more: Vec<_> = more.iter().copied().chain([("STRIPE_API_BASE", base.as_str())]).collect();
    (connect(&settings(&more)).unwrap(), server)
}

fn plan_change() -> PlanChange {
    PlanChange {
        subscription: "sub_1".to_owned(),
        item: "si_1".to_owned(),
        price: "price_2".to_owned(),
        quantity: Some(3),
        proration_at: Timestamp::from_seconds(1_699_999_999),
        paid_by: PaidBy::Method(Some("card".to_owned())),
    }
}

const SUB: &str = r#"{"id":"sub_1","object":"subscription","customer":"cus_1","status":"active"}"#;
const GONE_SUB: &str = r#"{"id":"sub_1","object":"subscription","customer":"cus_1","status":"canceled"}"#;
const MISSING: &str = r#"{"error":{"type":"invalid_request_error","code":"resource_missing","param":"id","message":"No such subscription: 'sub_1'"}}"#;

#[tokio::test]
async fn a_plan_change_is_one_exact_form_with_key_and_pinned_version() {
    let (stripe, server) = stripe(&[(200, SUB)]).await;
    let change = stripe.change_plan(&plan_change(), "key-1").await.unwrap();
    assert_eq!((change.key, change.version), (ObjectKey::new(SUBSCRIPTION, "sub_1"), Version::from(AS_OF)));
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[0].line(), "POST /sandbox/stripe/v1/subscriptions/sub_1");
    assert_eq!(
        seen[0].form(),
        "items[0][id]=si_1&items[0][price]=price_2&items[0][quantity]=3&payment_behavior=pending_if_incomplete\
         &proration_behavior=always_invoice&proration_date=1699999999"
    );
    assert_eq!(seen[0].header("stripe-version"), Some("2026-10-28.endive"));
    assert_eq!(seen[0].header("idempotency-key"), Some("key-1"));
    assert_eq!(seen[0].header("authorization"), Some("Bearer sk_test_1"));
    assert_eq!(seen[0].header("content-type"), Some("application/x-www-form-urlencoded"));
}

#[tokio::test]
async fn a_change_waits_for_its_payment_where_stripe_lets_it() {
    let cases = [
        (PaidBy::Method(None), Some("pending_if_incomplete")),
        (PaidBy::Method(Some("paypal".to_owned())), Some("pending_if_incomplete")),
        (PaidBy::Method(Some("sepa_debit".to_owned())), Some("error_if_incomplete")),
        (PaidBy::SentInvoice, None),
    ];
    for (paid_by, behavior) in cases {
        let (stripe, server) = stripe(&[(200, SUB)]).await;
        stripe.change_plan(&PlanChange { paid_by: paid_by.clone(), ..plan_change() }, "k").await.unwrap();
        let form = server.seen.lock().unwrap()[0].form();
        let said = form.split('&').find_map(|pair| pair.strip_prefix("payment_behavior="));
        assert_eq!(said, behavior, "{paid_by:?}");
    }
}

#[tokio::test]
async fn what_an_action_answers_is_read_to_the_ends_of_its_lists() {
    let item = |id: &str| serde_json::json!({"id": id, "quantity": 1, "price": {"id": "price_1", "currency": "eur", "unit_amount": 700}});
    let subscription = |has_more: bool| {
        let items = serde_json::json!({"object": "list", "has_more": has_more, "data": [item("si_1")]});
        serde_json::json!({"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active", "items": items})
    };
    let rest =
        serde_json::json!({"object": "list", "has_more": false, "data": [item("si_2"), item("si_3")]}).to_string();
    let cut = subscription(true).to_string();
    let items = |change: &Change| match &change.state {
        State::Present { body, .. } => body["items"].as_array().unwrap().len(),
        State::Deleted => panic!("it is there"),
    };
    let (client, server) = stripe(&[(200, &cut), (200, &rest)]).await;
    assert_eq!(items(&client.change_plan(&plan_change(), "k").await.unwrap()), 3);
    let asked = server.seen.lock().unwrap()[1].line();
    assert!(
        asked.contains("subscription_items?subscription=sub_1") && asked.contains("starting_after=si_1"),
        "{asked}"
    );
    // What was done is done, also where the rest cannot be read.
    let (client, _) = stripe(&[(200, &cut), (400, MISSING)]).await;
    assert_eq!(items(&client.change_plan(&plan_change(), "k").await.unwrap()), 1);
}

#[tokio::test]
async fn what_a_payment_waits_for_is_read_from_the_invoice_to_the_intent() {
    let payments = r#"{"object":"list","has_more":false,"data":[{"id":"inpay_1","invoice":"in_1","status":"open",
        "currency":"eur","payment":{"type":"payment_intent","payment_intent":"pi_1"}}]}"#;
    let invoice =
        r#"{"id":"in_1","status":"open","currency":"eur","total":1,"amount_remaining":1,"lines":{"data":[]}}"#;
    let intent = r#"{"id":"pi_1","status":"requires_action","currency":"eur"}"#;
    let (stripe, server) = stripe(&[(200, invoice), (200, payments), (200, intent)]).await;
    let changes = stripe.payment_of("in_1").await.unwrap();
    let read: Vec<_> = changes.iter().map(|change| change.key.to_string()).collect();
    assert_eq!(read, ["invoice:in_1", "invoice_payment:inpay_1", "payment_intent:pi_1"]);
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[1].line(), "GET /sandbox/stripe/v1/invoice_payments?limit=100&invoice=in_1");
}

#[tokio::test]
async fn a_preview_asks_for_the_same_change_and_saves_nothing() {
    let invoice = r#"{"id":"upcoming_in_1","currency":"eur","total":-250,"lines":{"data":[{"amount":-250,"description":"Unused time"}]}}"#;
    let (stripe, server) = stripe(&[(200, invoice)]).await;
    let preview = stripe.preview_plan_change("cus_1", &plan_change()).await.unwrap();
    assert_eq!((preview.id.as_str(), preview.total, preview.lines.len()), ("", -250, 1));
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[0].line(), "POST /sandbox/stripe/v1/invoices/create_preview");
    assert_eq!(
        seen[0].form(),
        "customer=cus_1&subscription=sub_1&subscription_details[items][0][id]=si_1&subscription_details[items][0][price]=price_2\
         &subscription_details[items][0][quantity]=3&subscription_details[proration_behavior]=always_invoice\
         &subscription_details[proration_date]=1699999999"
    );
    assert_eq!(seen[0].header("idempotency-key"), None);
}

#[tokio::test]
async fn cancelling_keeps_the_reason_and_can_be_taken_back() {
    let (stripe, server) = stripe(&[(200, SUB), (200, SUB), (200, GONE_SUB)]).await;
    let reason = CancelReason { feedback: Some("unused".to_owned()), comment: Some("bye".to_owned()) };
    stripe.cancel_at_period_end("sub_1", &reason, "k").await.unwrap();
    stripe.keep("sub_1", false, "k").await.unwrap();
    stripe.cancel_now("sub_1", &reason, "k").await.unwrap();
    let seen = server.seen.lock().unwrap();
    assert_eq!(
        seen[0].form(),
        "cancel_at_period_end=true&cancellation_details[comment]=bye&cancellation_details[feedback]=unused"
    );
    assert_eq!(seen[1].form(), "cancel_at_period_end=false");
    assert_eq!(
        seen[2].line(),
        "DELETE /sandbox/stripe/v1/subscriptions/sub_1?cancellation_details[comment]=bye&cancellation_details[feedback]=unused"
    );
}

#[tokio::test]
async fn cancelling_what_is_cancelled_already_is_done_but_an_unknown_id_is_an_error() {
    let (stripe, server) = stripe(&[(404, MISSING), (200, GONE_SUB), (404, MISSING), (200, SUB)]).await;
    let nothing = CancelReason::default();
    let change = stripe.cancel_now("sub_1", &nothing, "k").await.unwrap();
    assert!(matches!(change.state, State::Present { index, .. } if index.status == "canceled"));
    assert_eq!(stripe.cancel_now("sub_1", &nothing, "k").await.unwrap_err().kind, ErrorKind::Gone);
    assert_eq!(server.seen.lock().unwrap()[0].line(), "DELETE /sandbox/stripe/v1/subscriptions/sub_1");
}

#[tokio::test]
async fn customers_and_their_payment_methods() {
    let (stripe, server) =
        stripe(&[(200, r#"{"id":"cus_1"}"#), (200, r#"{"id":"cus_1"}"#), (200, r#"{"id":"pm_1","type":"card"}"#)])
            .await;
    let customer = NewCustomer {
        name: "Umbra".to_owned(),
        email: Some("a@umbra.example".to_owned()),
        organisation: "org_1".to_owned(),
    };
    assert_eq!(stripe.create_customer(&customer, "k").await.unwrap().key, ObjectKey::new(CUSTOMER, "cus_1"));
    stripe.set_default_payment_method("cus_1", "pm_1", "k").await.unwrap();
    assert_eq!(stripe.detach_payment_method("pm_1", "k").await.unwrap().key, ObjectKey::new(PAYMENT_METHOD, "pm_1"));
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[0].form(), "email=a@umbra.example&metadata[organisation_id]=org_1&name=Umbra");
    assert_eq!(
        (seen[1].line().as_str(), seen[1].form().as_str()),
        ("POST /sandbox/stripe/v1/customers/cus_1", "invoice_settings[default_payment_method]=pm_1",)
    );
    assert_eq!(seen[2].line(), "POST /sandbox/stripe/v1/payment_methods/pm_1/detach");
}

#[tokio::test]
async fn hosted_pages_answer_their_address() {
    let page = r#"{"id":"cs_1","url":"https://pay.example/1"}"#;
    let (stripe, server) =
        stripe(&[(200, page), (200, r#"{"id":"cus_1","currency":"sek"}"#), (200, page), (200, page)]).await;
    let checkout = Checkout {
        customer: "cus_1".to_owned(),
        price: Some("price_1".to_owned()),
        quantity: Some(2),
        success_url: "https://p.example/ok".to_owned(),
        cancel_url: "https://p.example/no".to_owned(),
    };
    assert_eq!(stripe.checkout_subscription(&checkout, "k").await.unwrap(), "https://pay.example/1");
    stripe.checkout_payment_method(&checkout, "k").await.unwrap();
    stripe.portal("cus_1", "https://p.example/back").await.unwrap();
    let seen = server.seen.lock().unwrap();
    assert_eq!(
        seen[0].form(),
        "cancel_url=https://p.example/no&customer=cus_1&line_items[0][price]=price_1&line_items[0][quantity]=2&mode=subscription\
         &success_url=https://p.example/ok"
    );
    assert_eq!(
        seen[2].form(),
        "mode=setup&customer=cus_1&currency=sek&success_url=https://p.example/ok&cancel_url=https://p.example/no"
    );
    assert_eq!(seen[3].line(), "POST /sandbox/stripe/v1/billing_portal/sessions");
    assert_eq!(seen[3].form(), "customer=cus_1&return_url=https://p.example/back");
}

#[tokio::test]
async fn lists_go_on_after_the_last_id_until_there_is_no_more() {
    let (stripe, server) = stripe(&[
        (200, r#"{"object":"list","has_more":true,"data":[{"id":"sub_1"},{"id":"sub_2"}]}"#),
        (200, r#"{"object":"list","has_more":false,"data":[{"id":"sub_3"}]}"#),
    ])
    .await;
    let first = stripe.list(&SUBSCRIPTION, None).await.unwrap();
    assert_eq!(
        (first.changes.len(), first.next.as_deref(), first.changes[0].version),
        (2, Some(r#"["sub_2","sub_1"]"#), Version::from(AS_OF))
    );
    let second = stripe.list(&SUBSCRIPTION, first.next.as_deref()).await.unwrap();
    assert_eq!((second.changes.len(), second.next), (1, None));
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[0].line(), "GET /sandbox/stripe/v1/subscriptions?limit=100&status=all");
    assert_eq!(seen[1].line(), "GET /sandbox/stripe/v1/subscriptions?limit=100&starting_after=sub_2&status=all");
}

#[tokio::test]
async fn payment_methods_are_listed_customer_by_customer() {
    let (stripe, server) = stripe(&[
        (200, r#"{"has_more":true,"data":[{"id":"cus_1"},{"id":"cus_2"}]}"#),
        (200, r#"{"has_more":true,"data":[{"id":"pm_1"}]}"#),
        (200, r#"{"has_more":false,"data":[{"id":"pm_2"}]}"#),
        (200, r#"{"has_more":false,"data":[]}"#),
    ])
    .await;
    let page = stripe.list(&PAYMENT_METHOD, None).await.unwrap();
    assert_eq!((page.changes.len(), page.next.as_deref()), (2, Some(r#"["cus_2","cus_1"]"#)));
    let lines: Vec<String> = server.seen.lock().unwrap().iter().map(Seen::line).collect();
    assert_eq!(
        lines,
        [
            "GET /sandbox/stripe/v1/customers?limit=20",
            "GET /sandbox/stripe/v1/customers/cus_1/payment_methods?limit=100",
            "GET /sandbox/stripe/v1/customers/cus_1/payment_methods?limit=100&starting_after=pm_1",
            "GET /sandbox/stripe/v1/customers/cus_2/payment_methods?limit=100",
        ]
    );
}

#[tokio::test]
async fn a_missing_object_is_deleted_but_a_wrong_address_is_an_error() {
    let (stripe, server) = stripe(&[(404, MISSING), (404, "<html>not found</html>")]).await;
    let key = ObjectKey::new(SUBSCRIPTION, "sub_1");
    assert_eq!(gone::read(&stripe, &key).await.unwrap(), Change::deleted(key.clone(), Timestamp::from_seconds(1)));
    let proxy = gone::read(&stripe, &key).await.unwrap_err();
    assert!(proxy.kind == ErrorKind::NotFound && proxy.is_temporary(), "{proxy}");
    assert_eq!(server.seen.lock().unwrap()[0].line(), "GET /sandbox/stripe/v1/subscriptions/sub_1");
}

#[tokio::test]
async fn only_stripes_word_about_this_id_and_these_keys_buries_an_object() {
    let error = |code: &str, param: &str, message: &str| {
        serde_json::json!({"error": {"type": "invalid_request_error", "code": code, "param": param, "message": message}})
            .to_string()
    };
    let missing = "resource_missing";
    let other_mode = "No such customer: 'cus_1'; a similar object exists in live mode, but a test mode key was used.";
    for (body, buried) in [
        (error(missing, "id", "No such customer: 'cus_1'"), true),
        (error(missing, "customer", "No such customer: cus_1"), true),
        (error(missing, "id", "There is none."), true),
        (error(missing, "id", other_mode), false),
        (error(missing, "id", "No such customer: 'cus_2'"), false),
        (error(missing, "account", "There is none."), false),
        (error("account_invalid", "id", "The provided key does not have access to account 'acct_1'"), false),
        (
            r#"{"error":{"type":"invalid_request_error","message":"Unrecognized request URL (GET: /v1/x)."}}"#
                .to_owned(),
            false,
        ),
        (r#"{"message":"no Route matched with those values"}"#.to_owned(), false),
        (String::new(), false),
    ] {
        let (stripe, _) = stripe(&[(404, &body)]).await;
        let answer = gone::read(&stripe, &ObjectKey::new(CUSTOMER, "cus_1")).await;
        assert_eq!(answer.is_ok(), buried, "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn the_health_check_names_the_account() {
    let (stripe, _) =
        stripe(&[(200, r#"{"id":"acct_1","settings":{"dashboard":{"display_name":"Northwind"}}}"#)]).await;
    let health = stripe.health().await.unwrap();
    assert_eq!((health.account.as_str(), health.livemode), ("Northwind (acct_1)", Some(false)));
    assert_eq!(stripe.identity().as_deref(), Some("acct_1"), "it knows from now on whose keys it has");
}

/// The error of one answer, and how many attempts it took.
async fn failure(status: u16, should_retry: Option<&'static str>, body: &str) -> (ProviderError, usize) {
    let (stripe, server) = stripe(&[]).await;
    let answer = Answer { status, should_retry, body: body.to_owned() };
    server.answers.lock().unwrap().extend(std::iter::repeat_n(answer, 3));
    let error = stripe.keep("sub_1", false, "k").await.unwrap_err();
    let attempts = server.seen.lock().unwrap().len();
    (error, attempts)
}

#[tokio::test]
async fn errors_are_mapped_and_stripes_word_on_retrying_is_obeyed() {
    let declined = r#"{"error":{"type":"card_error","code":"card_declined","decline_code":"generic_decline","message":"Your card was declined."}}"#;
    let locked = r#"{"error":{"type":"invalid_request_error","code":"lock_timeout","message":"busy"}}"#;
    let key = r#"{"error":{"type":"invalid_request_error","message":"Invalid API Key provided: sk_test_1"}}"#;
    let cases = [
        (402, None, declined, ErrorKind::Refused, false, 1),
        (401, None, key, ErrorKind::Unauthorized, false, 1),
        (429, None, locked, ErrorKind::Conflict, true, 3),
        (429, Some("false"), "", ErrorKind::RateLimited, true, 1),
        (409, Some("false"), locked, ErrorKind::Conflict, false, 1),
        (500, Some("false"), "", ErrorKind::ProviderFault, false, 1),
        (400, Some("true"), "", ErrorKind::Refused, true, 3),
        (503, None, "", ErrorKind::ProviderFault, true, 3),
    ];
    let results =
        futures::future::join_all(cases.iter().map(|&(status, retry, body, ..)| failure(status, retry, body))).await;
    for ((status, retry, _, kind, temporary, attempts), (error, made)) in cases.into_iter().zip(results) {
        assert_eq!((error.kind, error.is_temporary(), made), (kind, temporary, attempts), "{status} {retry:?}");
        assert_eq!(
            (error.status, error.request_id.as_deref(), &*error.operation),
            (Some(status), Some("req_1"), "subscriptions.keep")
        );
        assert!(!error.message.contains("sk_test"), "{error}");
        if status == 402 {
            assert_eq!((error.code.as_deref(), &*error.message), (Some("card_declined"), "Your card was declined."));
        }
    }
}

#[tokio::test]
async fn an_id_that_would_change_the_path_is_refused_before_it_is_sent() {
    let (stripe, server) = stripe(&[]).await;
    for id in ["sub_1/../../customers/cus_2", "sub_1?x=1", ""] {
        assert_eq!(stripe.keep(id, false, "k").await.unwrap_err().kind, ErrorKind::Refused, "{id}");
    }
    assert!(server.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_declined_repeat_waits_for_what_the_server_asks() {
    let (error, _) = failure(429, Some("false"), "").await;
    assert_eq!(error.retry_after, Some(Duration::from_secs(30)));
}

#[test]
fn settings_are_checked_and_never_shown() {
    assert!(
        matches!(connect(&HashMap::new()), Err(ConfigError::NotConfigured { missing }) if missing == ["STRIPE_SECRET_KEY"])
    );
    let wrong = [
        ("STRIPE_SECRET_KEY", "pk_test_9f8e7d"),
        ("STRIPE_SECRET_KEY", "sk_test_9f8e7d\u{e9}"),
        ("STRIPE_PUBLISHABLE_KEY", "sk_test_9f8e7d"),
        ("STRIPE_PUBLISHABLE_KEY", "pk_live_9f8e7d"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_1,9f8e7d"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_..."),
        ("STRIPE_SECRET_KEY", "\"sk_test_9f8e7d\""),
        ("STRIPE_API_BASE", "https://9f8e7d@api.stripe.com"),
        ("STRIPE_API_BASE", "ftp://9f8e7d.example"),
    ];
    for (name, value) in wrong {
        let error = connect(&settings(&[(name, value)])).err().unwrap();
        assert!(matches!(&error, ConfigError::Invalid { variable, .. } if *variable == name), "{error}");
        assert!(!error.to_string().contains("9f8e7d"), "{error}");
    }
    assert_eq!(connect(&settings(&[("STRIPE_SECRET_KEY", "rk_live_1")])).unwrap().livemode(), Some(true));
}

#[test]
fn only_test_mode_has_test_clocks_that_lists_leave_out() {
    let left_out = |key| connect(&settings(&[("STRIPE_SECRET_KEY", key)])).unwrap().left_out();
    assert!(left_out("sk_test_1").is_some_and(|text| text.contains("test clocks")));
    assert_eq!(left_out("sk_live_1"), None);
}
