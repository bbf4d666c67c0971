//! An event says whose it is. What is not this connection's own account and mode is kept, and never recorded.

use crate::account::{Account, OWN_ACCOUNT, OWN_ENVIRONMENT};
use serde_json::{Value, json};

const RECORDS: &str = "SELECT COUNT(*) FROM records";
const SKIPPED: &str = "SELECT COUNT(*) FROM events WHERE state = 'skipped' AND error IS NOT NULL";

fn customer(id: &str, name: &str, organisation: &str) -> Value {
    json!({
        "id": id, "object": "customer", "name": name, "email": format!("{id}@example.test"), "balance": -99_900,
        "currency": "usd", "metadata": {"organisation_id": organisation}, "created": 1_790_000_000, "livemode": false,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_in_a_connected_account_is_kept_with_its_reason_and_reaches_no_customer() {
    let account = Account::start().await;
    let theirs = json!({"account": "acct_theirs"});
    account.happens(1, "customer.created", customer("cus_ours", "Ours", "org_victim")).await;
    account.happens_with(2, "customer.created", customer("cus_theirs", "Stranger", "org_victim"), theirs.clone()).await;
    // Our account does not know the id, which is not to say that it is gone.
    account.happens_with(3, "customer.created", customer("cus_tie", "First", "org_victim"), theirs.clone()).await;
    account
        .happens_with(
            3,
            "customer.updated",
            customer("cus_tie", "Second", "org_victim"),
            json!({"id": "evt_4", "account": "acct_theirs"}),
        )
        .await;
    account.settled().await;
    assert_eq!(account.database.count(RECORDS).await, 1);
    assert_eq!(account.database.count(SKIPPED).await, 3);
    let events = account.staff_page("/events").await;
    assert!(events.contains("the account acct_theirs"), "the list says why");
    let billing = account.customer_page("org_victim", "/billing").await;
    assert!(!billing.contains("Stranger") && !billing.contains("1,998"), "{billing}");
    assert!(account.asked("GET /v1/customers/").is_empty(), "our account was asked about another's objects");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connected_account_that_is_followed_has_records_of_its_own_and_no_organization_sees_them() {
    let account = Account::start_with(&[("STRIPE_FOLLOW_ACCOUNTS", "acct_theirs")]).await;
    let (theirs, others) = (json!({"account": "acct_theirs"}), json!({"account": "acct_others"}));
    // The same id in both accounts, and the same organization claimed by all.
    account.happens(1, "customer.created", customer("cus_1", "Ours", "org_victim")).await;
    account.happens_with(2, "customer.created", customer("cus_1", "Stranger", "org_victim"), theirs.clone()).await;
    account.happens_with(3, "customer.created", customer("cus_3", "Nobody", "org_victim"), others).await;
    account.settled().await;
    assert_eq!(account.database.count("SELECT COUNT(*) FROM records WHERE connection = 'stripe'").await, 1);
    let followed = "SELECT COUNT(*) FROM records WHERE connection = 'stripe@acct_theirs'";
    assert_eq!((account.database.count(followed).await, account.database.count(RECORDS).await), (1, 2));
    let page = account.staff_page("/customers/stripe@acct_theirs/cus_1").await;
    assert!(page.contains("Stranger"), "{page}");
    let billing = account.customer_page("org_victim", "/billing").await;
    assert!(!billing.contains("Stranger") && !billing.contains("1,998"), "{billing}");
    let connections = account.staff_page("/connections").await;
    assert!(connections.contains("stripe@acct_theirs") && !connections.contains("/webhooks/stripe@acct_theirs"));
    // A sync reads that account, with the platform's key.
    account.database.until("SELECT COUNT(*) FROM syncs WHERE connection = 'stripe@acct_theirs'", 1, SOON).await;
    let since = std::time::Instant::now();
    while account.asked("GET /v1/invoices").iter().all(|asked| !asked.ends_with(", in acct_theirs")) {
        assert!(since.elapsed() < SOON);
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_own_account_is_read_and_remembered_so_that_its_name_in_an_event_is_known() {
    let mut account = Account::start().await;
    account.database.until("SELECT COUNT(*) FROM connection_state WHERE name = 'identity'", 2, SOON).await;
    account
        .happens_with(1, "customer.created", customer("cus_1", "Ours", "org_1"), json!({"account": OWN_ACCOUNT}))
        .await;
    account.settled().await;
    assert_eq!(account.database.count(RECORDS).await, 1);
    // The provider is away at the next start; what was read before still counts.
    account.server.kill();
    account.answers("GET /v1/account", 500, json!({}));
    account.server.start_again().await;
    account
        .happens_with(2, "customer.created", customer("cus_2", "Ours", "org_1"), json!({"account": OWN_ACCOUNT}))
        .await;
    account.settled().await;
    assert_eq!(account.database.count(RECORDS).await, 2);
}

const SOON: std::time::Duration = std::time::Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_the_other_mode_does_not_stand_among_the_records() {
    let account = Account::start_with(&[("STRIPE_SECRET_KEY", "sk_live_4eC39HqLyjWDarjtT1zd")]).await;
    account.happens(1, "customer.created", customer("cus_1", "Play money", "org_1")).await;
    account.happens_with(2, "customer.created", customer("cus_2", "Real", "org_1"), json!({"livemode": true})).await;
    account.settled().await;
    assert_eq!(account.database.count("SELECT COUNT(*) FROM records WHERE external_id = 'cus_2'").await, 1);
    assert_eq!(account.database.count(RECORDS).await, 1);
    assert!(account.staff_page("/events").await.contains("of test mode"));
}

#[tokio::test(flavor = "multi_thread")]
async fn test_events_of_a_dashboard_are_each_shown_and_none_is_recorded() {
    let account = Account::start().await;
    for (event_type, id) in [("customer.created", "cus_00000000000000"), ("invoice.paid", "in_00000000000000")] {
        let object = json!({"id": id, "object": event_type.split('.').next(), "created": 1, "livemode": false});
        account.happens_with(1, event_type, object, json!({"id": "evt_00000000000000"})).await;
    }
    account.settled().await;
    assert_eq!(account.database.count("SELECT COUNT(*) FROM events").await, 2);
    assert_eq!(account.database.count(RECORDS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_environment_of_mux_sends_is_kept_and_skipped() {
    let account = Account::start().await;
    for (number, environment) in [(1, "env_theirs"), (2, OWN_ENVIRONMENT)] {
        let body = json!({
            "id": format!("mux-{number}"), "type": "video.asset.ready", "created_at": 1_795_000_000 + number,
            "object": {"type": "asset", "id": environment}, "environment": {"id": environment, "name": "Some"},
            "data": {"id": environment, "status": "ready", "created_at": 1_795_000_000},
        });
        account.deliver("/webhooks/mux", &body).await;
    }
    account.settled().await;
    assert_eq!(account.database.count("SELECT COUNT(*) FROM records WHERE external_id = 'env1'").await, 1);
    assert_eq!(account.database.count(RECORDS).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_provider_s_own_word_buries_a_record() {
    let account = Account::start().await;
    for (number, name) in ["First", "Second"].into_iter().enumerate() {
        let id = json!({"id": format!("evt_tie_{number}")});
        // Two of one second: the object has to be read.
        account.happens_with(1, "customer.updated", customer("cus_gone", name, "org_1"), id).await;
    }
    account.answers("GET /v1/customers/cus_proxy", 404, Value::String("<html>404</html>".to_owned()));
    let gone = "SELECT COUNT(*) FROM records WHERE external_id = 'cus_gone' AND deleted = 1";
    account.server.filed().await;
    assert_eq!(account.database.count(gone).await, 0, "an unrecognized address is not a statement about the customer");
    account.answers(
        "GET /v1/customers/cus_gone",
        404,
        json!({"error": {"type": "invalid_request_error", "code": "resource_missing", "param": "id", "message": "No such customer: 'cus_gone'"}}),
    );
    let id = account.database.count("SELECT COUNT(*) FROM events WHERE state <> 'processed'").await;
    assert_eq!(id, 1, "the reading failed, so the event is not done");
}
