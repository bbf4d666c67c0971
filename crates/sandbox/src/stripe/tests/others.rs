//! The other providers' stand-ins, as they are mounted here.

use super::flows::{product, wait_for};
use super::*;
use crate::deliveries::signature;
use crate::mux;

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
    assert!(value("STRIPE_SECRET_KEY").starts_with("sk_test_"));
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
