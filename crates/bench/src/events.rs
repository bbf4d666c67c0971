//! Signed deliveries, ready to be written to a socket.

use hmac::{Hmac, Mac};
use patchbay_domain::Clock;
use serde_json::json;
use sha2::Sha256;
use std::net::SocketAddr;

pub const WEBHOOK_SECRET: &str = "whsec_of_the_bench";
const FIRST_SECOND: usize = 1_790_000_000;

/// Requests that all differ. Each run of a measurement has its own, so that nothing is a duplicate.
pub struct Deliveries {
    pub run: &'static str,
    pub address: SocketAddr,
    /// Events are spread over this many customers; as many as events when each is to make a record of its own.
    pub customers: usize,
}

impl Deliveries {
    pub fn customer(&self, number: usize) -> String {
        format!("cus_{}_{}", self.run, number % self.customers)
    }

    /// Signed now: good for five minutes.
    pub fn requests(&self, count: usize) -> Vec<Vec<u8>> {
        let at = Clock::System.now().seconds();
        (0..count).map(|number| self.request(number, at)).collect()
    }

    fn request(&self, number: usize, at: i64) -> Vec<u8> {
        let body = self.body(number);
        let signature = format!("stripe-signature: {}\r\n", sign(WEBHOOK_SECRET, at, body.as_bytes()));
        request(self.address, &signature, body.as_bytes())
    }

    /// About as large as Stripe's own.
    fn body(&self, number: usize) -> String {
        let customer = self.customer(number);
        let event = json!({
            "id": format!("evt_{}_{number}", self.run), "object": "event", "api_version": "2026-10-28.endive",
            "created": FIRST_SECOND + number, "livemode": false, "pending_webhooks": 1,
            "request": { "id": format!("req_{number}"), "idempotency_key": null }, "type": "customer.updated",
            "data": {
                "object": {
                    "id": customer, "object": "customer", "name": format!("Northwind Traders {number}"),
                    "email": "accounts-payable@northwind.example", "phone": "+49 30 901820", "balance": -1500,
                    "currency": "eur", "delinquent": false, "description": "Imported from the old system",
                    "livemode": false, "created": FIRST_SECOND, "tax_exempt": "none", "test_clock": null,
                    "preferred_locales": ["de", "en"], "next_invoice_sequence": 12, "invoice_prefix": "0F3A9C1B",
                    "address": { "city": "Berlin", "country": "DE", "line1": "Alexanderplatz 1", "line2": null, "postal_code": "10178", "state": null },
                    "invoice_settings": { "custom_fields": null, "default_payment_method": "pm_1PgafmB7WZ01zgkW", "footer": null, "rendering_options": null },
                    "metadata": { "organisation_id": format!("org_{number}"), "usage_videos": "42" },
                },
                "previous_attributes": { "name": "Northwind" },
            },
        });
        event.to_string()
    }
}

/// A delivery as Stripe makes it. `headers` are further lines, each with its line end.
pub fn request(address: SocketAddr, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /webhooks/stripe HTTP/1.1\r\nhost: {address}\r\nuser-agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\n\
         content-type: application/json; charset=utf-8\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The value of `Stripe-Signature` at a Unix second.
pub fn sign(secret: &str, at: i64, body: &[u8]) -> String {
    // An HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()))
}
