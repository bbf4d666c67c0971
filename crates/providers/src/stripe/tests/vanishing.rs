//! Lists of an account that changes while it is read, and keys that may not read them.

use super::wire::{Seen, Server, stripe};
use crate::{Read as _, error::ErrorKind};
use patchbay_domain::billing::{CUSTOMER, INVOICE, PAYMENT_METHOD, SUBSCRIPTION};
use serde_json::json;
use std::time::Duration;

fn missing(param: &str, id: &str) -> String {
    let message = format!("No such customer: '{id}'");
    json!({"error": {"type": "invalid_request_error", "code": "resource_missing", "param": param, "message": message}})
        .to_string()
}

fn lines(server: &Server) -> Vec<String> {
    let lines = server.seen.lock().unwrap().iter().map(Seen::line).collect::<Vec<_>>();
    lines.into_iter().map(|line| line.replace("GET /sandbox/stripe/v1/", "")).collect()
}

#[tokio::test]
async fn a_list_goes_on_after_the_last_object_that_is_still_there() {
    let ids: Vec<_> = (0..100).map(|number| json!({"id": format!("cus_{number}")})).collect();
    let first = json!({"has_more": true, "data": ids}).to_string();
    let second = json!({"has_more": true, "data": [{"id": "cus_100"}]}).to_string();
    let (stripe, server) = stripe(&[
        (200, &first),
        (400, &missing("starting_after", "cus_99")),
        (400, &missing("starting_after", "cus_98")),
        (200, &second),
    ])
    .await;
    let next = stripe.list(&CUSTOMER, None).await.unwrap().next;
    assert_eq!(next.as_deref(), Some(r#"["cus_99","cus_98","cus_96","cus_92","cus_84","cus_68","cus_36"]"#));
    let page = stripe.list(&CUSTOMER, next.as_deref()).await.unwrap();
    let next = page.next.unwrap();
    assert!(next.starts_with(r#"["cus_100","cus_99","cus_98","#), "the page before is known, too: {next}");
    let after = ["", "&starting_after=cus_99", "&starting_after=cus_98", "&starting_after=cus_96"];
    assert_eq!(lines(&server), after.map(|after| format!("customers?limit=100{after}")));
}

#[tokio::test]
async fn another_failure_than_a_cursor_that_is_gone_is_one() {
    let elsewhere = missing("starting_after", "cus_other");
    let (stripe, server) = stripe(&[(400, &elsewhere)]).await;
    let error = stripe.list(&CUSTOMER, Some(r#"["cus_2","cus_1"]"#)).await.unwrap_err();
    assert_eq!((error.kind, lines(&server).len()), (ErrorKind::Refused, 1));
}

#[tokio::test]
async fn a_list_that_promises_more_and_gives_nothing_is_not_taken_for_its_end() {
    let (stripe, _) = stripe(&[(200, r#"{"has_more":true,"data":[]}"#)]).await;
    assert_eq!(stripe.list(&CUSTOMER, None).await.unwrap_err().kind, ErrorKind::Refused);
}

#[tokio::test]
async fn payment_methods_of_a_customer_who_is_gone_are_passed_over_also_half_way() {
    let (gone, half_way) = (missing("customer", "cus_1"), missing("customer", "cus_2"));
    let (stripe, server) = stripe(&[
        (200, r#"{"has_more":false,"data":[{"id":"cus_1"},{"id":"cus_2"},{"id":"cus_3"}]}"#),
        (404, &gone),
        (200, r#"{"has_more":true,"data":[{"id":"pm_1"}]}"#),
        (404, &half_way),
        (200, r#"{"has_more":false,"data":[{"id":"pm_2"}]}"#),
    ])
    .await;
    let page = stripe.list(&PAYMENT_METHOD, None).await.unwrap();
    let read: Vec<_> = page.changes.iter().map(|change| change.key.id.as_str()).collect();
    assert_eq!((read, page.next), (vec!["pm_1", "pm_2"], None));
    assert_eq!(lines(&server).len(), 5);
}

#[tokio::test]
async fn an_invoice_that_goes_while_its_lines_are_read_is_passed_over() {
    let page = json!({"has_more": false, "data": [
        {"id": "in_1", "lines": {"has_more": true, "data": [{"id": "il_1", "amount": 1}]}}, {"id": "in_2"},
    ]})
    .to_string();
    let (stripe, server) =
        stripe(&[(200, &page), (404, &missing("invoice", "in_1")), (404, &missing("id", "in_1"))]).await;
    let page = stripe.list(&INVOICE, None).await.unwrap();
    assert_eq!(page.changes.iter().map(|change| change.key.id.as_str()).collect::<Vec<_>>(), ["in_2"]);
    assert_eq!(lines(&server)[1..], ["invoices/in_1/lines?limit=100&starting_after=il_1", "invoices/in_1"]);
}

const DENIED: &str = r#"{"error":{"type":"invalid_request_error","message":"The provided key 'rk_live_...tdxQ' does not have the required permissions for this endpoint on account 'acct_1'. Having the 'rak_subscription_read' permission would allow this request to continue."}}"#;

#[tokio::test]
async fn a_missing_permission_is_told_in_stripes_words_without_the_key() {
    let (stripe, server) = stripe(&[(403, DENIED)]).await;
    let error = stripe.list(&SUBSCRIPTION, None).await.unwrap_err();
    assert_eq!((error.kind, error.is_temporary(), error.concerns_all()), (ErrorKind::Forbidden, false, false));
    assert!(error.message.contains("'rak_subscription_read'") && !error.message.contains("tdxQ"), "{error}");
    assert!(!error.for_person().message.contains("acct_1"), "customers are not told about our account");
    assert_eq!(lines(&server).len(), 1);
}

#[tokio::test]
async fn a_proxy_that_forbids_is_no_missing_permission() {
    let (stripe, _) = stripe(&[(403, "<html>Forbidden</html>")]).await;
    let error = stripe.list(&SUBSCRIPTION, None).await.unwrap_err();
    assert_eq!((error.kind, error.concerns_all()), (ErrorKind::Unauthorized, true));
    assert!(error.message.contains("is a proxy between?"), "{error}");
}

#[tokio::test]
async fn a_path_that_only_a_proxy_says_is_not_there_is_left_alone_and_says_nothing_of_others() {
    for body in ["404: Not Found", r#"{"message":"Not Found","documentation_url":"https://example.com"}"#] {
        let (stripe, server) = stripe(&[(404, body)]).await;
        let error = stripe.list(&SUBSCRIPTION, None).await.unwrap_err();
        assert_eq!((error.kind, error.is_temporary(), error.concerns_all()), (ErrorKind::NotFound, true, false));
        assert!(error.retry_after.is_some_and(|pause| pause > Duration::from_secs(30)), "a sync would wait for it");
        assert_eq!(lines(&server).len(), 1, "nobody waits for it here either");
    }
}

#[tokio::test]
async fn the_cheapest_read_of_a_kind_is_one_object() {
    let (stripe, server) = stripe(&[
        (200, r#"{"has_more":true,"data":[{"id":"sub_1"}]}"#),
        (200, r#"{"has_more":true,"data":[{"id":"cus_1"}]}"#),
        (403, DENIED),
        (200, r#"{"has_more":false,"data":[]}"#),
    ])
    .await;
    stripe.probe(&SUBSCRIPTION).await.unwrap();
    assert_eq!(stripe.probe(&PAYMENT_METHOD).await.unwrap_err().kind, ErrorKind::Forbidden);
    stripe.probe(&PAYMENT_METHOD).await.unwrap();
    let asked = [
        "subscriptions?limit=1&status=all",
        "customers?limit=1",
        "customers/cus_1/payment_methods?limit=1",
        "customers?limit=1",
    ];
    assert_eq!(lines(&server), asked);
}
