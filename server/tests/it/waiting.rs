//! A mistake in the configuration: nothing is lost by it, and everybody sees it.

use crate::{
    database::Database,
    deliveries::{SECRET_KEY, customer_updated, event, now, signed},
    on_both_databases,
    server::{Server, output, patchbay, text},
};
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);
const PENDING: &str = "SELECT COUNT(*) FROM events WHERE state = 'pending' AND attempts = 0";
const EXPLAINED: &str =
    "SELECT COUNT(*) FROM events WHERE state = 'pending' AND attempts = 0 AND error LIKE '%STRIPE_SECRET_KEY%'";
const PROCESSED: &str = "SELECT COUNT(*) FROM events WHERE state = 'processed'";
const LISTED: &str =
    "SELECT COUNT(*) FROM rejections WHERE reason = 'misconfigured' AND detail LIKE '%STRIPE_SECRET_KEY%'";
/// A key with a typing error in its beginning.
const MISTYPED: (&str, &str) = ("STRIPE_SECRET_KEY", "ks_test_4eC39HqLyjWDarjtT1zd");

on_both_databases!(
    events_of_a_connection_with_a_mistyped_key_wait_and_go_on_when_it_is_repaired,
    a_renamed_connection_keeps_everything_under_its_new_name,
);

async fn five_pending(database: &Database) {
    let mut server = Server::start_without_worker(database, &[]).await;
    for number in 0..5 {
        let body = customer_updated(&format!("evt_{number}"));
        assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
    }
    server.filed().await;
    database.until(PENDING, 5, SOON).await;
    assert_eq!(server.stop().await, Some(0));
}

async fn events_of_a_connection_with_a_mistyped_key_wait_and_go_on_when_it_is_repaired(database: Database) {
    five_pending(&database).await;
    {
        let mut server = Server::start_with(&database, &[MISTYPED]).await;
        database.until(EXPLAINED, 5, SOON).await;
        // The provider is asked to send again what comes meanwhile, and staff see why.
        let body = customer_updated("evt_meanwhile");
        let answer = server.delivery("/webhooks/stripe", Some(&signed(&body)), &body).send().await.unwrap();
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
        assert!(!answer.text().await.unwrap().contains("STRIPE_SECRET_KEY"), "a stranger learns no detail");
        database.until(LISTED, 1, SOON).await;
        server.says("STRIPE_SECRET_KEY").await;
        assert_ne!(server.metric("patchbay_deliveries_rejected_total").await, "0");
        assert_eq!(server.stop().await, Some(0));
    }
    let _server = Server::start(&database).await;
    database.until(PROCESSED, 5, SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_webhook_secret_deliveries_are_put_off_and_the_setting_is_named() {
    let database = Database::sqlite();
    let keys = [("MUX_TOKEN_ID", "a"), ("MUX_TOKEN_SECRET", "b"), ("MUX_API_BASE", crate::server::NOWHERE)];
    let server = Server::start_with(&database, &keys).await;
    let answer =
        server.delivery("/webhooks/mux", None, b"{}").header("mux-signature", "t=1,v1=00").send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let listed = "SELECT COUNT(*) FROM rejections WHERE reason = 'no_secret' AND detail LIKE '%MUX_WEBHOOK_SECRET%'";
    database.until(listed, 1, SOON).await;
}

async fn a_renamed_connection_keeps_everything_under_its_new_name(database: Database) {
    {
        let mut server = Server::start(&database).await;
        for number in 0..3 {
            let body = customer_updated(&format!("evt_{number}"));
            assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
        }
        database.until(PROCESSED, 3, SOON).await;
        assert_eq!(server.stop().await, Some(0));
    }
    let section = format!(
        "[connection.\"stripe/eu\"]\nSTRIPE_SECRET_KEY = \"{SECRET_KEY}\"\nSTRIPE_WEBHOOK_SECRET = \"{}\"\nSTRIPE_API_BASE = \"{}\"\n",
        crate::deliveries::WEBHOOK_SECRETS[0],
        crate::server::NOWHERE,
    );
    std::fs::write(database.folder.path().join("patchbay.toml"), section).unwrap();
    let run = |arguments: &[&str]| {
        let environment = [("DATABASE_URL", database.url.as_str())];
        let output = output(patchbay(database.folder.path(), &environment).args(arguments));
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let (_, doctor) = run(&["doctor"]);
    assert!(doctor.contains("stripe: is not configured") && doctor.contains("3 events"), "{doctor}");
    for wrong in [["stripe", "mux"], ["stripe", "nobody/eu"], ["stripe/us", "stripe/eu"], ["stripe", "stripe/a/b"]] {
        let (code, printed) = run(&["connections", "rename", wrong[0], wrong[1]]);
        assert_eq!(code, Some(1), "{wrong:?}: {printed}");
    }
    let (code, printed) = run(&["connections", "rename", "stripe", "stripe/eu"]);
    assert_eq!((code, printed.contains("3 events and 1 records")), (Some(0), true), "{printed}");
    database.until("SELECT COUNT(*) FROM audit WHERE action = 'connection.rename'", 1, SOON).await;
    // The first sync was interrupted, and goes on.
    database.until("SELECT COUNT(*) FROM syncs WHERE connection = 'stripe/eu' AND state = 'running'", 1, SOON).await;
    // What was delivered under the old name is known under the new one.
    let server = Server::start(&database).await;
    let renamed =
        event("evt_0", "customer.updated", now(), &json!({ "id": "cus_1", "object": "customer", "name": "Again" }));
    let answer = server.delivery("/webhooks/stripe/eu", Some(&signed(&renamed)), &renamed).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    server.filed().await;
    assert_eq!(database.count("SELECT COUNT(*) FROM events WHERE connection = 'stripe/eu'").await, 3);
    assert_eq!(
        database.count("SELECT COUNT(*) FROM records WHERE connection = 'stripe/eu' AND title = 'Northwind'").await,
        1
    );
    let (code, printed) = run(&["connections", "rename", "stripe", "stripe/eu"]);
    assert_eq!(code, Some(1), "the new name has records: {printed}");
}
