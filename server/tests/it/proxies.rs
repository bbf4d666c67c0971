//! Behind proxies: whom the product believes about who asks.

use crate::{
    database::{Database, Folder},
    deliveries::{customer_updated, signed},
    server::{METRICS_TOKEN, Server, output, patchbay, text},
};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// How many rejections name this address.
async fn rejected_of(database: &Database, address: &str, wanted: i64) {
    let sql = match address {
        "203.0.113.7" => "SELECT COUNT(*) FROM rejections WHERE remote = '203.0.113.7'",
        "127.0.0.1" => "SELECT COUNT(*) FROM rejections WHERE remote = '127.0.0.1'",
        other => panic!("no count of {other}"),
    };
    database.until(sql, wanted, SOON).await;
}

async fn refused_delivery(server: &Server, headers: &[(&str, &str)]) {
    let mut delivery = server.delivery("/webhooks/stripe", Some("t=1,v1=00"), &customer_updated("evt_1"));
    for (name, value) in headers {
        delivery = delivery.header(*name, *value);
    }
    assert_eq!(delivery.send().await.unwrap().status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_names_the_sender_that_a_trusted_proxy_saw_and_nobody_the_sender_made_up() {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    refused_delivery(&server, &[("x-forwarded-for", "198.51.100.1, 203.0.113.7")]).await;
    refused_delivery(&server, &[("forwarded", "for=203.0.113.7;proto=https")]).await;
    rejected_of(&database, "203.0.113.7", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_says_that_nobody_trusts_counts_for_nothing() {
    let database = Database::sqlite();
    let server = Server::start_with(&database, &[("PATCHBAY_TRUSTED_PROXIES", "192.0.2.0/24")]).await;
    refused_delivery(&server, &[("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.7")]).await;
    rejected_of(&database, "127.0.0.1", 1).await;
}

const PUBLIC: [(&str, &str); 1] = [("PATCHBAY_PUBLIC_URL", "https://patchbay.example.com")];

async fn status_for(server: &Server, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = server.http.get(server.url(path)).header("accept", "text/html");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_another_host_is_refused_before_any_work_and_says_what_to_change() {
    let database = Database::sqlite();
    let server = Server::start_with(&database, &PUBLIC).await;
    for path in ["/", "/events", "/sign-in", "/sign-out", "/pkg/patchbay.css", "/live?topics=events", "/nothing"] {
        let request = server.http.get(server.url(path)).header("host", "rebound.example");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 421, "{path}");
        assert!(answer.headers().get("set-cookie").is_none(), "{path}");
        let text = answer.text().await.unwrap();
        assert!(text.contains("https://patchbay.example.com") && text.contains("PATCHBAY_PUBLIC_URL"), "{text}");
    }
    let of_proxy = [("host", "upstream"), ("x-forwarded-host", "patchbay.example.com")];
    for (headers, status) in [
        (&[("host", "patchbay.example.com")][..], 200),
        (&[("host", "PATCHBAY.example.com:8443")], 200),
        (&[("host", "localhost:3000")], 200),
        (&of_proxy, 200),
        (&[("host", "patchbay.example.com"), ("x-forwarded-host", "rebound.example")], 421),
        (&[("host", "a b")], 400),
    ] {
        assert_eq!(status_for(&server, "/interrupted.js", headers).await, status, "{headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_host_of_somebody_who_is_not_trusted_does_not_count() {
    let database = Database::sqlite();
    let settings = [PUBLIC[0], ("PATCHBAY_TRUSTED_PROXIES", "192.0.2.1")];
    let server = Server::start_with(&database, &settings).await;
    let headers = [("host", "rebound.example"), ("x-forwarded-host", "patchbay.example.com")];
    assert_eq!(status_for(&server, "/interrupted.js", &headers).await, 421);
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_and_health_checks_are_taken_under_every_name() {
    let database = Database::sqlite();
    let settings = [PUBLIC[0], ("PATCHBAY_METRICS_TOKEN", METRICS_TOKEN)];
    let server = Server::start_with(&database, &settings).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(status_for(&server, path, &[("host", "10.1.2.3:3000")]).await, 200, "{path}");
    }
    let body = customer_updated("evt_1");
    let delivery = server.delivery("/webhooks/stripe", Some(&signed(&body)), &body).header("host", "patchbay.internal");
    assert_eq!(delivery.send().await.unwrap().status(), 200);
    server.filed().await;
    assert_eq!(database.count("SELECT COUNT(*) FROM events").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_costs_the_same_whatever_host_the_request_names() {
    let database = Database::sqlite();
    let server = Server::start_with(&database, &PUBLIC).await;
    let out = |host: String| server.http.post(server.url("/sign-out")).header("host", host).send();
    let long = "a.".repeat(4_000) + "patchbay.example.com";
    let refused = out(long).await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.headers().get("set-cookie").is_none());
    for host in ["patchbay.example.com", "127.0.0.1"] {
        let answer = out(host.to_owned()).await.unwrap();
        let cookies: Vec<&str> =
            answer.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
        // Two cookies, each of this host, its own domain and the one above.
        assert_eq!(cookies.len(), 6, "{cookies:?}");
        assert!(cookies.iter().any(|cookie| cookie.contains("Domain=example.com")), "{cookies:?}");
        assert!(cookies.iter().all(|cookie| cookie.len() < 150), "{cookies:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_taken_through_a_proxy_that_asks_for_the_server_under_another_name() {
    let database = Database::sqlite();
    let server = Server::start_with(&database, &PUBLIC).await;
    for (origin, host, status) in [
        ("https://patchbay.example.com", "127.0.0.1:3000", 303),
        ("https://patchbay.example.com", "patchbay.example.com", 303),
        ("http://patchbay.example.com", "patchbay.example.com", 403),
        ("https://evil.example", "127.0.0.1:3000", 403),
        ("null", "patchbay.example.com", 403),
    ] {
        let post = server.http.post(server.url("/theme")).form(&[("theme", "dark")]).header("cookie", "a=b");
        let answer = post.header("origin", origin).header("host", host).send().await.unwrap();
        assert_eq!(answer.status(), status, "{origin} to {host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers_that_keep_browsers_careful() {
    let database = Database::sqlite();
    let careful = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    for (settings, strict) in [(&PUBLIC[..], true), (&[], false)] {
        let server = Server::start_with(&database, settings).await;
        let requests = [
            server.http.get(server.url("/")),
            server.http.get(server.url("/sign-in")),
            server.http.get(server.url("/robots.txt")),
            server.http.get(server.url("/healthz")),
            server.http.get(server.url("/metrics")),
            server.http.get(server.url("/pkg/nothing")),
            server.http.put(server.url("/healthz")),
            server.http.get(server.url("/")).header("host", "rebound.example"),
            server.http.post(server.url("/theme")).header("sec-fetch-site", "cross-site"),
            server.delivery("/webhooks/stripe", None, b"{}"),
            server.delivery("/webhooks/nobody", None, b"{}"),
        ];
        for request in requests {
            let answer = request.send().await.unwrap();
            let (url, headers) = (answer.url().clone(), answer.headers());
            for (name, value) in careful {
                assert_eq!(headers[name], value, "{name} of {url}");
            }
            assert!(headers["permissions-policy"].to_str().unwrap().contains("camera=()"), "{url}");
            assert_eq!(headers.contains_key("strict-transport-security"), strict, "{url}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_cookies_are_of_this_host_alone_when_the_public_url_is_https() {
    let database = Database::sqlite();
    for (settings, start) in [(&PUBLIC[..], "__Host-theme=dark; "), (&[], "theme=dark; ")] {
        let server = Server::start_with(&database, settings).await;
        let answer = server.http.post(server.url("/theme")).form(&[("theme", "dark")]).send().await.unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        assert!(cookie.starts_with(start) && cookie.contains("; Path=/;"), "{cookie}");
        assert_eq!(cookie.contains("; Secure"), !settings.is_empty(), "{cookie}");
    }
}

#[test]
fn a_public_url_that_is_none_ends_the_start_with_a_sentence() {
    let folder = Folder::new();
    for wrong in ["x.example", "ftp://x.example", "https://x.example/patchbay", "https://user:secret@x.example"] {
        let refused = output(patchbay(folder.path(), &[("PATCHBAY_PUBLIC_URL", wrong)]).arg("serve"));
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{wrong}: {said}");
        assert!(said.contains("PATCHBAY_PUBLIC_URL") && said.contains("https://patchbay.example.com"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}
