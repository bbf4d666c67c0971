//! Situations that users of neighboring products reported in public, from `../shared/cases`. What each must come to is
//! stated again in tests that need no shared files: `whose.rs`, `hostile.rs` and others.

use crate::account::Account;
use serde_json::Value;
use std::{io::Write as _, path::Path};

/// A case, or none without the files; said on the stream itself, because what a passing test prints is not shown.
fn case(name: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases").join(format!("{name}.json"));
    let Ok(text) = std::fs::read_to_string(&path) else {
        let line = format!("\nSKIPPED: case {name}, because {} is not there\n", path.display());
        std::io::stderr().write_all(line.as_bytes()).ok();
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// The account after everything in the case was delivered, with what the case says that the API answers.
async fn delivered(name: &str) -> Option<Account> {
    let case = case(name)?;
    let live = [("STRIPE_SECRET_KEY", "sk_live_4eC39HqLyjWDarjtT1zd")];
    let account = Account::start_with(if case["instance"] == "live" { &live } else { &[] }).await;
    for delivery in case["deliveries"].as_array().unwrap() {
        account.deliver(delivery["path"].as_str().unwrap_or("/webhooks/stripe"), &delivery["body"]).await;
    }
    account.settled().await;
    Some(account)
}

const RECORDS: &str = "SELECT COUNT(*) FROM records";
const EVENTS: &str = "SELECT COUNT(*) FROM events";

#[tokio::test(flavor = "multi_thread")]
async fn case_07_connect_account() {
    let Some(account) = delivered("07-connect-account").await else { return };
    assert_eq!((account.database.count(EVENTS).await, account.database.count(RECORDS).await), (5, 1));
    let billing = account.customer_page("org_victim", "/billing").await;
    assert!(!billing.contains("999.00") && !billing.contains("Stranger"), "{billing}");
    assert!(!account.customer_page("org_victim", "/billing/invoices").await.contains("N-THEIRS"));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_08_livemode_mismatch() {
    let Some(account) = delivered("08-livemode-mismatch").await else { return };
    assert_eq!((account.database.count(EVENTS).await, account.database.count(RECORDS).await), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_09_dashboard_test_events() {
    let Some(account) = delivered("09-dashboard-test-events").await else { return };
    assert_eq!((account.database.count(EVENTS).await, account.database.count(RECORDS).await), (2, 0));
    let events = account.staff_page("/events").await;
    assert!(events.contains("customer.created") && events.contains("invoice.payment_succeeded"));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_17_mux_track_and_rendition() {
    let Some(account) = delivered_with("17-mux-track-and-rendition", |account| {
        let asset = serde_json::json!({"data": {"id": "asset17", "status": "ready", "created_at": 1_795_600_000}});
        account.answers("GET /video/v1/assets/asset17", 200, asset);
    })
    .await
    else {
        return;
    };
    assert_eq!(account.database.count("SELECT COUNT(*) FROM events WHERE state = 'dead'").await, 0);
    assert_eq!(account.database.count("SELECT COUNT(*) FROM records WHERE status = 'preparing'").await, 0);
    assert_eq!(account.database.count("SELECT COUNT(*) FROM records WHERE status = 'ready'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_26_markup_closes_the_title() {
    let Some(account) = delivered("26-markup-closes-the-title").await else { return };
    for path in ["/customers/stripe/cus_inj", "/videos/mux/asset26"] {
        let page = account.staff_page(path).await;
        assert_eq!(page.split("<body").next().unwrap().matches("</title>").count(), 1, "{page}");
        assert!(page.contains("&lt;/title&gt;"), "the name stands there as text: {page}");
        for markup in ["<meta http-equiv=\"refresh\"", "<h1 id=inj>", "<form action=https://evil.example>"] {
            assert!(!page.contains(markup), "{path}: {markup}");
        }
    }
}

async fn delivered_with(name: &str, prepare: impl FnOnce(&Account)) -> Option<Account> {
    let case = case(name)?;
    let account = Account::start().await;
    prepare(&account);
    for delivery in case["deliveries"].as_array().unwrap() {
        account.deliver(delivery["path"].as_str().unwrap_or("/webhooks/stripe"), &delivery["body"]).await;
    }
    account.settled().await;
    Some(account)
}

/// What a reader sees: tags away, spaces as one.
pub fn words(page: &str) -> String {
    let mut text = String::new();
    let mut rest = page.split("<body").nth(1).unwrap();
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        text.push(' ');
        rest = rest[at..].split_once('>').map_or("", |(_, rest)| rest);
    }
    let text = text.replace("&nbsp;", " ").replace('\u{a0}', " ").replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn case_01_ugx_two_decimals() {
    let Some(account) = delivered("01-ugx-two-decimals").await else { return };
    for page in ["/invoices/stripe/in_ug", "/subscriptions", "/subscriptions/stripe/sub_ug", "/invoices"] {
        let page = words(&account.staff_page(page).await);
        assert!(page.contains("5,000 UGX") && !page.contains("500,000"), "{page}");
    }
    let billing = words(&account.customer_page("org_ug", "/billing").await);
    assert!(billing.contains("5,000 UGX") && !billing.contains("500,000"), "{billing}");
    let csv = account.staff_page("/invoices.csv").await;
    assert!(csv.contains("5000.00"), "{csv}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_02_fraction_of_a_cent() {
    let Some(account) = delivered("02-fraction-of-a-cent").await else { return };
    let staff = words(&account.staff_page("/subscriptions/stripe/sub_frac").await);
    assert!(staff.contains("0.0005 USD per month") && staff.contains("20.00 USD"), "{staff}");
    let billing = words(&account.customer_page("org_frac", "/billing").await);
    assert!(billing.contains("20.00 USD") && !billing.to_lowercase().contains("custom "), "{billing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_03_metered_without_quantity() {
    let Some(account) = delivered("03-metered-without-quantity").await else { return };
    let staff = words(&account.staff_page("/subscriptions/stripe/sub_met").await);
    assert!(staff.contains("usage-based, 0.25 USD per unit per month") && staff.contains("by usage"), "{staff}");
    let billing = words(&account.customer_page("org_met", "/billing").await);
    assert!(billing.contains("usage-based") && !billing.contains("for 0.25"), "{billing}");
    // The first sync is over before somebody may start a plan.
    account.database.until("SELECT COUNT(*) FROM syncs WHERE connection = 'stripe' AND state = 'done'", 1, SOON).await;
    account.answers(
        "POST /v1/checkout/sessions",
        200,
        serde_json::json!({"id": "cs_1", "url": "https://pay.example/cs_1"}),
    );
    let (status, to) = account.act("org_met2", "/actions/billing/start-subscription", &[("price", "price_met")]).await;
    assert_eq!((status, to.as_str()), (302, "https://pay.example/cs_1"));
    let asked = account.asked("POST /v1/checkout/sessions");
    assert!(asked[0].contains("line_items[0][price]=price_met") && !asked[0].contains("quantity"), "{asked:?}");
}

const SOON: std::time::Duration = std::time::Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn case_06_more_than_ten_lines() {
    let Some(lines) = case("06-more-than-ten-lines").map(|case| case["api"]["invoices/in_many/lines"].clone()) else {
        return;
    };
    let account = delivered_with("06-more-than-ten-lines", |account| {
        let rest: Vec<_> = lines.as_array().unwrap()[10..].to_vec();
        let list = serde_json::json!({"object": "list", "data": rest, "has_more": false});
        account.answers("GET /v1/invoices/in_many/lines", 200, list);
    })
    .await
    .unwrap();
    let page = words(&account.staff_page("/invoices/stripe/in_many").await);
    assert!(page.contains("Line many0") && page.contains("Line many11"), "{page}");
    assert!(!page.contains("that we do not hold"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_10_subscription_of_2018() {
    let Some(account) = delivered("10-subscription-of-2018").await else { return };
    let staff = words(&account.staff_page("/subscriptions/stripe/sub_old").await);
    assert!(staff.contains("2 × Silver") && staff.contains("98.00 EUR per month"), "{staff}");
    let billing = words(&account.customer_page("org_old", "/billing").await);
    assert!(billing.contains("98.00 EUR") && billing.contains("credit of 25.00 EUR"), "{billing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_13_discount_on_invoice() {
    let Some(account) = delivered("13-discount-on-invoice").await else { return };
    let pages = [
        account.staff_page("/invoices/stripe/in_dis").await,
        account.customer_page("org_dis", "/billing/invoices/in_dis").await,
    ];
    for page in pages {
        let page = words(&page);
        let sum = "Subtotal 3,600.00 USD Discount −3,000.00 USD Total 600.00 USD Owed from before 10.00 USD Amount due 610.00 USD \
                   Paid 0.00 USD Still due 610.00 USD";
        assert!(page.contains(sum), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_19_right_to_left_and_markup() {
    let Some(account) = delivered("19-right-to-left-and-markup").await else { return };
    let list = account.staff_page("/customers").await.replace("<!>", "");
    for name in ["שלום 123 (בע&quot;מ)", "שלום 123 (בע\"מ)", "Invoice \u{202e}fdp.exe 100"] {
        let isolated = list.matches(&format!("<bdi>{name}</bdi>")).count();
        let all = list.matches(name).count();
        assert!(all == 0 || isolated > 0, "{name} stands without isolation");
    }
    assert!(list.contains("&lt;img src=x onerror=alert(1)&gt;"), "{list}");
    let invoice = account.staff_page("/invoices/stripe/in_rtl").await.replace("<!>", "");
    assert!(invoice.contains("<bdi>תוכנית שנתית (2026) × 3</bdi>"), "{invoice}");
    assert!(
        invoice.contains("\u{2068}שלום 123 (בע"),
        "the name beside the amount has a direction of its own: {invoice}"
    );
    let csv = account.staff_page("/customers.csv").await;
    assert!(csv.contains("שלום 123") && !csv.contains('\u{2068}'), "{csv}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_05_pause_collection() {
    let Some(account) = delivered("05-pause-collection").await else { return };
    for page in
        [account.staff_page("/subscriptions/stripe/sub_pau").await, account.customer_page("org_pau", "/billing").await]
    {
        let page = words(&page);
        assert!(page.contains("Collection is paused until 24 Jan 2027"), "{page}");
        assert!(!page.contains("Renews"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_04_portal_cancel_sets_cancel_at() {
    let Some(account) = delivered("04-portal-cancel-sets-cancel-at").await else { return };
    let billing = words(&account.customer_page("org_flex", "/billing").await);
    assert!(billing.contains("Ends on 15 Dec 2026"), "{billing}");
    let sub = |cancel_at: Option<i64>| {
        serde_json::json!({
            "id": "sub_flex", "object": "subscription", "customer": "cus_flex", "status": "active", "currency": "usd",
            "cancel_at_period_end": false, "cancel_at": cancel_at, "created": 1_794_736_000, "items": {"data": [{
                "id": "si_flex", "quantity": 1, "current_period_end": 1_797_328_000,
                "price": {"id": "price_flex", "currency": "usd", "unit_amount": 2900, "recurring": {"interval": "month"}},
            }]},
        })
    };
    // The answer says that it still ends.
    account.answers("POST /v1/subscriptions/sub_flex", 200, sub(Some(1_797_328_000)));
    account.act("org_flex", "/actions/billing/keep", &[]).await;
    let billing = words(&account.customer_page("org_flex", "/billing").await);
    assert!(billing.contains("Ends on 15 Dec 2026"), "{billing}");
    let failed = "SELECT COUNT(*) FROM audit WHERE action = 'subscription.keep' AND outcome = 'failed'";
    assert_eq!(account.database.count(failed).await, 1, "that it did not keep it is an error");
    account.answers("POST /v1/subscriptions/sub_flex", 200, sub(None));
    account.act("org_flex", "/actions/billing/keep", &[("form_id", "form-2")]).await;
    let billing = words(&account.customer_page("org_flex", "/billing").await);
    assert!(billing.contains("Renews on 15 Dec 2026 for 29.00 USD"), "{billing}");
    let asked = account.asked("POST /v1/subscriptions/sub_flex");
    assert!(asked.iter().all(|asked| asked.contains("cancel_at=")), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_12_legacy_default_source() {
    let Some(account) = delivered("12-legacy-default-source").await else { return };
    for page in [
        account.customer_page("org_src", "/billing").await,
        account.customer_page("org_src", "/billing/payment-methods").await,
        account.staff_page("/customers/stripe/cus_src").await,
    ] {
        let page = words(&page);
        assert!(page.contains("Visa ···· 4242") && !page.contains("No payment method pays"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_14_add_on_first_mixed_intervals() {
    let Some(account) = delivered("14-add-on-first-mixed-intervals").await else { return };
    let billing = words(&account.customer_page("org_mix", "/billing").await);
    assert!(billing.contains("1,200.00 USD per year") && billing.contains("27.00 USD per month"), "{billing}");
    assert!(billing.contains("Base") && !billing.contains("1,227.00"), "{billing}");
    for page in ["/subscriptions", "/subscriptions/stripe/sub_mix"] {
        let page = words(&account.staff_page(page).await);
        assert!(!page.contains("1,227.00"), "{page}");
    }
    let preview = serde_json::json!({"object": "invoice", "currency": "usd", "total": 120_000, "amount_due": 120_000,
        "subtotal": 120_000, "lines": {"data": [{"id": "il_1", "amount": 120_000, "description": "Pro"}]}});
    account.answers("POST /v1/invoices/create_preview", 200, preview);
    account.customer_page("org_mix", "/billing/plans/price_pro").await;
    let asked = account.asked("POST /v1/invoices/create_preview");
    assert!(asked[0].contains("[items][0][id]=si_base") && asked[0].contains("[items][0][quantity]=1"), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_15_incomplete_hides_active() {
    let Some(account) = delivered("15-incomplete-hides-active").await else { return };
    let billing = words(&account.customer_page("org_two", "/billing").await);
    let (plan, others) = billing.split_once("Your other subscriptions").expect("the other one is mentioned");
    assert!(
        plan.contains("29.00 USD per month") && !plan.contains("5 × Two") && others.contains("5 × Two"),
        "{billing}"
    );
    account.act("org_two", "/actions/billing/cancel", &[]).await;
    assert!(account.asked("POST /v1/subscriptions/sub_failed").is_empty());
    assert_eq!(account.asked("POST /v1/subscriptions/sub_running").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_16_customer_deleted_then_subscribes_again() {
    let Some(account) = delivered("16-customer-deleted-then-subscribes-again").await else { return };
    let customer = |id: &str| serde_json::json!({"id": id, "object": "customer", "name": "Org", "metadata": {"organisation_id": "org_del"}});
    account.database.until("SELECT COUNT(*) FROM syncs WHERE connection = 'stripe' AND state = 'done'", 1, SOON).await;
    account.happens(1, "customer.created", customer("cus_dead")).await;
    account.settled().await;
    let missing = serde_json::json!({"error": {"type": "invalid_request_error", "code": "resource_missing", "param": "customer", "message": "No such customer: 'cus_dead'"}});
    account.answers_with("POST /v1/checkout/sessions", "customer=cus_dead", 400, missing);
    account.answers(
        "GET /v1/customers/cus_dead",
        200,
        serde_json::json!({"id": "cus_dead", "object": "customer", "deleted": true}),
    );
    account.answers(
        "POST /v1/checkout/sessions",
        200,
        serde_json::json!({"id": "cs_1", "url": "https://pay.example/cs_1"}),
    );
    // The key of its creation answers with the dead one for a day; another key makes another customer.
    account.answers("POST /v1/customers", 200, customer("cus_dead"));
    account.answers_with("POST /v1/customers", "-after-cus_dead", 200, customer("cus_new"));
    let (status, to) = account.act("org_del", "/actions/billing/start-subscription", &[("price", "price_del")]).await;
    assert_eq!((status, to.as_str()), (302, "https://pay.example/cs_1"));
    let asked = account.asked("POST /v1/checkout/sessions");
    assert!(asked.last().unwrap().contains("customer=cus_new"), "{asked:?}");
    assert_eq!(
        account.database.count("SELECT COUNT(*) FROM records WHERE external_id = 'cus_dead' AND deleted = 1").await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn case_25_two_customers_of_one_organisation() {
    let Some(account) = delivered("25-two-customers-of-one-organisation").await else { return };
    let billing = words(&account.customer_page("org_dup", "/billing").await);
    for shown in ["29.00 USD per month", "Visa ···· 4242", "credit of 5.00 USD"] {
        assert!(billing.contains(shown), "{shown} is missing: {billing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_27_object_gone_between_pages() {
    let Some(case) = case("27-object-gone-between-pages") else { return };
    let account = Account::start().await;
    let done = "SELECT COUNT(*) FROM syncs WHERE connection = 'stripe' AND state = 'done'";
    account.database.until(done, 1, SOON).await;
    let list = |ids: std::ops::Range<usize>, more: bool| {
        let object = |number| serde_json::json!({"id": format!("cus_s{number:03}"), "object": "customer", "created": 1_790_000_000});
        serde_json::json!({"object": "list", "has_more": more, "data": ids.map(object).collect::<Vec<_>>()})
    };
    let one = |id: &str| serde_json::json!({"object": "list", "has_more": false, "data": [{"id": id, "created": 1_790_000_000}]});
    account.answers("GET /v1/customers?limit=100", 200, list(0..100, true));
    account.answers("GET /v1/customers?limit=100&starting_after=cus_s098", 200, list(100..150, false));
    account.answers("GET /v1/customers?limit=20", 200, list(0..10, false));
    for number in 0..10 {
        let methods = one(&format!("pm_s{number:03}"));
        account.answers(&format!("GET /v1/customers/cus_s{number:03}/payment_methods"), 200, methods);
    }
    account.answers("GET /v1/subscriptions", 200, one("sub_s1"));
    account.answers("GET /v1/invoices", 200, one("in_s1"));
    for answer in ["a", "b"].map(|name| &case["api"][name]) {
        let status = u16::try_from(answer["status"].as_u64().unwrap()).unwrap();
        account.answers(answer["request"].as_str().unwrap(), status, serde_json::json!({"error": answer["error"]}));
    }
    account.act("org_staff", "/actions/start-sync", &[("connection", "stripe")]).await;
    account.database.until(done, 2, SOON).await;
    for (sql, count) in [
        ("SELECT COUNT(*) FROM records WHERE kind = 'customer'", 150),
        ("SELECT COUNT(*) FROM records WHERE kind = 'payment_method'", 9),
        ("SELECT COUNT(*) FROM records WHERE kind = 'subscription'", 1),
        ("SELECT COUNT(*) FROM records WHERE kind = 'invoice'", 1),
    ] {
        assert_eq!(account.database.count(sql).await, count, "{sql}");
    }
}
