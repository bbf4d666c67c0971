//! What a provider sends: Stripe's events, signed as Stripe signs them.

use hmac::{Hmac, Mac};
use patchbay_domain::Clock;
use serde_json::{Value, json};
use sha2::Sha256;

pub const SECRET_KEY: &str = "sk_test_4eC39HqLyjWDarjtT1zd";
/// Both are valid, as while one is being replaced.
pub const WEBHOOK_SECRETS: [&str; 2] = ["whsec_first_5WbX5kEWLlfzsGNjH64I", "whsec_second_nR7dQ2mVtY0cKa1pZe3u"];

pub fn now() -> i64 {
    Clock::System.now().seconds()
}

/// The value of `Stripe-Signature`.
pub fn signature(secret: &str, at: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// Signed now with the first secret.
pub fn signed(body: &[u8]) -> String {
    signature(WEBHOOK_SECRETS[0], now(), body)
}

pub fn event(id: &str, event_type: &str, created: i64, object: &Value) -> Vec<u8> {
    let event = json!({
        "id": id, "object": "event", "api_version": "2026-10-28.endive", "created": created, "livemode": false,
        "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null }, "type": event_type,
        "data": { "object": object },
    });
    serde_json::to_vec(&event).unwrap()
}

pub fn customer(id: &str, name: &str) -> Value {
    json!({
        "id": id, "object": "customer", "name": name, "email": "billing@northwind.example", "balance": 0,
        "currency": "eur", "delinquent": false, "livemode": false, "created": 1_790_000_000,
        "invoice_settings": { "default_payment_method": null }, "metadata": {},
    })
}

/// One customer's name changed.
pub fn customer_updated(event_id: &str) -> Vec<u8> {
    event(event_id, "customer.updated", 1_790_000_001, &customer("cus_1", "Northwind"))
}
