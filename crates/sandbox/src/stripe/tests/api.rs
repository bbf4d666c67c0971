//! The API's manners: keys, errors, lists, idempotency, faults.

use super::*;

#[tokio::test]
async fn a_request_without_the_key_is_refused() {
    let bench = Bench::new();
    let request = Request::builder()
        .uri("/sandbox/stripe/v1/customers")
        .header("authorization", "Bearer sk_test_somebody_elses_key");
    let answer = bench.send(request.body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let error = &answer.json()["error"];
    assert_eq!(error["type"], "invalid_request_error");
    assert!(error["message"].as_str().expect("text").starts_with("Invalid API Key provided: sk_test_"));
    assert!(!answer.text().contains("somebody_elses"));
    let anonymous = bench.page("/sandbox/stripe/v1/customers").await;
    assert_eq!(anonymous.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn answers_carry_the_providers_headers() {
    let bench = Bench::new();
    let answer = bench.api("GET", "customers?limit=1", &[]).await;
    assert!(answer.header("request-id").starts_with("req_"));
    assert_eq!(answer.header("stripe-version"), "2026-10-28.endive");
    assert_eq!(answer.header("date"), "Fri, 20 Nov 2026 12:00:00 GMT");
    let missing = bench.api("GET", "customers/cus_nobody", &[]).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(missing.json()["error"]["code"], "resource_missing");
    assert_eq!(missing.json()["error"]["message"], "No such customer: 'cus_nobody'");
    let unknown = bench.api("POST", "customers", &[("nmae", "x")]).await;
    assert_eq!(unknown.json()["error"]["code"], "parameter_unknown");
    assert_eq!(bench.api("GET", "nowhere", &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn lists_are_walked_forwards_and_backwards() {
    let bench = Bench::new();
    let mut seen = Vec::new();
    let mut path = "customers?limit=7".to_owned();
    loop {
        let page = bench.get(&path).await;
        let ids: Vec<String> = page["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|c| c["id"].as_str().expect("an id").to_owned())
            .collect();
        seen.extend(ids);
        if page["has_more"] == false {
            break;
        }
        path = format!("customers?limit=7&starting_after={}", seen.last().expect("one"));
    }
    assert_eq!(seen.len(), 40);
    let back = bench.get(&format!("customers?limit=3&ending_before={}", seen[10])).await;
    let ids: Vec<&str> = back["data"].as_array().expect("a list").iter().filter_map(|c| c["id"].as_str()).collect();
    assert_eq!(ids, &seen[7..10]);
    assert_eq!(back["has_more"], true);
    let wrong = bench.api("GET", "customers?limit=101", &[]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let lost = bench.api("GET", "customers?starting_after=cus_nobody", &[]).await;
    assert_eq!(lost.json()["error"]["param"], "starting_after");
}

#[tokio::test]
async fn the_same_key_gets_the_same_answer_once() {
    let bench = Bench::new();
    let form = [("name", "Zoë"), ("metadata[organisation_id]", "org_1")];
    let first = bench.keyed("POST", "customers", &form, Some("k1")).await;
    let again = bench.keyed("POST", "customers", &form, Some("k1")).await;
    assert_eq!(first.json(), again.json());
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.header("original-request"), first.header("request-id"));
    assert_eq!(bench.event_kinds(), ["customer.created"]);
    let event = &bench.events()[0];
    assert_eq!(event["request"]["idempotency_key"], "k1");
    assert_eq!(event["request"]["id"], first.header("request-id"));
    let other = bench.keyed("POST", "customers", &[("name", "Ann")], Some("k1")).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);
    assert_eq!(other.json()["error"]["type"], "idempotency_error");
    // A request that was refused may be put right and sent again with its key.
    let refused = bench.keyed("POST", "customers", &[("email", "x")], Some("k2")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let right = bench.keyed("POST", "customers", &[("email", "x@y.example")], Some("k2")).await;
    assert_eq!(right.status, StatusCode::OK);
}

#[tokio::test]
async fn an_update_tells_what_was_before() {
    let bench = Bench::new();
    let (customer, _) = bench.northwind();
    let form = [("email", "new@northwind.example"), ("metadata[usage_seats]", "")];
    bench.post(&format!("customers/{customer}"), &form).await;
    let event = bench.events().pop().expect("one");
    assert_eq!(event["type"], "customer.updated");
    assert_eq!(
        event["data"]["previous_attributes"],
        serde_json::json!({"email": "billing@northwind.example", "metadata": {"usage_seats": "9"}})
    );
    assert_eq!(event["api_version"], "2026-10-28.endive");
}

#[tokio::test]
async fn faults_are_worded_as_the_provider_does() {
    let bench = Bench::new();
    let control = async |body: &str| {
        let request =
            Request::builder().method("POST").uri("/sandbox/control").header("content-type", "application/json");
        let answer = bench.send(request.body(Body::from(body.to_owned())).expect("a request"));
        answer.await.status
    };
    assert_eq!(control(r#"{"rate_limit": true}"#).await, StatusCode::OK);
    let limited = bench.api("GET", "balance", &[]).await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.header("stripe-rate-limited-reason"), "global-rate");
    assert_eq!(limited.header("stripe-should-retry"), "true");
    assert_eq!(control(r#"{"rate_limit": 0, "server_error": 100}"#).await, StatusCode::OK);
    let broken = bench.api("GET", "balance", &[]).await;
    assert_eq!(broken.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(broken.json()["error"]["type"], "api_error");
    assert_eq!(control(r#"{"outage": true}"#).await, StatusCode::OK);
    let dead = bench.api("GET", "balance", &[]).await;
    assert_eq!(dead.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(control(r#"{"speed": 9}"#).await, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_switches_page_works_without_scripts() {
    let bench = Bench::new();
    let page = bench.page("/sandbox").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text().contains("<script"));
    assert!(page.text().contains("action=\"/sandbox/switches\""));
    let form = [
        ("latency_ms", "20"),
        ("rate_limit", "0"),
        ("server_error", "0"),
        ("duplicate", "50"),
        ("late", "0"),
        ("tamper", "0"),
        ("reorder", "on"),
    ];
    let answer = bench.submit("/sandbox/switches", &form).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let kept = bench.page("/sandbox/control").await.json();
    assert_eq!(
        (&kept["latency_ms"], &kept["duplicate"], &kept["reorder"], &kept["traffic"]),
        (&20.into(), &50.into(), &true.into(), &false.into())
    );
    for wish in ["one", "renew", "fail", "signup", "upgrade", "cancel", "upload", "burst"] {
        let answer = bench.submit("/sandbox/actions", &[("do", wish)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{wish}");
    }
    assert!(bench.events().len() > 100);
}
