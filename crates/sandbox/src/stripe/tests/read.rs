//! The product's own reading of what the pretended provider sends, in every version of its webhooks.

#![expect(clippy::disallowed_methods, reason = "a test injects its own client and clock")]

use std::sync::Arc;

use patchbay_domain::{Change, Clock, State as Told, Timestamp};
use patchbay_providers::gateway::NoCallLog;
use patchbay_providers::registry::ConnectArgs;
use patchbay_providers::{Connection, Projection, stripe};
use serde_json::json;

use super::*;
use crate::stripe::versions;

fn product(bench: &Bench) -> Arc<dyn Connection> {
    let variables = bench.sandbox.environment();
    stripe::connect(ConnectArgs {
        name: "stripe".to_owned(),
        variables: &|name| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
        clock: Clock::fixed(Timestamp::from_seconds(NOW)),
        http: reqwest::Client::new(),
        log: Arc::new(NoCallLog),
    })
    .expect("connects")
}

fn id(object: &Value) -> &str {
    object["id"].as_str().expect("an id")
}

/// What the last event makes of its object, and whether that is all of it.
fn last_record(bench: &Bench, product: &dyn Connection) -> (Value, bool) {
    let event = bench.events().pop().expect("an event");
    let kind = event["type"].as_str().expect("a type");
    let one = |changes: Vec<Change>| match changes.into_iter().next().map(|change| change.state) {
        Some(Told::Present { body, .. }) => body,
        _ => panic!("{kind} brings no record"),
    };
    match product.project().unwrap().event(kind, event.to_string().as_bytes()).expect("it is read") {
        Projection::Changes(changes) => (one(changes), true),
        Projection::Partial(changes) => (one(changes), false),
        other => panic!("{kind} is {other:?}"),
    }
}

/// Causes an event of a customer, a subscription and an invoice; the records that the product makes of them.
async fn records(bench: &Bench, product: &dyn Connection, version: &str) -> Vec<(Value, bool)> {
    let change = json!({ "webhook_version": version });
    bench.sandbox.hub.set_switches(|s| s.apply(change.as_object().expect("an object"))).expect("valid");
    let (customer, subscription) = bench.northwind();
    let invoice = bench.get(&format!("subscriptions/{subscription}")).await["latest_invoice"].clone();
    let mut found = Vec::new();
    for path in [
        format!("customers/{customer}"),
        format!("subscriptions/{subscription}"),
        format!("invoices/{}", invoice.as_str().expect("an invoice")),
    ] {
        bench.post(&path, &[("metadata[seen]", version)]).await;
        found.push(last_record(bench, product));
    }
    found
}

#[tokio::test]
async fn an_endpoint_of_2020_or_later_tells_the_product_the_same_as_one_of_today() {
    let bench = Bench::new();
    let product = product(&bench);
    let today = records(&bench, &*product, versions::ALL[0]).await;
    assert!(today.iter().all(|(_, whole)| *whole));
    for version in &versions::ALL[1..4] {
        let told = records(&bench, &*product, version).await;
        for ((record, whole), (expected, _)) in told.iter().zip(&today) {
            assert_eq!(record, expected, "{version}");
            assert!(whole, "{version}: {record}");
        }
    }
}

#[tokio::test]
async fn an_endpoint_of_2018_tells_the_product_amounts_and_that_it_is_not_all() {
    let bench = Bench::new();
    let product = product(&bench);
    let today = records(&bench, &*product, versions::ALL[0]).await;
    let told = records(&bench, &*product, "2018-05-21").await;
    assert!(told.iter().all(|(_, whole)| !whole));
    let [customer, subscription, invoice] = [0, 1, 2].map(|at| (&told[at].0, &today[at].0));
    for (of, names) in [
        (customer, &["id", "email", "balance", "currency"][..]),
        (subscription, &["id", "status", "customer", "currency", "current_period_end", "collection_method"]),
        (invoice, &["id", "status", "total", "amount_due", "amount_paid", "currency", "subscription"]),
    ] {
        for name in names {
            assert!(!of.1[name].is_null(), "no {name} in {}", of.1);
            assert_eq!(of.0[name], of.1[name], "{name} of {}", of.0);
        }
    }
}

#[tokio::test]
async fn the_product_sets_aside_what_happens_in_a_connected_account() {
    let bench = Bench::new();
    let product = product(&bench);
    let account = &crate::stripe::connect::CONNECTED[0];
    let made = bench.sandbox.hub.answer(Some(account), None, |state| {
        let row = crate::stripe::customers::blank(state);
        state.create(row, "customer.created");
        state.tables.events.newest().next().map(|event| event.body.clone()).expect("an event")
    });
    let told = product.project().unwrap().event("customer.created", made.as_bytes()).expect("it is read");
    assert!(matches!(&told, Projection::SetAside(why) if why.contains(account.id)), "{told:?}");
    let own = bench.post("customers", &[("name", "Own")]).await;
    assert_eq!(last_record(&bench, &*product).0["id"], id(&own));
}
