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
        let clerk = ClerkSandbox::new(origin, Arc::new(|| NOW * 1_000_000 + 5)).unwrap();
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
        decode(token, &key, &validation).unwrap().claims
    }
}

fn header_of(response: &Response, name: header::HeaderName) -> &str {
    response.headers()[name].to_str().unwrap()
}

#[tokio::test]
async fn a_chosen_person_gets_a_token_in_clerks_shape() {
    let site = Site::start(ORIGIN).await;
    let response = site.sign_in(&[("person", "ada")]).await;
    assert_eq!((response.status(), header_of(&response, header::LOCATION)), (StatusCode::SEE_OTHER, "/"));
    let cookie = header_of(&response, header::SET_COOKIE);
    let (token, rest) = cookie.strip_prefix("__session=").unwrap().split_once("; ").unwrap();
    assert_eq!(rest, "Path=/; HttpOnly; SameSite=Lax; Max-Age=43200");
    let claims = site.claims(token).await;
    assert_eq!(claims["iss"], "http://127.0.0.1:3000/sandbox/clerk");
    assert_eq!((&claims["azp"], &claims["sub"], &claims["v"]), (&ORIGIN.into(), &"user_sandbox_ada".into(), &2.into()));
    assert_eq!(
        (&claims["iat"], &claims["nbf"], &claims["exp"]),
        (&NOW.into(), &(NOW - 10).into(), &(NOW + 43_200).into())
    );
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
async fn signing_out_takes_the_cookie_away_and_https_makes_it_secure() {
    let site = Site::start("https://panel.example.com/").await;
    let response = site.client.post(format!("{}/sign-out", site.base)).send().await.unwrap();
    assert_eq!(header_of(&response, header::LOCATION), "/sandbox/clerk/sign-in");
    let visit = site.client.get(format!("{}/sign-out", site.base)).send().await.unwrap();
    assert_eq!(
        (header_of(&visit, header::LOCATION), visit.headers().get(header::SET_COOKIE)),
        ("/sandbox/clerk/sign-in", None)
    );
    assert_eq!(
        header_of(&response, header::SET_COOKIE),
        "__session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure"
    );
}
