//! Whoever is signed in has a token that the issuer signed, for this site, valid now; and is who it says.

use crate::json;
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::RSA_PKCS1_SHA256,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{
    Algorithm, EncodingKey,
    jwk::{AlgorithmParameters, Jwk},
};
use patchbay_domain::{Clock, Role, Timestamp};
use patchbay_providers::clerk::{ClerkConfig, SessionError, SessionVerifier};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::LazyLock,
    thread,
};
use tokio::runtime::{Builder, Runtime};

/// Within the life of the valid token among the vectors of `@clerk/backend`, in Unix seconds.
pub(crate) const NOW: i64 = 1_666_648_250;
pub(crate) const KEY: &str = "ins_ours";
pub(crate) const ISSUER: &str = "https://clerk.example.com";
pub(crate) const PARTY: &str = "https://panel.example.com";
pub(crate) const STAFF: &str = "org_staff";
const SKEW_SECONDS: i64 = 5;

const OFFICIAL_TOKEN: &str = include_str!("../../providers/src/clerk/fixtures/valid.jwt");
const OFFICIAL_MODULUS: &str = include_str!("../../providers/src/clerk/fixtures/modulus.txt");
const OFFICIAL_ISSUER: &str = "https://clerk.inspired.puma-74.lcl.dev";
const OFFICIAL_PARTY: &str = "https://accounts.inspired.puma-74.lcl.dev";

struct World {
    runtime: Runtime,
    key: KeyPair,
    /// Trusts `key`.
    ours: SessionVerifier,
    /// Trusts the key of the official vectors.
    official: SessionVerifier,
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);

impl World {
    fn new() -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).expect("a key can be made");
        let official = json!({"use": "sig", "kty": "RSA", "kid": "ins_2GIoQhbUpy0hX7B2cVkuTMinXoD", "alg": "RS256",
            "n": OFFICIAL_MODULUS.trim(), "e": "AQAB"});
        let world = Self {
            runtime: Builder::new_current_thread().enable_all().build().expect("a runtime can be made"),
            ours: verifier(ISSUER, PARTY, &public(&key)),
            official: verifier(OFFICIAL_ISSUER, OFFICIAL_PARTY, &official),
            key,
        };
        // If these were refused, nothing below would be tried.
        world.verify(&world.official, OFFICIAL_TOKEN.trim()).expect("the official token is valid");
        let (header, claims) = (header().to_string(), claims().to_string());
        world.verify(&world.ours, &world.token(&header, &claims)).expect("our token is valid");
        world
    }

    fn verify(
        &self,
        verifier: &SessionVerifier,
        token: &str,
    ) -> Result<patchbay_providers::clerk::SessionClaims, SessionError> {
        self.runtime.block_on(verifier.verify(token))
    }

    fn token(&self, header: &str, claims: &str) -> String {
        let signed = signed_text(header, claims);
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .expect("the key can sign");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn signed_text(header: &str, claims: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

fn public(key: &KeyPair) -> Value {
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(key).expect("a key has a form");
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
    let private = EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a key we wrote can be read");
    let jwk = Jwk::from_encoding_key(&private, Algorithm::RS256).expect("a key has a public half");
    let AlgorithmParameters::RSA(parts) = &jwk.algorithm else { panic!("an RSA key is one") };
    json!({"use": "sig", "kty": "RSA", "kid": KEY, "alg": "RS256", "n": parts.n, "e": parts.e})
}

#[expect(clippy::disallowed_methods, reason = "the client asks for the keys that this process serves")]
fn verifier(issuer: &str, party: &str, key: &Value) -> SessionVerifier {
    let address = serve(json!({"keys": [key]}).to_string());
    let config = ClerkConfig::from_variables(&|name| {
        let value = match name {
            "CLERK_ISSUER" => issuer,
            "CLERK_JWKS_URL" => &address,
            "CLERK_AUTHORIZED_PARTIES" => party,
            "PATCHBAY_STAFF_ORGANISATION" => STAFF,
            _ => return None,
        };
        Some(value.to_owned())
    });
    let clock = Clock::fixed(Timestamp::from_seconds(NOW));
    SessionVerifier::new(config.expect("the settings are complete"), reqwest::Client::new(), clock)
}

/// A server that has one answer, for as long as the process lives.
fn serve(body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("a listener has an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            let read = stream.read(&mut request);
            // Whoever hangs up early gets no answer; the verifier then says so.
            if matches!(read, Ok(1..)) {
                drop(stream.write_all(format!("{head}{body}").as_bytes()));
            }
        }
    });
    format!("http://{address}/jwks.json")
}

pub(crate) fn header() -> Value {
    json!({"alg": "RS256", "kid": KEY, "typ": "JWT"})
}

pub(crate) fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "user_ada", "sid": "sess_1", "azp": PARTY, "v": 2, "iat": NOW, "nbf": NOW - 10, "exp": NOW + 60,
        "o": {"id": "org_acme", "slg": "acme", "rol": "member", "per": "read,manage"}, "name": "Ada", "org_name": "Acme"})
}

/// The input is a token; or `S`, a header and claims on a line each, which are then signed with the issuer's key.
pub fn clerk_session(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.strip_prefix("S\n").and_then(|parts| parts.split_once('\n')) {
        Some((header, claims)) => check_signed(&WORLD, header, claims),
        None => check_raw(&WORLD, text),
    }
}

fn check_raw(world: &World, token: &str) {
    assert!(world.verify(&world.ours, token).is_err(), "accepted without our key: {token}");
    if world.verify(&world.official, token).is_ok() {
        let text = |token: &str| token.trim().rsplit_once('.').map(|(text, _)| text.to_owned());
        assert_eq!(text(token), text(OFFICIAL_TOKEN), "accepted without having been signed");
    }
}

fn check_signed(world: &World, header: &str, claims: &str) {
    let header_value = json::unambiguous(header.as_bytes());
    if !header_value.as_ref().is_none_or(header_counts) {
        // Signing is dear, and the signature is not to be reached.
        let token = format!("{}.AAAA", signed_text(header, claims));
        assert!(world.verify(&world.ours, &token).is_err(), "accepted in spite of its header: {header}");
        return;
    }
    let token = world.token(header, claims);
    let answer = world.verify(&world.ours, &token);
    if let (Some(header), Some(claims)) = (&header_value, json::unambiguous(claims.as_bytes())) {
        if is_plain(header) && is_well_typed(&claims) && token.len() < 16 * 1024 {
            assert_eq!(answer.is_ok(), claims_count(&claims), "{answer:?} for {claims}");
        }
        if let Ok(accepted) = &answer {
            assert!(claims_count(&claims), "accepted in spite of its claims: {claims}");
            assert_eq!(Some(accepted.user_id.as_str()), claims["sub"].as_str());
            assert_principal(world, accepted, &claims);
        }
    }
    if answer.is_ok() {
        let at = token.len() - 1 - claims.len() % 300;
        let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
        let forged = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        assert!(world.verify(&world.ours, &forged).is_err(), "a changed signature is accepted");
    }
}

fn header_counts(header: &Value) -> bool {
    header["alg"] == "RS256" && header["typ"] == "JWT" && header["kid"] == KEY && header["crit"].is_null()
}

fn is_plain(header: &Value) -> bool {
    header.as_object().is_some_and(|fields| fields.keys().all(|name| ["alg", "typ", "kid"].contains(&name.as_str())))
}

/// Every claim that is read has the type that Clerk gives it.
fn is_well_typed(claims: &Value) -> bool {
    let text = |value: &Value| value.is_null() || value.is_string();
    let number = |value: &Value| value.is_null() || value.is_i64();
    let texts = |value: &Value| value.as_array().is_none_or(|items| items.iter().all(Value::is_string));
    let organisation = |o: &Value| {
        o.is_null() || (o.is_object() && o["id"].is_string() && ["slg", "rol", "per"].iter().all(|name| text(&o[name])))
    };
    claims.is_object()
        && ["iss", "sub", "azp", "sts", "sid", "org_id", "org_slug", "org_role"].iter().all(|name| text(&claims[name]))
        && ["exp", "nbf", "iat", "v"].iter().all(|name| number(&claims[name]))
        && (claims["org_permissions"].is_null() || claims["org_permissions"].is_array())
        && texts(&claims["org_permissions"])
        && organisation(&claims["o"])
}

fn claims_count(claims: &Value) -> bool {
    let begun = |name: &str| claims[name].is_null() || claims[name].as_i64().is_some_and(|at| at <= NOW + SKEW_SECONDS);
    claims["iss"] == ISSUER
        && claims["sub"].is_string()
        && claims["exp"].as_i64().is_some_and(|at| at > NOW - SKEW_SECONDS)
        && begun("nbf")
        && begun("iat")
        && claims["azp"] == PARTY
        && claims["sts"] != "pending"
}

/// Nobody is more than the claims of the token's own version say.
fn assert_principal(world: &World, accepted: &patchbay_providers::clerk::SessionClaims, claims: &Value) {
    let version_2 = claims["v"].as_i64().is_some_and(|version| version >= 2);
    let (organisation, role) = match &claims["o"] {
        // Read by position, which no issuer writes.
        Value::Array(_) => return,
        o if version_2 => (o["id"].as_str(), o["rol"].as_str()),
        _ => (claims["org_id"].as_str(), claims["org_role"].as_str()),
    };
    let principal = world.ours.principal(accepted);
    assert_eq!(principal.is_some(), organisation.is_some(), "{claims}");
    let (Some(principal), Some(organisation)) = (principal, organisation) else { return };
    let is_admin = role.is_some_and(|role| role.strip_prefix("org:").unwrap_or(role) == "admin");
    let expected = match (organisation == STAFF, is_admin) {
        (true, true) => Role::StaffAdmin,
        (true, false) => Role::StaffViewer,
        (false, true) => Role::CustomerManager,
        (false, false) => Role::CustomerMember,
    };
    assert_eq!(principal.role, expected, "{claims}");
    let customer_of = principal.organisation.as_ref().map(|organisation| organisation.id.as_str());
    assert_eq!(customer_of, (organisation != STAFF).then_some(organisation), "{claims}");
}
