//! Cards whose bank asks their owner, and changes that wait for the answer.

use super::*;

const ASKS: &str = "pm_card_authenticationRequired";

/// Northwind, paying with another card.
async fn paying_with(bench: &Bench, card: &str) -> String {
    let (customer, id) = bench.northwind();
    let card = bench.post(&format!("payment_methods/{card}/attach"), &[("customer", &customer)]).await;
    let form = [("default_payment_method", card["id"].as_str().expect("an id"))];
    bench.post(&format!("subscriptions/{id}"), &form).await;
    id
}

/// Moves a subscription to the dearest plan.
async fn upgrade(bench: &Bench, id: &str, behavior: &str, more: &[(&str, &str)]) -> Answer {
    let row = bench.get(&format!("subscriptions/{id}")).await;
    let item = row["items"]["data"][0]["id"].as_str().expect("an id").to_owned();
    let scale = bench.price("scale_monthly_eur");
    let form = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", &scale),
        ("proration_behavior", "always_invoice"),
        ("payment_behavior", behavior),
    ];
    bench.api("POST", &format!("subscriptions/{id}"), &[&form[..], more].concat()).await
}

fn price_of(row: &Value) -> &Value {
    &row["items"]["data"][0]["price"]["id"]
}

async fn intent_of(bench: &Bench, invoice: &str) -> Value {
    let payments = bench.get(&format!("invoice_payments?invoice={invoice}")).await;
    let intent = payments["data"][0]["payment"]["payment_intent"].as_str().expect("an intent").to_owned();
    bench.get(&format!("payment_intents/{intent}")).await
}

#[tokio::test]
async fn a_change_waits_until_its_payment_is_confirmed_on_the_hosted_page() {
    let bench = Bench::new();
    let id = paying_with(&bench, ASKS).await;
    let scale = bench.price("scale_monthly_eur");
    let row = upgrade(&bench, &id, "pending_if_incomplete", &[]).await.json();
    assert_ne!(price_of(&row), &scale);
    assert_eq!(row["status"], "active");
    assert_eq!(row["pending_update"]["subscription_items"][0]["price"]["id"], scale);
    assert_eq!(row["pending_update"]["expires_at"], NOW + 23 * 3_600);
    let invoice = row["latest_invoice"].as_str().expect("an id").to_owned();
    assert_eq!(intent_of(&bench, &invoice).await["status"], "requires_action");
    assert!(bench.event_kinds().contains(&"invoice.payment_action_required".to_owned()));

    let path = format!("/sandbox/stripe/invoices/{invoice}");
    assert!(bench.page(&path).await.text().contains("asks for a confirmation"));
    assert!(bench.submit(&path, &[]).await.text().contains("Confirm with your bank"));
    let refused = bench.submit(&path, &[("bank", "refuse")]).await;
    assert!(refused.text().contains("unable to authenticate"));
    let intent = intent_of(&bench, &invoice).await;
    assert_eq!(intent["last_payment_error"]["code"], "payment_intent_authentication_failure");
    let row = bench.get(&format!("subscriptions/{id}")).await;
    assert!(row["pending_update"].is_object() && row["status"] == "active");

    assert_eq!(bench.submit(&path, &[("bank", "confirm")]).await.status, StatusCode::SEE_OTHER);
    let row = bench.get(&format!("subscriptions/{id}")).await;
    assert_eq!((price_of(&row), &row["pending_update"]), (&scale.into(), &Value::Null));
    assert_eq!(bench.get(&format!("invoices/{invoice}")).await["status"], "paid");
    assert!(bench.event_kinds().contains(&"customer.subscription.pending_update_applied".to_owned()));
}

#[tokio::test]
async fn a_change_that_nobody_pays_for_lapses_with_its_invoice_and_gives_the_balance_back() {
    let bench = Bench::new();
    let id = paying_with(&bench, ASKS).await;
    let (customer, _) = bench.northwind();
    bench.post(&format!("customers/{customer}"), &[("balance", "-100")]).await;
    let row = upgrade(&bench, &id, "pending_if_incomplete", &[]).await.json();
    let invoice = row["latest_invoice"].as_str().expect("an id").to_owned();
    assert_eq!(bench.get(&format!("customers/{customer}")).await["balance"], 0);
    bench.clock.fetch_add(23 * 3_600, Ordering::Relaxed);
    let lapsed = bench.get(&format!("subscriptions/{id}")).await;
    assert_eq!((price_of(&lapsed), &lapsed["pending_update"]), (price_of(&row), &Value::Null));
    assert_eq!(bench.get(&format!("invoices/{invoice}")).await["status"], "void");
    assert_eq!(bench.get(&format!("customers/{customer}")).await["balance"], -100);
    assert!(bench.event_kinds().contains(&"customer.subscription.pending_update_expired".to_owned()));
}

#[tokio::test]
async fn another_change_takes_the_place_of_the_one_that_waits() {
    let bench = Bench::new();
    let id = paying_with(&bench, ASKS).await;
    let first = upgrade(&bench, &id, "pending_if_incomplete", &[]).await.json();
    let second = upgrade(&bench, &id, "pending_if_incomplete", &[("items[0][quantity]", "2")]).await.json();
    let invoice = first["latest_invoice"].as_str().expect("an id");
    assert_ne!(second["latest_invoice"], invoice);
    assert_eq!(second["pending_update"]["subscription_items"][0]["quantity"], 2);
    assert_eq!(bench.get(&format!("invoices/{invoice}")).await["status"], "void");
    // Whoever voids the invoice gives the change up.
    let invoice = second["latest_invoice"].as_str().expect("an id");
    bench.post(&format!("invoices/{invoice}/void"), &[]).await;
    assert_eq!(bench.get(&format!("subscriptions/{id}")).await["pending_update"], Value::Null);
}

#[tokio::test]
async fn a_card_may_be_empty_after_its_owner_confirmed() {
    let bench = Bench::new();
    let id = paying_with(&bench, "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds").await;
    let row = upgrade(&bench, &id, "pending_if_incomplete", &[]).await.json();
    let invoice = row["latest_invoice"].as_str().expect("an id").to_owned();
    let path = format!("/sandbox/stripe/invoices/{invoice}");
    assert!(bench.submit(&path, &[("bank", "confirm")]).await.text().contains("insufficient funds"));
    let other = [("number", "4242 4242 4242 4242"), ("expiry", "12 / 34"), ("cvc", "123"), ("name", "N")];
    assert_eq!(bench.submit(&path, &other).await.status, StatusCode::SEE_OTHER);
    let row = bench.get(&format!("subscriptions/{id}")).await;
    assert_eq!(price_of(&row), &bench.price("scale_monthly_eur"));
}

#[tokio::test]
async fn other_ways_to_ask_for_a_payment_do_what_their_name_says() {
    let bench = Bench::new();
    let id = paying_with(&bench, ASKS).await;
    let refused = upgrade(&bench, &id, "error_if_incomplete", &[]).await;
    assert_eq!(refused.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(refused.json()["error"]["code"], "subscription_payment_intent_requires_action");
    let dropped = upgrade(&bench, &id, "pending_if_incomplete", &[("description", "More")]).await;
    assert_eq!(dropped.json()["error"]["param"], "description");
    let indebted = upgrade(&bench, &id, "default_incomplete", &[]).await.json();
    assert_eq!(
        (&indebted["status"], price_of(&indebted)),
        (&"past_due".into(), &bench.price("scale_monthly_eur").into())
    );

    let bench = Bench::new();
    let (_, id) = bench.northwind();
    let sent = [("collection_method", "send_invoice"), ("days_until_due", "10")];
    bench.post(&format!("subscriptions/{id}"), &sent).await;
    let refused = upgrade(&bench, &id, "pending_if_incomplete", &[]).await;
    assert_eq!(refused.json()["error"]["param"], "payment_behavior");
}

#[tokio::test]
async fn a_card_that_is_set_up_asks_only_while_its_owner_is_there() {
    let bench = Bench::new();
    let id = paying_with(&bench, "pm_card_authenticationRequiredSetupForOffSession").await;
    let end = bench.look(|state| state.get::<Subscription>(&id).expect("it").period_end);
    bench.clock.store(end, Ordering::Relaxed);
    bench.sandbox.hub.work(super::super::traffic::overdue);
    let renewed = bench.get(&format!("subscriptions/{id}")).await;
    assert_eq!(renewed["status"], "active");
    let waits = upgrade(&bench, &id, "pending_if_incomplete", &[]).await.json();
    assert!(waits["pending_update"].is_object());
}

#[tokio::test]
async fn checkout_asks_before_it_saves_the_card() {
    let bench = Bench::new();
    let (customer, _) = bench.northwind();
    let form = [("mode", "setup"), ("customer", customer.as_str()), ("success_url", "http://p.example/ok")];
    let session = bench.post("checkout/sessions", &form).await;
    let path = format!("/sandbox/stripe/checkout/{}", session["id"].as_str().expect("an id"));
    let card = |answer| {
        [("number", "4000 0025 0000 3155"), ("expiry", "12 / 34"), ("cvc", "123"), ("name", "N"), ("bank", answer)]
    };
    let asked = bench.submit(&path, &card("")).await;
    assert!(asked.text().contains("Confirm with your bank") && asked.text().contains("4000 0025 0000 3155"));
    assert!(bench.submit(&path, &card("refuse")).await.text().contains("unable to authenticate"));
    assert!(bench.event_kinds().is_empty());
    assert_eq!(bench.submit(&path, &card("confirm")).await.status, StatusCode::SEE_OTHER);
    assert!(bench.event_kinds().contains(&"payment_method.attached".to_owned()));
}
