//! The sandbox over HTTP, checked with the issuer's published keys.

#![expect(clippy::disallowed_methods, reason = "a test injects its own client")]

use super::*;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use reqwest::{Response, StatusCode, header, redirect::Policy};
use serde_json::Value;

const NOW: i64 = 1_800_000_000;
const ORIGIN: &str = "http://127.0.0.1:3000";

struct Site {
    base: String,
    client: reqwest::Client,
}

impl Site {
    async fn start(origin: &str) -> Self {
        let journal = Arc::new(Journal::open(None, |_| ()).unwrap());
        let clock: Clock = Arc::new(|| NOW * 1_000_000 + 5);
        let clerk = ClerkSandbox::with(origin, Kept::default(), journal, clock).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/sandbox/clerk", listener.local_addr().unwrap());
        let app = Router::new().nest(MOUNT, clerk.router());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let client = reqwest::Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        Self { base, client }
    }

    async fn sign_in(&self, fields: &[(&str, &str)]) -> Response {
        self.client.post(format!("{}/sign-in", self.base)).form(fields).send().await.unwrap()
    }

    async fn text(&self, path: &str) -> String {
        self.client.get(format!("{}{path}", self.base)).send().await.unwrap().text().await.unwrap()
    }

    /// The claims of a token, its signature checked against what the issuer publishes.
    async fn claims(&self, token: &str) -> Value {
        let keys: JwkSet = serde_json::from_str(&self.text("/.well-known/jwks.json").await).unwrap();
        let header = decode_header(token).unwrap();
        assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::RS256, Some("JWT")));
        let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        decode(token, &key, &validation).unwrap().claims
    }

    /// Signs in; the value of the `__client` cookie.
    async fn client_of(&self, person: &str) -> String {
        let response = self.sign_in(&[("person", person)]).await;
        let cookie = cookies(&response).into_iter().find(|cookie| cookie.starts_with("__client=")).unwrap();
        assert!(cookie.contains("; Path=/sandbox/clerk; HttpOnly; "), "the product must not get it: {cookie}");
        cookie["__client=".len()..].split(';').next().unwrap().to_owned()
    }

    /// Where the handshake leads to and the cookies that it hands over.
    async fn handshake(&self, client: &str, redirect_url: &str) -> (String, Vec<String>) {
        let request = self.client.get(format!("{}/v1/client/handshake", self.base));
        let request = request.query(&[("redirect_url", redirect_url)]).header("cookie", format!("__client={client}"));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
        let (to, token) = header_of(&response, header::LOCATION).split_once("__clerk_handshake=").unwrap();
        let handshake = self.claims(token).await["handshake"].clone();
        (to.to_owned(), serde_json::from_value(handshake).unwrap())
    }
}

fn header_of(response: &Response, name: header::HeaderName) -> &str {
    response.headers()[name].to_str().unwrap()
}

fn cookies(response: &Response) -> Vec<String> {
    response.headers().get_all(header::SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_chosen_person_gets_a_token_in_clerks_shape() {
    let site = Site::start(ORIGIN).await;
    let response = site.sign_in(&[("person", "ada")]).await;
    assert_eq!((response.status(), header_of(&response, header::LOCATION)), (StatusCode::SEE_OTHER, "/"));
    let cookies = cookies(&response);
    let (token, rest) = cookies[0].strip_prefix("__session=").unwrap().split_once("; ").unwrap();
    assert_eq!(rest, "Path=/; HttpOnly; SameSite=Lax; Max-Age=604800");
    assert_eq!(cookies[1], format!("__client_uat={NOW}; {rest}"));
    let claims = site.claims(token).await;
    assert_eq!(claims["iss"], "http://127.0.0.1:3000/sandbox/clerk");
    assert_eq!((&claims["azp"], &claims["sub"], &claims["v"]), (&ORIGIN.into(), &"user_sandbox_ada".into(), &2.into()));
    assert_eq!((&claims["iat"], &claims["nbf"], &claims["exp"]), (&NOW.into(), &(NOW - 10).into(), &(NOW + 60).into()));
    assert_eq!((&claims["o"]["id"], &claims["o"]["rol"]), (&"org_sandbox_staff".into(), &"admin".into()));
    assert_eq!((&claims["name"], &claims["org_name"]), (&"Ada Okafor".into(), &"Patchbay staff".into()));
}

#[tokio::test]
async fn people_land_where_they_wanted_or_at_home() {
    let site = Site::start(ORIGIN).await;
    let wanted = [
        ("chiara", "", "/billing"),
        ("daichi", "/", "/billing"),
        ("ben", "/events?state=dead", "/events?state=dead"),
        ("ben", "//evil.example/x", "/"),
        ("chiara", "https://evil.example", "/billing"),
    ];
    for (person, redirect_url, landing) in wanted {
        let response = site.sign_in(&[("person", person), ("redirect_url", redirect_url)]).await;
        assert_eq!(header_of(&response, header::LOCATION), landing, "{person} to {redirect_url}");
    }
    assert_eq!(site.sign_in(&[("person", "eve")]).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_page_offers_everybody_and_keeps_the_way_back_if_it_is_local() {
    let site = Site::start(ORIGIN).await;
    let page = site.text("/sign-in?redirect_url=%2Fevents%3Fa%3D%22b").await;
    for person in &PEOPLE {
        assert!(page.contains(&format!("{} — {}", person.name, person.is)));
    }
    assert!(page.contains("Sandbox") && page.contains(r#"name="redirect_url" value="/events?a=&quot;b""#));
    assert!(!site.text("/sign-in?redirect_url=https%3A%2F%2Fevil.example").await.contains("evil"));
}

#[tokio::test]
async fn the_handshake_renews_the_token_of_a_session_that_lasts() {
    let site = Site::start(ORIGIN).await;
    let client = site.client_of("ben").await;
    let (to, cookies) = site.handshake(&client, "/events?state=dead").await;
    assert_eq!(to, "/events?state=dead&");
    let token = cookies[0].strip_prefix("__session=").unwrap().split(';').next().unwrap();
    let claims = site.claims(token).await;
    assert_eq!((&claims["sub"], &claims["exp"]), (&"user_sandbox_ben".into(), &(NOW + 60).into()));
    let (to, _) = site.handshake(&client, &format!("{ORIGIN}/billing")).await;
    assert_eq!(to, format!("{ORIGIN}/billing?"));
}

#[tokio::test]
async fn the_handshake_says_that_nobody_is_signed_in() {
    let site = Site::start(ORIGIN).await;
    let (_, cookies) = site.handshake("of-nobody", "/").await;
    assert!(cookies[0].starts_with("__session=; ") && cookies[0].ends_with("; Max-Age=0"), "{cookies:?}");
    assert!(cookies[1].starts_with("__client_uat=0; "), "{cookies:?}");
}

#[tokio::test]
async fn the_handshake_goes_to_no_other_site() {
    let site = Site::start(ORIGIN).await;
    for elsewhere in ["https://evil.example/", "//evil.example", "http://127.0.0.1:3000.evil.example/", "", "events"] {
        let request = site.client.get(format!("{}/v1/client/handshake", site.base));
        let response = request.query(&[("redirect_url", elsewhere)]).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{elsewhere}");
        let error: Value = response.json().await.unwrap();
        assert_eq!(error["errors"][0]["code"], "form_param_value_invalid");
    }
}

#[tokio::test]
async fn the_publishable_key_names_the_frontend_api_whose_keys_sign_its_tokens() {
    let journal = Arc::new(Journal::open(None, |_| ()).unwrap());
    let clerk = ClerkSandbox::with(ORIGIN, Kept::default(), journal, Arc::new(|| NOW * 1_000_000)).unwrap();
    let variables = clerk.environment();
    let key = variables.iter().find(|(name, _)| *name == "CLERK_PUBLISHABLE_KEY").map(|(_, key)| key).unwrap();
    let decoded = STANDARD.decode(key.strip_prefix("pk_test_").unwrap()).unwrap();
    let host = String::from_utf8(decoded).unwrap();
    assert_eq!(format!("http://{}", host.strip_suffix('$').unwrap()), clerk.issuer());
}

#[tokio::test]
async fn whatever_is_asked_below_v1_is_answered_with_json() {
    let site = Site::start(ORIGIN).await;
    for (method, path) in [
        ("GET", "users"),
        ("POST", "client"),
        ("POST", "client/handshake"),
        ("GET", "client/handshake"),
        ("DELETE", "sessions/x"),
    ] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let response = site.client.request(method, format!("{}/v1/{path}", site.base)).send().await.unwrap();
        assert!(response.status().is_client_error(), "{path}: {}", response.status());
        let error: Value = response.json().await.unwrap();
        assert!(
            error["errors"][0]["code"].is_string() && error["errors"][0]["long_message"].is_string(),
            "{path}: {error}"
        );
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_and_https_makes_cookies_secure() {
    let site = Site::start("https://panel.example.com/").await;
    let client = site.client_of("ada").await;
    let sign_out = |method: reqwest::Method, from: &'static str| {
        let request = site.client.request(method, format!("{}/sign-out", site.base));
        request.header("cookie", format!("__client={client}")).header("sec-fetch-site", from).send()
    };
    let visit = sign_out(reqwest::Method::GET, "cross-site").await.unwrap();
    assert_eq!((header_of(&visit, header::LOCATION), cookies(&visit).len()), ("/sandbox/clerk/sign-in", 0));
    assert!(!site.handshake(&client, "/").await.1[0].starts_with("__session=;"), "a visit from elsewhere ended it");

    let led_here = sign_out(reqwest::Method::GET, "same-origin").await.unwrap();
    assert_eq!(header_of(&led_here, header::LOCATION), "/sandbox/clerk/sign-in");
    let gone = "; HttpOnly; SameSite=Lax; Max-Age=0; Secure";
    let cookies = cookies(&led_here);
    assert_eq!(
        (&cookies[0], &cookies[2]),
        (&format!("__session=; Path=/{gone}"), &format!("__client=; Path=/sandbox/clerk{gone}"))
    );
    assert!(site.handshake(&client, "/").await.1[0].starts_with("__session=;"));
}
