//! An action that is left without an answer: the process is killed between the call and its answer.

use crate::{
    account::{Account, SILENCE},
    database::{Database, on_postgres, on_sqlite},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_mins(1);
const STARTED: &str = "SELECT COUNT(*) FROM audit WHERE outcome = 'started'";

fn subscription(id: &str, ends: bool) -> Value {
    json!({
        "id": id, "object": "subscription", "customer": "cus_1", "status": "active", "currency": "usd",
        "cancel_at_period_end": ends, "created": 1_794_736_000, "items": {"data": [{
            "id": "si_1", "quantity": 1, "current_period_end": 1_797_328_000,
            "price": {"id": "price_1", "currency": "usd", "unit_amount": 2900, "recurring": {"interval": "month"}},
        }]},
    })
}

/// Sends a form that is never answered, until the provider has its request.
async fn cancels(account: &Account, id: &str) {
    let record = format!("stripe/{id}");
    let form = [("record", record.as_str()), ("when", "period_end"), ("form_id", id)];
    let asked = format!("POST /v1/subscriptions/{id}");
    let sent = account.act("org_staff", "/actions/cancel-subscription", &form);
    let reached = async {
        let since = Instant::now();
        while account.asked(&asked).is_empty() {
            assert!(since.elapsed() < SOON, "the provider was not asked");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        answer = sent => panic!("it was answered: {answer:?}"),
        () = reached => {}
    }
}

async fn is_killed_in_between(database: Database) {
    let mut account = Account::start_on(database, &[]).await;
    for (number, id) in ["sub_done", "sub_not"].into_iter().enumerate() {
        account.happens(i64::try_from(number).unwrap(), "customer.subscription.created", subscription(id, false)).await;
        account.answers(&format!("POST /v1/subscriptions/{id}"), SILENCE, json!(null));
    }
    account.settled().await;
    for id in ["sub_done", "sub_not"] {
        cancels(&account, id).await;
    }
    assert_eq!(account.database.count(STARTED).await, 2, "what is asked for is in the log before it is asked for");
    account.server.kill();
    // The provider did one of them, and never got to the other.
    account.answers("GET /v1/subscriptions/sub_done", 200, subscription("sub_done", true));
    account.answers("GET /v1/subscriptions/sub_not", 200, subscription("sub_not", false));
    account.database.execute("UPDATE audit SET at = at - 600000000 WHERE outcome = 'started'").await;
    account.server.start_again().await;
    let found = "SELECT COUNT(*) FROM audit WHERE settled_by IS NOT NULL";
    account.database.until(found, 2, SOON).await;
    let outcome = "SELECT COUNT(*) FROM audit WHERE target_id = 'sub_done' AND outcome = 'done'";
    assert_eq!(account.database.count(outcome).await, 1);
    let outcome = "SELECT COUNT(*) FROM audit WHERE target_id = 'sub_not' AND outcome = 'failed'";
    assert_eq!(account.database.count(outcome).await, 1);
    let page = account.staff_page("/subscriptions/stripe/sub_done").await;
    assert!(page.contains("Ends on") || page.contains("Ends 15 Dec 2026"), "our copy knows, too");
    assert!(account.staff_page("/audit?outcome=done").await.contains("sub_done"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_an_action_is_found_out_after_a_crash_between_the_call_and_its_answer() {
    on_sqlite(is_killed_in_between).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_an_action_is_found_out_after_a_crash_on_postgres() {
    on_postgres(is_killed_in_between).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_from_the_object_is_asked_of_a_person() {
    let account = Account::start().await;
    let customer = json!({
        "id": "cus_1", "object": "customer", "name": "Ours", "metadata": {"organisation_id": "org_1"},
        "created": 1_790_000_000, "livemode": false,
    });
    account.happens(1, "customer.created", customer.clone()).await;
    account.settled().await;
    account.answers("GET /v1/customers/cus_1", 200, customer);
    account.answers("POST /v1/checkout/sessions", 500, json!({"error": {"type": "api_error", "message": "Sorry."}}));
    let (_, to) = account.act("org_1", "/actions/billing/add-payment-method", &[]).await;
    assert!(to.starts_with("/billing"), "{to}");
    let unknown = "SELECT COUNT(*) FROM audit WHERE outcome = 'unknown'";
    assert_eq!(account.database.count(unknown).await, 1);
    let list = account.staff_page("/audit?outcome=unknown").await;
    let entry = list.split("href=\"/audit/").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let page = account.staff_page(&format!("/audit/{entry}")).await;
    assert!(page.contains("It is not known whether this took effect") && page.contains("It did not"), "{page}");
    let customer = account.act("org_1", "/actions/settle-action", &[("id", &entry), ("took_effect", "true")]).await;
    assert_eq!(account.database.count(unknown).await, 1, "a customer decides nothing: {customer:?}");
    account.act("org_staff", "/actions/settle-action", &[("id", &entry), ("took_effect", "false")]).await;
    let settled = "SELECT COUNT(*) FROM audit WHERE outcome = 'failed' AND settled_by IS NOT NULL";
    assert_eq!(account.database.count(settled).await, 1);
    assert_eq!(account.database.count("SELECT COUNT(*) FROM audit WHERE action = 'audit.settle'").await, 1);
}
