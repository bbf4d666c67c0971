#![doc = include_str!("README.md")]

mod billing;
mod client;
mod config;
mod connection;
mod convert;
mod health;
mod origin;
mod project;
mod read;
#[cfg(test)]
mod tests;
mod types;
mod webhook;

pub use config::Config;
pub use connection::connect;

use crate::{
    manifest::{Manifest, Need, Variable},
    registry::allow_plain_http,
};
use patchbay_domain::billing::{
    CUSTOMER, INVOICE, INVOICE_PAYMENT, PAYMENT_INTENT, PAYMENT_METHOD, PRICE, PRODUCT, SUBSCRIPTION,
};
use patchbay_domain::{kind::KindSpec, schedule::SCHEDULE};

/// The version that every request pins.
pub const API_VERSION: &str = "2026-10-28.endive";
const NAME: &str = "Stripe";

pub static MANIFEST: Manifest = Manifest {
    id: "stripe",
    name: NAME,
    api_version: API_VERSION,
    area: "billing",
    kinds: &[
        KindSpec::swept(PRODUCT),
        KindSpec::swept(PRICE),
        KindSpec::swept(CUSTOMER),
        // Lists have those of customers alone, and one that was taken from its customer is still there.
        KindSpec::new(PAYMENT_METHOD),
        KindSpec::swept(SUBSCRIPTION),
        KindSpec::swept(SCHEDULE),
        KindSpec::swept(INVOICE),
        KindSpec::swept(PAYMENT_INTENT),
        KindSpec::swept(INVOICE_PAYMENT),
    ],
    needs: &[
        Need {
            kind: None,
            permission: "Account: Read",
            without: "it is not known whose keys these are, and events that name an account are set aside.",
        },
        Need {
            kind: Some(PRODUCT),
            permission: "Products: Read",
            without: "plans have no names and none can be chosen.",
        },
        Need { kind: Some(PRICE), permission: "Prices: Read", without: "no plan can be chosen or changed." },
        Need {
            kind: Some(CUSTOMER),
            permission: "Customers: Read",
            without: "customers appear through webhooks only; those that were there before see no billing.",
        },
        Need {
            kind: Some(PAYMENT_METHOD),
            permission: "Customers: Read and Payment Methods: Read",
            without: "cards and bank accounts appear through webhooks only.",
        },
        Need {
            kind: Some(SUBSCRIPTION),
            permission: "Subscriptions: Read",
            without: "subscriptions appear through webhooks only; customers whose own is not known cannot start one.",
        },
        Need {
            kind: Some(SCHEDULE),
            permission: "Subscriptions: Read",
            without: "what a schedule does next is known through webhooks only.",
        },
        Need {
            kind: Some(INVOICE),
            permission: "Invoices: Read",
            without: "invoices appear through webhooks only, and those with many lines stay cut.",
        },
        Need {
            kind: Some(PAYMENT_INTENT),
            permission: "PaymentIntents: Read",
            without: "what a payment waits for is known through webhooks only.",
        },
        Need {
            kind: Some(INVOICE_PAYMENT),
            permission: "Invoices: Read",
            without: "which payment paid an invoice is known through webhooks only.",
        },
    ],
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
        Variable {
            name: config::FOLLOW,
            required: false,
            secret: false,
            help: "acct_… of connected accounts whose records are kept too, separated by commas; each becomes a connection of its own",
        },
        allow_plain_http("STRIPE_ALLOW_PLAIN_HTTP"),
    ],
    event_types: &project::EVENT_TYPES,
    kept_headers: &["stripe-signature"],
    hosted_pages: &["https://checkout.stripe.com", "https://billing.stripe.com"],
};
