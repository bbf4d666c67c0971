//! What must hold for whatever a stranger sends: one function per target, given any bytes, that panics when it does not.
//!
//! `fuzz/` puts libFuzzer around these functions (`make fuzz`); `tests/regressions.rs` runs them on the seeds and on
//! everything that was ever found, with the ordinary tests. They use the product only through its public traits.

mod delivery;
mod envelope;
mod form;
mod json;
mod project;
pub mod seeds;
mod session;
mod verify;

pub use envelope::{mux_envelope, stripe_envelope};
pub use form::sandbox_form;
pub use project::{mux_project, stripe_project};
pub use session::clerk_session;
pub use verify::{mux_verify, stripe_verify};

/// A fuzz target: its name, which is also its folder of seeds, and its property.
pub struct Target {
    pub name: &'static str,
    pub check: fn(&[u8]),
}

pub const TARGETS: [Target; 8] = [
    Target { name: "stripe_verify", check: stripe_verify },
    Target { name: "mux_verify", check: mux_verify },
    Target { name: "stripe_envelope", check: stripe_envelope },
    Target { name: "mux_envelope", check: mux_envelope },
    Target { name: "stripe_project", check: stripe_project },
    Target { name: "mux_project", check: mux_project },
    Target { name: "clerk_session", check: clerk_session },
    Target { name: "sandbox_form", check: sandbox_form },
];
