//! What becomes of a session whose token is over: renewed on a visit, and nothing done or lost meanwhile.

use crate::{database::Database, server::Server};
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use axum::{Json, Router};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use patchbay_domain::Clock;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::LazyLock,
};

const FAPI: &str = "https://clerk.example.com";
const PARTY: &str = "https://patchbay.example.com";
const MINUTE: i64 = 60;

/// A private key and its public half, both under the id `a`.
pub static KEYS: LazyLock<[(EncodingKey, Value); 2]> = LazyLock::new(|| {
    [(), ()].map(|()| {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
        let private = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        let mut public = serde_json::to_value(Jwk::from_encoding_key(&private, Algorithm::RS256).unwrap()).unwrap();
        (public["kid"], public["use"]) = ("a".into(), "sig".into());
        (private, public)
    })
});

fn now() -> i64 {
    Clock::System.now().seconds()
}

pub fn sign(key: &EncodingKey, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some("a".to_owned());
    jsonwebtoken::encode(&header, claims, key).unwrap()
}

/// A product and the identity provider behind it.
pub struct Site {
    pub server: Server,
    pub database: Database,
    issuer: String,
}

impl Site {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(more: &[(&str, &str)]) -> Self {
        Self::start_on(Database::sqlite(), more).await
    }

    pub async fn start_on(database: Database, more: &[(&str, &str)]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let keys = json!({ "keys": [KEYS[0].1] });
        let api = Router::new().fallback(move || async move { Json(keys) });
        tokio::spawn(async move { axum::serve(listener, api).await });
        let mut settings = vec![
            ("CLERK_SIGN_IN_URL", "https://accounts.example.com/sign-in"),
            ("CLERK_ISSUER", issuer.as_str()),
            ("CLERK_FAPI", FAPI),
            ("CLERK_AUTHORIZED_PARTIES", PARTY),
            ("PATCHBAY_PUBLIC_URL", PARTY),
            ("PATCHBAY_STAFF_ORGANISATION", "org_staff"),
        ];
        settings.extend(more);
        let server = Server::start_with(&database, &settings).await;
        Self { server, database, issuer }
    }

    /// A token of `user` that ends `seconds` from now, and was made a minute before that.
    pub fn token(&self, user: &str, seconds: i64) -> String {
        let end = now() + seconds;
        let o = json!({"id": "org_staff", "rol": "admin"});
        let claims = json!({"v": 2, "iss": self.issuer, "azp": PARTY, "sub": user, "sid": "sess_1", "iat": end - MINUTE, "exp": end, "o": o});
        sign(&KEYS[0].0, &claims)
    }

    /// What a browser sends of somebody of the staff who has just signed in.
    pub fn cookie(&self, user: &str) -> String {
        format!("__session={}", self.token(user, MINUTE))
    }

    fn get(&self, path: &str, cookie: &str) -> RequestBuilder {
        self.server.http.get(self.server.url(path)).header("cookie", cookie)
    }

    /// As a browser does when somebody goes there.
    async fn visit(&self, path: &str, cookie: &str) -> Response {
        self.get(path, cookie).header("sec-fetch-dest", "document").header("accept", "text/html").send().await.unwrap()
    }

    async fn post(&self, path: &str, cookie: &str, body: &str) -> Response {
        let post = self.server.http.post(self.server.url(path)).header("cookie", cookie);
        let post = post.header("sec-fetch-site", "same-origin").header("sec-fetch-dest", "document");
        post.header("content-type", "application/x-www-form-urlencoded").body(body.to_owned()).send().await.unwrap()
    }
}

/// What a handshake answers for somebody with this token.
fn answer(token: &str) -> String {
    answer_of(&KEYS[0].0, &[&format!("__session={token}; Path=/"), "__client_uat=1; Path=/"])
}

fn answer_of(key: &EncodingKey, cookies: &[&str]) -> String {
    sign(key, &json!({ "handshake": cookies }))
}

fn location(response: &Response) -> &str {
    response.headers().get("location").map_or("", |value| value.to_str().unwrap())
}

fn cookies(response: &Response) -> Vec<String> {
    response.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap().to_owned()).collect()
}

/// The cookie that counts the steps of a page's handshakes.
fn steps(path: &str, count: u32) -> String {
    let mut hash = DefaultHasher::new();
    path.hash(&mut hash);
    format!("__Host-handshakes-{:016x}={count}", hash.finish())
}

fn steps_set(path: &str, count: u32) -> String {
    format!("{}; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=30", steps(path, count))
}

fn leads_to_handshake(response: &Response) -> bool {
    response.status() == 307
        && location(response).starts_with("https://clerk.example.com/v1/client/handshake?redirect_url=")
}

fn leads_to_sign_in(response: &Response) -> bool {
    location(response).starts_with("https://accounts.example.com/sign-in?redirect_url=")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_with_a_token_that_is_over_is_renewed_and_ends_at_its_clean_address() {
    let site = Site::start().await;
    let old = format!("__session={}; __client_uat=1", site.token("user_ada", -MINUTE));
    let there = site.visit("/events?state=dead", &old).await;
    assert!(leads_to_handshake(&there), "{there:?}");
    assert!(location(&there).contains("redirect_url=https%3A%2F%2Fpatchbay.example.com%2Fevents%3Fstate%3Ddead&"));
    assert_eq!(cookies(&there), [steps_set("/events", 1)]);

    let fresh = site.token("user_ada", MINUTE);
    let path = format!("/events?state=dead&__clerk_handshake={}", answer(&fresh));
    let back = site.visit(&path, &format!("{old}; {}", steps("/events", 1))).await;
    assert_eq!((back.status(), location(&back)), (StatusCode::TEMPORARY_REDIRECT, "/events?state=dead"));
    assert_eq!(cookies(&back)[..2], [format!("__session={fresh}; Path=/"), "__client_uat=1; Path=/".to_owned()]);
    let page =
        site.visit("/events?state=dead", &format!("__session={fresh}; __client_uat=1; {}", steps("/events", 2))).await;
    assert_eq!(page.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_production_instance_answers_in_a_cookie_which_is_used_up() {
    let site = Site::start().await;
    let old = site.token("user_ada", -MINUTE);
    let answer = answer(&site.token("user_ada", MINUTE));
    let back =
        site.visit("/events", &format!("__session={old}; __clerk_handshake={answer}; {}", steps("/events", 1))).await;
    assert_eq!((back.status(), location(&back)), (StatusCode::TEMPORARY_REDIRECT, "/events"));
    assert!(cookies(&back).iter().any(|cookie| cookie.starts_with("__clerk_handshake=; ")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_genuine_or_not_asked_for_sets_nothing() {
    let site = Site::start().await;
    let old = format!("__session={}", site.token("user_ada", -MINUTE));
    let fresh = site.token("user_eve", MINUTE);
    let genuine = answer(&fresh);
    let session = format!("__session={fresh}; Path=/");
    let claims =
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json!({"handshake": ["__session=x"]}).to_string());
    let mut parts: Vec<&str> = genuine.split('.').collect();
    parts[1] = &claims;
    for (what, token) in [
        ("tampered", parts.join(".")),
        ("of a wrong key", answer_of(&KEYS[1].0, &[&session])),
        ("with a session that is over", answer(&site.token("user_ada", -MINUTE))),
        ("a session token", fresh.clone()),
        ("nonsense", "nonsense".to_owned()),
    ] {
        let back =
            site.visit(&format!("/events?__clerk_handshake={token}"), &format!("{old}; {}", steps("/events", 1))).await;
        assert!(leads_to_handshake(&back), "{what}: {back:?}");
        assert_eq!(cookies(&back), [steps_set("/events", 2)], "{what}");
        assert!(!location(&back).contains("__clerk_handshake"), "{what}");
    }
    // Somebody else's link.
    let lured = site.visit(&format!("/events?__clerk_handshake={genuine}"), "theme=dark").await;
    assert!(leads_to_sign_in(&lured) && cookies(&lured).is_empty(), "{lured:?}");
    let foreign = answer_of(&KEYS[0].0, &[&session, "flash=success=Paid; Path=/", "theme=dark"]);
    let back =
        site.visit(&format!("/events?__clerk_handshake={foreign}"), &format!("{old}; {}", steps("/events", 1))).await;
    assert_eq!(cookies(&back), [session, steps_set("/events", 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_never_helps_ends_after_three_rounds() {
    let site = Site::start().await;
    let old = site.token("user_ada", -MINUTE);
    let mut steps = 0;
    loop {
        let response = site.visit("/events", &format!("__session={old}; {}", self::steps("/events", steps))).await;
        if !leads_to_handshake(&response) {
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            assert!(response.text().await.unwrap().contains("does not hold"));
            break;
        }
        steps += 1;
        let back = format!("/events?__clerk_handshake={}", answer(&site.token("user_ada", MINUTE)));
        let response = site.visit(&back, &format!("__session={old}; {}", self::steps("/events", steps))).await;
        assert_eq!(location(&response), "/events");
        // This browser keeps none of the cookies but the count.
        steps += 1;
        assert!(steps < 20, "it goes round for ever");
    }
    assert_eq!(steps, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_identity_provider_may_say_that_nobody_is_signed_in_any_more() {
    let site = Site::start().await;
    let old = format!("__session={}; __client_uat=5; {}", site.token("user_ada", -MINUTE), steps("/events", 1));
    let answer = answer_of(&KEYS[0].0, &["__session=; Path=/; Max-Age=0", "__client_uat=0; Path=/"]);
    let back = site.visit(&format!("/events?__clerk_handshake={answer}"), &old).await;
    assert_eq!(location(&back), "/events");
    assert_eq!(cookies(&back)[..2], ["__session=; Path=/; Max-Age=0", "__client_uat=0; Path=/"]);
    assert!(leads_to_sign_in(&site.visit("/events", &format!("__client_uat=0; {}", steps("/events", 2))).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_whose_sign_in_changed_is_asked_again_though_its_token_is_valid() {
    let site = Site::start().await;
    let token = site.token("user_ada", MINUTE);
    for uat in [0, now() + 30] {
        let changed = format!("__session={token}; __client_uat={uat}");
        assert!(leads_to_handshake(&site.visit("/events", &changed).await), "{uat}");
        let script = site.get("/search.json?q=a", &changed).header("sec-fetch-dest", "empty").send().await.unwrap();
        assert_eq!(script.status(), StatusCode::UNAUTHORIZED, "{uat}");
    }
    assert!(leads_to_handshake(&site.visit("/events", "__client_uat=5").await), "signed in elsewhere on the domain");
    let dev = site.visit("/events?__clerk_db_jwt=dvb_1", "theme=dark").await;
    assert!(leads_to_handshake(&dev) && location(&dev).ends_with("&__clerk_db_jwt=dvb_1"), "{dev:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_page_reads_on_for_ten_minutes_and_is_then_told_to_come_again() {
    let site = Site::start().await;
    let script = async |path: &str, over_for: i64| {
        let cookie = format!("__session={}", site.token("user_ada", -over_for));
        site.get(path, &cookie).header("sec-fetch-dest", "empty").header("accept", "*/*").send().await.unwrap().status()
    };
    assert_eq!(script("/search.json?q=a", 9 * MINUTE).await, StatusCode::OK);
    assert_eq!(script("/events", 9 * MINUTE).await, StatusCode::OK);
    assert_eq!(script("/live?topics=events", 9 * MINUTE).await, StatusCode::OK);
    for path in ["/search.json?q=a", "/events", "/live?topics=events"] {
        assert_eq!(script(path, 11 * MINUTE).await, StatusCode::UNAUTHORIZED, "{path}");
    }
    let cookie = format!("__session={}", site.token("user_ada", -MINUTE));
    let ahead = site.get("/events", &cookie).header("sec-fetch-dest", "document").header("accept", "text/html");
    let ahead = ahead.header("sec-purpose", "prefetch").send().await.unwrap();
    assert_eq!(ahead.status(), StatusCode::UNAUTHORIZED, "a click would show what was fetched ahead of it");
    let bearer = site.server.http.get(site.server.url("/search.json?q=a"));
    let bearer = bearer.bearer_auth(site.token("user_ada", -MINUTE)).send().await.unwrap();
    assert_ne!(bearer.status(), StatusCode::OK, "a program has to bring a token that is valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_sent_with_a_token_that_is_over_does_nothing_yet_and_loses_nothing() {
    let site = Site::start().await;
    let old = site.token("user_ada", -5 * MINUTE);
    let fields = "connection=stripe&note=%22%3E%3Cb%3E+%C3%A4&note=2";
    let kept = site.post("/actions/start-sync", &format!("__session={old}"), fields).await;
    assert_eq!((kept.status(), location(&kept)), (StatusCode::SEE_OTHER, "/interrupted"));
    let form = cookies(&kept).iter().map(|cookie| cookie.split(';').next().unwrap()).collect::<Vec<_>>().join("; ");

    // The visit to that page is renewed like any other.
    assert!(leads_to_handshake(&site.visit("/interrupted", &format!("__session={old}; {form}")).await));
    let fresh = site.token("user_ada", MINUTE);
    let page = site.visit("/interrupted", &format!("__session={fresh}; {form}")).await;
    assert!(cookies(&page).iter().all(|cookie| cookie.contains("Max-Age=0")), "a reload would send it again");
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("script-src 'self';"));
    let html = page.text().await.unwrap();
    assert!(html.contains(r#"action="/actions/start-sync""#) && html.contains(r#"src="/interrupted.js""#), "{html}");
    assert!(html.contains(r#"value="stripe""#) && html.contains(r#"value="2""#), "{html}");
    assert!(!html.contains("><b>"), "what was typed is markup: {html}");

    let late = form.replacen(&now().to_string()[..7], &(now() - 100_000).to_string()[..7], 1);
    let page = site.visit("/interrupted", &format!("__session={fresh}; {late}")).await.text().await.unwrap();
    assert!(
        page.contains("start-sync") && !page.contains("interrupted.js"),
        "after a while, the person is asked: {page}"
    );
    let other = site.token("user_eve", MINUTE);
    let page = site.visit("/interrupted", &format!("__session={other}; {form}")).await;
    assert_eq!(location(&page), "/", "somebody else's form");

    let large = format!("note={}", "x".repeat(5_000));
    let refused = site.post("/actions/start-sync", &format!("__session={old}"), &large).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let forged = site.post("/actions/start-sync", "__session=nonsense", fields).await;
    assert_eq!(forged.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_leaves_nothing_that_a_visit_could_renew() {
    let site = Site::start().await;
    let session = format!("__session={}; __client_uat=5", site.token("user_ada", MINUTE));
    let out = site.post("/sign-out", &session, "").await;
    for name in ["__session=; ", "__client_uat=; "] {
        assert!(cookies(&out).iter().any(|cookie| cookie.starts_with(name) && cookie.contains("Max-Age=0")), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_level_prints_a_handshake() {
    let site = Site::start_with(&[("RUST_LOG", "trace"), ("PATCHBAY_LOG_FORMAT", "json")]).await;
    let (old, fresh) = (site.token("user_ada", -MINUTE), site.token("user_ada", MINUTE));
    let genuine = answer(&fresh);
    let wrong = answer_of(&KEYS[1].0, &["__session=x"]);
    for answer in [&genuine, &wrong] {
        site.visit(
            &format!("/events?__clerk_handshake={answer}"),
            &format!("__session={old}; {}", steps("/events", 1)),
        )
        .await;
    }
    let logs = site.server.says("was refused").await;
    for secret in [&old, &fresh, &genuine, &wrong] {
        assert!(
            !logs.contains(secret.as_str()) && !logs.contains(&secret[secret.len() - 40..]),
            "a token is in the log"
        );
    }
}
