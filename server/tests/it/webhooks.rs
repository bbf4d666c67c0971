//! The address that deliveries are posted to, and whatever else comes there.

use crate::{
    database::Database,
    deliveries::{customer_updated, signed},
    server::Server,
};
use reqwest::{Method, header::ALLOW};
use std::{net::IpAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const SOON: Duration = Duration::from_secs(30);
const REJECTIONS: &str = "SELECT COUNT(*) FROM rejections";

#[tokio::test(flavor = "multi_thread")]
async fn slashes_too_many_lead_to_the_same_connection() {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    for (number, path) in
        ["/webhooks/stripe/", "//webhooks/stripe", "/webhooks//stripe", "/webhooks/str%69pe"].iter().enumerate()
    {
        let body = customer_updated(&format!("evt_{number}"));
        let answer = server.delivery(path, Some(&signed(&body)), &body).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.text().await.unwrap().as_str()),
            (200, r#"{"received":true}"#),
            "{path}"
        );
    }
    database.until("SELECT COUNT(*) FROM events", 4, SOON).await;
    assert_eq!(database.count(REJECTIONS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_with_a_delivery_is_answered_as_a_webhook_counted_and_listed() {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    let wrong = [
        ("GET", "/webhooks/stripe", 405),
        ("PUT", "/webhooks/stripe", 405),
        ("DELETE", "/webhooks/stripe/", 405),
        ("OPTIONS", "/webhooks", 405),
        ("GET", "/webhooks/nobody/at/all", 405),
        ("POST", "/webhooks", 404),
        ("POST", "/webhooks/", 404),
        ("POST", "/webhooks/nobody", 404),
        ("POST", "/webhooks/stripe/eu", 404),
        ("POST", "/webhooks/stripe/a/b/c", 404),
        ("POST", "//webhooks/%ff%00", 404),
        ("POST", "/webhooks/stripe/..%2F..%2Fevents", 404),
    ];
    for (method, path, status) in wrong {
        let body = customer_updated("evt_1");
        let request = server.http.request(Method::from_bytes(method.as_bytes()).unwrap(), server.url(path));
        let answer = request
            .header("stripe-signature", signed(&body))
            .header("accept", "text/html")
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(answer.headers().contains_key(ALLOW), status == 405, "{method} {path}");
        assert_eq!(answer.headers()["content-type"], "application/json", "{method} {path}");
        assert!(!answer.headers().contains_key("location") && answer.headers().contains_key("x-request-id"));
        assert!(answer.text().await.unwrap().starts_with(r#"{"error":""#), "{method} {path}");
    }
    let body = customer_updated("evt_1");
    let compressed =
        server.delivery("/webhooks/stripe", Some(&signed(&body)), &body).header("content-encoding", "gzip");
    assert_eq!(compressed.send().await.unwrap().status(), 415);
    let form =
        server.http.post(server.url("/webhooks/stripe")).header("stripe-signature", "t=1,v1=00").form(&[("a", "b")]);
    assert_eq!(form.send().await.unwrap().status(), 401);
    let mut cut_off = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST /webhooks/stripe HTTP/1.1\r\nHost: a\r\nStripe-Signature: {}\r\nContent-Length: 900\r\n\r\n{{",
        signed(&body)
    );
    cut_off.write_all(head.as_bytes()).await.unwrap();
    drop(cut_off);
    let all = i64::try_from(wrong.len()).unwrap() + 3;
    database.until(REJECTIONS, all, SOON).await;
    database.until("SELECT COUNT(*) FROM rejections WHERE reason = 'cut_off'", 1, SOON).await;
    // Names that nobody configured are one name, in the list and in the metrics.
    database.until("SELECT COUNT(DISTINCT connection) FROM rejections", 2, SOON).await;
    assert_eq!(server.metric("patchbay_deliveries_rejected_total").await, all.to_string());
    let metrics = server.get("/metrics").await.text().await.unwrap();
    assert!(!metrics.contains("nobody"), "{metrics}");
}

/// The first line of what comes back when only this was sent.
async fn answer_to_head(server: &Server, head: &str) -> String {
    let mut connection = TcpStream::connect(server.address()).await.unwrap();
    connection.write_all(head.replace('\n', "\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') {
        let read = tokio::time::timeout(SOON, connection.read_buf(&mut answer)).await;
        assert_ne!(read.expect("no answer without the body").unwrap(), 0, "cut off");
    }
    String::from_utf8(answer).unwrap().lines().next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_refused_by_its_head_is_before_the_body_is_sent() {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    let signature = signed(b"{}");
    for (path, signature, length, status) in [
        ("stripe", "", "900", "401"),
        ("nobody", signature.as_str(), "900", "404"),
        ("stripe", &signature, "1048577", "413"),
        ("stripe", &signature, "900", "100"),
    ] {
        let signature = if signature.is_empty() { String::new() } else { format!("Stripe-Signature: {signature}\n") };
        let head = format!("POST /webhooks/{path} HTTP/1.1\nHost: a\n{signature}Content-Length: {length}\n");
        let asking = format!("{head}Expect: 100-continue\n\n");
        assert!(answer_to_head(&server, &asking).await.starts_with(&format!("HTTP/1.1 {status}")), "{asking}");
        if status != "100" {
            let plain = format!("{head}\n");
            assert!(answer_to_head(&server, &plain).await.starts_with(&format!("HTTP/1.1 {status}")), "{plain}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_fill_the_list_of_rejections_and_everything_is_counted() {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    let long = "x".repeat(8_000);
    for _ in 0..150 {
        let request = server.delivery("/webhooks/stripe", Some("t=1,v1=00"), b"{}").header("user-agent", &long);
        assert_eq!(request.send().await.unwrap().status(), 401);
    }
    let other = reqwest_from([127, 0, 0, 2].into());
    let answer =
        other.post(server.url("/webhooks/stripe")).header("stripe-signature", "t=1,v1=00").send().await.unwrap();
    assert_eq!(answer.status(), 401);
    database.until("SELECT COUNT(*) FROM rejections WHERE remote = '127.0.0.2'", 1, SOON).await;
    // It may take two minutes' worth, if a minute ends meanwhile.
    assert!(database.count(REJECTIONS).await <= 41);
    database.until("SELECT COALESCE(SUM(rejected), 0) FROM minute_counts", 151, SOON).await;
    assert_eq!(server.metric("patchbay_deliveries_rejected_total").await, "151");
    assert_eq!(database.count("SELECT COUNT(*) FROM rejections WHERE LENGTH(headers) > 2000").await, 0);
}

#[expect(clippy::disallowed_methods, reason = "a test is the server's client and brings its own")]
fn reqwest_from(address: IpAddr) -> reqwest::Client {
    reqwest::Client::builder().local_address(address).build().unwrap()
}
