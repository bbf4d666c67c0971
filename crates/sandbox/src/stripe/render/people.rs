//! Customers, catalogue, cards and subscriptions.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::catalogue::{plan, price};
use super::{INLINE, Template, list, template};
use crate::stripe::debits;
use crate::stripe::model::{Customer, Item, PaymentMethod, Price, Subscription, Waiting};
use crate::stripe::state::State;

template!(
    CUSTOMER,
    r#"{"object":"customer","customer_account":null,"discount":null,"livemode":false,"preferred_locales":[],
    "shipping":null,"tax_exempt":"none","test_clock":null}"#
);
template!(
    PAYMENT_METHOD,
    r#"{"object":"payment_method","allow_redisplay":"always","customer_account":null,"livemode":false,"type":"card"}"#
);
template!(
    SUBSCRIPTION,
    r#"{"object":"subscription","application":null,"application_fee_percent":null,
    "automatic_tax":{"disabled_reason":null,"enabled":false,"liability":null},"billing_cycle_anchor_config":null,
    "billing_schedules":[],"billing_thresholds":null,
    "customer_account":null,"default_source":null,
    "default_tax_rates":[],"invoice_settings":{"account_tax_ids":null,"custom_fields":null,"description":null,"footer":null,"issuer":{"type":"self"}},
    "livemode":false,"managed_payments":null,"next_pending_invoice_item_invoice":null,"on_behalf_of":null,
    "payment_settings":{"payment_method_options":null,"payment_method_types":null,"save_default_payment_method":"off"},
    "pending_invoice_item_interval":null,"pending_setup_intent":null,"pending_update":null,"test_clock":null,
    "transfer_data":null,"trial_settings":{"end_behavior":{"missing_payment_method":"pause"}}}"#
);

#[cfg(test)]
pub(super) fn templates() -> [&'static Template; 3] {
    [&CUSTOMER, &PAYMENT_METHOD, &SUBSCRIPTION]
}

pub(crate) fn customer(row: &Customer, state: &State) -> Value {
    if row.deleted {
        return json!({"id": row.id, "object": "customer", "deleted": true});
    }
    let address = (row.country.is_some() || row.city.is_some()).then(|| {
        json!({"city": row.city, "country": row.country, "line1": null, "line2": null, "postal_code": null, "state": null})
    });
    let mut whole = CUSTOMER.with(json!({
        "id": row.id, "address": address, "balance": row.balance, "created": row.created, "currency": row.currency,
        "default_source": row.default_source, "delinquent": row.delinquent, "description": row.description, "email": row.email,
        "invoice_prefix": row.invoice_prefix,
        "invoice_settings": {
            "custom_fields": null, "default_payment_method": row.default_payment_method, "footer": null, "rendering_options": null
        },
        "metadata": row.metadata, "name": row.name, "next_invoice_sequence": row.next_invoice_sequence, "phone": row.phone,
        "preferred_locales": row.locale.iter().collect::<Vec<_>>(),
    }));
    for (name, value) in &row.shown {
        whole[name] = value.clone();
    }
    whole["discount"] = row.discount.as_ref().and_then(|id| super::by_id(state, id)).into();
    whole
}

/// How prorations and invoices are made.
pub(super) fn billing_mode(is_flexible: bool) -> Value {
    if is_flexible {
        json!({"type": "flexible", "flexible": {"proration_discounts": "included"}})
    } else {
        json!({"type": "classic", "flexible": null})
    }
}

/// How an invoice is paid.
pub(crate) fn collection_method(is_sent: bool) -> &'static str {
    if is_sent { "send_invoice" } else { "charge_automatically" }
}

pub(crate) fn payment_method(row: &PaymentMethod, _: &State) -> Value {
    let mut whole = PAYMENT_METHOD.with(json!({
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
    }));
    if let Some(members) = whole.as_object_mut().filter(|_| row.debit) {
        members.remove("card");
        members.insert("type".to_owned(), row.word().into());
        members.insert(row.word().to_owned(), debits::details(row));
    }
    whole
}

fn pending_update(waiting: &Waiting, row: &Subscription, state: &State) -> Value {
    let items: Vec<Value> = waiting.items.iter().map(|item| subscription_item(row, item, state)).collect();
    json!({
        "billing_cycle_anchor": null, "expires_at": waiting.expires_at, "metadata": null, "subscription_items": items,
        "trial_end": null, "trial_from_plan": null,
    })
}

pub(crate) fn subscription(row: &Subscription, state: &State) -> Value {
    let shown = row.items.iter().take(INLINE).map(|item| subscription_item(row, item, state)).collect();
    let pending =
        row.waiting.as_ref().filter(|waiting| waiting.told).map(|waiting| pending_update(waiting, row, state));
    SUBSCRIPTION.with(json!({
        "id": row.id, "pending_update": pending, "billing_cycle_anchor": row.anchor, "billing_mode": billing_mode(row.flexible), "cancel_at": row.cancel_at,
        "cancel_at_period_end": row.cancel_at_period_end, "canceled_at": row.canceled_at,
        "cancellation_details": {
            "comment": row.cancellation.comment, "feedback": row.cancellation.feedback, "reason": row.cancellation.reason
        },
        "created": row.created, "currency": row.currency, "customer": row.customer,
        "default_payment_method": row.default_payment_method, "description": row.description, "ended_at": row.ended_at,
        "items": list(&format!("/v1/subscription_items?subscription={}", row.id), shown, row.items.len() > INLINE),
        "discounts": row.discounts, "schedule": row.schedule, "latest_invoice": row.latest_invoice, "metadata": row.metadata,
        "pause_collection": row.pause, "days_until_due": row.days_until_due,
        "collection_method": collection_method(row.days_until_due.is_some()),
        "start_date": row.start_date, "status": row.status, "trial_end": row.trial_end, "trial_start": row.trial_start,
    }))
}

pub(crate) fn subscription_item(row: &Subscription, item: &Item, state: &State) -> Value {
    let found = state.get::<Price>(&item.price);
    let (start, end) = item.period.unwrap_or((row.period_start, row.period_end));
    let mut whole = json!({
        "id": item.id, "object": "subscription_item", "billing_thresholds": null, "created": item.created,
        "current_period_end": end, "current_period_start": start, "discounts": [],
        "metadata": item.metadata, "plan": found.map(plan), "price": found.map(|p| price(p, state)),
        "subscription": row.id, "tax_rates": [],
    });
    // What is counted by use has no quantity.
    if found.is_none_or(|price| price.meter().is_none()) {
        whole["quantity"] = item.quantity.into();
    }
    whole
}
