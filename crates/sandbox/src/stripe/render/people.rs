//! Customers, catalogue, cards and subscriptions.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{Template, list, template};
use crate::stripe::model::{Customer, PaymentMethod, Price, Product, Subscription};
use crate::stripe::state::State;

template!(
    CUSTOMER,
    r#"{"object":"customer","customer_account":null,"default_source":null,"discount":null,"livemode":false,"preferred_locales":[],
    "shipping":null,"tax_exempt":"none","test_clock":null}"#
);
template!(
    PRODUCT,
    r#"{"object":"product","images":[],"livemode":false,"marketing_features":[],"package_dimensions":null,"shippable":null,
    "statement_descriptor":null,"tax_code":null,"type":"service","unit_label":null,"url":null}"#
);
template!(
    PRICE,
    r#"{"object":"price","billing_scheme":"per_unit","custom_unit_amount":null,"livemode":false,"tax_behavior":"unspecified",
    "tiers_mode":null,"transform_quantity":null,"type":"recurring"}"#
);
template!(
    PAYMENT_METHOD,
    r#"{"object":"payment_method","allow_redisplay":"always","customer_account":null,"livemode":false,"type":"card"}"#
);
template!(
    SUBSCRIPTION,
    r#"{"object":"subscription","application":null,"application_fee_percent":null,
    "automatic_tax":{"disabled_reason":null,"enabled":false,"liability":null},"billing_cycle_anchor_config":null,
    "billing_mode":{"type":"classic","flexible":null},"billing_schedules":[],"billing_thresholds":null,
    "collection_method":"charge_automatically","customer_account":null,"days_until_due":null,"default_source":null,
    "default_tax_rates":[],"discounts":[],"invoice_settings":{"account_tax_ids":null,"custom_fields":null,"description":null,"footer":null,"issuer":{"type":"self"}},
    "livemode":false,"managed_payments":null,"next_pending_invoice_item_invoice":null,"on_behalf_of":null,
    "payment_settings":{"payment_method_options":null,"payment_method_types":null,"save_default_payment_method":"off"},
    "pending_invoice_item_interval":null,"pending_setup_intent":null,"pending_update":null,"schedule":null,"test_clock":null,
    "transfer_data":null,"trial_settings":{"end_behavior":{"missing_payment_method":"pause"}}}"#
);

#[cfg(test)]
pub(super) fn templates() -> [&'static Template; 5] {
    [&CUSTOMER, &PRODUCT, &PRICE, &PAYMENT_METHOD, &SUBSCRIPTION]
}

pub(crate) fn customer(row: &Customer, _: &State) -> Value {
    if row.deleted {
        return json!({"id": row.id, "object": "customer", "deleted": true});
    }
    let address = (row.country.is_some() || row.city.is_some()).then(|| {
        json!({"city": row.city, "country": row.country, "line1": null, "line2": null, "postal_code": null, "state": null})
    });
    CUSTOMER.with(json!({
        "id": row.id, "address": address, "balance": row.balance, "created": row.created, "currency": row.currency,
        "delinquent": row.delinquent, "description": row.description, "email": row.email,
        "invoice_prefix": row.invoice_prefix,
        "invoice_settings": {
            "custom_fields": null, "default_payment_method": row.default_payment_method, "footer": null, "rendering_options": null
        },
        "metadata": row.metadata, "name": row.name, "next_invoice_sequence": row.next_invoice_sequence, "phone": row.phone,
        "preferred_locales": row.locale.iter().collect::<Vec<_>>(),
    }))
}

pub(crate) fn product(row: &Product, _: &State) -> Value {
    PRODUCT.with(json!({
        "id": row.id, "active": row.active, "created": row.created, "default_price": row.default_price,
        "description": row.description, "metadata": row.metadata, "name": row.name, "updated": row.updated,
    }))
}

pub(crate) fn price(row: &Price, _: &State) -> Value {
    PRICE.with(json!({
        "id": row.id, "active": row.active, "created": row.created, "currency": row.currency, "lookup_key": row.lookup_key,
        "metadata": row.metadata, "nickname": row.nickname, "product": row.product,
        "recurring": {
            "interval": row.interval.word(), "interval_count": 1, "meter": null, "trial_period_days": null, "usage_type": "licensed"
        },
        "unit_amount": row.unit_amount, "unit_amount_decimal": row.unit_amount.to_string(),
    }))
}

/// The old name of a price, still part of a subscription item.
fn plan(row: &Price) -> Value {
    json!({
        "id": row.id, "object": "plan", "active": row.active, "amount": row.unit_amount,
        "amount_decimal": row.unit_amount.to_string(), "billing_scheme": "per_unit", "created": row.created,
        "currency": row.currency, "interval": row.interval.word(), "interval_count": 1, "livemode": false,
        "metadata": row.metadata, "meter": null, "nickname": row.nickname, "product": row.product, "tiers_mode": null,
        "transform_usage": null, "trial_period_days": null, "usage_type": "licensed",
    })
}

pub(crate) fn payment_method(row: &PaymentMethod, _: &State) -> Value {
    PAYMENT_METHOD.with(json!({
        "id": row.id, "created": row.created, "customer": row.customer, "metadata": row.metadata,
        "billing_details": {
            "address": {"city": null, "country": row.country, "line1": null, "line2": null, "postal_code": null, "state": null},
            "email": row.email, "name": row.name, "phone": null, "tax_id": null,
        },
        "card": {
            "brand": row.brand, "checks": {"address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass"},
            "country": row.country, "display_brand": row.brand, "exp_month": row.exp_month, "exp_year": row.exp_year,
            "fingerprint": row.fingerprint, "funding": row.funding, "generated_from": null, "last4": row.last4,
            "networks": {"available": [row.brand], "preferred": null}, "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": true}, "wallet": null,
        },
    }))
}

pub(crate) fn subscription(row: &Subscription, state: &State) -> Value {
    let items = row.items.iter().map(|item| {
        let found = state.get::<Price>(&item.price);
        json!({
            "id": item.id, "object": "subscription_item", "billing_thresholds": null, "created": item.created,
            "current_period_end": row.period_end, "current_period_start": row.period_start, "discounts": [],
            "metadata": item.metadata, "plan": found.map(plan), "price": found.map(|p| price(p, state)),
            "quantity": item.quantity, "subscription": row.id, "tax_rates": [],
        })
    });
    SUBSCRIPTION.with(json!({
        "id": row.id, "billing_cycle_anchor": row.anchor, "cancel_at": row.cancel_at,
        "cancel_at_period_end": row.cancel_at_period_end, "canceled_at": row.canceled_at,
        "cancellation_details": {
            "comment": row.cancellation.comment, "feedback": row.cancellation.feedback, "reason": row.cancellation.reason
        },
        "created": row.created, "currency": row.currency, "customer": row.customer,
        "default_payment_method": row.default_payment_method, "description": row.description, "ended_at": row.ended_at,
        "items": list(&format!("/v1/subscription_items?subscription={}", row.id), items.collect(), false),
        "latest_invoice": row.latest_invoice, "metadata": row.metadata,
        "pause_collection": row.paused.then(|| json!({"behavior": "void", "resumes_at": null})),
        "start_date": row.start_date, "status": row.status, "trial_end": row.trial_end, "trial_start": row.trial_start,
    }))
}
