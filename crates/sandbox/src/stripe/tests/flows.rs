//! What people and the product do: change a plan, pay on the hosted pages, receive webhooks.

use std::sync::Mutex;
use std::time::Duration;

use axum::routing::post;

use super::*;
use crate::deliveries::signature;
use crate::hub::lock;
use crate::stripe::WEBHOOK_SECRET;

fn amounts(invoice: &Value) -> Vec<i64> {
    let lines = invoice["lines"]["data"].as_array().expect("lines");
    lines.iter().filter_map(|l| l["amount"].as_i64()).collect()
}

/// The middle of Northwind's running period.
fn middle(bench: &Bench, subscription: &str) -> i64 {
    bench.look(|state| {
        let row = state.get::<Subscription>(subscription).expect("it");
        let middle = row.period_start + (row.period_end - row.period_start) / 2;
        assert_eq!((row.period_end - row.period_start) % 2, 0);
        middle
    })
}

#[tokio::test]
async fn a_preview_costs_what_the_change_costs() {
    let bench = Bench::new();
    let (customer, id) = bench.northwind();
    let at = middle(&bench, &id);
    let date = at.to_string();
    bench.clock.store(at, Ordering::Relaxed);
    let scale = bench.price("scale_monthly_eur");
    let row = bench.get(&format!("subscriptions/{id}")).await;
    let item = row["items"]["data"][0]["id"].as_str().expect("an id").to_owned();
    let mut form = vec![
        ("customer", customer.as_str()),
        ("subscription", id.as_str()),
        ("subscription_details[items][0][id]", item.as_str()),
        ("subscription_details[items][0][price]", scale.as_str()),
        ("subscription_details[proration_date]", date.as_str()),
    ];
    // Half of €99 back, half of €349 to pay, and the next month whole.
    let next = bench.post("invoices/create_preview", &form).await;
    assert_eq!(amounts(&next), [-4_950, 17_450, 34_900]);
    assert_eq!(next["total"], 47_400);
    let proration = "/lines/data/0/parent/subscription_item_details/proration";
    assert_eq!(next.pointer(proration), Some(&true.into()));
    form.push(("subscription_details[proration_behavior]", "always_invoice"));
    let now = bench.post("invoices/create_preview", &form).await;
    assert_eq!(amounts(&now), [-4_950, 17_450]);
    assert_eq!(now["amount_due"], 12_500);
    assert!(bench.events().is_empty(), "a preview changes nothing");
    let change = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", scale.as_str()),
        ("proration_behavior", "always_invoice"),
        ("proration_date", date.as_str()),
        ("expand[]", "latest_invoice.payments"),
    ];
    let row = bench.post(&format!("subscriptions/{id}"), &change).await;
    assert_eq!(row["items"]["data"][0]["id"], item);
    assert_eq!(row["items"]["data"][0]["price"]["id"], scale);
    assert_eq!(row["latest_invoice"]["amount_paid"], 12_500);
    assert_eq!(row["latest_invoice"]["billing_reason"], "subscription_update");
    let payment = &row["latest_invoice"]["payments"]["data"][0];
    assert_eq!(payment["status"], "paid");
    let invoice = row["latest_invoice"]["id"].as_str().expect("an id");
    let payments = bench.get(&format!("invoice_payments?invoice={invoice}")).await;
    assert_eq!(&payments["data"][0], payment);
    assert_eq!(row["latest_invoice"]["parent"]["subscription_details"]["subscription"], id);
    let kinds = bench.event_kinds();
    assert_eq!(kinds[0], "customer.subscription.updated");
    assert!(kinds.contains(&"payment_intent.succeeded".to_owned()));
}

#[tokio::test]
async fn a_smaller_plan_waits_for_the_next_invoice() {
    let bench = Bench::new();
    let (_, id) = bench.northwind();
    let at = middle(&bench, &id);
    bench.clock.store(at, Ordering::Relaxed);
    let starter = bench.price("starter_monthly_eur");
    let row = bench.get(&format!("subscriptions/{id}")).await;
    let item = row["items"]["data"][0]["id"].as_str().expect("an id").to_owned();
    let change = [("items[0][id]", item.as_str()), ("items[0][price]", starter.as_str())];
    bench.post(&format!("subscriptions/{id}"), &change).await;
    let next = bench.post("invoices/create_preview", &[("subscription", id.as_str())]).await;
    assert_eq!(amounts(&next), [-4_950, 950, 1_900]);
    // The credit outweighs the month: nothing is due and the rest is kept.
    assert_eq!((&next["amount_due"], &next["ending_balance"]), (&0.into(), &(-2_100).into()));
}

#[tokio::test]
async fn a_new_interval_starts_a_new_period_in_the_classic_billing_mode() {
    let bench = Bench::new();
    let (_, id) = bench.northwind();
    bench.sandbox.hub.work(|state| state.edit::<Subscription>(&id, |row| row.flexible = false));
    let at = middle(&bench, &id);
    bench.clock.store(at, Ordering::Relaxed);
    let yearly = bench.price("growth_yearly_eur");
    let row = bench.get(&format!("subscriptions/{id}")).await;
    let item = row["items"]["data"][0]["id"].as_str().expect("an id").to_owned();
    let form = [
        ("subscription", id.as_str()),
        ("subscription_details[items][0][id]", item.as_str()),
        ("subscription_details[items][0][price]", yearly.as_str()),
    ];
    let preview = bench.post("invoices/create_preview", &form).await;
    assert_eq!(amounts(&preview), [-4_950, 99_000]);
}

#[tokio::test]
async fn leaving_can_be_taken_back() {
    let bench = Bench::new();
    let (_, id) = bench.northwind();
    let path = format!("subscriptions/{id}");
    let form = [("cancel_at_period_end", "true"), ("cancellation_details[feedback]", "unused")];
    let row = bench.post(&path, &form).await;
    assert_eq!(row["cancel_at_period_end"], true);
    assert_eq!(row["cancellation_details"]["feedback"], "unused");
    let none = [("subscription", id.as_str())];
    let none = bench.api("POST", "invoices/create_preview", &none).await;
    assert_eq!(none.json()["error"]["code"], "invoice_upcoming_none");
    let row = bench.post(&path, &[("cancel_at_period_end", "false")]).await;
    assert_eq!((&row["cancel_at"], &row["canceled_at"]), (&Value::Null, &Value::Null));
    let gone = bench.api("DELETE", &path, &[]).await.json();
    assert_eq!(gone["status"], "canceled");
    assert_eq!(bench.event_kinds().last().expect("one"), "customer.subscription.deleted");
}

async fn checkout(bench: &Bench, mode: &str) -> (String, Value) {
    let customer = bench.post("customers", &[("name", "Umbra Labs"), ("email", "ops@umbra.example")]).await;
    let customer = customer["id"].as_str().expect("an id").to_owned();
    let price = bench.price("growth_monthly_usd");
    let mut form = vec![
        ("mode", mode),
        ("customer", customer.as_str()),
        ("success_url", "http://p.example/ok?s={CHECKOUT_SESSION_ID}"),
        ("cancel_url", "http://p.example/no"),
        ("client_reference_id", "org_sandbox_umbra"),
    ];
    if mode == "subscription" {
        form.push(("line_items[0][price]", &price));
        form.push(("line_items[0][quantity]", "1"));
        form.push(("subscription_data[metadata][organisation_id]", "org_sandbox_umbra"));
    }
    let session = bench.post("checkout/sessions", &form).await;
    (customer, session)
}

fn card(number: &str) -> [(&str, &str); 4] {
    [("number", number), ("expiry", "12 / 34"), ("cvc", "123"), ("name", "U. Labs")]
}

#[tokio::test]
async fn paying_on_the_hosted_page_tells_everything_in_order() {
    let bench = Bench::new();
    let (customer, session) = checkout(&bench, "subscription").await;
    let id = session["id"].as_str().expect("an id");
    let path = format!("/sandbox/stripe/checkout/{id}");
    assert_eq!(session["url"], format!("http://127.0.0.1:9{path}"));
    assert_eq!((&session["amount_total"], &session["payment_status"]), (&10_900.into(), &"unpaid".into()));
    let page = bench.page(&path).await;
    assert!(page.text().contains("4242 4242 4242 4242") && page.text().contains("$109.00"));
    let declined = bench.submit(&path, &card("4000 0000 0000 0002")).await;
    assert_eq!(declined.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(declined.text().contains("Your card was declined."));
    assert_eq!(bench.event_kinds(), ["customer.created"]);
    let paid = bench.submit(&path, &card("4242 4242 4242 4242")).await;
    assert_eq!(paid.status, StatusCode::SEE_OTHER);
    assert_eq!(paid.header("location"), format!("http://p.example/ok?s={id}"));
    assert_eq!(
        bench.event_kinds()[1..],
        [
            "payment_method.attached",
            "customer.updated",
            "customer.updated",
            "customer.subscription.created",
            "invoice.created",
            "customer.subscription.updated",
            "customer.updated",
            "invoice.finalized",
            "payment_intent.succeeded",
            "invoice_payment.paid",
            "invoice.paid",
            "invoice.payment_succeeded",
            "customer.subscription.updated",
            "checkout.session.completed",
        ]
    );
    let done = bench.get(&format!("checkout/sessions/{id}?expand[]=subscription")).await;
    assert_eq!(
        (&done["status"], &done["payment_status"], &done["url"]),
        (&"complete".into(), &"paid".into(), &Value::Null)
    );
    assert_eq!(done["subscription"]["status"], "active");
    assert_eq!(done["subscription"]["metadata"]["organisation_id"], "org_sandbox_umbra");
    assert_eq!(done["subscription"]["customer"], customer);
    // Going back and paying again does nothing twice.
    let before = bench.events().len();
    let again = bench.submit(&path, &card("4242 4242 4242 4242")).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);
    assert_eq!(bench.events().len(), before);
    let invoice = done["invoice"].as_str().expect("an id");
    let page = bench.page(&format!("/sandbox/stripe/invoices/{invoice}")).await;
    assert!(page.text().contains("Umbra Labs"));
    let file = bench.page(&format!("/sandbox/stripe/invoices/{invoice}/pdf")).await;
    assert!(file.body.starts_with(b"%PDF-1.4"));
}

#[tokio::test]
async fn the_portal_keeps_cards_and_ends_plans() {
    let bench = Bench::new();
    let (customer, subscription) = bench.northwind();
    let form = [("customer", customer.as_str()), ("return_url", "http://p.example/billing")];
    let session = bench.post("billing_portal/sessions", &form).await;
    let url = session["url"].as_str().expect("a URL");
    let path = url.strip_prefix("http://127.0.0.1:9").expect("ours").to_owned();
    let page = bench.page(&path).await.text();
    assert!(page.contains("Growth") && page.contains("http://p.example/billing"));
    let act = format!("{path}/subscriptions/{subscription}");
    let left = bench.submit(&act, &[("do", "cancel"), ("feedback", "unused")]).await;
    assert_eq!(left.status, StatusCode::SEE_OTHER);
    assert!(bench.page(&path).await.text().contains("Keep the plan"));
    bench.submit(&act, &[("do", "keep")]).await;
    bench.submit(&format!("{path}/cards"), &card("5555555555554444")).await;
    let cards = bench.get(&format!("customers/{customer}/payment_methods")).await;
    assert_eq!(cards["data"][0]["card"]["brand"], "mastercard");
    let old = cards["data"][1]["id"].as_str().expect("an id");
    bench.submit(&format!("{path}/cards/{old}"), &[("do", "remove")]).await;
    let left = bench.get(&format!("customers/{customer}/payment_methods")).await;
    assert_eq!(left["data"].as_array().expect("a list").len(), 1);
}

#[tokio::test]
async fn a_card_that_fails_later_makes_the_subscription_past_due() {
    let bench = Bench::new();
    let (customer, session) = checkout(&bench, "setup").await;
    let id = session["id"].as_str().expect("an id");
    let path = format!("/sandbox/stripe/checkout/{id}");
    bench.submit(&path, &card("4000000000000341")).await;
    assert_eq!(
        bench.event_kinds()[1..],
        ["payment_method.attached", "setup_intent.succeeded", "checkout.session.completed"]
    );
    let done = bench.get(&format!("checkout/sessions/{id}?expand[]=setup_intent")).await;
    let card = done["setup_intent"]["payment_method"].as_str().expect("a card");
    let price = bench.price("starter_monthly_usd");
    let mut form = vec![
        ("customer", customer.as_str()),
        ("items[0][price]", price.as_str()),
        ("default_payment_method", card),
        ("payment_behavior", "error_if_incomplete"),
    ];
    let refused = bench.api("POST", "subscriptions", &form).await;
    assert_eq!(refused.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(refused.json()["error"]["decline_code"], "generic_decline");
    form.pop();
    let row = bench.post("subscriptions", &form).await;
    assert_eq!(row["status"], "incomplete");
    let good = bench.post("payment_methods/pm_card_visa/attach", &[("customer", &customer)]).await;
    let good = good["id"].as_str().expect("an id");
    let invoice = row["latest_invoice"].as_str().expect("an id");
    let paid = bench.post(&format!("invoices/{invoice}/pay"), &[("payment_method", good)]).await;
    assert_eq!(paid["status"], "paid");
    let id = row["id"].as_str().expect("an id");
    let row = bench.get(&format!("subscriptions/{id}")).await;
    assert_eq!(row["status"], "active");
}

pub(super) type Inbox = Arc<Mutex<Vec<(String, String)>>>;

/// A product that keeps what it gets, and refuses the first `refuse` deliveries.
pub(super) async fn product(refuse: usize) -> (String, Inbox) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let inbox = Inbox::default();
    let kept = inbox.clone();
    let take = move |headers: HeaderMap, body: String| {
        let mut all = lock(&kept);
        let given = headers.get("stripe-signature").or_else(|| headers.get("mux-signature"));
        let given = given.expect("a signature").to_str().expect("text");
        all.push((given.to_owned(), body));
        let status = if all.len() <= refuse { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        async move { status }
    };
    let app = Router::new().route("/webhooks/{provider}", post(take));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (base, inbox)
}

pub(super) async fn wait_for(inbox: &Inbox, count: usize) -> Vec<(String, String)> {
    for _ in 0..400 {
        if lock(inbox).len() >= count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    lock(inbox).clone()
}

fn verifies((given, body): &(String, String)) -> bool {
    *given == signature(WEBHOOK_SECRET, NOW, body)
}

#[tokio::test]
async fn webhooks_arrive_signed_and_in_order() {
    let (base, inbox) = product(0).await;
    let bench = Bench::at(&base, 5);
    tokio::spawn(bench.sandbox.clone().run(std::future::pending::<()>()));
    let (_, session) = checkout(&bench, "subscription").await;
    let path = format!("/sandbox/stripe/checkout/{}", session["id"].as_str().expect("an id"));
    bench.submit(&path, &card("4242424242424242")).await;
    let kinds = bench.event_kinds();
    let got = wait_for(&inbox, kinds.len()).await;
    assert!(got.iter().all(verifies));
    // What concerns the customer leaves one after another; the session names its customer too.
    let arrived: Vec<String> = got
        .iter()
        .map(|(_, body)| {
            let event: Value = serde_json::from_str(body).expect("JSON");
            event["type"].as_str().expect("a type").to_owned()
        })
        .collect();
    assert_eq!(arrived, kinds);
}

#[tokio::test]
async fn a_refused_webhook_comes_again_with_a_new_signature() {
    let (base, inbox) = product(1).await;
    let bench = Bench::at(&base, 2);
    tokio::spawn(bench.sandbox.clone().run(std::future::pending::<()>()));
    bench.post("customers", &[("name", "x")]).await;
    wait_for(&inbox, 1).await;
    bench.clock.store(NOW + 5, Ordering::Relaxed);
    let got = wait_for(&inbox, 2).await;
    assert_eq!(got[0].1, got[1].1);
    assert!(verifies(&got[0]) && got[1].0.starts_with(&format!("t={},", NOW + 5)));
}

#[tokio::test]
async fn deliveries_are_doubled_and_tampered_as_told() {
    let (base, inbox) = product(0).await;
    let bench = Bench::at(&base, 2);
    let set = bench.sandbox.hub.set_switches(|s| {
        s.duplicate = 100;
        s.tamper = 100;
        Ok::<(), ()>(())
    });
    set.expect("valid");
    tokio::spawn(bench.sandbox.clone().run(std::future::pending::<()>()));
    bench.post("customers", &[("name", "x")]).await;
    let got = wait_for(&inbox, 2).await;
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].1, got[1].1);
    assert!(!verifies(&got[0]) && !verifies(&got[1]));
}
