//! What is older than the current API: sources, and the versions of webhooks.

use serde_json::json;

use super::*;

async fn with_source(bench: &Bench, token: &str) -> (String, Value) {
    let made = bench.post("customers", &[("name", "Old"), ("source", token)]).await;
    let id = made["id"].as_str().expect("an id").to_owned();
    (id, made)
}

fn id(object: &Value) -> &str {
    object["id"].as_str().expect("an id")
}

#[tokio::test]
async fn a_customers_first_source_pays_and_is_listed() {
    let bench = Bench::new();
    let (customer, made) = with_source(&bench, "tok_visa").await;
    let card = made["default_source"].as_str().expect("a source").to_owned();
    assert!(card.starts_with("card_") && made["invoice_settings"]["default_payment_method"].is_null());
    let kinds = bench.event_kinds();
    assert_eq!(kinds, ["customer.created", "customer.source.created", "customer.updated"]);
    assert_eq!(bench.events()[1]["data"]["object"]["object"], "card");
    let bank = bench.post(&format!("customers/{customer}/sources"), &[("source", "btok_us_verified")]).await;
    assert_eq!(
        (&bank["object"], &bank["last4"], &bank["customer"]),
        (&"bank_account".into(), &"6789".into(), &customer.as_str().into())
    );
    let list = bench.get(&format!("customers/{customer}/sources")).await;
    let kinds: Vec<&Value> = list["data"].as_array().expect("a list").iter().map(|one| &one["object"]).collect();
    assert_eq!(kinds, ["bank_account", "card"]);
    let cards = bench.get(&format!("customers/{customer}/sources?object=card")).await;
    assert_eq!(cards["data"].as_array().expect("a list").len(), 1);
    let whole = bench.get(&format!("customers/{customer}?expand[]=default_source&expand[]=sources")).await;
    assert_eq!((&whole["default_source"]["brand"], &whole["sources"]["total_count"]), (&"Visa".into(), &2.into()));
    // Cards pass for payment methods; bank accounts do not.
    let methods = bench.get(&format!("customers/{customer}/payment_methods")).await;
    let ids: Vec<&str> = methods["data"].as_array().expect("a list").iter().map(id).collect();
    assert_eq!(ids, [card.as_str()]);
    assert_eq!(bench.get(&format!("payment_methods/{card}")).await["card"]["last4"], "4242");
    assert_eq!(bench.api("GET", &format!("payment_methods/{}", id(&bank)), &[]).await.status, StatusCode::NOT_FOUND);
    let detach = bench.api("POST", &format!("payment_methods/{card}/detach"), &[]).await;
    assert_eq!((detach.status, &detach.json()["error"]["param"]), (StatusCode::BAD_REQUEST, &"payment_method".into()));
    let price = bench.price("starter_monthly_eur");
    let form = [("customer", customer.as_str()), ("items[0][price]", price.as_str())];
    assert_eq!(bench.post("subscriptions", &form).await["status"], "active");
}

#[tokio::test]
async fn sources_are_changed_preferred_and_taken_away() {
    let bench = Bench::new();
    let (customer, made) = with_source(&bench, "tok_mastercard").await;
    let first = made["default_source"].as_str().expect("a source").to_owned();
    let path = format!("customers/{customer}/sources");
    let changed = bench.post(&format!("{path}/{first}"), &[("exp_year", "2040"), ("name", "Ada")]).await;
    assert_eq!(
        (&changed["exp_year"], &changed["name"], &changed["brand"]),
        (&2040.into(), &"Ada".into(), &"MasterCard".into())
    );
    let told = bench.events().pop().expect("an event");
    assert_eq!(
        (&told["type"], &told["data"]["previous_attributes"]["exp_year"]),
        (&"customer.source.updated".into(), &2030.into())
    );
    let free = bench.post("sources", &[("type", "card"), ("token", "tok_visa")]).await;
    let second = bench.post(&path, &[("source", id(&free))]).await;
    assert_eq!((&second["object"], &second["customer"]), (&"source".into(), &customer.as_str().into()));
    bench.post(&format!("customers/{customer}"), &[("default_source", id(&second))]).await;
    let stranger = bench.api("POST", &format!("customers/{customer}"), &[("default_source", "card_nobodys")]).await;
    assert_eq!(
        (stranger.status, &stranger.json()["error"]["param"]),
        (StatusCode::BAD_REQUEST, &"default_source".into())
    );
    let detached = bench.api("DELETE", &format!("{path}/{}", id(&second)), &[]).await.json();
    assert!(detached["object"] == "source" && detached.get("customer").is_none());
    assert_eq!(bench.get(&format!("customers/{customer}")).await["default_source"], first.as_str());
    let gone = bench.api("DELETE", &format!("{path}/{first}"), &[]).await.json();
    assert_eq!(gone, json!({"id": first, "object": "card", "deleted": true}));
    assert!(bench.get(&format!("customers/{customer}")).await["default_source"].is_null());
    let missing = bench.api("GET", &format!("{path}/{first}"), &[]).await;
    assert_eq!((missing.status, &missing.json()["error"]["code"]), (StatusCode::NOT_FOUND, &"resource_missing".into()));
    let unknown = bench.api("POST", &path, &[("source", "tok_unknown")]).await;
    assert_eq!((unknown.status, &unknown.json()["error"]["param"]), (StatusCode::BAD_REQUEST, &"source".into()));
}

#[tokio::test]
async fn a_card_that_ends_this_month_is_told_of_once() {
    let bench = Bench::new();
    let (customer, made) = with_source(&bench, "tok_visa").await;
    let card = made["default_source"].as_str().expect("a source");
    bench.post(&format!("customers/{customer}/sources/{card}"), &[("exp_month", "11"), ("exp_year", "2026")]).await;
    for _ in 0..2 {
        bench.submit("/sandbox/actions", &[("do", "due")]).await;
    }
    let told = bench.event_kinds().iter().filter(|kind| *kind == "customer.source.expiring").count();
    assert_eq!(told, 1);
}

impl Bench {
    fn endpoint_of(&self, version: &str) {
        let change = json!({ "webhook_version": version });
        self.sandbox.hub.set_switches(|s| s.apply(change.as_object().expect("an object"))).expect("valid");
    }

    /// The last event of a type.
    fn last(&self, kind: &str) -> Value {
        self.events().into_iter().rfind(|event| event["type"] == kind).unwrap_or_else(|| panic!("no {kind}"))
    }
}

/// A subscription and its paid invoice, as an endpoint of this version is told of them.
async fn told_in(version: &str) -> (Bench, Value, Value) {
    let bench = Bench::new();
    bench.endpoint_of(version);
    let (customer, _) = bench.northwind();
    let price = bench.price("starter_monthly_eur");
    let form = [("customer", customer.as_str()), ("items[0][price]", price.as_str()), ("items[0][quantity]", "2")];
    bench.post("subscriptions", &form).await;
    let (subscription, invoice) = (bench.last("customer.subscription.updated"), bench.last("invoice.paid"));
    assert_eq!((&subscription["api_version"], &invoice["api_version"]), (&version.into(), &version.into()));
    (bench, subscription["data"]["object"].clone(), invoice["data"]["object"].clone())
}

#[tokio::test]
async fn before_basil_periods_and_payments_stand_on_subscription_and_invoice() {
    for version in ["2024-06-20", "2022-11-15", "2020-08-27"] {
        let (bench, subscription, invoice) = told_in(version).await;
        assert_eq!(subscription["current_period_start"], NOW);
        let item = &subscription["items"]["data"][0];
        assert!(item.get("current_period_start").is_none() && item["price"]["unit_amount"] == 1_900, "{item}");
        assert_eq!((&subscription["plan"]["amount"], &subscription["quantity"]), (&1_900.into(), &2.into()));
        assert_eq!(invoice["subscription"], subscription["id"]);
        assert!(invoice["payment_intent"].as_str().is_some_and(|id| id.starts_with("pi_")), "{invoice}");
        assert!(invoice["paid"] == true && invoice.get("parent").is_none());
        let line = &invoice["lines"]["data"][0];
        assert_eq!((&line["proration"], &line["price"]["id"]), (&false.into(), &item["price"]["id"]));
        assert!(line.get("pricing").is_none() && line.get("parent").is_none());
        assert!(!bench.event_kinds().contains(&"invoice_payment.paid".to_owned()), "it came with basil");
        // What is asked for by request is of the request's version.
        let now = bench.get(&format!("subscriptions/{}", id(&subscription))).await;
        assert!(now.get("current_period_start").is_none() && now["items"]["data"][0]["current_period_start"] == NOW);
    }
}

#[tokio::test]
async fn in_2018_there_were_plans_and_other_names() {
    let (bench, subscription, invoice) = told_in("2018-05-21").await;
    let item = &subscription["items"]["data"][0];
    assert!(item.get("price").is_none() && item["plan"]["amount"] == 1_900);
    assert_eq!((&subscription["billing"], &subscription["start"]), (&"charge_automatically".into(), &NOW.into()));
    assert!(subscription.get("collection_method").is_none() && subscription.get("latest_invoice").is_none());
    assert!(invoice.get("status").is_none() && invoice.get("created").is_none());
    assert_eq!(
        (&invoice["paid"], &invoice["closed"], &invoice["forgiven"], &invoice["date"]),
        (&true.into(), &true.into(), &false.into(), &NOW.into())
    );
    let (customer, _) = bench.northwind();
    bench.post(&format!("customers/{customer}"), &[("balance", "-2500")]).await;
    let event = bench.last("customer.updated");
    let told = &event["data"]["object"];
    assert!(told["account_balance"] == -2_500 && told.get("balance").is_none());
    assert_eq!(event["data"]["previous_attributes"], json!({"account_balance": 0}));
    assert!(
        told["subscriptions"]["data"][0]["billing"] == "charge_automatically" && told["sources"]["total_count"] == 0
    );
}

#[tokio::test]
async fn the_page_sets_the_version_of_the_endpoint_and_good_behavior_keeps_it() {
    let bench = Bench::new();
    let form = [("webhook_version", "2020-08-27")];
    assert_eq!(bench.submit("/sandbox/switches", &form).await.status, StatusCode::SEE_OTHER);
    bench.submit("/sandbox/actions", &[("do", "behave")]).await;
    let page = bench.page("/sandbox").await.text();
    assert!(page.contains("Stripe's webhooks are written in API version 2020-08-27."), "{page}");
    assert!(page.contains(r#"<option value="2020-08-27" selected>"#), "{page}");
}

#[tokio::test]
async fn what_is_deleted_is_missing_and_no_list_goes_on_from_it() {
    let bench = Bench::new();
    let made = bench.post("customers", &[("name", "Brief")]).await;
    let path = format!("customers/{}", id(&made));
    bench.api("DELETE", &path, &[]).await;
    assert_eq!(bench.get(&path).await, json!({"id": made["id"], "object": "customer", "deleted": true}));
    for (path, status, param) in [
        (format!("customers?starting_after={}", id(&made)), StatusCode::BAD_REQUEST, "starting_after"),
        (format!("{path}/payment_methods"), StatusCode::NOT_FOUND, "customer"),
        (format!("{path}/sources"), StatusCode::NOT_FOUND, "customer"),
    ] {
        let missing = bench.api("GET", &path, &[]).await;
        let error = &missing.json()["error"];
        assert_eq!(
            (missing.status, &error["code"], &error["param"]),
            (status, &"resource_missing".into(), &param.into()),
            "{path}"
        );
    }
    let product = bench.get("products?limit=1").await["data"][0]["id"].clone();
    let used = bench.api("DELETE", &format!("products/{}", product.as_str().expect("an id")), &[]).await;
    assert_eq!((used.status, &used.json()["error"]["param"]), (StatusCode::BAD_REQUEST, &"id".into()));
    let plan = bench.api("DELETE", "plans/price_sandbox_partner", &[]).await;
    assert_eq!(plan.json(), json!({"id": "price_sandbox_partner", "object": "plan", "deleted": true}));
    assert_eq!(bench.last("price.deleted")["data"]["object"]["object"], "price");
    let missing = bench.api("GET", "prices/price_sandbox_partner", &[]).await;
    assert_eq!((missing.status, &missing.json()["error"]["code"]), (StatusCode::NOT_FOUND, &"resource_missing".into()));
}

#[tokio::test]
async fn what_is_deleted_stays_so_after_a_restart() {
    let path = std::env::temp_dir().join(format!("sandbox-deleted-{}.jsonl", std::process::id()));
    let open = || {
        let (mut options, _) = options("http://127.0.0.1:9", 2);
        options.state_file = Some(path.clone());
        let sandbox = Sandbox::open(options).expect("opens");
        Bench { router: Router::new().nest("/sandbox", sandbox.router()), sandbox, clock: Arc::default() }
    };
    let first = open();
    let count = first.look(|state| state.tables.prices.len());
    first.api("DELETE", "plans/price_sandbox_staff", &[]).await;
    drop(first);
    let second = open();
    assert_eq!(second.look(|state| state.tables.prices.len()), count - 1);
    assert_eq!(second.api("GET", "prices/price_sandbox_staff", &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(second.get("prices/price_sandbox_partner").await["product"], "prod_sandbox_internal");
    std::fs::remove_file(path).expect("removed");
}
