//! Signed deliveries, ready to be written to a socket.

use hmac::{Hmac, Mac};
use patchbay_domain::Clock;
use serde_json::{Value, json};
use sha2::Sha256;
use std::net::SocketAddr;

pub const WEBHOOK_SECRET: &str = "whsec_of_the_bench";
/// Where Patchbay takes deliveries of its first connection to Stripe.
pub const FIRST_CONNECTION: &str = "/webhooks/stripe";
const FIRST_SECOND: usize = 1_790_000_000;

/// What the events of a run tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    Customers,
    Subscriptions,
}

impl Topic {
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Customers => "customer.updated",
            Self::Subscriptions => "customer.subscription.updated",
        }
    }

    /// The kind of record it makes.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Customers => "customer",
            Self::Subscriptions => "subscription",
        }
    }
}

/// Requests that all differ. Each run of a measurement has its own, so that nothing is a duplicate.
#[derive(Clone)]
pub struct Deliveries {
    pub run: String,
    pub address: SocketAddr,
    pub path: &'static str,
    pub topic: Topic,
    /// Events are spread over this many objects; as many as events when each is to make a record of its own.
    pub objects: usize,
}

impl Deliveries {
    /// The provider's id of the object that an event is about.
    pub fn object(&self, number: usize) -> String {
        let prefix = match self.topic {
            Topic::Customers => "cus",
            Topic::Subscriptions => "sub",
        };
        format!("{prefix}_{}_{}", self.run, number % self.objects)
    }

    /// Signed now: good for five minutes.
    pub fn requests(&self, count: usize) -> Vec<Vec<u8>> {
        let at = Clock::System.now().seconds();
        (0..count).map(|number| self.request(number, at)).collect()
    }

    fn request(&self, number: usize, at: i64) -> Vec<u8> {
        let body = self.body(number);
        let signature = format!("stripe-signature: {}\r\n", sign(WEBHOOK_SECRET, at, body.as_bytes()));
        request(self.address, self.path, &signature, body.as_bytes())
    }

    fn body(&self, number: usize) -> String {
        let id = self.object(number);
        let object = match self.topic {
            Topic::Customers => customer(&id, number),
            Topic::Subscriptions => subscription(&id, &format!("cus_{}_{}", self.run, number % self.objects), number),
        };
        envelope(&format!("evt_{}_{number}", self.run), self.topic.event_type(), FIRST_SECOND + number, &object)
            .to_string()
    }
}

pub fn envelope(id: &str, event_type: &str, created: usize, object: &Value) -> Value {
    json!({
        "id": id, "object": "event", "api_version": "2026-10-28.endive", "created": created, "livemode": false,
        "pending_webhooks": 1, "request": { "id": format!("req_{created}"), "idempotency_key": null },
        "type": event_type, "data": { "object": object, "previous_attributes": { "description": "Before" } },
    })
}

/// About as large as Stripe's own.
pub fn customer(id: &str, number: usize) -> Value {
    json!({
        "id": id, "object": "customer", "name": format!("Northwind Traders {number}"),
        "email": "accounts-payable@northwind.example", "phone": "+49 30 901820", "balance": -1500,
        "currency": "eur", "delinquent": false, "description": "Imported from the old system",
        "livemode": false, "created": FIRST_SECOND, "tax_exempt": "none", "test_clock": null,
        "preferred_locales": ["de", "en"], "next_invoice_sequence": 12, "invoice_prefix": "0F3A9C1B",
        "address": { "city": "Berlin", "country": "DE", "line1": "Alexanderplatz 1", "line2": null,
                     "postal_code": "10178", "state": null },
        "invoice_settings": { "custom_fields": null, "default_payment_method": "pm_1PgafmB7WZ01zgkW", "footer": null,
                              "rendering_options": null },
        "metadata": { "organisation_id": format!("org_{number}"), "usage_videos": "42" },
    })
}

pub fn subscription(id: &str, customer: &str, number: usize) -> Value {
    let (from, to) = (FIRST_SECOND, FIRST_SECOND + 2_592_000);
    json!({
        "id": id, "object": "subscription", "application": null, "application_fee_percent": null,
        "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
        "billing_cycle_anchor": from, "billing_thresholds": null, "cancel_at": null, "cancel_at_period_end": false,
        "canceled_at": null, "cancellation_details": { "comment": null, "feedback": null, "reason": null },
        "collection_method": "charge_automatically", "created": from, "currency": "eur", "customer": customer,
        "days_until_due": null, "default_payment_method": "pm_1PgafmB7WZ01zgkW", "default_source": null,
        "default_tax_rates": [], "description": format!("Change {number}"), "discounts": [], "ended_at": null,
        "items": { "object": "list", "has_more": false, "total_count": 1, "url": format!("/v1/subscription_items?subscription={id}"),
            "data": [{
                "id": format!("si_{id}"), "object": "subscription_item", "created": from, "current_period_start": from,
                "current_period_end": to, "discounts": [], "metadata": {}, "quantity": 1 + number % 9,
                "subscription": id, "tax_rates": [],
                "price": { "id": "price_1PgafmTeam", "object": "price", "active": true, "billing_scheme": "per_unit",
                    "created": FIRST_SECOND, "currency": "eur", "custom_unit_amount": null, "livemode": false,
                    "lookup_key": null, "metadata": {}, "nickname": "Team", "product": "prod_QXg1team",
                    "recurring": { "interval": "month", "interval_count": 1, "meter": null, "usage_type": "licensed" },
                    "tax_behavior": "exclusive", "tiers_mode": null, "type": "recurring", "unit_amount": 2900,
                    "unit_amount_decimal": "2900" },
            }] },
        "latest_invoice": "in_1PgafmB7WZ01zgkW", "livemode": false, "metadata": {}, "next_pending_invoice_item_invoice": null,
        "on_behalf_of": null, "pause_collection": null, "payment_settings": { "payment_method_options": null,
            "payment_method_types": null, "save_default_payment_method": "off" },
        "pending_setup_intent": null, "pending_update": null, "schedule": null, "start_date": from, "status": "active",
        "test_clock": null, "transfer_data": null, "trial_end": null, "trial_start": null,
    })
}

/// A delivery as Stripe makes it. `headers` are further lines, each with its line end.
pub fn request(address: SocketAddr, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\n\
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
