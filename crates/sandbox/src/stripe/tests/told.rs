//! Every event that the product reads is sent by something that a person or a request can cause. The list is in
//! `docs/sandbox.md`, made by this test.

use std::path::Path;

use patchbay_providers::stripe::MANIFEST;

use super::*;

/// Who causes which events; the first to cause one is named.
struct Told {
    bench: Bench,
    seen: usize,
    by: Vec<(&'static str, Vec<String>)>,
}

impl Told {
    /// Notes what happened since the last time as caused by `cause`.
    fn note(&mut self, cause: &'static str) {
        let kinds = self.bench.event_kinds();
        let new = kinds[self.seen..].iter().filter(|kind| !self.knows(kind)).cloned();
        let mut new: Vec<String> = new.collect();
        new.sort();
        new.dedup();
        self.seen = kinds.len();
        if !new.is_empty() {
            self.by.push((cause, new));
        }
    }

    fn knows(&self, kind: &str) -> bool {
        self.by.iter().any(|(_, kinds)| kinds.iter().any(|known| known == kind))
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)], cause: &'static str) -> Value {
        let answer = self.bench.post(path, form).await;
        self.note(cause);
        answer
    }

    async fn delete(&mut self, path: &str, cause: &'static str) {
        let answer = self.bench.api("DELETE", path, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        self.note(cause);
    }

    async fn button(&mut self, wish: &str, cause: &'static str) {
        self.bench.submit("/sandbox/actions", &[("do", wish)]).await;
        self.note(cause);
    }

    /// Time passes, and what is due is done.
    async fn wait(&mut self, seconds: i64, cause: &'static str) {
        self.bench.clock.fetch_add(seconds, Ordering::Relaxed);
        self.button("due", cause).await;
    }
}

fn id(object: &Value) -> &str {
    object["id"].as_str().expect("an id")
}

const DAY: i64 = 86_400;

async fn catalogue(told: &mut Told) {
    let product = told.post("products", &[("name", "Seats")], "`POST /v1/products`").await;
    let path = format!("products/{}", id(&product));
    told.post(&path, &[("name", "Team seats")], "`POST /v1/products/{id}`").await;
    let price = [("product", id(&product)), ("currency", "eur"), ("unit_amount", "500")];
    let price = told.post("prices", &price, "`POST /v1/prices`").await;
    told.post(&format!("prices/{}", id(&price)), &[("nickname", "Seat")], "`POST /v1/prices/{id}`").await;
    for price in ["price_sandbox_staff", "price_sandbox_partner"] {
        told.delete(&format!("plans/{price}"), "`DELETE /v1/plans/{id}`").await;
    }
    told.delete("products/prod_sandbox_internal", "`DELETE /v1/products/{id}`").await;
}

/// Somebody of whom a button may find a card and a subscription.
async fn payer(told: &mut Told) {
    let made = told.post("customers", &[("name", "Ida")], "`POST /v1/customers`").await;
    let path = format!("customers/{}", id(&made));
    let card = [("customer", id(&made))];
    let card = told.post("payment_methods/pm_card_visa/attach", &card, "`POST /v1/payment_methods/{id}/attach`").await;
    told.post(&path, &[("invoice_settings[default_payment_method]", id(&card))], "`POST /v1/customers/{id}`").await;
    let price = told.bench.price("starter_monthly_eur");
    let plan = [("customer", id(&made)), ("items[0][price]", price.as_str())];
    told.post("subscriptions", &plan, "`POST /v1/subscriptions`").await;
    told.button("replace", "button “Replace a card that ends”").await;
}

async fn people(told: &mut Told) {
    let made = told.post("customers", &[("name", "Ada")], "`POST /v1/customers`").await;
    let path = format!("customers/{}", id(&made));
    told.post(&path, &[("name", "Eve")], "`POST /v1/customers/{id}`").await;
    let form = [("customer", id(&made))];
    let card = told.post("payment_methods/pm_card_visa/attach", &form, "`POST /v1/payment_methods/{id}/attach`").await;
    let card_path = format!("payment_methods/{}", id(&card));
    told.post(&card_path, &[("card[exp_year]", "2040")], "`POST /v1/payment_methods/{id}`").await;
    told.post(&format!("{card_path}/detach"), &[], "`POST /v1/payment_methods/{id}/detach`").await;
    let sources = format!("{path}/sources");
    let source = told.post(&sources, &[("source", "tok_visa")], "`POST /v1/customers/{id}/sources`").await;
    let one = format!("{sources}/{}", id(&source));
    let ends = [("exp_month", "11"), ("exp_year", "2026")];
    told.post(&one, &ends, "`POST /v1/customers/{id}/sources/{id}`").await;
    told.button("due", "time: the month in which a source ends").await;
    told.delete(&one, "`DELETE /v1/customers/{id}/sources/{id}`").await;
    told.delete(&path, "`DELETE /v1/customers/{id}`").await;
}

/// A hosted page for a new customer with the price of this key.
async fn checkout(told: &mut Told, mode: &str) -> String {
    let (customer, _) = told.bench.northwind();
    let price = told.bench.price("starter_monthly_eur");
    let mut form = vec![("mode", mode), ("customer", customer.as_str()), ("success_url", "http://127.0.0.1:9/done")];
    if mode == "subscription" {
        form.push(("line_items[0][price]", &price));
    }
    let session = told.post("checkout/sessions", &form, "`POST /v1/checkout/sessions`").await;
    format!("/sandbox/stripe/checkout/{}", id(&session))
}

async fn hosted(told: &mut Told) {
    let card = [("number", "4242424242424242"), ("expiry", "12 / 34"), ("cvc", "123")];
    let page = checkout(told, "setup").await;
    told.bench.submit(&page, &card).await;
    told.note("Checkout: a card is saved");
    let page = checkout(told, "subscription").await;
    told.bench.submit(&page, &card).await;
    told.note("Checkout: a subscription is paid");
    for (iban, cause) in [
        ("AT611904300234573201", "time: a bank pays a debit"),
        ("AT861904300235473202", "time: a bank refuses a debit"),
    ] {
        let page = checkout(told, "subscription").await;
        told.bench.submit(&page, &[("iban", iban)]).await;
        told.note("Checkout: a subscription is paid by bank debit");
        told.wait(61, cause).await;
    }
}

async fn subscriptions(told: &mut Told) {
    let made = told.bench.post("customers", &[("name", "Trial")]).await;
    let price = told.bench.price("starter_monthly_eur");
    let plan = [("customer", id(&made)), ("items[0][price]", price.as_str())];
    let trial = [&plan[..], &[("trial_period_days", "7")]].concat();
    let brief = told.post("subscriptions", &trial, "`POST /v1/subscriptions`").await;
    told.delete(&format!("subscriptions/{}", id(&brief)), "`DELETE /v1/subscriptions/{id}`").await;
    let trial = told.post("subscriptions", &trial, "`POST /v1/subscriptions`").await;
    told.wait(5 * DAY, "time: three days before a trial ends").await;
    told.wait(3 * DAY, "time: a trial ends without a card").await;
    let customer = format!("customers/{}", id(&made));
    told.bench.post(&customer, &[("source", "tok_visa")]).await;
    told.note("`POST /v1/customers/{id}`");
    let path = format!("subscriptions/{}", id(&trial));
    told.post(&format!("{path}/resume"), &[], "`POST /v1/subscriptions/{id}/resume`").await;
    let sent = [&plan[..], &[("collection_method", "send_invoice"), ("days_until_due", "1")]].concat();
    let sent = told.post("subscriptions", &sent, "`POST /v1/subscriptions` with `send_invoice`").await;
    told.wait(2 * DAY, "time: an invoice is due").await;
    let path = format!("invoices/{}", sent["latest_invoice"].as_str().expect("an invoice"));
    told.post(&format!("{path}/mark_uncollectible"), &[], "`POST /v1/invoices/{id}/mark_uncollectible`").await;
    told.button("fail", "button “Fail a payment”").await;
}

async fn invoices(told: &mut Told) {
    let (customer, _) = told.bench.northwind();
    let form = [("customer", customer.as_str())];
    let draft = told.post("invoices", &form, "`POST /v1/invoices`").await;
    let path = format!("invoices/{}", id(&draft));
    told.post(&path, &[("description", "x")], "`POST /v1/invoices/{id}`").await;
    told.delete(&path, "`DELETE /v1/invoices/{id}`").await;
    told.button("draft", "button “Fail to finalize an invoice”").await;
    let price = told.bench.price("starter_monthly_eur");
    let waits =
        [("customer", customer.as_str()), ("items[0][price]", &price), ("payment_behavior", "default_incomplete")];
    let waits = told.post("subscriptions", &waits, "`POST /v1/subscriptions` with `default_incomplete`").await;
    let path = format!("invoices/{}", waits["latest_invoice"].as_str().expect("an invoice"));
    told.post(&format!("{path}/void"), &[], "`POST /v1/invoices/{id}/void`").await;
    let held = [("amount", "500"), ("currency", "eur"), ("customer", &customer), ("capture_method", "manual")];
    let card =
        told.bench.get(&format!("customers/{customer}")).await["invoice_settings"]["default_payment_method"].clone();
    let card = card.as_str().expect("a card");
    let held = [&held[..], &[("confirm", "true"), ("payment_method", card)]].concat();
    told.post("payment_intents", &held, "`POST /v1/payment_intents` with `capture_method=manual`").await;
}

/// A card whose bank asks, and a change that waits for the answer.
async fn confirmations(told: &mut Told) {
    let (customer, subscription) = told.bench.northwind();
    let form = [("customer", customer.as_str())];
    let card = told.bench.post("payment_methods/pm_card_authenticationRequired/attach", &form).await;
    let path = format!("subscriptions/{subscription}");
    let row = told.bench.post(&path, &[("default_payment_method", id(&card))]).await;
    let item = id(&row["items"]["data"][0]).to_owned();
    let scale = told.bench.price("scale_monthly_eur");
    let change = |count| {
        [
            ("items[0][id]", item.as_str()),
            ("items[0][price]", scale.as_str()),
            ("items[0][quantity]", count),
            ("proration_behavior", "always_invoice"),
            ("payment_behavior", "pending_if_incomplete"),
        ]
    };
    let cause = "`POST /v1/subscriptions/{id}` with `pending_if_incomplete`";
    let waits = told.post(&path, &change("1"), cause).await;
    let page = format!("/sandbox/stripe/invoices/{}", waits["latest_invoice"].as_str().expect("an invoice"));
    told.bench.submit(&page, &[("bank", "confirm")]).await;
    told.note("hosted invoice: the owner of a card confirms the payment");
    told.post(&path, &change("2"), cause).await;
    told.wait(DAY, "time: nobody confirms a payment").await;
}

async fn schedules(told: &mut Told) {
    let (_, subscription) = told.bench.northwind();
    let form = [("from_subscription", subscription.as_str())];
    let made = told.post("subscription_schedules", &form, "`POST /v1/subscription_schedules`").await;
    let path = format!("subscription_schedules/{}", id(&made));
    told.post(&path, &[("metadata[a]", "b")], "`POST /v1/subscription_schedules/{id}`").await;
    told.post(&format!("{path}/release"), &[], "`POST /v1/subscription_schedules/{id}/release`").await;
    let made = told.bench.post("subscription_schedules", &form).await;
    let path = format!("subscription_schedules/{}/cancel", id(&made));
    told.post(&path, &[], "`POST /v1/subscription_schedules/{id}/cancel`").await;
}

/// Schedules that come to their end by themselves.
async fn ended_schedules(told: &mut Told) {
    let price = told.bench.price("starter_monthly_eur");
    let mut begun = Vec::new();
    for (name, phase) in [("Brief", "month"), ("Indebted", "year")] {
        let made = told.bench.post("customers", &[("name", name), ("source", "tok_visa")]).await;
        let form = [
            ("customer", id(&made)),
            ("start_date", "now"),
            ("end_behavior", "cancel"),
            ("phases[0][items][0][price]", &price),
            ("phases[0][duration][interval]", phase),
        ];
        let schedule = told.bench.post("subscription_schedules", &form).await;
        begun.push((made, schedule["subscription"].as_str().expect("a subscription").to_owned()));
    }
    told.wait(25 * DAY, "time: a week before a schedule ends").await;
    told.wait(7 * DAY, "time: a schedule that ends its subscription is through").await;

    let (customer, subscription) = &begun[1];
    let card = [("customer", id(customer))];
    let card = told.bench.post("payment_methods/pm_card_chargeCustomerFail/attach", &card).await;
    let path = format!("subscriptions/{subscription}");
    told.bench.post(&path, &[("default_payment_method", id(&card))]).await;
    // What is due of others comes first, a few at a time.
    for _ in 0..100 {
        told.wait(DAY, "time: the last attempt to collect a debt fails, of a subscription with a schedule").await;
        if told.bench.get(&path).await["status"] == "canceled" {
            return;
        }
    }
    panic!("a subscription whose card is declined goes on and on");
}

fn table(told: &Told) -> String {
    let read = |kind: &String| MANIFEST.event_types.contains(&kind.as_str());
    let mut lines: Vec<String> = vec!["| Caused by | Events |".to_owned(), "|---|---|".to_owned()];
    for (cause, kinds) in &told.by {
        let kinds: Vec<String> = kinds.iter().filter(|kind| read(kind)).map(|kind| format!("`{kind}`")).collect();
        if !kinds.is_empty() {
            lines.push(format!("| {cause} | {} |", kinds.join(", ")));
        }
    }
    lines.join("\n")
}

#[tokio::test]
async fn everything_that_the_product_reads_can_be_caused_and_is_documented() {
    let mut told = Told { bench: Bench::at("http://127.0.0.1:9", 1), seen: 0, by: Vec::new() };
    catalogue(&mut told).await;
    payer(&mut told).await;
    people(&mut told).await;
    hosted(&mut told).await;
    subscriptions(&mut told).await;
    invoices(&mut told).await;
    confirmations(&mut told).await;
    schedules(&mut told).await;
    ended_schedules(&mut told).await;
    let missing: Vec<&str> = MANIFEST.event_types.iter().copied().filter(|kind| !told.knows(kind)).collect();
    assert_eq!(missing, [""; 0], "nothing causes these");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sandbox.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once("<!-- events -->\n").expect("where the list begins");
    let (_, after) = rest.split_once("<!-- end of events -->").expect("where it ends");
    let written = format!("{before}<!-- events -->\n{}\n<!-- end of events -->{after}", table(&told));
    if std::env::var_os("PATCHBAY_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &written).expect("written");
    }
    assert_eq!(page, written, "docs/sandbox.md is outdated: run this with PATCHBAY_UPDATE_DOCS=1");
}
