//! Subscription schedules.

use serde_json::{Value, json};

use super::people::billing_mode;
use crate::stripe::model::{Phase, PhaseItem, Price, Schedule};
use crate::stripe::state::State;

pub(crate) fn schedule(row: &Schedule, state: &State) -> Value {
    let current = row.phase_at(state.now).filter(|_| row.status == "active");
    json!({
        "id": row.id, "object": "subscription_schedule", "application": null, "billing_mode": billing_mode(row.flexible),
        "canceled_at": row.canceled_at, "completed_at": row.completed_at, "created": row.created,
        "current_phase": current.map(|phase| json!({"end_date": phase.end, "start_date": phase.start})),
        "customer": row.customer, "customer_account": null,
        "default_settings": {
            "application_fee_percent": null,
            "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null},
            "billing_cycle_anchor": "automatic", "billing_thresholds": null, "collection_method": "charge_automatically",
            "default_payment_method": null, "description": null,
            "invoice_settings": {
                "account_tax_ids": null, "custom_fields": null, "days_until_due": null, "description": null, "footer": null,
                "issuer": {"type": "self"}
            },
            "on_behalf_of": null, "transfer_data": null,
        },
        "end_behavior": if row.cancels { "cancel" } else { "release" }, "livemode": false, "metadata": row.metadata,
        "phases": row.phases.iter().map(|one| phase(one, state)).collect::<Vec<_>>(), "released_at": row.released_at,
        "released_subscription": row.released_subscription, "status": row.status, "subscription": row.subscription,
        "test_clock": null,
    })
}

fn phase(row: &Phase, state: &State) -> Value {
    json!({
        "add_invoice_items": [], "application_fee_percent": null, "billing_cycle_anchor": null, "billing_thresholds": null,
        "collection_method": null, "currency": row.currency, "default_payment_method": null, "default_tax_rates": [],
        "description": row.description, "discounts": [], "end_date": row.end, "invoice_settings": null,
        "items": row.items.iter().map(|one| item(one, state)).collect::<Vec<_>>(), "metadata": row.metadata,
        "on_behalf_of": null, "proration_behavior": row.proration_behavior, "start_date": row.start, "transfer_data": null,
        "trial_end": null,
    })
}

fn item(row: &PhaseItem, state: &State) -> Value {
    let mut whole = json!({
        "billing_thresholds": null, "discounts": [], "metadata": row.metadata, "plan": row.price, "price": row.price,
        "tax_rates": [],
    });
    if state.get::<Price>(&row.price).is_none_or(|price| price.meter().is_none()) {
        whole["quantity"] = row.quantity.into();
    }
    whole
}
