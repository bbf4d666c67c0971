//! Clerk's own tokens, and tokens of our own key behind a local key server.

#![expect(clippy::disallowed_methods, reason = "a test injects its own client")]

use super::*;
use crate::registry::ConfigError;
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::get};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use patchbay_domain::{Clock, Role, Timestamp};
use serde_json::{Value, json};
use std::{
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

const NOW: i64 = 1_800_000_000;
const PARTY: &str = "https://panel.example.com";
const ISSUER: &str = "https://clerk.example.com";
const STAFF: &str = "org_staff";

/// Vectors of `@clerk/backend` 3.25.0: valid from 1666648240 to 1666648310.
mod official {
    pub const PUBLISHABLE_KEY: &str = "pk_test_Y2xlcmsuaW5zcGlyZWQucHVtYS03NC5sY2wuZGV2JA";
    pub const PARTY: &str = "https://accounts.inspired.puma-74.lcl.dev";
    pub const KID: &str = "ins_2GIoQhbUpy0hX7B2cVkuTMinXoD";
    pub const MODULUS: &str = include_str!("fixtures/modulus.txt");
    pub const VALID: &str = include_str!("fixtures/valid.jwt");
    pub const EXPIRED: &str = include_str!("fixtures/expired.jwt");
    pub const INVALID_SIGNATURE: &str = include_str!("fixtures/invalid_signature.jwt");
    pub const MALFORMED: &str = include_str!("fixtures/malformed.jwt");
    pub const ISSUED_AT: i64 = 1_666_648_250;
}

struct Key {
    private: EncodingKey,
    public: Value,
}

static KEY: LazyLock<Key> = LazyLock::new(|| key("ins_ours"));
static OTHER: LazyLock<Key> = LazyLock::new(|| key("ins_other"));

fn key(kid: &str) -> Key {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
    let private = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let mut public = serde_json::to_value(Jwk::from_encoding_key(&private, Algorithm::RS256).unwrap()).unwrap();
    public["kid"] = kid.into();
    public["use"] = "sig".into();
    Key { private, public }
}

/// A key server that counts how often it is asked; without keys it is broken.
struct KeyServer {
    url: String,
    keys: Arc<Mutex<Vec<Value>>>,
    asked: Arc<Mutex<u32>>,
}

impl KeyServer {
    async fn start(keys: Vec<Value>) -> Self {
        let keys = Arc::new(Mutex::new(keys));
        let asked = Arc::new(Mutex::new(0));
        let (served, counted) = (keys.clone(), asked.clone());
        let answer = async move || {
            *counted.lock().unwrap() += 1;
            let keys = served.lock().unwrap().clone();
            if keys.is_empty() {
                return StatusCode::NOT_FOUND.into_response();
            }
            Json(json!({"keys": keys})).into_response()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/jwks.json", get(answer))).await });
        Self { url, keys, asked }
    }

    fn asked(&self) -> u32 {
        *self.asked.lock().unwrap()
    }

    fn set(&self, keys: Vec<Value>) {
        *self.keys.lock().unwrap() = keys;
    }

    fn verifier(&self, issuer: &str, party: &str, now: i64) -> (SessionVerifier, Clock) {
        let clock = Clock::fixed(Timestamp::from_seconds(now));
        let config = read(&[
            ("CLERK_ISSUER", issuer),
            ("CLERK_JWKS_URL", &self.url),
            ("CLERK_AUTHORIZED_PARTIES", party),
            ("PATCHBAY_STAFF_ORGANISATION", STAFF),
        ]);
        (SessionVerifier::new(config.unwrap(), reqwest::Client::new(), clock.clone()), clock)
    }
}

fn read(settings: &[(&str, &str)]) -> Result<ClerkConfig, ConfigError> {
    ClerkConfig::from_variables(&|name| {
        settings.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    })
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "user_ada", "sid": "sess_1", "azp": PARTY, "v": 2, "jti": "1", "fva": [3, -1],
        "iat": NOW, "nbf": NOW - 10, "exp": NOW + 60, "fea": "u:chat,o:panel,o:billing",
        "o": {"id": "org_acme", "slg": "acme", "rol": "member", "per": "read,manage", "fpm": "3,3,1"},
    })
}

fn sign(key: &Key, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::RS256);
    header.kid = key.public["kid"].as_str().map(str::to_owned);
    jsonwebtoken::encode(&header, claims, &key.private).unwrap()
}

async fn ours() -> (KeyServer, SessionVerifier, Clock) {
    let server = KeyServer::start(vec![KEY.public.clone()]).await;
    let (verifier, clock) = server.verifier(ISSUER, &format!("https://other.example.com/, {PARTY}/"), NOW);
    (server, verifier, clock)
}

/// Signs our claims with these changes and verifies them.
async fn changed(changes: Value) -> Result<SessionClaims, SessionError> {
    let (_server, verifier, _) = ours().await;
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    verifier.verify(&sign(&KEY, &claims)).await
}

#[tokio::test]
async fn the_tokens_of_clerks_sdk_are_judged_as_the_sdk_judges_them() {
    let public = json!({"use": "sig", "kty": "RSA", "kid": official::KID, "alg": "RS256", "n": official::MODULUS.trim(), "e": "AQAB"});
    let server = KeyServer::start(vec![json!({"kty": "EC", "kid": "x"}), public]).await;
    let config = read(&[
        ("CLERK_PUBLISHABLE_KEY", official::PUBLISHABLE_KEY),
        ("CLERK_JWKS_URL", &server.url),
        ("CLERK_AUTHORIZED_PARTIES", official::PARTY),
        ("PATCHBAY_STAFF_ORGANISATION", STAFF),
    ]);
    let clock = Clock::fixed(Timestamp::from_seconds(official::ISSUED_AT));
    let verifier = SessionVerifier::new(config.unwrap(), reqwest::Client::new(), clock);
    let claims = verifier.verify(official::VALID.trim()).await.unwrap();
    assert_eq!(claims.user_id, "user_2GIpXOEpVyJw51rkZn9Kmnc6Sxr");
    assert_eq!((claims.organisation.clone(), verifier.principal(&claims)), (None, None));
    assert_eq!(verifier.verify(official::EXPIRED.trim()).await, Err(SessionError::Expired));
    assert_eq!(verifier.verify(official::INVALID_SIGNATURE.trim()).await, Err(SessionError::WrongSignature));
    assert!(verifier.verify(official::MALFORMED.trim()).await.is_err());
}

#[tokio::test]
async fn a_valid_token_of_version_2_gives_its_claims() {
    let claims = changed(json!({"name": "Ada Okafor", "org_name": "Acme Ltd"})).await.unwrap();
    assert_eq!(
        (claims.user_id.as_str(), claims.session_id.as_deref(), claims.name.as_deref()),
        ("user_ada", Some("sess_1"), Some("Ada Okafor"))
    );
    let organisation = claims.organisation.unwrap();
    assert_eq!(
        (organisation.id.as_str(), organisation.role.as_str(), organisation.name.as_deref()),
        ("org_acme", "member", Some("Acme Ltd"))
    );
    // Not those of a feature that is the person's alone.
    assert_eq!(organisation.permissions, ["org:panel:read", "org:panel:manage", "org:billing:read"]);
    assert_eq!(claims.expires_at, Timestamp::from_seconds(NOW + 60));
}

#[tokio::test]
async fn times_have_five_seconds_of_slack() {
    assert!(changed(json!({"exp": NOW - 4})).await.is_ok());
    assert_eq!(changed(json!({"exp": NOW - 5})).await, Err(SessionError::Expired));
    assert!(changed(json!({"nbf": NOW + 5, "iat": NOW + 5})).await.is_ok());
    assert_eq!(changed(json!({"nbf": NOW + 6})).await, Err(SessionError::NotYetValid));
    assert_eq!(changed(json!({"iat": NOW + 6})).await, Err(SessionError::NotYetValid));
    assert_eq!(changed(json!({"exp": null})).await, Err(SessionError::Malformed));
}

#[tokio::test]
async fn only_our_issuer_our_sites_and_finished_sessions_count() {
    assert_eq!(changed(json!({"iss": "https://clerk.example.com/"})).await, Err(SessionError::WrongIssuer));
    assert_eq!(changed(json!({"azp": null})).await, Err(SessionError::NoParty));
    assert_eq!(changed(json!({"azp": "https://evil.example.com"})).await, Err(SessionError::WrongParty));
    assert_eq!(changed(json!({"sts": "pending"})).await, Err(SessionError::Pending));
    assert!(changed(json!({"sts": "active"})).await.is_ok());
}

#[tokio::test]
async fn other_ways_of_signing_are_refused() {
    let (server, verifier, _) = ours().await;
    let with_header = |header: Header, key: &EncodingKey| jsonwebtoken::encode(&header, &claims(), key).unwrap();
    let kid = Some("ins_ours".to_owned());
    // The classic: the public key as the secret of an HMAC.
    let hmac = EncodingKey::from_secret(KEY.public["n"].as_str().unwrap().as_bytes());
    let token = with_header(Header { kid: kid.clone(), ..Header::new(Algorithm::HS256) }, &hmac);
    assert_eq!(verifier.verify(&token).await, Err(SessionError::WrongAlgorithm));
    let token = with_header(Header { kid: kid.clone(), ..Header::new(Algorithm::RS512) }, &KEY.private);
    assert_eq!(verifier.verify(&token).await, Err(SessionError::WrongAlgorithm));
    let token = with_header(
        Header { kid: kid.clone(), typ: Some("at+jwt".to_owned()), ..Header::new(Algorithm::RS256) },
        &KEY.private,
    );
    assert_eq!(verifier.verify(&token).await, Err(SessionError::Malformed));
    let url_safe = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let none = format!(
        "{}.{}.",
        url_safe.encode(r#"{"alg":"none","typ":"JWT","kid":"ins_ours"}"#),
        url_safe.encode(claims().to_string())
    );
    assert_eq!(verifier.verify(&none).await, Err(SessionError::Malformed));
    for junk in ["", ".", "..", "a.b.c", "ä.ö.ü", &"x".repeat(20_000)] {
        assert_eq!(verifier.verify(junk).await, Err(SessionError::Malformed));
    }
    assert_eq!(server.asked(), 0);
    let forged = Key { private: OTHER.private.clone(), public: KEY.public.clone() };
    assert_eq!(verifier.verify(&sign(&forged, &claims())).await, Err(SessionError::WrongSignature));
}

#[tokio::test]
async fn an_unknown_key_has_the_keys_read_once_more_and_then_not_for_ten_seconds() {
    let (server, verifier, clock) = ours().await;
    verifier.verify(&sign(&KEY, &claims())).await.unwrap();
    assert_eq!(server.asked(), 1);
    clock.advance(Duration::from_secs(10));
    let unknown = sign(&OTHER, &claims());
    let (a, b, c) = tokio::join!(verifier.verify(&unknown), verifier.verify(&unknown), verifier.verify(&unknown));
    assert_eq!(
        [a, b, c],
        [Err(SessionError::UnknownKey), Err(SessionError::UnknownKey), Err(SessionError::UnknownKey)]
    );
    assert_eq!(server.asked(), 2);
    // A key that was rotated in is found as soon as we may ask again.
    server.set(vec![KEY.public.clone(), OTHER.public.clone()]);
    clock.advance(Duration::from_secs(9));
    assert_eq!(verifier.verify(&unknown).await, Err(SessionError::UnknownKey));
    clock.advance(Duration::from_secs(1));
    assert!(verifier.verify(&unknown).await.is_ok());
    assert_eq!(server.asked(), 3);
}

#[tokio::test]
async fn keys_are_kept_for_five_minutes_and_for_an_hour_while_the_issuer_is_away() {
    let (server, verifier, clock) = ours().await;
    let long = || {
        let mut claims = claims();
        claims["exp"] = json!(NOW + 100_000);
        sign(&KEY, &claims)
    };
    verifier.verify(&long()).await.unwrap();
    clock.advance(Duration::from_secs(299));
    verifier.verify(&long()).await.unwrap();
    assert_eq!(server.asked(), 1);
    server.set(Vec::new());
    clock.advance(Duration::from_secs(1));
    verifier.verify(&long()).await.unwrap();
    assert_eq!(server.asked(), 2);
    clock.advance(Duration::from_mins(55));
    verifier.verify(&long()).await.unwrap();
    clock.advance(Duration::from_secs(10));
    assert_eq!(verifier.verify(&long()).await, Err(SessionError::KeysUnavailable));
    server.set(vec![KEY.public.clone()]);
    clock.advance(Duration::from_secs(10));
    verifier.verify(&long()).await.unwrap();
}

#[tokio::test]
async fn a_key_that_the_issuer_took_back_counts_no_longer() {
    let (server, verifier, clock) = ours().await;
    verifier.verify(&sign(&KEY, &claims())).await.unwrap();
    server.set(vec![OTHER.public.clone()]);
    clock.advance(Duration::from_mins(5));
    assert_eq!(verifier.verify(&sign(&KEY, &claims())).await, Err(SessionError::UnknownKey));
}

/// The role of a member of a customer's organisation where `roles` may act in billing.
async fn role_with(roles: &str, changes: Value) -> Role {
    let (server, ..) = ours().await;
    let variables = |name: &str| match name {
        "CLERK_ISSUER" => Some(ISSUER.to_owned()),
        "CLERK_JWKS_URL" => Some(server.url.clone()),
        "CLERK_AUTHORIZED_PARTIES" => Some(PARTY.to_owned()),
        "PATCHBAY_STAFF_ORGANISATION" => Some(STAFF.to_owned()),
        "PATCHBAY_BILLING_ROLES" => Some(roles.to_owned()),
        _ => None,
    };
    let config = ClerkConfig::from_variables(&variables).unwrap();
    let clock = Clock::fixed(Timestamp::from_seconds(NOW));
    let verifier = SessionVerifier::new(config, reqwest::Client::new(), clock);
    verifier.principal(&changed(changes).await.unwrap()).unwrap().role
}

#[tokio::test]
async fn a_customer_acts_with_a_role_or_a_permission_that_is_listed_in_either_version_of_the_token() {
    let version_1 = |role: &str, permissions: &[&str]| {
        let permissions: Vec<_> = permissions.iter().map(|one| format!("org:{one}")).collect();
        json!({"v": null, "o": null, "org_id": "org_acme", "org_role": role, "org_permissions": permissions})
    };
    let version_2 =
        |role: &str, map: &str| json!({"o": {"id": "org_acme", "rol": role, "per": "read,manage", "fpm": map}});
    for (roles, claims, may) in [
        ("admin", version_2("admin", ""), true),
        ("admin", version_2("member", "3,3,3"), false),
        ("org:admin", version_2("admin", ""), true),
        ("admin", version_1("org:admin", &[]), true),
        ("admin", version_1("org:member", &["billing:manage"]), false),
        ("accountant, org:owner", version_2("owner", ""), true),
        ("accountant", version_2("admin", ""), false),
        ("org:billing:manage", version_2("member", "0,0,2"), true),
        // Bits of the person's own feature, of another one, and of reading alone.
        ("org:billing:manage", version_2("member", "3,3,1"), false),
        ("org:chat:manage", version_2("member", "3,3,3"), false),
        ("org:billing:manage", version_1("org:member", &["billing:manage"]), true),
        ("org:billing:manage", version_1("org:admin", &["billing:read"]), false),
    ] {
        let expected = if may { Role::CustomerManager } else { Role::CustomerMember };
        assert_eq!(role_with(roles, claims.clone()).await, expected, "{roles}: {claims}");
    }
}

#[tokio::test]
async fn somebody_who_is_signed_in_as_another_person_is_known() {
    let impersonator = async |act| principal(json!({ "act": act })).await.unwrap().impersonator;
    assert_eq!(impersonator(json!(null)).await, None);
    let act = json!({"iss": "https://dashboard.clerk.com", "sid": "sess_2", "sub": "user_support"});
    assert_eq!(impersonator(act).await.as_deref(), Some("user_support"));
    for unreadable in [json!({}), json!({"sub": 1}), json!("user_support"), json!(true)] {
        assert_eq!(impersonator(unreadable).await.as_deref(), Some("unknown"));
    }
}

async fn principal(changes: Value) -> Option<patchbay_domain::Principal> {
    let (_server, verifier, _) = ours().await;
    verifier.principal(&changed(changes).await.unwrap())
}

#[tokio::test]
async fn the_organisation_decides_who_somebody_is() {
    let role = async |changes| principal(changes).await.map(|principal| principal.role);
    assert_eq!(role(json!({"o": {"id": STAFF, "rol": "admin"}})).await, Some(Role::StaffAdmin));
    assert_eq!(role(json!({"o": {"id": STAFF, "rol": "support"}})).await, Some(Role::StaffViewer));
    assert_eq!(role(json!({"o": {"id": STAFF}})).await, Some(Role::StaffViewer));
    assert_eq!(role(json!({"o": {"id": "org_acme", "rol": "admin"}})).await, Some(Role::CustomerManager));
    assert_eq!(role(json!({"o": {"id": "org_acme", "rol": "member"}})).await, Some(Role::CustomerMember));
    assert_eq!(role(json!({"o": {"id": "org_acme"}})).await, Some(Role::CustomerMember));
    assert_eq!(role(json!({"o": null})).await, None);
    assert_eq!(
        role(json!({"v": null, "o": null, "org_id": STAFF, "org_role": "org:admin"})).await,
        Some(Role::StaffAdmin)
    );
    // The claims of the other version do not count.
    assert_eq!(role(json!({"o": null, "org_id": STAFF, "org_role": "org:admin"})).await, None);
    assert_eq!(role(json!({"v": 1, "o": {"id": STAFF, "rol": "admin"}})).await, None);
}

#[tokio::test]
async fn names_come_from_custom_claims_where_there_are_any() {
    let named = principal(json!({"name": "Ada Okafor", "org_name": "Acme Ltd"})).await.unwrap();
    assert_eq!((named.name.as_str(), named.organisation.unwrap().name.as_str()), ("Ada Okafor", "Acme Ltd"));
    let plain = principal(json!({"name": 7})).await.unwrap();
    assert_eq!((plain.name.as_str(), plain.organisation.unwrap().name.as_str()), ("user_ada", "acme"));
    assert_eq!(principal(json!({"o": {"id": STAFF, "rol": "admin"}})).await.unwrap().organisation, None);
}

#[test]
fn settings_are_derived_checked_and_not_shown() {
    let config = read(&[
        ("CLERK_PUBLISHABLE_KEY", official::PUBLISHABLE_KEY),
        ("CLERK_SECRET_KEY", "sk_test_hush"),
        ("CLERK_AUTHORIZED_PARTIES", PARTY),
        ("PATCHBAY_STAFF_ORGANISATION", STAFF),
    ])
    .unwrap();
    assert_eq!(config.issuer, "https://clerk.inspired.puma-74.lcl.dev");
    assert_eq!(
        format!("{}{}", config.jwks_base.as_str(), config.jwks_path),
        "https://clerk.inspired.puma-74.lcl.dev/.well-known/jwks.json"
    );
    assert!(!format!("{config:?}").contains("hush"));
    let missing = ConfigError::NotConfigured {
        missing: vec!["CLERK_ISSUER", "CLERK_AUTHORIZED_PARTIES", "PATCHBAY_STAFF_ORGANISATION"],
    };
    assert_eq!(read(&[("CLERK_AUTHORIZED_PARTIES", " , ")]).unwrap_err(), missing);
    for wrong in ["pk_test_", "sk_test_Y2xlcmsk", "pk_test_ZXZpbC9wYXRoJA==", "pk_live_%%"] {
        assert!(matches!(read(&[("CLERK_PUBLISHABLE_KEY", wrong)]), Err(ConfigError::Invalid { .. })), "{wrong}");
    }
}

#[test]
fn settings_that_would_fail_at_the_first_visit_are_refused_at_the_start() {
    let base = [("CLERK_ISSUER", ISSUER), ("CLERK_AUTHORIZED_PARTIES", PARTY), ("PATCHBAY_STAFF_ORGANISATION", STAFF)];
    let with = |name, value| read(&[&[(name, value)], &base[..]].concat());
    for (name, value) in [
        ("CLERK_ISSUER", "https://clerk.example.com\nhttps://hidden"),
        ("CLERK_ISSUER", "clerk.example.com"),
        ("CLERK_JWKS_URL", "\"https://hidden\""),
        ("CLERK_SIGN_IN_URL", "accounts.example.com/hidden"),
        ("CLERK_SIGN_IN_URL", "https://accounts.example.com/hi dden"),
        ("CLERK_SIGN_OUT_URL", "javascript:hidden"),
        ("CLERK_AUTHORIZED_PARTIES", "panel.example.com"),
        ("CLERK_AUTHORIZED_PARTIES", "https://panel.example.com/hidden"),
        ("CLERK_SECRET_KEY", "pk_test_hidden"),
        ("CLERK_PUBLISHABLE_KEY", "sk_test_hidden"),
        ("PATCHBAY_STAFF_ORGANISATION", "user_hidden"),
        ("PATCHBAY_STAFF_ORGANISATION", "Hidden Ltd"),
    ] {
        let error = with(name, value).unwrap_err();
        assert!(matches!(&error, ConfigError::Invalid { variable, .. } if *variable == name), "{name}: {error}");
        assert!(!error.to_string().contains("hidden"), "{error}");
    }
    let mixed = [("CLERK_PUBLISHABLE_KEY", official::PUBLISHABLE_KEY), ("CLERK_SECRET_KEY", "sk_live_hush")];
    assert!(read(&[&mixed, &base[..]].concat()).unwrap_err().to_string().contains("another mode"));
    let parties =
        with("CLERK_AUTHORIZED_PARTIES", "https://A.example.com/, http://127.0.0.1:3000\nhttps://b.example.com:443");
    assert_eq!(
        parties.unwrap().authorized_parties,
        ["https://a.example.com", "http://127.0.0.1:3000", "https://b.example.com"]
    );
    let signs_in = with("CLERK_SIGN_IN_URL", "https://accounts.example.com/sign-in?brand=1").unwrap();
    assert_eq!(signs_in.sign_in_url.as_deref(), Some("https://accounts.example.com/sign-in?brand=1"));
    assert!(with("CLERK_SIGN_IN_URL", "/sandbox/clerk/sign-in").is_ok());
}

/// A handshake that hands over these cookies, signed with `key`.
fn handshake(key: &Key, cookies: &[&str]) -> String {
    sign(key, &json!({ "handshake": cookies }))
}

#[tokio::test]
async fn a_genuine_handshake_gives_clerks_cookies_and_the_person() {
    let (_server, verifier, _) = ours().await;
    let session = format!("__session={}; Path=/; Secure", sign(&KEY, &claims()));
    let answer = handshake(&KEY, &[&session, "__client_uat=1800000000; Path=/", "theme=dark"]);
    let found = verifier.handshake(&answer).await.unwrap();
    assert_eq!(found.cookies, [session, "__client_uat=1800000000; Path=/".to_owned()]);
    assert_eq!(found.session.unwrap().user_id, "user_ada");
    let out = handshake(&KEY, &["__session=; Path=/; Max-Age=0", "__client_uat=0"]);
    assert_eq!(verifier.handshake(&out).await.unwrap().session, None);
}

#[tokio::test]
async fn a_handshake_that_is_forged_or_brings_a_session_that_does_not_count_is_refused() {
    let (_server, verifier, _) = ours().await;
    let with = |changes: Value| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        format!("__session={}", sign(&KEY, &claims))
    };
    let forged = Key { private: OTHER.private.clone(), public: KEY.public.clone() };
    let genuine = handshake(&KEY, &[&with(json!({}))]);
    let (head, signature) = genuine.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let other = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"handshake":["__session=x"]}"#);
    for (token, error) in [
        (handshake(&forged, &[&with(json!({}))]), SessionError::WrongSignature),
        (handshake(&OTHER, &[&with(json!({}))]), SessionError::UnknownKey),
        (format!("{header}.{other}.{signature}"), SessionError::WrongSignature),
        (handshake(&KEY, &[&with(json!({"exp": NOW - 5}))]), SessionError::Expired),
        (handshake(&KEY, &[&with(json!({"azp": "https://evil.example.com"}))]), SessionError::WrongParty),
        (handshake(&KEY, &["__session=nonsense"]), SessionError::Malformed),
        (sign(&KEY, &claims()), SessionError::Malformed),
    ] {
        assert_eq!(verifier.handshake(&token).await.map(|_| ()), Err(error));
    }
    assert_eq!(verifier.verify(&genuine).await, Err(SessionError::Malformed), "it is no session token");
}

#[tokio::test]
async fn a_token_that_is_over_can_be_read_but_not_verified() {
    let (_server, verifier, clock) = ours().await;
    let token = sign(&KEY, &claims());
    assert!(!verifier.is_over(&verifier.verify(&token).await.unwrap()));
    clock.advance(Duration::from_secs(65));
    let read = verifier.read(&token).await.unwrap();
    assert!(verifier.is_over(&read) && read.issued_at == Some(Timestamp::from_seconds(NOW)));
    assert_eq!(verifier.verify(&token).await, Err(SessionError::Expired));
}

#[test]
fn the_frontend_api_is_the_issuer_another_address_or_a_path_of_ours() {
    let with = |place: Option<&str>| {
        let mut settings =
            vec![("CLERK_ISSUER", ISSUER), ("CLERK_AUTHORIZED_PARTIES", PARTY), ("PATCHBAY_STAFF_ORGANISATION", STAFF)];
        settings.extend(place.map(|place| ("CLERK_FAPI", place)));
        read(&settings).map(|config| config.frontend_api)
    };
    assert_eq!(with(None), Ok(ISSUER.to_owned()));
    assert_eq!(with(Some("https://panel.example.com/clerk/")), Ok("https://panel.example.com/clerk".to_owned()));
    assert_eq!(with(Some("/sandbox/clerk")), Ok("/sandbox/clerk".to_owned()));
    for wrong in ["//evil.example", "clerk", "javascript:alert(1)"] {
        assert!(matches!(with(Some(wrong)), Err(ConfigError::Invalid { variable: "CLERK_FAPI", .. })), "{wrong}");
    }
}
