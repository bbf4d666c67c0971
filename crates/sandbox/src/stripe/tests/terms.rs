//! Terms of a subscription: how it is collected, paused and ended, and what of a request is taken at all.

use super::*;

async fn subscribe(bench: &Bench, more: &[(&str, &str)]) -> Value {
    let (customer, _) = bench.northwind();
    let price = bench.price("starter_monthly_eur");
    let form = [&[("customer", customer.as_str()), ("items[0][price]", price.as_str())][..], more].concat();
    bench.post("subscriptions", &form).await
}

async fn latest_invoice(bench: &Bench, subscription: &Value) -> Value {
    bench.get(&format!("invoices/{}", subscription["latest_invoice"].as_str().expect("an invoice"))).await
}

#[tokio::test]
async fn invoices_are_sent_and_paid_later_where_the_request_says_so() {
    let bench = Bench::new();
    let made = subscribe(&bench, &[("collection_method", "send_invoice"), ("days_until_due", "30")]).await;
    assert_eq!((&made["status"], &made["days_until_due"]), (&"active".into(), &30.into()));
    let invoice = latest_invoice(&bench, &made).await;
    assert_eq!((&invoice["status"], &invoice["amount_paid"]), (&"open".into(), &0.into()));
    assert_eq!(
        (&invoice["due_date"], &invoice["collection_method"]),
        (&(NOW + 30 * 86_400).into(), &"send_invoice".into())
    );
    assert!(bench.event_kinds().contains(&"invoice.sent".to_owned()));
    let (customer, _) = bench.northwind();
    let price = bench.price("starter_monthly_eur");
    let form = [("customer", customer.as_str()), ("items[0][price]", &price), ("collection_method", "send_invoice")];
    let refused = bench.api("POST", "subscriptions", &form);
    assert_eq!(refused.await.json()["error"]["param"], "days_until_due");
}

#[tokio::test]
async fn a_first_payment_that_waits_for_confirmation_charges_nothing_and_expires() {
    let bench = Bench::new();
    let made = subscribe(&bench, &[("payment_behavior", "default_incomplete")]).await;
    assert_eq!(made["status"], "incomplete");
    let invoice = latest_invoice(&bench, &made).await;
    assert_eq!((&invoice["status"], &invoice["amount_paid"]), (&"open".into(), &0.into()));
    bench.clock.fetch_add(86_400, Ordering::Relaxed);
    bench.sandbox.hub.work(super::super::traffic::overdue);
    let expired = bench.get(&format!("subscriptions/{}", made["id"].as_str().expect("an id"))).await;
    assert_eq!(expired["status"], "incomplete_expired");
    assert_eq!(latest_invoice(&bench, &expired).await["status"], "void");
}

#[tokio::test]
async fn a_date_ends_a_subscription_and_a_pause() {
    let bench = Bench::new();
    let (_, id) = bench.northwind();
    let (path, tomorrow) = (format!("subscriptions/{id}"), (NOW + 86_400).to_string());
    let pause = [("pause_collection[behavior]", "keep_as_draft"), ("pause_collection[resumes_at]", &tomorrow)];
    let paused = bench.post(&path, &pause).await;
    assert_eq!(paused["pause_collection"]["behavior"], "keep_as_draft");
    let dated = bench.post(&path, &[("cancel_at", &(NOW + 2 * 86_400).to_string())]).await;
    assert_eq!((&dated["cancel_at"], &dated["cancel_at_period_end"]), (&(NOW + 2 * 86_400).into(), &false.into()));
    bench.clock.fetch_add(86_400, Ordering::Relaxed);
    bench.sandbox.hub.work(super::super::traffic::overdue);
    let resumed = bench.get(&path).await;
    assert_eq!((&resumed["pause_collection"], &resumed["status"]), (&Value::Null, &"active".into()));
    bench.clock.fetch_add(86_400, Ordering::Relaxed);
    bench.sandbox.hub.work(super::super::traffic::overdue);
    let ended = bench.get(&path).await;
    assert_eq!(ended["status"], "canceled");
    // What was paid beyond that day is given back.
    let last = latest_invoice(&bench, &ended).await;
    let credit = last["lines"]["data"][0]["amount"].as_i64().expect("an amount");
    assert!(credit < 0 && last["total"] == credit && last["amount_due"] == 0, "{last}");
    let past = bench.api("POST", &path, &[("cancel_at", "1000")]).await;
    assert_eq!(past.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_address_is_kept_whole() {
    let bench = Bench::new();
    let form = [
        ("name", "Ada"),
        ("address[line1]", "1 Main St"),
        ("address[postal_code]", "D01"),
        ("address[country]", "IE"),
        ("shipping[name]", "Ada"),
        ("shipping[address][city]", "Cork"),
        ("preferred_locales[]", "ga"),
        ("preferred_locales[]", "en"),
        ("tax_exempt", "reverse"),
    ];
    let made = bench.post("customers", &form).await;
    let read = bench.get(&format!("customers/{}", made["id"].as_str().expect("an id"))).await;
    assert_eq!(read["address"]["line1"], "1 Main St");
    assert_eq!(read["address"]["postal_code"], "D01");
    assert_eq!(read["shipping"]["address"]["city"], "Cork");
    assert_eq!(read["preferred_locales"], serde_json::json!(["ga", "en"]));
    assert_eq!(read["tax_exempt"], "reverse");
}

#[tokio::test]
async fn what_would_be_dropped_is_refused_by_name() {
    let bench = Bench::new();
    let (customer, subscription) = bench.northwind();
    let (customers, subscriptions) = (format!("customers/{customer}"), format!("subscriptions/{subscription}"));
    for (path, name, value) in [
        (customers.as_str(), "invoice_settings[footer]", "Thanks"),
        (&customers, "address[planet]", "Mars"),
        (&subscriptions, "payment_settings[save_default_payment_method]", "on_subscription"),
        (&subscriptions, "discounts[0][coupon]", "half"),
        ("checkout/sessions", "allow_promotion_codes", "true"),
        ("invoices/create_preview", "automatic_tax[enabled]", "true"),
    ] {
        let refused = bench.api("POST", path, &[(name, value)]).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path} {name}");
        let param = refused.json()["error"]["param"].as_str().expect("a name").to_owned();
        assert!(name.starts_with(&param), "{path} {name}: {param}");
    }
}

#[tokio::test]
async fn an_object_has_no_members_that_belong_to_lists() {
    let bench = Bench::new();
    let (customer, _) = bench.northwind();
    assert!(bench.get(&format!("customers/{customer}")).await.get("data").is_none());
}

#[tokio::test]
async fn an_unknown_address_is_refused_as_the_provider_would() {
    let bench = Bench::new();
    let answer = bench.page("/sandbox/stripe/v2/core/events").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    let clerk = bench.page("/sandbox/clerk/v1/users").await;
    assert_eq!(clerk.status, StatusCode::NOT_FOUND);
    assert_eq!(clerk.json()["errors"][0]["code"], "resource_not_found");
}
