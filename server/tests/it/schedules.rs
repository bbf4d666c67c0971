//! What a schedule does next is said, and no button promises what the provider refuses beside one.

use crate::account::Account;
use serde_json::{Value, json};

const NOW: i64 = 1_795_000_000;
/// 1 March 2027.
const MARCH: i64 = 1_803_859_200;

fn price(id: &str, amount: i64) -> Value {
    json!({"id": id, "object": "price", "product": format!("prod_{id}"), "currency": "eur", "unit_amount": amount, "active": true,
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"}, "type": "recurring", "created": NOW})
}

fn subscription(more: &Value) -> Value {
    let item = json!({"id": "si_1", "price": price("price_base", 2_900), "quantity": 1,
        "current_period_start": NOW, "current_period_end": 1_796_083_200});
    let mut whole = json!({"id": "sub_sch", "object": "subscription", "customer": "cus_sch", "status": "active", "currency": "eur",
        "items": {"data": [item], "has_more": false}, "collection_method": "charge_automatically",
        "schedule": "sub_sched_1", "start_date": NOW, "created": NOW});
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    whole
}

fn schedule(phases: &Value, end_behavior: &str) -> Value {
    json!({"id": "sub_sched_1", "object": "subscription_schedule", "customer": "cus_sch", "subscription": "sub_sch",
        "status": "active", "end_behavior": end_behavior, "current_phase": {"start_date": NOW, "end_date": MARCH},
        "phases": phases, "created": NOW})
}

async fn scheduled() -> Account {
    let account = Account::start().await;
    let customer = json!({"id": "cus_sch", "object": "customer", "name": "Sched", "metadata": {"organisation_id": "org_sch"},
        "balance": 0, "invoice_settings": {"default_payment_method": null}, "created": NOW});
    account.happens(1, "customer.created", customer).await;
    account.happens(2, "price.created", price("price_pro", 34_900)).await;
    let product = json!({"id": "prod_price_pro", "object": "product", "name": "Scale", "active": true, "created": NOW});
    account.happens(3, "product.created", product).await;
    account.happens(4, "customer.subscription.created", subscription(&json!({}))).await;
    account.settled().await;
    account
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_phase_is_named_once_it_is_known_and_nothing_that_is_refused_is_offered() {
    let account = scheduled().await;
    let billing = account.customer_page("org_sch", "/billing").await;
    assert!(billing.contains("A change is scheduled; amounts may differ after it."), "{billing}");
    assert!(!billing.contains("/billing/cancel") && billing.contains("follows a schedule"), "{billing}");
    assert!(account.customer_page("org_sch", "/billing/cancel").await.contains("Your plan follows a schedule"));

    let phases = json!([
        {"start_date": NOW, "end_date": MARCH, "items": [{"price": "price_base", "quantity": 1}]},
        {"start_date": MARCH, "end_date": MARCH + 86_400, "items": [{"price": "price_pro", "quantity": 1}]},
    ]);
    account.happens(5, "subscription_schedule.updated", schedule(&phases, "release")).await;
    account.settled().await;
    let says = "On 1 Mar 2027 it changes to Scale, 349.00 EUR per month.";
    for page in
        [account.customer_page("org_sch", "/billing").await, account.staff_page("/subscriptions/stripe/sub_sch").await]
    {
        assert!(page.contains(says), "{page}");
    }
    let cancel = account.staff_page("/subscriptions/stripe/sub_sch/cancel").await;
    assert!(cancel.contains("A schedule decides when it ends") && !cancel.contains("period_end"), "{cancel}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_does_not_fit_the_subscription_says_nothing() {
    let account = scheduled().await;
    let phases = json!([
        {"start_date": NOW, "end_date": MARCH, "items": [{"price": "price_other", "quantity": 1}]},
        {"start_date": MARCH, "end_date": MARCH + 86_400, "items": [{"price": "price_pro", "quantity": 1}]},
    ]);
    account.happens(5, "subscription_schedule.updated", schedule(&phases, "release")).await;
    account.settled().await;
    let billing = account.customer_page("org_sch", "/billing").await;
    assert!(billing.contains("A change is scheduled") && !billing.contains("1 Mar 2027"), "{billing}");
}

/// The provider's refusal reaches whoever sends the form all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_says_against_a_cancellation_is_shown() {
    let account = scheduled().await;
    let why = "The subscription is managed by the subscription schedule `sub_sched_1`.";
    let refusal = json!({"error": {"type": "invalid_request_error", "message": why}});
    account.answers("POST /v1/subscriptions/sub_sch", 400, refusal);
    let (status, to) = account.act("org_sch", "/actions/billing/cancel", &[]).await;
    assert_eq!((status, to.as_str()), (302, "/billing/cancel"));
    let audit = account.staff_page("/audit").await;
    assert!(audit.contains("managed by the subscription schedule"), "{audit}");
}
