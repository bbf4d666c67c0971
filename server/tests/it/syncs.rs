//! Syncs of keys that may not read everything, as staff see them and across a restart.

use crate::{account::Account, database::Database, on_both_databases};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_mins(1);
const DONE: &str = "SELECT COUNT(*) FROM syncs WHERE connection = 'stripe' AND state = 'done'";
const INCOMPLETE: &str = "SELECT COUNT(*) FROM syncs WHERE connection = 'stripe' AND state = 'incomplete'";
const STAFF: &str = "org_staff";
const STRIPE: &[(&str, &str)] = &[("connection", "stripe")];

fn denied(permission: &str) -> Value {
    let message = format!(
        "The provided key 'rk_test_...oz7Q' does not have the required permissions for this endpoint on account 'acct_ours'. \
         Having the '{permission}' permission would allow this request to continue."
    );
    json!({"error": {"type": "invalid_request_error", "message": message}})
}

fn one_invoice() -> Value {
    json!({"object": "list", "has_more": false, "data": [{"id": "in_1", "object": "invoice", "created": 1_790_000_000}]})
}

/// Each attribute and tag away that may stand between words.
async fn connections(account: &Account) -> String {
    account.staff_page("/connections").await.replace("<!>", "")
}

async fn what_is_missing_is_told_everywhere_and_read_after_a_restart_once_the_keys_may(database: Database) {
    let mut account = Account::start_on(database, &[]).await;
    account.database.until(DONE, 1, SOON).await;
    account.answers("GET /v1/invoices", 403, denied("rak_invoice_read"));
    assert_eq!(account.act(STAFF, "/actions/start-sync", STRIPE).await.0, 302);
    account.database.until(INCOMPLETE, 1, SOON).await;
    let access = "SELECT COUNT(*) FROM connection_state WHERE name = 'access' AND value LIKE '%rak_invoice_read%'";
    account.database.until(access, 1, SOON).await;
    let page = connections(&account).await;
    for part in [
        "Incomplete",
        "Invoices",
        "rak_invoice_read",
        "Invoices: Read",
        "8 of 9 kinds",
        "test clocks",
        "What is missing is read again",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("oz7Q"), "{page}");
    let overview = account.staff_page("/").await;
    assert!(overview.contains("Sync incomplete") && overview.contains("1 kind missing"), "{overview}");
    let numbers = account.server.numbers().await;
    assert!(numbers.contains("patchbay_sync_missing_kinds{connection=\"stripe\"} 1"), "{numbers}");

    account.answers("GET /v1/invoices", 200, one_invoice());
    account.server.kill();
    account.server.start_again().await;
    account.database.until(DONE, 2, SOON).await;
    assert_eq!(account.database.count("SELECT COUNT(*) FROM records WHERE kind = 'invoice'").await, 1);
    account.database.until(access, 0, SOON).await;
    let page = connections(&account).await;
    assert!(
        page.contains("Everything") && !page.contains("Incomplete") && !page.contains("rak_invoice_read"),
        "{page}"
    );
}

async fn a_check_asks_anew_and_a_page_view_does_not(database: Database) {
    let account = Account::start_on(database, &[]).await;
    account.database.until(DONE, 1, SOON).await;
    account.database.until("SELECT COUNT(*) FROM connection_state WHERE name = 'access'", 2, SOON).await;
    let asked = || account.asked("GET /v1/subscriptions").len();
    let before = asked();
    assert!(connections(&account).await.contains("Everything"));
    assert_eq!(asked(), before, "a page view calls nobody");
    account.answers("GET /v1/subscriptions", 403, denied("rak_subscription_read"));
    assert_eq!(account.act(STAFF, "/actions/check-connection", STRIPE).await.0, 302);
    assert_eq!(asked(), before + 1);
    let page = connections(&account).await;
    assert!(page.contains("8 of 9 kinds") && page.contains("Subscriptions: Read"), "{page}");
    let told = "SELECT COUNT(*) FROM audit WHERE action = 'connection.check' AND outcome = 'done'";
    assert_eq!(account.database.count(told).await, 1);
    account.act("org_other", "/actions/check-connection", STRIPE).await;
    assert_eq!((asked(), account.database.count(told).await), (before + 1, 1), "customers have no say in it");
}

/// As behind a gateway that knows a few paths only, or of an API that imitates a part of Stripe's. Its objects are of years ago.
#[tokio::test(flavor = "multi_thread")]
async fn paths_that_nobody_knows_hold_up_no_other_and_are_named_at_once() {
    let account = Account::start().await;
    account.database.until(DONE, 1, SOON).await;
    let plan = json!({
        "id": "team", "object": "plan", "active": true, "amount": 1_900, "billing_scheme": "per_unit", "currency": "eur",
        "interval": "month", "interval_count": 1, "name": "Team", "product": "prod_1", "usage_type": "licensed",
    });
    let item = json!({"id": "si_1", "object": "subscription_item", "plan": plan, "quantity": 3, "tax_rates": []});
    let subscription = json!({
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active", "created": 1_790_000_000,
        "current_period_start": 1_790_000_000, "current_period_end": 1_792_592_000, "plan": plan, "quantity": 3,
        "items": {"object": "list", "data": [item], "has_more": false, "total_count": 1},
    });
    let customer =
        json!({"id": "cus_1", "object": "customer", "name": "Acme", "account_balance": 0, "created": 1_790_000_000});
    let list = |object: Value| json!({"object": "list", "has_more": false, "data": [object]});
    account.answers("GET /v1/customers", 200, list(customer));
    account.answers("GET /v1/subscriptions", 200, list(subscription));
    for path in ["prices", "customers/cus_1/payment_methods", "subscription_schedules", "invoice_payments"] {
        account.answers(&format!("GET /v1/{path}"), 404, "404: Not Found".into());
    }
    assert_eq!(account.act(STAFF, "/actions/start-sync", STRIPE).await.0, 302);
    // It used to wait three minutes for the first of them, and to give up on all others then.
    account.database.until(INCOMPLETE, 1, SOON).await;
    for records in [
        "SELECT COUNT(*) FROM records WHERE kind = 'customer'",
        "SELECT COUNT(*) FROM records WHERE kind = 'subscription'",
    ] {
        assert_eq!(account.database.count(records).await, 1, "{records}");
    }
    assert_eq!(account.act(STAFF, "/actions/check-connection", STRIPE).await.0, 302);
    let page = connections(&account).await;
    for part in ["5 of 9 kinds", "prices.list: HTTP 404 Not Found in words that are not Stripe"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let page = account.staff_page("/subscriptions/stripe/sub_1").await.replace("<!>", "");
    assert!(page.contains("57.00 EUR"), "three seats: {page}");
}

on_both_databases!(
    what_is_missing_is_told_everywhere_and_read_after_a_restart_once_the_keys_may,
    a_check_asks_anew_and_a_page_view_does_not,
);
