//! Every request that is sent, held against what Stripe documents: the parameters of the pinned version, from the types of its own client
//! (`fixtures/parameters.json`), and where they are there, its list of operations and an older official document.

use super::{
    BASE, Seen, Server,
    documents::{Document, Request, template},
    plan_change, stripe, stripe_with,
};
use crate::{
    Read as _,
    billing::{Billing, CancelReason, Checkout, NewCustomer, PaidBy, PlanChange},
    provider::{Answer, Connection},
    stripe::{API_VERSION, connection::Stripe, read::RESOURCES},
};
use patchbay_domain::{
    Kind, ObjectKey,
    billing::{INVOICE, PAYMENT_METHOD, SUBSCRIPTION},
};
use std::{collections::BTreeSet, io::Write as _, path::Path};

const PARAMETERS: &str = include_str!("../../fixtures/parameters.json");
const PROVIDER: &str = include_str!("../../../billing.rs");

const SUB: &str = r#"{"id":"sub_1","status":"active"}"#;
const CUSTOMER: &str = r#"{"id":"cus_1","currency":"sek"}"#;
const PAGE: &str = r#"{"id":"cs_1","url":"https://pay.example/1"}"#;
const INVOICE_BODY: &str = r#"{"id":"in_1","status":"open","currency":"eur","total":1,"lines":{"data":[]}}"#;
const ONE_MORE: &str = r#"{"has_more":true,"data":[{"id":"one_1"}]}"#;
const NO_MORE: &str = r#"{"has_more":false,"data":[{"id":"one_2"}]}"#;

/// The words that a person may choose from to say why they cancel.
const FEEDBACK: [&str; 8] = [
    "too_expensive",
    "missing_features",
    "switched_service",
    "unused",
    "customer_service",
    "too_complex",
    "low_quality",
    "other",
];

/// Everything that is read of a kind: its list from the start and further on, one object, and the cheapest list.
async fn read(connection: &Stripe, server: &Server, kind: &Kind) {
    let is_method = *kind == PAYMENT_METHOD;
    let list: &[(u16, &str)] =
        if is_method { &[(200, ONE_MORE), (200, ONE_MORE), (200, NO_MORE)] } else { &[(200, ONE_MORE)] };
    server.will_answer(list);
    let page = connection.list(kind, None).await.unwrap();
    server.will_answer(list);
    connection.list(kind, page.next.as_deref()).await.unwrap();
    server.will_answer(&[(200, r#"{"id":"one_1"}"#)]);
    connection.fetch(&ObjectKey::new(kind.clone(), "one_1")).await.unwrap();
    server.will_answer(if is_method { &[(200, ONE_MORE), (200, ONE_MORE)] } else { &[(200, ONE_MORE)] });
    connection.probe(kind).await.unwrap();
}

async fn read_everything(connection: &Stripe, server: &Server) {
    for resource in &RESOURCES {
        read(connection, server, &resource.kind).await;
    }
    for (kind, list) in [(SUBSCRIPTION, "items"), (INVOICE, "lines")] {
        let cut = format!(r#"{{"id":"one_1","{list}":{{"has_more":true,"data":[{{"id":"entry_1"}}]}}}}"#);
        server.will_answer(&[(200, &cut), (200, NO_MORE)]);
        connection.fetch(&ObjectKey::new(kind, "one_1")).await.unwrap();
    }
    server.will_answer(&[(200, r#"{"id":"acct_1"}"#)]);
    connection.health().await.unwrap();
}

fn changes() -> Vec<PlanChange> {
    let paid_by = [PaidBy::SentInvoice, PaidBy::Method(Some("sepa_debit".to_owned())), PaidBy::Method(None)];
    let mut changes: Vec<_> = paid_by.map(|paid_by| PlanChange { paid_by, ..plan_change() }).into();
    changes.push(PlanChange { quantity: None, ..plan_change() });
    changes
}

fn reasons() -> Vec<CancelReason> {
    let said = |feedback: &str| CancelReason { feedback: Some(feedback.to_owned()), comment: Some("bye".to_owned()) };
    FEEDBACK.map(said).into_iter().chain([CancelReason::default()]).collect()
}

/// Waits for an operation that answers what the server says.
async fn done<T>(called: &mut BTreeSet<&'static str>, name: &'static str, answer: Answer<'_, T>) {
    called.insert(name);
    assert!(answer.await.is_ok(), "{name}");
}

/// Every operation of the trait in every way that makes another request; answers what was called.
async fn act(desk: &dyn Billing, server: &Server) -> BTreeSet<&'static str> {
    let mut called = BTreeSet::new();
    let (called_, sub) = (&mut called, [(200, SUB)]);
    for change in changes() {
        server.will_answer(&[(200, INVOICE_BODY), (200, SUB)]);
        done(called_, "preview_plan_change", desk.preview_plan_change("cus_1", &change)).await;
        done(called_, "change_plan", desk.change_plan(&change, "k")).await;
    }
    for reason in reasons() {
        server.will_answer(&[(200, SUB), (200, SUB)]);
        done(called_, "cancel_at_period_end", desk.cancel_at_period_end("sub_1", &reason, "k")).await;
        done(called_, "cancel_now", desk.cancel_now("sub_1", &reason, "k")).await;
    }
    for ends_on_a_date in [false, true] {
        server.will_answer(&sub);
        done(called_, "keep", desk.keep("sub_1", ends_on_a_date, "k")).await;
    }
    let payments =
        r#"{"has_more":false,"data":[{"id":"inpay_1","invoice":"in_1","payment":{"payment_intent":"pi_1"}}]}"#;
    server.will_answer(&[(200, INVOICE_BODY), (200, payments), (200, r#"{"id":"pi_1","status":"requires_action"}"#)]);
    done(called_, "payment_of", desk.payment_of("in_1")).await;
    for email in [None, Some("a@umbra.example".to_owned())] {
        let customer = NewCustomer { name: "Umbra".to_owned(), email, organisation: "org_1".to_owned() };
        server.will_answer(&[(200, CUSTOMER)]);
        done(called_, "create_customer", desk.create_customer(&customer, "k")).await;
    }
    for quantity in [None, Some(2)] {
        let (success_url, cancel_url) = ("https://p.example/ok".to_owned(), "https://p.example/no".to_owned());
        let (customer, price) = ("cus_1".to_owned(), Some("price_1".to_owned()));
        let checkout = Checkout { customer, price, quantity, success_url, cancel_url };
        server.will_answer(&[(200, PAGE), (200, CUSTOMER), (200, PAGE)]);
        done(called_, "checkout_subscription", desk.checkout_subscription(&checkout, "k")).await;
        done(called_, "checkout_payment_method", desk.checkout_payment_method(&checkout, "k")).await;
    }
    server.will_answer(&[(200, CUSTOMER), (200, SUB), (200, r#"{"id":"pm_1","type":"card"}"#), (200, PAGE)]);
    done(called_, "set_default_payment_method", desk.set_default_payment_method("cus_1", "pm_1", "k")).await;
    done(called_, "pay_subscription_with", desk.pay_subscription_with("sub_1", "pm_1", "k")).await;
    done(called_, "detach_payment_method", desk.detach_payment_method("pm_1", "k")).await;
    done(called_, "portal", desk.portal("cus_1", "https://p.example/back")).await;
    called
}

/// The names of what the trait asks of a provider.
fn operations_of_billing() -> BTreeSet<&'static str> {
    let body = PROVIDER.split_once("pub trait Billing").unwrap().1.split_once("\n}").unwrap().0;
    body.lines().filter_map(|line| line.trim().strip_prefix("fn ")?.split(['<', '(']).next()).collect()
}

async fn everything() -> Vec<Request> {
    let (connection, server) = stripe(&[]).await;
    read_everything(&connection, &server).await;
    let called = act(connection.billing().unwrap(), &server).await;
    assert_eq!(called, operations_of_billing(), "an operation that is not held against the documents");
    let (own, own_server) = stripe_with(&[("STRIPE_FOLLOW_ACCOUNTS", "acct_9")], &[]).await;
    let account = own.followed().remove(0).connection;
    own_server.will_answer(&[(200, ONE_MORE)]);
    account.readable().unwrap().list(&SUBSCRIPTION, None).await.unwrap();
    let mut seen = std::mem::take(&mut *server.seen.lock().unwrap());
    seen.append(&mut own_server.seen.lock().unwrap());
    assert!(seen.iter().all(|seen| seen.header("stripe-version") == Some(API_VERSION)));
    seen.iter().map(request).collect()
}

fn request(seen: &Seen) -> Request {
    Request::new(seen.method.as_str(), seen.uri.strip_prefix(BASE).unwrap(), &seen.body)
}

/// One of the documents beside the checkout, or none without them; said on the stream itself, because what a passing test prints is not
/// shown.
fn shared(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs").join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        let line = format!("\nSKIPPED: requests against {name}, because {} is not there\n", path.display());
        std::io::stderr().write_all(line.as_bytes()).ok();
    }
    text
}

#[tokio::test]
async fn every_request_is_one_of_the_pinned_version_with_its_parameters() {
    let document = Document::new(PARAMETERS);
    assert_eq!(document.version(), API_VERSION);
    let mut sent = BTreeSet::new();
    for request in everything().await {
        let name = format!("{} {}", request.method, request.path);
        let template = document.template_of(&request).unwrap_or_else(|| panic!("{name} is not described"));
        assert_eq!(document.faults(&template, &request), [""; 0], "{name}");
        sent.insert((request.method, template));
    }
    assert_eq!(sent, document.operations().into_iter().collect(), "described, and never sent");
}

#[tokio::test]
async fn a_request_with_a_wrong_parameter_would_be_found() {
    let document = Document::new(PARAMETERS);
    let faults = |form: &str| {
        let request = Request::new("POST", "/v1/subscriptions/sub_1", form);
        document.faults(&document.template_of(&request).unwrap(), &request)
    };
    assert_eq!(faults("items[0][prize]=price_1"), ["items[0][prize]: no such parameter"]);
    assert_eq!(faults("proration_behavior=now"), [r#"proration_behavior: "now" is none of the words"#]);
    assert_eq!(faults("cancel_at_period_end=yes"), [r#"cancel_at_period_end: "yes" is no boolean"#]);
}

#[test]
fn what_is_described_is_in_stripes_list_of_operations() {
    let Some(text) = shared("stripe-operations-2026-10-28.json") else { return };
    let list: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(list["_note"].as_str().unwrap().contains(API_VERSION));
    let of = |operation: &serde_json::Value| {
        let text = |name: &str| operation[name].as_str().unwrap().to_owned();
        (text("method").to_lowercase(), template(&text("path")))
    };
    let listed: BTreeSet<_> = list["operations"].as_array().unwrap().iter().map(of).collect();
    let unlisted: Vec<_> =
        Document::new(PARAMETERS).operations().into_iter().filter(|operation| !listed.contains(operation)).collect();
    assert!(unlisted.is_empty(), "{unlisted:?}");
}

/// What was added after the older document was written.
const LATER: [&str; 1] = ["delete /v1/subscriptions/{} cancellation_details: no such parameter"];

/// Of the operations that both have: today's paths are matched first, because `/v1/invoices/create_preview` would be an invoice's id there.
#[tokio::test]
async fn requests_hold_against_the_older_official_document_too() {
    let Some(text) = shared("stripe-2022-11-15.json") else { return };
    let (today, older) = (Document::new(PARAMETERS), Document::new(&text));
    let known: BTreeSet<_> = older.operations().into_iter().collect();
    let (mut held, mut faults) = (BTreeSet::new(), BTreeSet::new());
    for request in everything().await {
        let template = today.template_of(&request).unwrap();
        let operation = (request.method.clone(), template.clone());
        if known.contains(&operation) {
            let found = older.faults(&template, &request);
            faults.extend(found.iter().map(|fault| format!("{} {template} {fault}", request.method)));
            held.insert(operation);
        }
    }
    assert_eq!(faults, LATER.map(str::to_owned).into());
    assert!(held.len() > 20, "{held:?}");
}
