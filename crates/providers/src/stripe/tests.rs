//! Signatures, envelopes and projections on recorded bytes; requests are in `tests/wire.rs`.

mod followed;
mod schedules;
mod vanishing;
mod wire;

use super::{MANIFEST, origin::Ours, project, webhook};
use crate::{
    error::ErrorKind,
    project::Projection,
    webhook::{Rejection, Unverified, Verified},
};
use http::{HeaderMap, HeaderValue};
use patchbay_domain::{
    Change, Kind, ObjectKey, State, Timestamp, Version,
    billing::{self, CUSTOMER, INVOICE, INVOICE_PAYMENT, PAYMENT_METHOD, SUBSCRIPTION},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{fs, path::Path};

const BODY: &[u8] = br#"{"id":"evt_1","object":"event"}"#;
const SIGNED_AT: i64 = 1_700_000_000;
/// Made with Stripe's own library, `stripe.webhooks.generateTestHeaderString`.
const SIGNED: &str = "t=1700000000,v1=0c8670ed117751cc551a20e35839447075c42800ea3cf3e8a2fbda99cd1e6edd";
/// The same body signed with `whsec_new` and `whsec_old`, as while a secret is being rotated.
const ROTATED: &str = "t=1700000000,v1=c15330950069e52feb112c7c495d04bcd2bef3e2784ee078587728d546bb99b6,\
                       v1=9119b75c4afa8bb5f71433cb34179a57aa261c58b80b417f1f537251b0cd38a8,v0=6ffb";

/// Which secret matched, or why none did.
fn verify(secrets: &[&str], header: Option<&str>, body: &[u8], now_seconds: i64) -> Result<usize, Rejection> {
    let mut headers = HeaderMap::new();
    if let Some(header) = header {
        headers.insert("stripe-signature", HeaderValue::from_str(header).unwrap());
    }
    let secrets: Vec<String> = secrets.iter().map(|&secret| secret.to_owned()).collect();
    webhook::SCHEME
        .verify(&secrets, Unverified::posted(&headers, body), Timestamp::from_seconds(now_seconds))
        .map(|verified| verified.secret_index)
}

#[test]
fn the_official_vector_passes_within_the_tolerance_either_way() {
    for offset in [-300, 0, 300] {
        assert_eq!(verify(&["whsec_test_secret"], Some(SIGNED), BODY, SIGNED_AT + offset), Ok(0), "{offset}");
    }
}

#[test]
fn a_second_beyond_the_tolerance_is_refused_either_way() {
    let at = |offset| verify(&["whsec_test_secret"], Some(SIGNED), BODY, SIGNED_AT + offset);
    assert_eq!(at(301), Err(Rejection::TooOld { age_seconds: 301, tolerance_seconds: 300 }));
    assert_eq!(at(-301), Err(Rejection::FromTheFuture { ahead_seconds: 301, tolerance_seconds: 300 }));
}

#[test]
fn while_rotating_either_secret_matches() {
    assert_eq!(verify(&["whsec_new"], Some(ROTATED), BODY, SIGNED_AT), Ok(0));
    assert_eq!(verify(&["whsec_old"], Some(ROTATED), BODY, SIGNED_AT), Ok(0));
    assert_eq!(verify(&["whsec_other", "whsec_old"], Some(ROTATED), BODY, SIGNED_AT), Ok(1));
}

#[test]
fn what_is_not_signed_by_a_v1_of_ours_is_refused() {
    let v0_only = SIGNED.replace("v1=", "v0=");
    let cases = [
        (None, BODY, Rejection::MissingSignature("stripe-signature")),
        (Some(v0_only.as_str()), BODY, Rejection::MalformedSignature("stripe-signature")),
        (Some("t=soon,v1=00"), BODY, Rejection::MalformedSignature("stripe-signature")),
        (Some("v1=0c86"), BODY, Rejection::MalformedSignature("stripe-signature")),
        (Some("t=1700000000,v1="), BODY, Rejection::SignatureMismatch),
        (Some("t=1700000000,v1=0c8670ed"), BODY, Rejection::SignatureMismatch),
        (Some(SIGNED), br#"{"id":"evt_2","object":"event"}"#, Rejection::SignatureMismatch),
    ];
    for (header, body, rejection) in cases {
        assert_eq!(verify(&["whsec_test_secret"], header, body, SIGNED_AT), Err(rejection), "{header:?}");
    }
    // The stamp is signed too.
    let later = SIGNED.replace("t=1700000000", "t=1700000001");
    assert_eq!(verify(&["whsec_test_secret"], Some(&later), BODY, SIGNED_AT), Err(Rejection::SignatureMismatch));
    assert_eq!(verify(&[], Some(SIGNED), BODY, SIGNED_AT), Err(Rejection::NoSecret("STRIPE_WEBHOOK_SECRET")));
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/stripe/fixtures").join(name)).unwrap()
}

fn envelope(body: &[u8]) -> Result<patchbay_domain::event::Envelope, crate::webhook::Malformed> {
    let headers = HeaderMap::new();
    webhook::envelope(&Verified::new(Unverified::posted(&headers, body), 0))
}

#[test]
fn an_envelope_names_the_event_and_its_object() {
    let envelope = envelope(&fixture("subscription.updated.json")).unwrap();
    assert_eq!(envelope.external_id, "evt_1SubNew");
    assert_eq!(envelope.event_type, "customer.subscription.updated");
    assert_eq!(envelope.object, Some(ObjectKey::new(SUBSCRIPTION, "sub_new")));
    assert_eq!(envelope.occurred_at, Timestamp::from_seconds(1_700_000_100));
}

#[test]
fn a_thin_event_is_an_event_without_an_object() {
    let body = fixture("thin.json");
    let envelope = envelope(&body).unwrap();
    assert_eq!((envelope.object, envelope.occurred_at.seconds()), (None, 1_726_554_052));
    assert_eq!(project(&envelope.event_type, &body), Ok(Projection::Skipped));
}

#[test]
fn an_object_without_an_id_is_no_object() {
    let body =
        br#"{"id":"evt_1","type":"invoice.upcoming","created":1,"data":{"object":{"object":"invoice","total":5}}}"#;
    assert_eq!(envelope(body).unwrap().object, None);
    assert_eq!(project("invoice.upcoming", body), Ok(Projection::Skipped));
}

#[test]
fn what_is_no_event_is_malformed_and_the_reason_repeats_no_content() {
    assert!(envelope(b"hello ada@example.com").is_err());
    assert_eq!(envelope(BODY).unwrap_err().0, "missing field `type` at line 1 column 31");
    let body = br#"{"id":["ada@example.com"],"type":"a","created":1}"#;
    assert!(!envelope(body).unwrap_err().0.contains("ada"));
}

const OURS: Ours<'static> = Ours { account: Some("acct_ours"), livemode: false, is_followed: false };

/// What an event means to our account in test mode.
fn project(event_type: &str, body: &[u8]) -> Result<Projection, crate::ProviderError> {
    project::project(&OURS, event_type, body)
}

fn of_origin(origin: &Value) -> Projection {
    let mut event = json!({"id": "evt_1", "type": "customer.created", "created": 1, "livemode": false,
        "data": {"object": {"id": "cus_1", "object": "customer"}}});
    event.as_object_mut().unwrap().extend(origin.as_object().unwrap().clone());
    project("customer.created", event.to_string().as_bytes()).unwrap()
}

#[test]
fn what_another_account_or_mode_sends_is_set_aside_with_its_reason() {
    for (origin, word) in [
        (json!({"account": "acct_theirs"}), "acct_theirs"),
        (json!({"context": "acct_theirs"}), "acct_theirs"),
        (json!({"context": "org_1/acct_theirs"}), "acct_theirs"),
        (json!({"livemode": true}), "live mode"),
        (json!({"account": "acct_ours", "livemode": true}), "live mode"),
        (json!({"id": "evt_00000000000000"}), "test"),
        (json!({"data": {"object": {"id": "cus_00000000000000", "object": "customer"}}}), "test"),
    ] {
        let Projection::SetAside(why) = of_origin(&origin) else { panic!("{origin} was recorded") };
        assert!(why.contains(word), "{origin}: {why}");
    }
    for origin in [
        json!({}),
        json!({"account": null, "context": null}),
        json!({"account": "acct_ours"}),
        json!({"context": "org_1/acct_ours"}),
    ] {
        assert!(matches!(of_origin(&origin), Projection::Changes(_)), "{origin}");
    }
}

#[test]
fn while_the_own_account_is_unknown_an_event_that_names_one_is_not_ours() {
    let unknown = Ours { account: None, ..OURS };
    let body = br#"{"created":1,"account":"acct_ours","data":{"object":{"id":"cus_1","deleted":true}}}"#;
    let Ok(Projection::SetAside(why)) = project::project(&unknown, "customer.deleted", body) else {
        panic!("recorded")
    };
    assert!(why.contains("acct_ours") && why.contains("replay"), "{why}");
}

#[test]
fn an_older_shape_is_taken_only_where_nothing_fuller_is_there() {
    let told = |version: &str, object: Value| {
        let event = json!({"created": 5, "api_version": version, "data": {"object": object}});
        project("customer.updated", event.to_string().as_bytes()).unwrap()
    };
    let of_2018 = json!({"id": "cus_1", "object": "customer", "account_balance": -2500, "currency": "eur"});
    let Projection::Partial(changes) = told("2018-11-08", of_2018.clone()) else { panic!("it passes for whole") };
    let State::Present { body, .. } = &changes[0].state else { panic!("present") };
    assert_eq!(body["balance"], -2500);
    let whole = json!({"id": "cus_1", "object": "customer", "balance": 0, "invoice_settings": {}});
    assert!(matches!(told("2018-11-08", whole), Projection::Changes(_)));
    assert!(matches!(told("2026-10-28.endive", of_2018), Projection::Changes(_)));
}

#[test]
fn lists_that_were_cut_and_objects_that_cannot_be_read_are_asked_for() {
    let cut = json!({"id": "in_1", "currency": "usd", "lines": {"data": [{"id": "il_1"}], "has_more": true}});
    assert_eq!(project("invoice.updated", &event(&cut)).unwrap(), Projection::Incomplete);
    let unreadable = json!({"id": "sub_1", "object": "subscription", "status": "active", "customer": "cus_1"});
    let read_again = project("customer.subscription.updated", &event(&unreadable)).unwrap();
    assert_eq!(read_again, Projection::Refetch(vec![ObjectKey::new(SUBSCRIPTION, "sub_1")]));
}

#[test]
fn an_invoice_of_before_2018_has_its_status_in_pieces() {
    for (pieces, status) in [
        (json!({"paid": true, "closed": true}), "paid"),
        (json!({"paid": false, "forgiven": true}), "uncollectible"),
        (json!({"paid": false, "closed": true}), "void"),
        (json!({"paid": false, "attempted": true}), "open"),
        (json!({"paid": false}), "draft"),
    ] {
        let mut invoice =
            json!({"id": "in_1", "currency": "usd", "date": 7, "total": 500, "subtotal": 600, "discount": {}});
        invoice.as_object_mut().unwrap().extend(pieces.as_object().unwrap().clone());
        let change = project::change(&INVOICE, &invoice.to_string(), Version(1)).unwrap();
        let State::Present { body, .. } = change.state else { panic!("present") };
        let read: billing::Invoice = serde_json::from_value(body).unwrap();
        assert_eq!((read.status.as_str(), read.discount, read.created_at.seconds()), (status, 100, 7));
    }
}

#[test]
fn debits_wallets_and_old_sources_are_named_by_what_they_have() {
    for (object, name) in [
        (json!({"id": "pm_1", "type": "sepa_debit", "sepa_debit": {"last4": "3000"}}), "sepa debit ···· 3000"),
        (json!({"id": "pm_1", "type": "bacs_debit", "bacs_debit": {"last4": "2345"}}), "bacs debit ···· 2345"),
        (
            json!({"id": "pm_1", "type": "us_bank_account", "us_bank_account": {"bank_name": "TEST", "last4": "6789"}}),
            "TEST ···· 6789",
        ),
        (json!({"id": "pm_1", "type": "link", "link": {"email": "ada@example.com"}}), "link ada@example.com"),
        (
            json!({"id": "pm_1", "type": "paypal", "paypal": {"payer_email": "ada@example.com"}}),
            "paypal ada@example.com",
        ),
        (json!({"id": "card_1", "object": "card", "brand": "Visa", "last4": "4242"}), "Visa ···· 4242"),
        (json!({"id": "ba_1", "object": "bank_account", "bank_name": "TEST", "last4": "6789"}), "TEST ···· 6789"),
    ] {
        let change = project::change(&PAYMENT_METHOD, &object.to_string(), Version(1)).unwrap();
        let State::Present { index, .. } = change.state else { panic!("present") };
        assert_eq!(index.title, name);
    }
}

/// The single change that an event brings, with its normalised body.
fn projected<B: DeserializeOwned>(name: &str) -> (Change, B) {
    let body = fixture(name);
    let event_type = envelope(&body).unwrap().event_type;
    let (Projection::Changes(mut changes) | Projection::Partial(mut changes)) = project(&event_type, &body).unwrap()
    else {
        panic!("{name} brings no change")
    };
    let change = changes.remove(0);
    let State::Present { body, .. } = &change.state else { panic!("{name} is gone") };
    let body = serde_json::from_value(body.clone()).unwrap();
    (change, body)
}

#[test]
fn a_current_subscription_has_its_periods_on_the_items() {
    let (change, subscription) = projected::<billing::Subscription>("subscription.updated.json");
    assert_eq!(change.version, Version::from(Timestamp::from_seconds(1_700_000_100)));
    assert_eq!(change.key, ObjectKey::new(SUBSCRIPTION, "sub_new"));
    assert_eq!((subscription.customer.as_str(), subscription.status.as_str()), ("cus_1", "some_new_word"));
    assert_eq!(subscription.current_period_end.map(Timestamp::seconds), Some(1_701_000_000));
    assert_eq!(subscription.current_period_start.map(Timestamp::seconds), Some(1_699_990_000));
    assert_eq!(subscription.cancellation_reason.as_deref(), Some("too_expensive: see you"));
    let [team, metered] = subscription.items.as_slice() else { panic!("two items") };
    assert_eq!((team.quantity, team.price.label().as_str()), (Some(3), "29.00 EUR per month"));
    assert_eq!(
        (metered.price.product.as_str(), metered.price.unit_amount, metered.price.interval_count),
        ("prod_2", None, 2)
    );
}

#[test]
fn an_older_subscription_has_its_period_itself() {
    let (_, subscription) = projected::<billing::Subscription>("subscription.old.json");
    assert_eq!(subscription.status, "canceled");
    assert_eq!(subscription.current_period_end.map(Timestamp::seconds), Some(1_701_600_000));
    assert_eq!(subscription.items[0].current_period_start.map(Timestamp::seconds), Some(1_699_000_000));
    assert_eq!(subscription.latest_invoice.as_deref(), Some("in_9"));
}

#[test]
fn a_current_invoice_names_its_subscription_through_its_parent() {
    let (_, invoice) = projected::<billing::Invoice>("invoice.paid.json");
    assert_eq!(invoice.subscription.as_deref(), Some("sub_new"));
    assert_eq!((invoice.subtotal, invoice.tax, invoice.total), (8_700, 1_653, 10_353));
    assert_eq!(invoice.paid_at.map(Timestamp::seconds), Some(1_700_000_199));
    let line = &invoice.lines[0];
    assert_eq!((line.proration, line.price.as_deref(), line.quantity), (true, Some("price_1"), Some(3)));
}

#[test]
fn an_older_invoice_names_it_itself() {
    let (_, invoice) = projected::<billing::Invoice>("invoice.old.json");
    assert_eq!((invoice.subscription.as_deref(), invoice.tax), (Some("sub_old"), 200));
    let line = &invoice.lines[0];
    assert_eq!((line.amount, line.proration, line.price.as_deref()), (-500, true, Some("price_9")));
}

fn event(object: &Value) -> Vec<u8> {
    json!({"id": "evt_1", "created": 5, "data": {"object": object}}).to_string().into_bytes()
}

fn refetched(event_type: &str, object: &Value) -> Vec<ObjectKey> {
    match project(event_type, &event(object)).unwrap() {
        Projection::Refetch(keys) => keys,
        other => panic!("{event_type}: {other:?}"),
    }
}

#[test]
fn events_around_our_objects_ask_for_them() {
    let session = json!({"id": "cs_1", "customer": "cus_1", "subscription": {"id": "sub_1"}});
    assert_eq!(
        refetched("checkout.session.completed", &session),
        [ObjectKey::new(CUSTOMER, "cus_1"), ObjectKey::new(SUBSCRIPTION, "sub_1")]
    );
    let intent = json!({"id": "seti_1", "payment_method": "pm_1"});
    assert_eq!(refetched("setup_intent.succeeded", &intent), [ObjectKey::new(PAYMENT_METHOD, "pm_1")]);
    let guest = project("checkout.session.completed", &event(&json!({"id": "cs_2", "customer": null})));
    assert_eq!(guest, Ok(Projection::Skipped));
}

#[test]
fn an_invoices_payment_is_a_record_of_its_own_and_no_news_of_the_invoice_touches_it() {
    let object = json!({
        "id": "inpay_1", "object": "invoice_payment", "amount_paid": 2000, "amount_requested": 2000, "created": 3, "currency": "usd",
        "invoice": "in_1", "is_default": true, "payment": {"type": "payment_intent", "payment_intent": "pi_1"}, "status": "paid",
    });
    let Ok(Projection::Changes(changes)) = project("invoice_payment.paid", &event(&object)) else {
        panic!("a change, without asking Stripe")
    };
    let [Change { key, version, state: State::Present { index, body } }] = changes.as_slice() else { panic!("one") };
    assert_eq!((key, *version), (&ObjectKey::new(INVOICE_PAYMENT, "inpay_1"), Timestamp::from_seconds(5).into()));
    assert_eq!((index.parent.as_deref(), index.status.as_str(), index.amount), (Some("in_1"), "paid", Some(2_000)));
    assert_eq!(body["payment_intent"], "pi_1");
    let invoice = json!({"id": "in_1", "status": "paid", "currency": "usd"});
    let Ok(Projection::Changes(changes)) = project("invoice.updated", &event(&invoice)) else { panic!("a change") };
    assert_eq!(changes.iter().map(|change| &change.key).collect::<Vec<_>>(), [&ObjectKey::new(INVOICE, "in_1")]);
    // Both shapes of a reference, and a payment that is none of Stripe's.
    let expanded = json!({"id": "inpay_2", "invoice": {"id": "in_1"}, "payment": {"payment_intent": {"id": "pi_2"}}});
    let elsewhere = json!({"id": "inpay_3", "invoice": "in_1", "payment": {"type": "charge", "charge": "ch_1"}});
    for (object, intent) in [(expanded, json!("pi_2")), (elsewhere, Value::Null)] {
        let change = project::change(&INVOICE_PAYMENT, &object.to_string(), Version(1)).unwrap();
        let State::Present { body, .. } = change.state else { panic!("present") };
        assert_eq!((&body["invoice"], &body["payment_intent"]), (&json!("in_1"), &intent));
    }
}

#[test]
fn deleted_objects_are_gone_and_detached_methods_are_nobodys() {
    let gone = |key| Ok(Projection::Changes(vec![Change::deleted(key, Timestamp::from_seconds(5))]));
    let deleted = json!({"id": "cus_1", "object": "customer", "deleted": true});
    assert_eq!(project("customer.deleted", &event(&deleted)), gone(ObjectKey::new(CUSTOMER, "cus_1")));
    assert_eq!(project("customer.updated", &event(&deleted)), gone(ObjectKey::new(CUSTOMER, "cus_1")));

    let detached = json!({"id": "pm_1", "type": "card", "customer": null, "card": {"brand": "visa", "last4": "4242"}});
    let Ok(Projection::Changes(changes)) = project("payment_method.detached", &event(&detached)) else {
        panic!("no change")
    };
    let State::Present { index, .. } = &changes[0].state else { panic!("gone") };
    assert_eq!((index.title.as_str(), index.owner.as_deref()), ("visa ···· 4242", None));
}

#[test]
fn metadata_links_customers_and_counts_meters() {
    let read = |kind: &Kind, object: &Value| {
        let change = project::change(kind, &object.to_string(), Version(1)).unwrap();
        let State::Present { body, .. } = change.state else { panic!("gone") };
        body
    };
    let customer =
        json!({"id": "cus_1", "metadata": {"organisation_id": "org_1", "usage_videos": "42", "usage_x": "many"}});
    let body: billing::Customer = serde_json::from_value(read(&CUSTOMER, &customer)).unwrap();
    assert_eq!((body.organisation.as_deref(), body.usage), (Some("org_1"), vec![("videos".to_owned(), 42)]));
    let product = json!({"id": "prod_1", "name": "Team", "metadata": {"limit_videos": " 100 "}});
    let body: billing::Product = serde_json::from_value(read(&billing::PRODUCT, &product)).unwrap();
    assert_eq!(body.limits, [("videos".to_owned(), 100)]);
}

#[test]
fn events_that_cannot_be_read_say_where_and_keep_the_content_to_themselves() {
    let error = project("customer.updated", &event(&json!({"id": "cus_1", "balance": "ada@example.com"}))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreadable);
    assert!(
        !error.is_temporary() && &*error.operation == "project customer.updated" && !error.message.contains("ada"),
        "{error}"
    );
}

#[test]
fn every_event_type_of_the_manifest_means_something() {
    for event_type in MANIFEST.event_types {
        assert!(project(event_type, b"{}").is_err(), "{event_type} is skipped");
    }
    for event_type in
        ["charge.refunded", "customer.discount.created", "customer.tax_id.created", "payout.paid", "nonsense", ""]
    {
        assert_eq!(project(event_type, b"not even JSON"), Ok(Projection::Skipped), "{event_type}");
    }
}

/// Stripe's published example objects, kept outside the repository.
#[test]
fn stripes_own_example_objects_project() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs/stripe-fixtures3.json");
    let Ok(text) = fs::read(&path) else {
        eprintln!("SKIPPED stripes_own_example_objects_project: stripe-fixtures3.json is not at hand");
        return;
    };
    let examples: Value = serde_json::from_slice(&text).unwrap();
    for kind in MANIFEST.listed() {
        let object = &examples["resources"][kind.as_str()];
        let change =
            project::change(kind, &object.to_string(), Version(1)).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(change.key, ObjectKey::new(kind.clone(), object["id"].as_str().unwrap()));
        assert!(matches!(change.state, State::Present { .. }), "{kind}");
    }
    for kind in ["customer", "product", "price", "invoice"] {
        let object = &examples["resources"][format!("deleted_{kind}")];
        let change = project::change(&Kind::from(kind.to_owned()), &object.to_string(), Version(1)).unwrap();
        assert_eq!(change.state, State::Deleted, "{kind}");
    }
}
