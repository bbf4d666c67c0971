#![doc = include_str!("README.md")]

mod billing;
mod client;
mod config;
mod connection;
mod health;
mod project;
mod read;
#[cfg(test)]
mod tests;
mod types;
mod webhook;

pub use config::Config;
pub use connection::connect;

use crate::provider::{Manifest, Variable};
use patchbay_domain::billing::{
    CUSTOMER, INVOICE, INVOICE_PAYMENT, PAYMENT_INTENT, PAYMENT_METHOD, PRICE, PRODUCT, SUBSCRIPTION,
};

/// The version that every request pins.
pub const API_VERSION: &str = "2026-10-28.endive";
const NAME: &str = "Stripe";

pub static MANIFEST: Manifest = Manifest {
    id: "stripe",
    name: NAME,
    api_version: API_VERSION,
    area: "billing",
    kinds: &[PRODUCT, PRICE, CUSTOMER, PAYMENT_METHOD, SUBSCRIPTION, INVOICE, PAYMENT_INTENT, INVOICE_PAYMENT],
    variables: &[
        Variable {
            name: config::SECRET_KEY,
            required: true,
            secret: true,
            help: "sk_test_… or sk_live_…, or a restricted rk_… key",
        },
        Variable {
            name: config::WEBHOOK_SECRET,
            required: false,
            secret: true,
            help: "whsec_… of the webhook endpoint; several, separated by commas, while rotating",
        },
        Variable {
            name: config::PUBLISHABLE_KEY,
            required: false,
            secret: false,
            help: "pk_…; must be of the same mode as the secret key",
        },
        Variable {
            name: config::API_BASE,
            required: false,
            secret: false,
            help: "https://api.stripe.com unless you use a stand-in",
        },
    ],
    event_types: &project::EVENT_TYPES,
};
