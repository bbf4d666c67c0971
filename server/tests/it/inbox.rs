//! What the webhook endpoint takes and what it refuses.

use crate::{
    database::Database,
    deliveries::{WEBHOOK_SECRETS, customer, customer_updated, event, now, signature, signed},
    on_both_databases,
    server::Server,
};
use futures::future::join_all;
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const EVENTS: &str = "SELECT COUNT(*) FROM events";
const REJECTIONS: &str = "SELECT COUNT(*) FROM rejections";
const SOON: Duration = Duration::from_secs(30);
const MIB: usize = 1024 * 1024;

on_both_databases!(
    a_delivery_signed_with_either_secret_is_stored,
    a_delivery_without_a_good_signature_is_refused_and_listed,
    a_stamp_more_than_five_minutes_off_is_refused,
    a_body_that_is_no_event_is_a_bad_request_and_listed,
    a_body_over_one_mebibyte_is_refused,
    a_connection_that_does_not_exist_is_not_found,
    a_delivery_sent_again_is_acknowledged_and_stored_once,
    one_event_delivered_many_times_at_once_is_stored_once,
    an_event_of_an_unknown_type_is_acknowledged_and_skipped,
    a_delivery_becomes_a_record,
    a_machine_learns_whether_the_server_lives_and_is_ready,
    the_caller_s_request_id_comes_back_and_is_kept_with_the_event,
    one_connection_carries_deliveries_and_pages_in_any_order,
    a_delivery_that_comes_in_pieces_is_stored,
);

async fn a_delivery_signed_with_either_secret_is_stored(database: Database) {
    let server = Server::start(&database).await;
    for (number, secret) in WEBHOOK_SECRETS.into_iter().enumerate() {
        let body = customer_updated(&format!("evt_{number}"));
        let (status, text) = server.deliver(&body, &signature(secret, now(), &body)).await;
        assert_eq!((status, text.as_str()), (200, r#"{"received":true}"#));
    }
    server.filed().await;
    assert_eq!(database.count(EVENTS).await, 2);
}

async fn a_delivery_without_a_good_signature_is_refused_and_listed(database: Database) {
    let server = Server::start(&database).await;
    let body = customer_updated("evt_1");
    let other_body = customer_updated("evt_2");
    let refused = [
        None,
        Some(String::new()),
        Some("t=,v1=".to_owned()),
        Some(signature("whsec_of_somebody_else", now(), &body)),
        Some(signature("", now(), &body)),
        Some(signed(&other_body)),
        Some(signed(&body).replace("v1=", "v0=")),
    ];
    for signature in &refused {
        let answer = server.delivery("/webhooks/stripe", signature.as_deref(), &body).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{signature:?}");
    }
    database.until(REJECTIONS, i64::try_from(refused.len()).unwrap(), SOON).await;
    assert_eq!(database.count(EVENTS).await, 0);
}

async fn a_stamp_more_than_five_minutes_off_is_refused(database: Database) {
    let server = Server::start(&database).await;
    // Not to the second: time passes between the signature and the check.
    for (off, expected) in [(-301, 401), (-290, 200), (290, 200), (330, 401)] {
        let body = customer_updated(&format!("evt_{off}"));
        let (status, text) = server.deliver(&body, &signature(WEBHOOK_SECRETS[0], now() + off, &body)).await;
        assert_eq!(status, expected, "{off} s: {text}");
    }
    server.filed().await;
    assert_eq!(database.count(EVENTS).await, 2);
}

async fn a_body_that_is_no_event_is_a_bad_request_and_listed(database: Database) {
    let server = Server::start(&database).await;
    for body in ["", "{", "[]", "{}", r#"{"id":1,"type":"customer.updated","created":1}"#, "\u{0}"] {
        let (status, text) = server.deliver(body.as_bytes(), &signed(body.as_bytes())).await;
        assert_eq!(status, 400, "{body:?}: {text}");
    }
    database.until(REJECTIONS, 6, SOON).await;
    assert_eq!(database.count(EVENTS).await, 0);
}

async fn a_body_over_one_mebibyte_is_refused(database: Database) {
    let server = Server::start(&database).await;
    for (size, expected) in [(MIB, 200), (MIB + 1, 413)] {
        let mut body = customer_updated(&format!("evt_{size}"));
        // White space behind the event is part of what is signed.
        body.resize(size, b' ');
        let (status, text) = server.deliver(&body, &signed(&body)).await;
        assert_eq!(status, expected, "{size} bytes: {text}");
    }
    server.filed().await;
    assert_eq!(database.count(EVENTS).await, 1);
}

async fn a_connection_that_does_not_exist_is_not_found(database: Database) {
    let server = Server::start(&database).await;
    let body = customer_updated("evt_1");
    // Mux exists, but is not configured here.
    for path in ["/webhooks/nobody", "/webhooks/stripe/eu", "/webhooks/mux"] {
        let answer = server.delivery(path, Some(&signed(&body)), &body).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    assert_eq!(server.get("/webhooks/stripe").await.status(), 405);
    assert_eq!(database.count(EVENTS).await, 0);
}

async fn a_delivery_sent_again_is_acknowledged_and_stored_once(database: Database) {
    let server = Server::start(&database).await;
    let body = customer_updated("evt_1");
    assert_eq!(server.deliver(&body, &signed(&body)).await, (200, r#"{"received":true}"#.to_owned()));
    // Stripe signs each attempt anew; the body may differ too, the event's id does not.
    let again = event("evt_1", "customer.updated", 1_790_000_001, &customer("cus_1", "Somebody else"));
    for body in [&body, &again] {
        let (status, text) = server.deliver(body, &signature(WEBHOOK_SECRETS[1], now() - 1, body)).await;
        assert_eq!((status, text.as_str()), (200, r#"{"received":true}"#));
    }
    server.filed().await;
    assert_eq!(database.count(EVENTS).await, 1);
    let changed = "SELECT COUNT(*) FROM records WHERE title = 'Somebody else'";
    database.until("SELECT COUNT(*) FROM events WHERE state = 'processed'", 1, SOON).await;
    assert_eq!(database.count(changed).await, 0);
}

async fn one_event_delivered_many_times_at_once_is_stored_once(database: Database) {
    let server = Server::start(&database).await;
    let body = customer_updated("evt_1");
    let signature = signed(&body);
    let answers = join_all((0..32).map(|_| server.deliver(&body, &signature))).await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    server.filed().await;
    assert_eq!(database.count(EVENTS).await, 1);
}

async fn an_event_of_an_unknown_type_is_acknowledged_and_skipped(database: Database) {
    let server = Server::start(&database).await;
    let body = event("evt_1", "hologram.projected", now(), &json!({ "id": "holo_1", "object": "hologram" }));
    assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
    database.until("SELECT COUNT(*) FROM events WHERE state = 'skipped'", 1, SOON).await;
}

async fn a_delivery_becomes_a_record(database: Database) {
    let server = Server::start(&database).await;
    let body = customer_updated("evt_1");
    assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
    let record = "SELECT COUNT(*) FROM records WHERE external_id = 'cus_1' AND title = 'Northwind' AND deleted = 0";
    database.until(record, 1, SOON).await;
}

async fn a_machine_learns_whether_the_server_lives_and_is_ready(database: Database) {
    let server = Server::start(&database).await;
    let body = customer_updated("evt_1");
    assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
    for (path, text) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.text().await.unwrap(), text);
    }
    server.filed().await;
    let metrics = server.get("/metrics").await.text().await.unwrap();
    let names: Vec<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(names.contains(&"patchbay_deliveries_total"), "{metrics}");
    for name in names {
        let unit = ["_total", "_seconds", "_bytes", "_events", "_connections", "_workers", "_kinds"]
            .iter()
            .any(|unit| name.ends_with(unit));
        assert!(name.starts_with("patchbay_") && unit, "{name} lacks the prefix or a unit");
    }
}

async fn the_caller_s_request_id_comes_back_and_is_kept_with_the_event(database: Database) {
    let server = Server::start(&database).await;
    let body = customer_updated("evt_1");
    let request = server.delivery("/webhooks/stripe", Some(&signed(&body)), &body);
    let answer = request.header("x-request-id", "trace-me-7").send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], "trace-me-7");
    server.filed().await;
    assert_eq!(database.count("SELECT COUNT(*) FROM events WHERE request_id = 'trace-me-7'").await, 1);
    for unusable in ["", "has spaces in it", &"x".repeat(65)] {
        let request = server.http.get(server.url("/healthz")).header("x-request-id", unusable);
        let answer = request.send().await.unwrap();
        let id = answer.headers()["x-request-id"].to_str().unwrap();
        assert!(id.starts_with("req_") && id.len() == 20, "{id:?} instead of {unusable:?}");
    }
}

async fn one_connection_carries_deliveries_and_pages_in_any_order(database: Database) {
    let server = Server::start(&database).await;
    for (number, order) in [["page", "delivery"], ["delivery", "page"]].into_iter().enumerate() {
        let mut connection = TcpStream::connect(server.address()).await.unwrap();
        for what in order.into_iter().chain(order) {
            let request = match what {
                "page" => b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
                _ => raw_delivery(&customer_updated(&format!("evt_{number}"))),
            };
            connection.write_all(&request).await.unwrap();
            assert_eq!(status_line(&mut connection).await, "HTTP/1.1 200 OK", "{what} of {order:?}");
        }
    }
    server.filed().await;
    assert_eq!(database.count(EVENTS).await, 2);
}

async fn a_delivery_that_comes_in_pieces_is_stored(database: Database) {
    let server = Server::start(&database).await;
    let request = raw_delivery(&customer_updated("evt_1"));
    let mut connection = TcpStream::connect(server.address()).await.unwrap();
    connection.set_nodelay(true).unwrap();
    // The first pieces end before the path is told.
    for piece in request.chunks(4) {
        connection.write_all(piece).await.unwrap();
    }
    assert_eq!(status_line(&mut connection).await, "HTTP/1.1 200 OK");
    server.filed().await;
    assert_eq!(database.count(EVENTS).await, 1);
}

fn raw_delivery(body: &[u8]) -> Vec<u8> {
    let (length, signature) = (body.len(), signed(body));
    let head = format!(
        "POST /webhooks/stripe HTTP/1.1\r\nHost: localhost\r\nStripe-Signature: {signature}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Of the next answer, whose rest is read too.
async fn status_line(connection: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase().split_once("content-length: ").unwrap().1.to_owned();
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if body.len() == length {
                return head.lines().next().unwrap().to_owned();
            }
        }
        assert_ne!(connection.read_buf(&mut answer).await.unwrap(), 0, "cut off after: {text}");
    }
}
