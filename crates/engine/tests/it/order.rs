//! Whatever the order and however often events come, the records end the same.

use crate::world::World;
use patchbay_domain::{Kind, billing};
use patchbay_engine::Engine;
use patchbay_store::{PageRequest, RecordFilter};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// Orders that are tried; `PATCHBAY_ORDERS` sets another number.
const ORDERS: u64 = 60;
const KINDS: [Kind; 6] = [
    billing::CUSTOMER,
    billing::SUBSCRIPTION,
    billing::INVOICE,
    billing::INVOICE_PAYMENT,
    billing::PAYMENT_INTENT,
    billing::PAYMENT_METHOD,
];

/// A life of one customer: subscribes, upgrades within the same second, cancels, changes their mind, leaves.
async fn history(world: &World) -> Vec<Value> {
    let (same_second, later) = (Duration::ZERO, Duration::from_mins(90));
    let customer = world.post("customers", &[("name", "Ünal & Söhne"), ("email", "post@unal.example")], later).await;
    let customer = customer["id"].as_str().unwrap().to_owned();
    let attach = [("customer", customer.as_str())];
    let card = world.post("payment_methods/pm_card_visa/attach", &attach, same_second).await;
    let default = [("invoice_settings[default_payment_method]", card["id"].as_str().unwrap())];
    world.post(&format!("customers/{customer}"), &default, later).await;
    let prices = world.get("prices?limit=100").await;
    let monthly = |index: usize| {
        let all = prices["data"].as_array().unwrap();
        let wanted: Vec<&Value> = all
            .iter()
            .filter(|price| price["currency"] == "eur" && price["recurring"]["interval"] == "month")
            .collect();
        wanted[index]["id"].as_str().unwrap().to_owned()
    };
    let (first, second) = (monthly(0), monthly(1));
    let subscription =
        world.post("subscriptions", &[("customer", &customer), ("items[0][price]", &first)], same_second).await;
    let id = subscription["id"].as_str().unwrap().to_owned();
    let item = subscription["items"]["data"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("subscriptions/{id}");
    let change = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", second.as_str()),
        ("proration_behavior", "always_invoice"),
    ];
    world.post(&path, &change, later).await;
    world.post(&path, &[("cancel_at_period_end", "true")], same_second).await;
    world.post(&path, &[("cancel_at_period_end", "false")], later).await;
    world.post(&format!("customers/{customer}"), &[("name", "Ünal GmbH")], later).await;
    world.delete(&path, later).await;
    world.events().await
}

/// What the records say, without how they came to say it.
async fn records(engine: &Engine) -> BTreeMap<String, (bool, Value)> {
    let mut all = BTreeMap::new();
    for kind in KINDS {
        let filter = RecordFilter { include_deleted: true, ..RecordFilter::of(kind) };
        let page = PageRequest { limit: 500, ..PageRequest::default() };
        for record in engine.store().list_records(&filter, &page).await.unwrap().items {
            all.insert(record.key.to_string(), (record.deleted, record.body));
        }
    }
    all
}

async fn records_after(world: &World, deliveries: &[&Value], batches: &[usize]) -> BTreeMap<String, (bool, Value)> {
    let engine = world.engine().await;
    let mut rest = deliveries;
    for (number, size) in batches.iter().enumerate() {
        let (now, later) = rest.split_at((*size).min(rest.len()));
        for event in now {
            world.deliver(&engine, event).await.unwrap();
        }
        // Some are worked on while they are filed, and some by a worker afterwards, as if in another process.
        if number % 2 == 1 {
            engine.file_all().await.unwrap();
        }
        engine.drain().await.unwrap();
        rest = later;
    }
    for event in rest {
        world.deliver(&engine, event).await.unwrap();
    }
    engine.drain().await.unwrap();
    records(&engine).await
}

#[tokio::test]
async fn any_order_with_duplicates_ends_in_the_records_of_the_true_order() {
    let world = World::new().await;
    let events = history(&world).await;
    assert!(events.len() > 10, "{} events are too few to mean anything", events.len());
    let expected = records_after(&world, &events.iter().collect::<Vec<_>>(), &[]).await;
    let subscription = expected.iter().find(|(key, _)| key.starts_with("subscription:")).unwrap();
    assert_eq!(subscription.1.1["status"], "canceled");
    // Each of its invoices that was paid is tied to its payment.
    for (_, payment) in expected.iter().filter(|(key, _)| key.starts_with("invoice_payment:")).map(|(_, found)| found) {
        let (invoice, intent) = (payment["invoice"].as_str().unwrap(), payment["payment_intent"].as_str().unwrap());
        assert_eq!(expected[&format!("invoice:{invoice}")].1["status"], "paid");
        assert_eq!(expected[&format!("payment_intent:{intent}")].1["status"], "succeeded");
    }
    assert!(expected.keys().any(|key| key.starts_with("invoice_payment:")));

    let orders = std::env::var("PATCHBAY_ORDERS").ok().and_then(|text| text.parse().ok()).unwrap_or(ORDERS);
    for seed in 0..orders {
        let mut random = StdRng::seed_from_u64(seed);
        let mut deliveries: Vec<&Value> = events.iter().collect();
        for _ in 0..events.len() / 2 {
            deliveries.push(&events[random.random_range(0..events.len())]);
        }
        deliveries.shuffle(&mut random);
        let batches: Vec<usize> = (0..6).map(|_| random.random_range(1..6)).collect();
        let records = records_after(&world, &deliveries, &batches).await;
        assert_eq!(records, expected, "seed {seed} ends differently");
    }
}
