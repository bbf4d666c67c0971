//! The other providers' stand-ins, as they are mounted here.

use super::flows::{Inbox, product, wait_for};
use super::*;
use crate::deliveries::signature;
use crate::mux;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

#[tokio::test]
async fn the_environment_leads_to_what_is_mounted() {
    let bench = Bench::new();
    let variables = bench.sandbox.environment();
    let value = |name: &str| {
        let found: Vec<&String> = variables.iter().filter(|(n, _)| n == name).map(|(_, v)| v).collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0].clone()
    };
    assert_eq!(value("STRIPE_API_BASE"), "http://127.0.0.1:9/sandbox/stripe");
    assert!(value("STRIPE_SECRET_KEY").starts_with("rk_test_"));
    assert!(value("STRIPE_WEBHOOK_SECRET").starts_with("whsec_"));
    assert_eq!(value("PATCHBAY_STAFF_ORGANISATION"), "org_sandbox_staff");
    for name in ["STRIPE_PUBLISHABLE_KEY", "MUX_WEBHOOK_SECRET", "MUX_BASE_URL", "MUX_IMAGE_BASE_URL", "CLERK_ISSUER"] {
        assert!(!value(name).is_empty());
    }
    let keys = value("CLERK_JWKS_URL");
    let keys = bench.page(keys.strip_prefix("http://127.0.0.1:9").expect("ours")).await;
    assert_eq!(keys.status, StatusCode::OK);
    assert_eq!(bench.page(&value("CLERK_SIGN_IN_URL")).await.status, StatusCode::OK);
    let assets = bench.page("/sandbox/mux/video/v1/assets").await;
    assert_eq!(assets.status, StatusCode::UNAUTHORIZED);
    let set = bench.sandbox.hub.set_switches(|s| {
        s.rate_limit = 100;
        Ok::<(), ()>(())
    });
    set.expect("valid");
    let assets = bench.page("/sandbox/mux/video/v1/assets").await;
    assert_eq!(assets.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn what_a_stand_in_does_not_have_is_refused_in_its_providers_words() {
    let bench = Bench::at("http://127.0.0.1:9", 2);
    for (path, pointer) in [
        ("/sandbox/stripe/v1/nowhere", "/error/type"),
        ("/sandbox/mux/data/v1/video-views", "/error/messages/0"),
        ("/sandbox/mux/video/v1/assets/x/nowhere", "/error/messages/0"),
        ("/sandbox/clerk/v1/users", "/errors/0/code"),
    ] {
        let answer = bench.page(path).await;
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        assert!(answer.json().pointer(pointer).is_some_and(Value::is_string), "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn an_upload_is_told_with_muxs_signature() {
    let (base, inbox) = product(0).await;
    let bench = Bench::at(&base, 2);
    tokio::spawn(bench.sandbox.clone().run(std::future::pending::<()>()));
    bench.submit("/sandbox/actions", &[("do", "upload")]).await;
    let got = wait_for(&inbox, 1).await;
    let (given, body) = &got[0];
    assert_eq!(*given, signature(mux::WEBHOOK_SECRET, NOW, body));
    let event: Value = serde_json::from_str(body).expect("JSON");
    assert!(event["type"].as_str().is_some_and(|t| t.starts_with("video.")));
}

/// Throws switches as a program does.
async fn throw(bench: &Bench, change: Value) {
    let request = Request::post("/sandbox/control").header("content-type", "application/json");
    let answer = bench.send(request.body(Body::from(change.to_string())).expect("a request")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

/// A request of each API.
async fn statuses(bench: &Bench) -> [u16; 2] {
    let stripe = bench.api("GET", "products", &[]).await.status.as_u16();
    let credentials = format!("{}:{}", mux::TOKEN_ID, mux::TOKEN_SECRET);
    let request = Request::get("/sandbox/mux/video/v1/assets")
        .header("authorization", format!("Basic {}", STANDARD.encode(credentials)))
        .body(Body::empty());
    [stripe, bench.send(request.expect("a request")).await.status.as_u16()]
}

#[tokio::test]
async fn each_switch_of_the_apis_does_what_it_says_to_both() {
    let bench = Bench::at("http://127.0.0.1:9", 2);
    for (switch, value, expected) in [
        ("rate_limit", json!(100), 429),
        ("server_error", json!(100), 500),
        ("outage", json!(true), 503),
        ("latency_ms", json!(150), 200),
    ] {
        throw(&bench, json!({ switch: value })).await;
        let started = std::time::Instant::now();
        assert_eq!(statuses(&bench).await, [expected; 2], "{switch}");
        if switch == "latency_ms" {
            assert!(started.elapsed().as_millis() >= 300, "two answers took {:?}", started.elapsed());
        }
        throw(&bench, json!({ "do": "behave" })).await;
        assert_eq!(statuses(&bench).await, [200; 2], "{switch} stays");
    }
}

#[tokio::test]
async fn the_page_says_what_is_wrong_and_puts_it_right() {
    let bench = Bench::at("http://127.0.0.1:9", 2);
    let page = bench.page("/sandbox").await.text();
    assert!(page.contains("The providers behave well.") && !page.contains("misbehave:"));
    let form = [
        ("latency_ms", "0"),
        ("rate_limit", "25"),
        ("server_error", "0"),
        ("duplicate", "0"),
        ("late", "5"),
        ("tamper", "0"),
        ("reorder", "on"),
    ];
    let answer = bench.submit("/sandbox/switches", &form).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/sandbox"));
    let page = bench.page("/sandbox").await.text();
    for said in [
        "25% of API requests are answered with 429.",
        "Webhooks are held back for 5 s.",
        "leave out of order",
        "Traffic is off",
    ] {
        assert!(page.contains(said), "{said} is not on the page");
    }
    assert!(page.contains(r#"id="late" name="late" min="0" max="86400" required value="5""#), "{page}");
    assert!(page.contains(r#"name="reorder" checked"#) && !page.contains(r#"name="outage" checked"#), "{page}");
    bench.submit("/sandbox/actions", &[("do", "behave")]).await;
    assert!(bench.page("/sandbox").await.text().contains("The providers behave well."));
}

fn names(got: &[(String, String)]) -> Vec<String> {
    let name = |body: &String| serde_json::from_str::<Value>(body).expect("JSON")["data"]["object"]["name"].to_string();
    got.iter().map(|(_, body)| name(body)).collect()
}

async fn running(customers: usize) -> (Bench, Inbox) {
    let (base, inbox) = product(0).await;
    let bench = Bench::at(&base, customers);
    tokio::spawn(bench.sandbox.clone().run(std::future::pending::<()>()));
    (bench, inbox)
}

#[tokio::test]
async fn late_deliveries_are_held_back_and_others_go_before() {
    let (bench, inbox) = running(2).await;
    throw(&bench, json!({ "late": 3_600 })).await;
    bench.post("customers", &[("name", "held")]).await;
    throw(&bench, json!({ "late": 0 })).await;
    bench.post("customers", &[("name", "prompt")]).await;
    assert_eq!(names(&wait_for(&inbox, 1).await), [r#""prompt""#]);
    assert!(bench.sandbox.hub.deliveries.counts().waiting > 0);
}

#[tokio::test]
async fn reordered_deliveries_of_one_object_all_arrive_in_another_order() {
    let (bench, inbox) = running(2).await;
    throw(&bench, json!({ "reorder": true })).await;
    let made = bench.post("customers", &[("name", "0")]).await;
    let path = format!("customers/{}", made["id"].as_str().expect("an id"));
    for number in 1..12 {
        bench.post(&path, &[("name", &number.to_string())]).await;
    }
    let arrived = names(&wait_for(&inbox, 12).await);
    let in_order: Vec<String> = (0..12).map(|number| format!("\"{number}\"")).collect();
    assert_ne!(arrived, in_order);
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    assert_eq!(sorted(&arrived), sorted(&in_order), "each arrives once");
}
