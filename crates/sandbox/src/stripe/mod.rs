//! The pretended Stripe: API, hosted pages, billing engine, seed data.

mod api;
mod billing;
mod catalogue;
mod checkout;
pub(crate) mod connect;
mod coupons;
mod customers;
mod debits;
mod deletions;
mod discounts;
mod drafts;
mod errors;
mod events;
mod form;
mod idempotency;
mod intents;
mod invoices;
mod items;
mod meters;
mod model;
mod pages;
mod paging;
mod payment_methods;
mod payments;
mod pdf;
mod permissions;
mod portal;
mod prices;
mod pricing;
mod proration;
mod render;
mod schedules;
mod seed;
mod sources;
mod state;
mod subscriptions;
#[cfg(test)]
mod tests;
pub(crate) mod time;
pub(crate) mod traffic;
mod trials;
pub(crate) mod versions;

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};

use crate::hub::Hub;

pub(crate) use permissions::all as permissions;
pub(crate) use seed::seed;
pub(crate) use state::State;

/// The version whose shapes are spoken.
pub(crate) const API_VERSION: &str = "2026-10-28.endive";
/// The account's secret key, which may do everything.
pub(crate) const SECRET_KEY: &str = "sk_test_sandbox51PatchbayLocalOnly0000";
/// A restricted key: the product's. What it lacks is a switch.
pub(crate) const RESTRICTED_KEY: &str = "rk_test_sandbox51PatchbayLocalOnly0000";
/// Its public counterpart.
pub(crate) const PUBLISHABLE_KEY: &str = "pk_test_sandbox51PatchbayLocalOnly0000";
/// What the endpoint for events of connected accounts is signed with.
pub(crate) const CONNECT_WEBHOOK_SECRET: &str = "whsec_sandbox51PatchbayConnectOnly00";
/// What webhooks are signed with.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_sandbox51PatchbayLocalOnly0000";

pub(crate) fn form_pairs(body: &[u8]) -> Option<Vec<(String, String)>> {
    form::Form::parse(body).ok().map(|form| form.pairs())
}

/// The API and the hosted pages.
pub(crate) fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/v1/{*path}", any(api::handle))
        .route("/checkout/{id}", get(pages::checkout).post(pages::pay))
        .route("/checkout/{id}/cancel", post(pages::leave_checkout))
        .route("/portal/{id}", get(pages::portal))
        .route("/portal/{id}/cards", post(pages::add_card))
        .route("/portal/{id}/cards/{card}", post(pages::card_action))
        .route("/portal/{id}/subscriptions/{sub}", post(pages::subscription_action))
        .route("/invoices/{id}", get(pages::invoice).post(pages::pay_invoice))
        .route("/invoices/{id}/pdf", get(pages::invoice_pdf))
        .route("/{*rest}", any(api::unknown))
        .with_state(hub)
}
