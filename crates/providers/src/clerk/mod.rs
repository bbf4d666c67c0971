#![doc = include_str!("README.md")]
// It is the identity provider: it brings no records yet, so there is no `client.rs`, no `project.rs` and no line in the registry.

mod claims;
mod config;
mod handshake;
mod keys;
mod session;
#[cfg(test)]
mod tests;

pub use claims::{OrganisationClaim, SessionClaims};
pub use config::ClerkConfig;
pub use handshake::Handshake;
pub use session::{SessionError, SessionVerifier};

use crate::{
    manifest::{Manifest, Variable},
    registry::allow_plain_http,
};

/// What Clerk is to the rest of the product. The identity provider is not in the registry of connections.
pub static MANIFEST: Manifest = Manifest {
    id: "clerk",
    name: "Clerk",
    api_version: "session token v2",
    area: "identity",
    kinds: &[],
    needs: &[],
    variables: &[
        Variable {
            name: config::AUTHORIZED_PARTIES,
            required: true,
            secret: false,
            help: "Origins of this panel, with commas between them.",
        },
        Variable {
            name: config::STAFF_ORGANISATION,
            required: true,
            secret: false,
            help: "Id of the organization whose members are staff.",
        },
        Variable {
            name: config::PUBLISHABLE_KEY,
            required: false,
            secret: false,
            help: "pk_…; names the issuer, so it or CLERK_ISSUER is needed.",
        },
        Variable { name: config::ISSUER, required: false, secret: false, help: "Address of Clerk's Frontend API." },
        Variable {
            name: config::FAPI,
            required: false,
            secret: false,
            help: "Where browsers reach Clerk's Frontend API, when that is not the issuer's address.",
        },
        Variable {
            name: config::JWKS_URL,
            required: false,
            secret: false,
            help: "Where the issuer's public keys are.",
        },
        Variable { name: config::SIGN_IN_URL, required: false, secret: false, help: "Where people sign in." },
        Variable {
            name: config::SIGN_OUT_URL,
            required: false,
            secret: false,
            help: "Where people are sent who sign out.",
        },
        allow_plain_http("CLERK_ALLOW_PLAIN_HTTP"),
        Variable { name: config::SECRET_KEY, required: false, secret: true, help: "sk_…; not used yet." },
    ],
    event_types: &[],
    kept_headers: &[],
    hosted_pages: &[],
};
