//! Webhooks as an endpoint of an older API version gets them. Requests name their version; the payloads of webhooks follow
//! the endpoint's, which may be years older.

use serde_json::{Map, Value};

use super::API_VERSION;
use super::model::{Invoice, Price, Subscription};
use super::render;
use super::sources;
use super::state::State;

/// The versions that an endpoint can have, the newest first.
pub(crate) const ALL: [&str; 5] = [API_VERSION, "2024-06-20", "2022-11-15", "2020-08-27", "2018-05-21"];

/// The version of this name.
pub(crate) fn known(name: &str) -> Option<&'static str> {
    ALL.into_iter().find(|one| *one == name)
}

/// Periods moved to the items, and an invoice's subscription and payments to other objects.
const BASIL: &str = "2025-03-31.basil";
/// A customer's sources, subscriptions and tax ids are no longer part of it.
const LEAN: &str = "2020-08-27";
/// `billing` and `start` became `collection_method` and `start_date`, `account_balance` became `balance`.
const RENAMED: &str = "2019-10-17";
/// An invoice's `date` became `created`.
const DATED: &str = "2019-03-14";
/// An invoice's status is one word instead of pieces.
const STATUS: &str = "2018-11-08";

/// Whether an event is sent to endpoints of this version: objects that came later are not.
pub(crate) fn sends(version: &str, kind: &str) -> bool {
    version >= BASIL || !kind.starts_with("invoice_payment.")
}

/// An object as `version` has it. Versions begin with a date, so they compare as text.
pub(crate) fn older(state: &State, version: &str, mut whole: Value) -> Value {
    if version >= BASIL {
        return whole;
    }
    let kind = whole["object"].as_str().unwrap_or_default().to_owned();
    if let Value::Object(object) = &mut whole {
        match kind.as_str() {
            "subscription" => subscription(state, version, object),
            "invoice" => invoice(state, version, object),
            "customer" => customer(state, version, object),
            _ => {}
        }
    }
    whole
}

fn rename(object: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = object.remove(from) {
        object.insert(to.to_owned(), value);
    }
}

fn without(object: &mut Map<String, Value>, names: &[&str]) {
    for name in names {
        object.remove(*name);
    }
}

fn subscription(state: &State, version: &str, object: &mut Map<String, Value>) {
    let row = object.get("id").and_then(Value::as_str).and_then(|id| state.get::<Subscription>(id));
    if let Some(row) = row {
        object.insert("current_period_start".to_owned(), row.period_start.into());
        object.insert("current_period_end".to_owned(), row.period_end.into());
    }
    without(object, &["billing_mode", "billing_schedules", "managed_payments", "customer_account"]);
    first_discount(object);
    let items = object.get_mut("items").and_then(|list| list["data"].as_array_mut());
    let mut only = None;
    if let Some(items) = items {
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            without(item, &["current_period_start", "current_period_end", "discounts"]);
            if version < LEAN {
                without(item, &["price", "tax_rates", "billing_thresholds"]);
            }
        }
        only = match items.as_slice() {
            [one] => Some((one["plan"].clone(), one["quantity"].clone())),
            _ => None,
        };
    }
    let (plan, quantity) = only.unwrap_or_default();
    object.insert("plan".to_owned(), plan);
    object.insert("quantity".to_owned(), quantity);
    if version < RENAMED {
        rename(object, "collection_method", "billing");
        rename(object, "start_date", "start");
        object.insert("tax_percent".to_owned(), Value::Null);
        let later = [
            "automatic_tax",
            "billing_cycle_anchor_config",
            "cancel_at",
            "cancellation_details",
            "default_payment_method",
            "description",
            "invoice_settings",
            "latest_invoice",
            "next_pending_invoice_item_invoice",
            "on_behalf_of",
            "pause_collection",
            "payment_settings",
            "pending_invoice_item_interval",
            "pending_setup_intent",
            "pending_update",
            "schedule",
            "test_clock",
            "trial_settings",
        ];
        without(object, &later);
    }
}

/// There was one discount, with its coupon.
fn first_discount(object: &mut Map<String, Value>) {
    let first = object.remove("discounts").and_then(|all| all.get(0).cloned());
    object.insert("discount".to_owned(), first.unwrap_or_default());
}

fn invoice(state: &State, version: &str, object: &mut Map<String, Value>) {
    let subscription = object.remove("parent").map(|parent| parent["subscription_details"]["subscription"].clone());
    object.insert("subscription".to_owned(), subscription.unwrap_or_default());
    let row = object.get("id").and_then(Value::as_str).and_then(|id| state.get::<Invoice>(id));
    object.insert("payment_intent".to_owned(), row.and_then(|row| row.payment_intent.clone()).into());
    let paid = object.get("status").is_some_and(|status| status == "paid");
    object.insert("paid".to_owned(), paid.into());
    object.insert("paid_out_of_band".to_owned(), false.into());
    taxes(object);
    first_discount(object);
    without(
        object,
        &["amount_overpaid", "confirmation_secret", "customer_account", "payments", "total_pretax_credit_amounts"],
    );
    if let Some(lines) = object.get_mut("lines").and_then(|list| list["data"].as_array_mut()) {
        for line in lines.iter_mut().filter_map(Value::as_object_mut) {
            invoice_line(state, version, line);
        }
    }
    if version < RENAMED {
        rename(object, "collection_method", "billing");
        without(object, &["automatic_tax", "issuer", "payment_settings", "customer_tax_ids", "default_payment_method"]);
    }
    if version < DATED {
        rename(object, "created", "date");
    }
    if version < STATUS {
        let status = object.remove("status");
        let status = status.as_ref().and_then(Value::as_str).unwrap_or_default();
        object.insert("forgiven".to_owned(), (status == "uncollectible").into());
        object.insert("closed".to_owned(), matches!(status, "paid" | "uncollectible" | "void").into());
        object.remove("status_transitions");
    }
}

fn taxes(object: &mut Map<String, Value>) {
    rename(object, "total_taxes", "total_tax_amounts");
    let amounts = object.get("total_tax_amounts").and_then(Value::as_array);
    let sum: i64 = amounts.into_iter().flatten().filter_map(|tax| tax["amount"].as_i64()).sum();
    object.insert("tax".to_owned(), if sum == 0 { Value::Null } else { sum.into() });
}

fn invoice_line(state: &State, version: &str, line: &mut Map<String, Value>) {
    let parent = line.remove("parent").unwrap_or_default();
    let details = match &parent["subscription_item_details"] {
        Value::Null => parent["invoice_item_details"].clone(),
        found => found.clone(),
    };
    let of_item = parent["type"] == "subscription_item_details";
    line.insert("type".to_owned(), if of_item { "subscription" } else { "invoiceitem" }.into());
    for name in ["subscription", "subscription_item", "invoice_item", "proration"] {
        line.insert(name.to_owned(), details[name].clone());
    }
    let pricing = line.remove("pricing").unwrap_or_default();
    let price = pricing["price_details"]["price"].as_str().and_then(|id| state.get::<Price>(id));
    line.insert("plan".to_owned(), price.map(render::plan).into());
    if version >= LEAN {
        line.insert("price".to_owned(), price.map(|row| render::price(row, state)).into());
    }
    rename(line, "taxes", "tax_amounts");
    without(line, &["pretax_credit_amounts", "quantity_decimal", "subtotal"]);
}

fn customer(state: &State, version: &str, object: &mut Map<String, Value>) {
    object.remove("customer_account");
    if version >= LEAN || object.contains_key("deleted") {
        return;
    }
    let id = object.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let running = |row: &&Subscription| row.customer == id && row.alive();
    let all = state.tables.subscriptions.newest().filter(running).take(10);
    let all: Vec<Value> = all.map(|row| older(state, version, render::subscription(row, state))).collect();
    let count = all.len();
    let mut subscriptions = render::list(&format!("/v1/customers/{id}/subscriptions"), all, false);
    subscriptions["total_count"] = count.into();
    object.insert("sources".to_owned(), sources::all_of(state, &id));
    object.insert("subscriptions".to_owned(), subscriptions);
    if version < RENAMED {
        rename(object, "balance", "account_balance");
        without(
            object,
            &[
                "address",
                "invoice_settings",
                "name",
                "next_invoice_sequence",
                "phone",
                "preferred_locales",
                "tax_exempt",
                "test_clock",
            ],
        );
        object.insert("tax_info".to_owned(), Value::Null);
    }
}
