//! Pages, actions and the live stream are for people who are signed in.

use crate::{database::Database, server::Server};
use axum::{Json, Router};
use reqwest::{Method, StatusCode};
use serde_json::json;

/// Pages and what they call. Each must turn a stranger away.
const PRIVATE: [&str; 22] = [
    "/",
    "/events",
    "/events.csv",
    "/customers.csv?text=a",
    "/events/019a0000-0000-7000-8000-000000000000",
    "/subscriptions",
    "/customers",
    "/invoices",
    "/payments",
    "/plans",
    "/videos",
    "/activity",
    "/audit",
    "/connections",
    "/connections/stripe",
    "/search",
    "/search.json?q=a",
    "/billing",
    "/live?topics=events",
    "/actions/anything",
    "/actions/cancel-subscription",
    "/no-such-page",
];

/// A public key of RSA, of which nobody here has the private part.
const MODULUS: &str = include_str!("../../../crates/providers/src/clerk/fixtures/modulus.txt");

/// A server that people could sign in to: the identity provider's keys are there.
async fn server_with_sign_in(database: &Database) -> Server {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let keys = json!({ "keys": [{ "kty": "RSA", "kid": "a", "alg": "RS256", "use": "sig", "n": MODULUS.trim(), "e": "AQAB" }] });
    let api = Router::new().fallback(move || async move { Json(keys) });
    tokio::spawn(async move { axum::serve(listener, api).await });
    let sign_in = [
        ("CLERK_SIGN_IN_URL", "https://accounts.example.com/sign-in"),
        ("CLERK_ISSUER", issuer.as_str()),
        ("CLERK_AUTHORIZED_PARTIES", "https://patchbay.example.com"),
        ("PATCHBAY_STAFF_ORGANISATION", "org_staff"),
    ];
    Server::start_with(database, &sign_in).await
}

/// Not a token, unsigned, and signed with a key that is not the identity provider's.
const FORGED: [&str; 3] = [
    "nonsense",
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyXzEiLCJleHAiOjQxMDI0NDQ4MDB9.",
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.eyJzdWIiOiJ1c2VyXzEiLCJleHAiOjQxMDI0NDQ4MDB9.c2lnbmF0dXJl",
];

fn turns_away(status: StatusCode, location: Option<&str>) -> bool {
    match status.as_u16() {
        303 | 307 => location.is_some_and(|to| to.starts_with("https://accounts.example.com/sign-in?redirect_url=")),
        401 | 403 | 503 => true,
        _ => false,
    }
}

async fn every_private_path_turns_away(server: &Server, cookie: Option<&str>) {
    for path in PRIVATE {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE] {
            for accept in ["text/html", "application/json", "text/event-stream"] {
                let mut request = server.http.request(method.clone(), server.url(path)).header("accept", accept);
                request = request.header("sec-fetch-site", "same-origin");
                if let Some(cookie) = cookie {
                    request = request.header("cookie", format!("__session={cookie}"));
                }
                let answer = request.send().await.unwrap();
                let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
                let status = answer.status();
                assert!(turns_away(status, location), "{method} {path} as {accept}: {status}, to {location:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_sent_to_sign_in_or_refused_on_every_private_path() {
    let database = Database::sqlite();
    let server = server_with_sign_in(&database).await;
    every_private_path_turns_away(&server, None).await;
    let answer = server.http.get(server.url("/events?state=dead")).header("accept", "text/html").send().await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(location.ends_with("%2Fevents%3Fstate%3Ddead"), "the way back is lost: {location}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_session_opens_nothing() {
    let database = Database::sqlite();
    let server = server_with_sign_in(&database).await;
    for token in FORGED {
        every_private_path_turns_away(&server, Some(token)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_identity_provider_nobody_gets_in_and_the_answer_says_why() {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    every_private_path_turns_away(&server, None).await;
    let answer = server.get("/").await;
    assert_eq!(answer.status(), 503);
    assert!(answer.text().await.unwrap().contains("CLERK_ISSUER"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_sent_from_another_site_is_refused() {
    let database = Database::sqlite();
    let server = server_with_sign_in(&database).await;
    let elsewhere =
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")];
    for path in ["/actions/cancel-subscription", "/theme", "/sign-out"] {
        for (name, value) in elsewhere {
            let post = server.http.post(server.url(path)).form(&[("theme", "dark")]).header("cookie", "a=b");
            let answer = post.header(name, value).send().await.unwrap();
            assert_eq!(answer.status(), 403, "{path} with {name}: {value}");
            assert!(answer.headers().get("set-cookie").is_none(), "{path} with {name}: {value} set a cookie");
        }
    }
    let post = server.http.post(server.url("/theme")).form(&[("theme", "dark")]);
    let answer = post.header("sec-fetch-site", "same-origin").send().await.unwrap();
    assert_eq!(answer.status(), 303, "our own form is taken");
}
