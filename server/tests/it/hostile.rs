//! Whatever others call themselves is text: in the head, in attributes, between tags and in the data of islands.

use crate::account::Account;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Closes every context that it may stand in.
const NAME: &str =
    "\"'></title></script></textarea><inj-x inj-a=\"1\"><meta http-equiv=refresh content=\"0;url=//x\"> inj-b=1";

fn fill(value: Value) -> Value {
    match value {
        Value::String(text) if text == "NAME" => NAME.into(),
        Value::Array(items) => items.into_iter().map(fill).collect(),
        Value::Object(entries) => entries.into_iter().map(|(key, value)| (key, fill(value))).collect(),
        other => other,
    }
}

/// Everything that a page could show, with the hostile text wherever the provider lets people choose.
fn objects() -> Vec<(&'static str, Value)> {
    let price = json!({
        "id": "price_x", "object": "price", "active": true, "currency": "usd", "nickname": "NAME", "product": "prod_x",
        "unit_amount": 2900, "recurring": {"interval": "month", "interval_count": 1}, "created": 1_790_000_000,
    });
    vec![
        (
            "product.created",
            json!({"id": "prod_x", "object": "product", "name": "NAME", "description": "NAME", "active": true}),
        ),
        ("price.created", price.clone()),
        (
            "customer.created",
            json!({"id": "cus_x", "object": "customer", "name": "NAME", "email": "NAME", "phone": "NAME",
            "currency": "usd", "metadata": {"organisation_id": "org_x"}, "created": 1_790_000_000,
            "address": {"country": "NAME"}, "invoice_settings": {"default_payment_method": "pm_x"}}),
        ),
        (
            "payment_method.attached",
            json!({"id": "pm_x", "object": "payment_method", "customer": "cus_x", "type": "NAME",
            "card": {"brand": "NAME", "last4": "NAME"}, "created": 1_790_000_000}),
        ),
        (
            "customer.subscription.created",
            json!({"id": "sub_x", "object": "subscription", "customer": "cus_x",
            "status": "active", "currency": "usd", "start_date": 1_790_000_000, "created": 1_790_000_000,
            "cancellation_details": {"comment": "NAME", "feedback": "NAME"},
            "items": {"data": [{"id": "si_x", "price": price, "quantity": 1, "current_period_end": 1_800_000_000}]}}),
        ),
        (
            "invoice.finalized",
            json!({"id": "in_x", "object": "invoice", "number": "NAME", "customer": "cus_x",
            "status": "open", "currency": "usd", "total": 2900, "billing_reason": "NAME", "hosted_invoice_url": "NAME",
            "invoice_pdf": "NAME", "subscription": "sub_x", "created": 1_790_000_000,
            "lines": {"data": [{"id": "il_x", "amount": 2900, "description": "NAME"}]}}),
        ),
        (
            "payment_intent.payment_failed",
            json!({"id": "pi_x", "object": "payment_intent", "customer": "cus_x",
            "amount": 2900, "currency": "usd", "status": "NAME", "description": "NAME",
            "last_payment_error": {"message": "NAME"}, "created": 1_790_000_000}),
        ),
        ("moon.landed", json!({"id": "NAME", "object": "NAME"})),
    ]
}

const STAFF_PAGES: [&str; 19] = [
    "/",
    "/events",
    "/dead-letters",
    "/rejections",
    "/calls",
    "/connections",
    "/audit",
    "/customers",
    "/customers/stripe/cus_x",
    "/subscriptions",
    "/subscriptions/stripe/sub_x",
    "/subscriptions/stripe/sub_x/plan",
    "/subscriptions/stripe/sub_x/cancel",
    "/invoices",
    "/invoices/stripe/in_x",
    "/videos",
    "/videos/mux/asset_x",
    "/search?q=inj",
    "/search.json?q=cus",
];
const CUSTOMER_PAGES: [&str; 6] = [
    "/billing",
    "/billing/plans",
    "/billing/cancel",
    "/billing/payment-methods",
    "/billing/invoices",
    "/billing/invoices/in_x",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_page_takes_a_name_for_markup() {
    let account = Account::start().await;
    for (number, (event_type, object)) in (1..).zip(objects()) {
        account.happens(number, event_type, fill(object)).await;
    }
    let video = json!({
        "id": "mux-1", "type": "video.asset.ready", "created_at": 1_795_000_000, "object": {"type": "asset", "id": "asset_x"},
        "data": {"id": "asset_x", "status": "errored", "meta": {"title": "NAME"}, "passthrough": "NAME", "aspect_ratio": "NAME",
            "errors": {"type": "NAME", "messages": ["NAME"]}, "playback_ids": [{"id": "NAME", "policy": "public"}],
            "created_at": 1_795_000_000},
    });
    account.deliver("/webhooks/mux", &fill(video)).await;
    account.settled().await;
    for path in STAFF_PAGES {
        assert_harmless(path, &account.staff_page(path).await);
    }
    let ids = account.staff_page("/events").await;
    let mut seen = 0;
    for link in ids.split("href=\"/events/").skip(1) {
        let id = link.split('"').next().unwrap();
        if id.len() == 36 {
            assert_harmless(id, &account.staff_page(&format!("/events/{id}")).await);
            seen += 1;
        }
    }
    assert!(seen >= 8, "every event has a page: {seen}");
    for path in CUSTOMER_PAGES {
        assert_harmless(path, &account.customer_page("org_x", path).await);
    }
}

/// No element and no attribute comes of the name, and the head has one title.
fn assert_harmless(path: &str, page: &str) {
    if path.contains(".json") {
        return assert!(!page.contains("<inj-x"), "{path}: {page}");
    }
    let head = page.split("<body").next().unwrap();
    assert_eq!(head.matches("</title>").count(), 1, "{path}: {head}");
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if !rest.starts_with(|first: char| first.is_ascii_alphabetic()) {
            continue;
        }
        let (tag, names) = read_tag(rest);
        assert!(!tag.starts_with("inj"), "{path}: <{tag}");
        let injected = names.iter().find(|name| name.starts_with("inj") || name.as_str() == "http-equiv");
        assert_eq!(injected, None, "{path}: <{tag}");
        // What a script holds is no markup; it ends at the first closing tag, wherever that stands.
        if tag == "script" {
            let end = rest.find("</script>").unwrap();
            assert!(!rest[..end].contains("inj-a=\"1\""), "{path}: a script holds the name as it is");
            rest = &rest[end..];
        }
    }
}

/// A tag's name and the names of its attributes, as a browser reads them.
fn read_tag(text: &str) -> (String, Vec<String>) {
    let name: String = text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let (mut names, mut current, mut quote, mut in_value) = (Vec::new(), String::new(), None, false);
    for c in text[name.len()..].chars() {
        match (quote, c) {
            (Some(open), c) if c == open => (quote, in_value) = (None, false),
            (None, '"' | '\'') if in_value => quote = Some(c),
            (None, '>') => break,
            (None, '=') => in_value = true,
            (None, c) if c.is_whitespace() || c == '/' => {
                in_value = false;
                names.push(std::mem::take(&mut current));
            }
            (None, c) if !in_value => current.push(c),
            // Inside a value.
            _ => {}
        }
    }
    names.push(current);
    (name, names)
}

#[test]
fn the_reader_of_tags_finds_an_injected_attribute() {
    assert_eq!(read_tag("a href=\"x y=1\" inj-a=\"1\">b").1, ["", "href", "inj-a"]);
}

/// Ids are a provider's own: nothing in them may lead to another address than the record's.
#[tokio::test(flavor = "multi_thread")]
async fn every_id_has_an_address_of_its_own() {
    let account = Account::start().await;
    let ids = ["..", "cus/../../audit", "cus?x=1#y", "%2e%2e%2f", "auth0|ü", "cus x", "~Li4"];
    for (number, id) in (1..).zip(ids) {
        let name = format!("Customer number {number}.");
        let customer = json!({"id": id, "object": "customer", "name": name, "created": 1_790_000_000});
        account.happens(number, "customer.created", customer).await;
    }
    account.settled().await;
    let list = account.staff_page("/customers").await;
    let links: BTreeSet<&str> = list
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|href| href.starts_with("/customers/"))
        .collect();
    assert_eq!(links.len(), ids.len(), "{links:?}");
    let mut seen = BTreeSet::new();
    for link in links {
        let page = account.staff_page(link).await;
        let title = page.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap();
        assert!(title.contains("Customer number"), "{link}: {title}");
        seen.insert(title.to_owned());
    }
    assert_eq!(seen.len(), ids.len(), "{seen:?}");
}
