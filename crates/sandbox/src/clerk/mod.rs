//! Stands in for Clerk: an issuer with a key of its own, a page where one picks who to be, and the handshake that renews the
//! short-lived session tokens.

mod handshake;
mod pages;
mod people;
mod sessions;
#[cfg(test)]
mod tests;
mod token;

pub use people::{PEOPLE, Person, STAFF_ORGANISATION};
pub(crate) use sessions::{KIND, Kept};
pub use token::KeyError;

use crate::Clock;
use crate::hub::lock;
use crate::journal::Journal;
use axum::{
    Json, Router,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use sessions::Session;
use std::sync::{Arc, Mutex, MutexGuard};
use token::Signer;

/// The cookies' names are Clerk's. This one holds the session token.
pub const SESSION_COOKIE: &str = "__session";
/// When this browser's sign-in last changed, in unix seconds; 0 while nobody is signed in.
const CLIENT_UAT_COOKIE: &str = "__client_uat";
/// The long-lived secret between the browser and the identity provider. The product never gets it.
const CLIENT_COOKIE: &str = "__client";
/// Where the router is mounted on the product's origin.
const MOUNT: &str = "/sandbox/clerk";

/// An identity provider that lets anybody be one of six people. Cheap to clone.
#[derive(Clone)]
pub struct ClerkSandbox {
    shared: Arc<Shared>,
}

struct Shared {
    /// The product's own origin, without a slash at the end.
    origin: String,
    signer: Signer,
    kept: Mutex<Kept>,
    journal: Arc<Journal>,
    clock: Clock,
}

impl ClerkSandbox {
    /// For a product at `base_url`, such as `http://127.0.0.1:3000`, with the key and the sessions of an earlier run. `clock`
    /// gives microseconds, like every clock of the sandbox.
    pub(crate) fn with(
        base_url: impl Into<String>,
        mut kept: Kept,
        journal: Arc<Journal>,
        clock: Clock,
    ) -> Result<Self, KeyError> {
        let origin = base_url.into().trim_end_matches('/').to_owned();
        let (signer, lines) = kept.signer()?;
        journal.append(&lines);
        Ok(Self { shared: Arc::new(Shared { origin, signer, kept: Mutex::new(kept), journal, clock }) })
    }

    /// The `iss` of its tokens: the value for `CLERK_ISSUER`.
    pub fn issuer(&self) -> String {
        format!("{}{MOUNT}", self.shared.origin)
    }

    /// For browsers: it names the Frontend API, from which the issuer is read.
    fn publishable_key(&self) -> String {
        let issuer = self.issuer();
        let host = issuer.split_once("://").map_or(issuer.as_str(), |(_, host)| host);
        format!("pk_test_{}", STANDARD.encode(format!("{host}$")))
    }

    /// The variables that make the product trust this issuer.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("CLERK_PUBLISHABLE_KEY", self.publishable_key()),
            ("CLERK_ISSUER", self.issuer()),
            ("CLERK_JWKS_URL", format!("{}/.well-known/jwks.json", self.issuer())),
            ("CLERK_AUTHORIZED_PARTIES", self.shared.origin.clone()),
            // Paths, so that the way back stays a path too, whatever name the browser has for this machine.
            ("CLERK_FAPI", MOUNT.to_owned()),
            ("CLERK_SIGN_IN_URL", format!("{MOUNT}/sign-in")),
            ("CLERK_SIGN_OUT_URL", format!("{MOUNT}/sign-out")),
            ("PATCHBAY_STAFF_ORGANISATION", STAFF_ORGANISATION.to_owned()),
        ]
    }

    /// Begins a session of `person`.
    fn sign_in(&self, person: &Person) -> Session {
        let session = Session::new(person, self.now());
        let mut kept = self.kept();
        let lines = kept.begin(session.clone());
        self.shared.journal.append(&lines);
        session
    }

    /// Ends the session of the browser with this `__client` cookie.
    fn sign_out(&self, client: &str) {
        let mut kept = self.kept();
        let lines = kept.end(client);
        self.shared.journal.append(&lines);
    }

    /// The session of the browser with this `__client` cookie.
    fn session_of(&self, client: &str) -> Option<Session> {
        self.kept().of_client(client, self.now()).cloned()
    }

    /// A session token that begins now.
    fn token(&self, session: &Session, person: &Person) -> Result<String, KeyError> {
        self.shared.signer.session(session, person, &self.issuer(), &self.shared.origin, self.now())
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        lock(&self.shared.kept)
    }

    /// Unix seconds.
    fn now(&self) -> i64 {
        (self.shared.clock)().div_euclid(1_000_000)
    }

    /// Everything it serves; to be nested at `/clerk` of the sandbox.
    pub fn router(&self) -> Router {
        let keys = self.shared.signer.public_keys();
        Router::new()
            .route("/.well-known/jwks.json", get(async move || Json(keys)))
            .route("/sign-in", get(pages::choose).post(pages::sign_in))
            .route("/sign-out", get(pages::signed_out).post(pages::sign_out))
            .route("/v1/client/handshake", get(handshake::handshake))
            .method_not_allowed_fallback(nothing_here)
            .route("/{*rest}", any(nothing_here))
            .with_state(self.clone())
    }
}

/// What the stand-in does not have is refused, never led to the product's own pages.
async fn nothing_here(uri: Uri) -> Response {
    let message = format!("The sandbox's Clerk has nothing at {}.", uri.path());
    refusal(StatusCode::NOT_FOUND, "resource_not_found", "not found", &message)
}

/// An error as Clerk words it.
fn refusal(status: StatusCode, code: &str, message: &str, more: &str) -> Response {
    let error = json!({ "code": code, "message": message, "long_message": more });
    (status, Json(json!({ "errors": [error] }))).into_response()
}
