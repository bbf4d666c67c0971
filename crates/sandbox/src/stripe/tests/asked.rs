//! What requests can ask for that nothing here does by itself: drafts, payments without invoices, debits, the end of trials.

use super::*;

fn id(object: &Value) -> &str {
    object["id"].as_str().expect("an id")
}

async fn refusal(bench: &Bench, path: &str, form: &[(&str, &str)]) -> (StatusCode, String) {
    let answer = bench.api("POST", path, form).await;
    (answer.status, answer.json()["error"]["param"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_draft_is_changed_finalized_or_deleted() {
    let bench = Bench::new();
    let (customer, _) = bench.northwind();
    let form = [("customer", customer.as_str()), ("description", "For a day"), ("metadata[a]", "b")];
    let draft = bench.post("invoices", &form).await;
    assert_eq!(
        (&draft["status"], &draft["description"], &draft["metadata"]["a"]),
        (&"draft".into(), &"For a day".into(), &"b".into())
    );
    assert!(draft["number"].is_null() && draft["billing_reason"] == "manual");
    let path = format!("invoices/{}", id(&draft));
    bench.post(&path, &[("description", "For two")]).await;
    let told = bench.events().pop().expect("an event");
    assert_eq!(
        (&told["type"], &told["data"]["previous_attributes"]["description"]),
        (&"invoice.updated".into(), &"For a day".into())
    );
    let paid = bench.post(&format!("{path}/finalize"), &[]).await;
    assert_eq!((&paid["status"], &paid["description"]), (&"paid".into(), &"For two".into()));
    let deleted = bench.api("DELETE", &path, &[]).await;
    assert_eq!((deleted.status, &deleted.json()["error"]["param"]), (StatusCode::BAD_REQUEST, &"id".into()));
    assert_eq!(
        refusal(&bench, &format!("{path}/finalize"), &[]).await,
        (StatusCode::BAD_REQUEST, "invoice".to_owned())
    );
    let other = bench.post("invoices", &[("customer", customer.as_str())]).await;
    let path = format!("invoices/{}", id(&other));
    assert_eq!(bench.api("DELETE", &path, &[]).await.json()["deleted"], true);
    assert_eq!(bench.api("GET", &path, &[]).await.json()["error"]["code"], "resource_missing");
}

#[tokio::test]
async fn an_invoice_that_cannot_be_finalized_says_why_until_it_is() {
    let bench = Bench::new();
    bench.submit("/sandbox/actions", &[("do", "draft")]).await;
    let told = bench.events().pop().expect("an event");
    assert_eq!(told["type"], "invoice.finalization_failed");
    let stuck = &told["data"]["object"];
    assert_eq!(
        (&stuck["status"], &stuck["last_finalization_error"]["code"]),
        (&"draft".into(), &"customer_tax_location_invalid".into())
    );
    let done = bench.post(&format!("invoices/{}/finalize", id(stuck)), &[]).await;
    assert!(done["status"] == "paid" && done["last_finalization_error"].is_null());
}

#[tokio::test]
async fn a_payment_can_be_held_captured_and_given_up() {
    let bench = Bench::new();
    let (customer, _) = bench.northwind();
    let card = bench.get(&format!("customers/{customer}")).await["invoice_settings"]["default_payment_method"].clone();
    let card = card.as_str().expect("a card");
    let form = [("amount", "700"), ("currency", "EUR"), ("customer", customer.as_str()), ("capture_method", "manual")];
    let made = bench.post("payment_intents", &form).await;
    assert_eq!(
        (&made["status"], &made["capture_method"], &made["currency"]),
        (&"requires_payment_method".into(), &"manual".into(), &"eur".into())
    );
    let path = format!("payment_intents/{}", id(&made));
    let held = bench.post(&format!("{path}/confirm"), &[("payment_method", card)]).await;
    assert_eq!(
        (&held["status"], &held["amount_capturable"], &held["amount_received"]),
        (&"requires_capture".into(), &700.into(), &0.into())
    );
    assert_eq!(bench.event_kinds(), ["payment_intent.created", "payment_intent.amount_capturable_updated"]);
    let partly = refusal(&bench, &format!("{path}/capture"), &[("amount_to_capture", "5")]).await;
    assert_eq!(partly, (StatusCode::BAD_REQUEST, "amount_to_capture".to_owned()));
    let had = bench.post(&format!("{path}/capture"), &[]).await;
    assert_eq!(
        (&had["status"], &had["amount_capturable"], &had["amount_received"]),
        (&"succeeded".into(), &0.into(), &700.into())
    );
    let late = bench.api("POST", &format!("{path}/cancel"), &[]).await.json();
    assert_eq!(late["error"]["code"], "payment_intent_unexpected_state");
    let again = [&form[..], &[("confirm", "true"), ("payment_method", card)]].concat();
    let again = bench.post("payment_intents", &again).await;
    let gone = bench.post(&format!("payment_intents/{}/cancel", id(&again)), &[]).await;
    assert!(gone["status"] == "canceled" && gone["canceled_at"] == NOW);
    let of_invoice = bench.look(|state| {
        let mut all = state.tables.payment_intents.oldest();
        all.find(|row| row.invoice.is_some()).map(|row| row.id.clone()).expect("a payment")
    });
    let refused = refusal(&bench, &format!("payment_intents/{of_invoice}/cancel"), &[]).await;
    assert_eq!(refused, (StatusCode::BAD_REQUEST, "intent".to_owned()));
}

/// Subscribes Northwind on the hosted page with a bank account; the session and the subscription.
async fn debit(bench: &Bench, iban: &str) -> (String, String) {
    let (customer, _) = bench.northwind();
    let price = bench.price("starter_monthly_eur");
    let form = [
        ("mode", "subscription"),
        ("customer", customer.as_str()),
        ("success_url", "http://127.0.0.1:9/done"),
        ("line_items[0][price]", &price),
    ];
    let session = bench.post("checkout/sessions", &form).await;
    let answer = bench.submit(&format!("/sandbox/stripe/checkout/{}", id(&session)), &[("iban", iban)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    let path = format!("checkout/sessions/{}", id(&session));
    let done = bench.get(&path).await;
    assert_eq!((&done["status"], &done["payment_status"]), (&"complete".into(), &"unpaid".into()));
    (path, done["subscription"].as_str().expect("a subscription").to_owned())
}

#[tokio::test]
async fn a_bank_debit_is_in_process_until_the_bank_answers() {
    let bench = Bench::new();
    let (session, subscription) = debit(&bench, "AT61 1904 3002 3457 3201").await;
    let row = bench
        .get(&format!("subscriptions/{subscription}?expand[]=latest_invoice&expand[]=default_payment_method"))
        .await;
    assert_eq!((&row["status"], &row["latest_invoice"]["status"]), (&"active".into(), &"open".into()));
    let account = &row["default_payment_method"];
    assert_eq!((&account["type"], &account["sepa_debit"]["last4"]), (&"sepa_debit".into(), &"3201".into()));
    assert!(account.get("card").is_none());
    let (customer, _) = bench.northwind();
    let portal = bench.post("billing_portal/sessions", &[("customer", customer.as_str())]).await;
    let page = bench.page(&format!("/sandbox/stripe/portal/{}", id(&portal))).await.text();
    assert!(page.contains("bank account ending in 3201</span>"), "{page}");
    assert!(bench.event_kinds().contains(&"payment_intent.processing".to_owned()));
    bench.clock.fetch_add(61, Ordering::Relaxed);
    bench.sandbox.hub.work(super::super::traffic::overdue);
    assert_eq!(bench.get(&session).await["payment_status"], "paid");
    let invoice = bench.get(&format!("invoices/{}", id(&row["latest_invoice"]))).await;
    assert_eq!((&invoice["status"], &invoice["amount_paid"]), (&"paid".into(), &1_900.into()));
    assert!(bench.event_kinds().contains(&"checkout.session.async_payment_succeeded".to_owned()));
}

#[tokio::test]
async fn a_bank_that_refuses_leaves_a_debt() {
    let bench = Bench::new();
    let (session, subscription) = debit(&bench, "AT861904300235473202").await;
    bench.clock.fetch_add(61, Ordering::Relaxed);
    bench.sandbox.hub.work(super::super::traffic::overdue);
    assert_eq!(bench.get(&session).await["payment_status"], "unpaid");
    assert_eq!(bench.get(&format!("subscriptions/{subscription}")).await["status"], "past_due");
    let kinds = bench.event_kinds();
    for kind in ["payment_intent.payment_failed", "invoice.payment_failed", "checkout.session.async_payment_failed"] {
        assert!(kinds.contains(&kind.to_owned()), "{kind} is not among {kinds:?}");
    }
}

#[tokio::test]
async fn a_trial_that_ends_without_a_card_pauses_and_can_be_resumed_with_one() {
    let bench = Bench::new();
    let made = bench.post("customers", &[("name", "Trial")]).await;
    let price = bench.price("starter_monthly_eur");
    let form = [("customer", id(&made)), ("items[0][price]", price.as_str()), ("trial_period_days", "7")];
    let row = bench.post("subscriptions", &form).await;
    let path = format!("subscriptions/{}", id(&row));
    let later = |days: i64| {
        bench.clock.fetch_add(days * 86_400, Ordering::Relaxed);
        bench.sandbox.hub.work(super::super::traffic::overdue);
    };
    later(5);
    later(0);
    let told = |kind: &str| {
        let all = bench.events();
        all.iter().filter(|event| event["type"] == kind && event["data"]["object"]["id"] == row["id"]).count()
    };
    assert_eq!(told("customer.subscription.trial_will_end"), 1, "once for each trial");
    assert_eq!(refusal(&bench, &format!("{path}/resume"), &[]).await, (StatusCode::BAD_REQUEST, "id".to_owned()));
    later(3);
    assert_eq!(bench.get(&path).await["status"], "paused");
    assert_eq!(refusal(&bench, &format!("{path}/resume"), &[]).await.0, StatusCode::BAD_REQUEST);
    bench.post(&format!("customers/{}", id(&made)), &[("source", "tok_visa")]).await;
    let resumed = bench.post(&format!("{path}/resume"), &[]).await;
    let now = NOW + 8 * 86_400;
    assert_eq!((&resumed["status"], &resumed["billing_cycle_anchor"]), (&"active".into(), &now.into()));
    assert_eq!(resumed["items"]["data"][0]["current_period_start"], now);
    let invoice = bench.get(&format!("invoices/{}", resumed["latest_invoice"].as_str().expect("an invoice"))).await;
    assert_eq!((&invoice["status"], &invoice["amount_paid"]), (&"paid".into(), &1_900.into()));
    assert_eq!(told("customer.subscription.resumed"), 1);
}
