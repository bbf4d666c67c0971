//! Stands in for Clerk: an issuer with a key of its own, and a page where one picks who to be.

mod pages;
mod people;
#[cfg(test)]
mod tests;
mod token;

pub use people::{PEOPLE, Person, STAFF_ORGANISATION};
pub use token::KeyError;

use crate::Clock;
use axum::{Json, Router, routing::get};
use std::sync::Arc;
use token::Signer;

/// The cookie's name is Clerk's.
pub const SESSION_COOKIE: &str = "__session";
/// Where the router is mounted on the product's origin.
const MOUNT: &str = "/sandbox/clerk";

/// An identity provider that lets anybody be one of four people. Cheap to clone.
#[derive(Clone)]
pub struct ClerkSandbox {
    shared: Arc<Shared>,
}

struct Shared {
    /// The product's own origin, without a slash at the end.
    origin: String,
    signer: Signer,
    clock: Clock,
}

impl ClerkSandbox {
    /// For a product at `base_url`, such as `http://127.0.0.1:3000`. Its key is made here and never kept: sessions end with
    /// the process. `clock` gives microseconds, like every clock of the sandbox.
    pub fn new(base_url: impl Into<String>, clock: Clock) -> Result<Self, KeyError> {
        let origin = base_url.into().trim_end_matches('/').to_owned();
        Ok(Self { shared: Arc::new(Shared { origin, signer: Signer::generate()?, clock }) })
    }

    /// The `iss` of its tokens: the value for `CLERK_ISSUER`.
    pub fn issuer(&self) -> String {
        format!("{}{MOUNT}", self.shared.origin)
    }

    /// The variables that make the product trust this issuer.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("CLERK_ISSUER", self.issuer()),
            ("CLERK_JWKS_URL", format!("{}/.well-known/jwks.json", self.issuer())),
            ("CLERK_AUTHORIZED_PARTIES", self.shared.origin.clone()),
            // A path, so that the way back stays a path too.
            ("CLERK_SIGN_IN_URL", format!("{MOUNT}/sign-in")),
            ("PATCHBAY_STAFF_ORGANISATION", STAFF_ORGANISATION.to_owned()),
        ]
    }

    /// A session token of one of the [`PEOPLE`], as the sign-in page would set it.
    pub fn token(&self, person: &Person) -> Result<String, KeyError> {
        let now = (self.shared.clock)().div_euclid(1_000_000);
        self.shared.signer.session(person, &self.issuer(), &self.shared.origin, now)
    }

    /// Everything it serves; to be nested at `/clerk` of the sandbox.
    pub fn router(&self) -> Router {
        let keys = self.shared.signer.public_keys();
        Router::new()
            .route("/.well-known/jwks.json", get(async move || Json(keys)))
            .route("/sign-in", get(pages::choose).post(pages::sign_in))
            .route("/sign-out", get(pages::signed_out).post(pages::sign_out))
            .with_state(self.clone())
    }

    /// Browsers keep a `Secure` cookie over https only; some make no exception for one's own machine.
    fn is_secure(&self) -> bool {
        self.shared.origin.starts_with("https://")
    }
}
