//! Whose data a key sees, and what it may do.

use serde_json::json;

use super::flows::{product, wait_for};
use super::*;
use crate::deliveries::signature;
use crate::stripe::connect::CONNECTED;
use crate::stripe::{CONNECT_WEBHOOK_SECRET, RESTRICTED_KEY};

impl Bench {
    /// A request with any key, for any account.
    async fn asking(&self, key: &str, account: Option<&str>, method: &str, path: &str) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/sandbox/stripe/v1/{path}"))
            .header("authorization", format!("Bearer {key}"));
        if let Some(account) = account {
            request = request.header("stripe-account", account);
        }
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    fn lack(&self, permissions: &[&str]) {
        let change = json!({ "lacks": permissions });
        let set = self.sandbox.hub.set_switches(|s| s.apply(change.as_object().expect("an object")));
        set.expect("valid");
    }
}

#[tokio::test]
async fn a_restricted_key_without_a_permission_is_refused_by_its_name() {
    let bench = Bench::new();
    let asking = async |key: &'static str, method: &str, path: &str| bench.asking(key, None, method, path).await;
    assert_eq!(asking(RESTRICTED_KEY, "GET", "invoices").await.status, StatusCode::OK);
    bench.lack(&["rak_invoice_read", "rak_customer_write"]);
    let refused = asking(RESTRICTED_KEY, "GET", "invoices?limit=1").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let error = refused.json()["error"].clone();
    assert_eq!((&error["type"], &error["code"]), (&"invalid_request_error".into(), &Value::Null));
    let message = error["message"].as_str().expect("a message");
    assert!(message.contains("on account 'acct_1SandboxPatchbay'. Having the 'rak_invoice_read' permission would"));
    assert!(!message.contains(RESTRICTED_KEY), "{message}");
    assert_eq!(asking(RESTRICTED_KEY, "POST", "customers").await.status, StatusCode::FORBIDDEN);
    assert_eq!(asking(RESTRICTED_KEY, "GET", "customers").await.status, StatusCode::OK);
    assert_eq!(asking(SECRET_KEY, "GET", "invoices").await.status, StatusCode::OK, "a secret key has no restrictions");
    bench.submit("/sandbox/actions", &[("do", "behave")]).await;
    assert_eq!(asking(RESTRICTED_KEY, "GET", "invoices").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_page_takes_a_permission_from_the_products_key() {
    let bench = Bench::new();
    let form = [("latency_ms", "0"), ("lacks", "rak_payment_method_read")];
    assert_eq!(bench.submit("/sandbox/switches", &form).await.status, StatusCode::SEE_OTHER);
    let page = bench.page("/sandbox").await.text();
    assert!(page.contains("The product's key at Stripe lacks the permission rak_payment_method_read."), "{page}");
    assert!(
        page.contains(r#"<option value="rak_payment_method_read" selected>PaymentMethods: read</option>"#),
        "{page}"
    );
    let variables = bench.sandbox.environment();
    let key = variables.iter().find(|(name, _)| name == "STRIPE_SECRET_KEY").map(|(_, key)| key.as_str());
    assert_eq!(key, Some(RESTRICTED_KEY));
}

fn ids(list: &Value) -> Vec<String> {
    let rows = list["data"].as_array().expect("a list").iter();
    rows.map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn each_account_has_its_own_data() {
    let bench = Bench::new();
    let own = ids(&bench.get("customers?limit=100").await);
    let of = async |account: &str, path: &str| bench.asking(SECRET_KEY, Some(account), "GET", path).await;
    let mut seen = own.clone();
    for account in &CONNECTED {
        let theirs = ids(&of(account.id, "customers?limit=100").await.json());
        assert!(!theirs.is_empty() && theirs.iter().all(|id| !seen.contains(id)));
        assert_eq!(of(account.id, &format!("customers/{}", own[0])).await.status, StatusCode::NOT_FOUND);
        assert_eq!(of(account.id, "account").await.json()["id"], account.id);
        assert_eq!(bench.api("GET", &format!("customers/{}", theirs[0]), &[]).await.status, StatusCode::NOT_FOUND);
        seen.extend(theirs);
    }
    let own_by_name = ids(&of("acct_1SandboxPatchbay", "customers?limit=100").await.json());
    assert_eq!(own_by_name, own);
    let pages = bench.asking(SECRET_KEY, Some(CONNECTED[0].id), "POST", "billing_portal/sessions").await;
    assert_eq!((pages.status, &pages.json()["error"]["param"]), (StatusCode::BAD_REQUEST, &"Stripe-Account".into()));
    let stranger = of("acct_1Stranger", "customers").await;
    assert_eq!(
        (stranger.status, &stranger.json()["error"]["code"]),
        (StatusCode::FORBIDDEN, &"account_invalid".into())
    );
}

#[tokio::test]
async fn a_platform_lists_and_reads_its_connected_accounts() {
    let bench = Bench::new();
    let all = bench.get("accounts").await;
    assert_eq!(ids(&all), CONNECTED.each_ref().map(|one| one.id));
    let first = bench.get("accounts?limit=1").await;
    assert_eq!((ids(&first), &first["has_more"]), (vec![CONNECTED[0].id.to_owned()], &true.into()));
    let rest = bench.get(&format!("accounts?starting_after={}", CONNECTED[0].id)).await;
    assert_eq!((ids(&rest), &rest["has_more"]), (vec![CONNECTED[1].id.to_owned()], &false.into()));
    let back = bench.get(&format!("accounts?ending_before={}", CONNECTED[1].id)).await;
    assert_eq!(ids(&back), [CONNECTED[0].id]);
    let one = bench.get(&format!("accounts/{}", CONNECTED[1].id)).await;
    assert_eq!(
        (&one["object"], &one["settings"]["dashboard"]["display_name"]),
        (&"account".into(), &"Harbor Kitchen".into())
    );
    assert_eq!(bench.get("accounts/acct_1SandboxPatchbay").await["business_profile"]["name"], "Patchbay Sandbox");
    assert_eq!(bench.api("GET", "accounts/acct_1Stranger", &[]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn events_of_a_connected_account_name_it_and_carry_the_connect_endpoints_signature() {
    let (base, inbox) = product(0).await;
    let bench = Bench::at(&base, 2);
    tokio::spawn(bench.sandbox.clone().run(std::future::pending::<()>()));
    bench.submit("/sandbox/actions", &[("do", "connected")]).await;
    let got = wait_for(&inbox, 1).await;
    let (given, body) = &got[0];
    assert_eq!(*given, signature(CONNECT_WEBHOOK_SECRET, NOW, body));
    let event: Value = serde_json::from_str(body).expect("JSON");
    let account = event["account"].as_str().expect("an account").to_owned();
    assert!(CONNECTED.iter().any(|one| one.id == account), "{account}");
    let path = format!("events/{}", event["id"].as_str().expect("an id"));
    assert_eq!(bench.asking(SECRET_KEY, Some(&account), "GET", &path).await.status, StatusCode::OK);
    assert_eq!(bench.api("GET", &path, &[]).await.status, StatusCode::NOT_FOUND);
    bench.post("customers", &[("name", "Own")]).await;
    assert!(bench.events().iter().all(|own| own.get("account").is_none()));
}

#[tokio::test]
async fn connected_accounts_are_there_after_a_restart() {
    let path = std::env::temp_dir().join(format!("sandbox-connected-{}.jsonl", std::process::id()));
    let open = || {
        let (mut options, _) = options("http://127.0.0.1:9", 2);
        options.state_file = Some(path.clone());
        let sandbox = Sandbox::open(options).expect("opens");
        Bench { router: Router::new().nest("/sandbox", sandbox.router()), sandbox, clock: Arc::default() }
    };
    let customers = async |bench: &Bench| {
        let answer = bench.asking(SECRET_KEY, Some(CONNECTED[0].id), "GET", "customers?limit=100").await;
        ids(&answer.json())
    };
    let first = open();
    first.asking(SECRET_KEY, Some(CONNECTED[0].id), "POST", "customers").await;
    let before = customers(&first).await;
    drop(first);
    assert_eq!(customers(&open()).await, before);
    std::fs::remove_file(path).expect("removed");
}
