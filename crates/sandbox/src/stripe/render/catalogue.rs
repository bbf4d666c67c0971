//! Products, prices and meters.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{Template, template};
use crate::stripe::model::{Meter, MeterEvent, Price, Product};
use crate::stripe::pricing::Decimal;
use crate::stripe::state::State;

template!(
    PRODUCT,
    r#"{"object":"product","images":[],"livemode":false,"marketing_features":[],"package_dimensions":null,"shippable":null,
    "statement_descriptor":null,"tax_code":null,"type":"service","unit_label":null,"url":null}"#
);
template!(PRICE, r#"{"object":"price","custom_unit_amount":null,"livemode":false}"#);
#[cfg(test)]
pub(super) fn templates() -> [&'static Template; 2] {
    [&PRODUCT, &PRICE]
}

pub(crate) fn product(row: &Product, _: &State) -> Value {
    let mut whole = PRODUCT.with(json!({
        "id": row.id, "active": row.active, "created": row.created, "default_price": row.default_price,
        "description": row.description, "metadata": row.metadata, "name": row.name, "updated": row.updated,
    }));
    for (name, value) in &row.shown {
        whole[name] = value.clone();
    }
    whole
}

/// The whole minor units, where it is whole.
fn whole(amount: Option<Decimal>) -> Option<i64> {
    amount.and_then(Decimal::whole)
}

fn decimal(amount: Option<Decimal>) -> Option<String> {
    amount.map(|amount| amount.to_string())
}

fn scheme(row: &Price) -> &'static str {
    if row.tiers.is_some() { "tiered" } else { "per_unit" }
}

fn tiers_mode(row: &Price) -> Option<&'static str> {
    row.tiers.as_ref().map(|tiers| if tiers.graduated { "graduated" } else { "volume" })
}

fn usage_type(row: &Price) -> &'static str {
    if row.meter().is_some() { "metered" } else { "licensed" }
}

fn transform(row: &Price) -> Value {
    row.package.as_ref().map_or(
        Value::Null,
        |package| json!({"divide_by": package.divide_by, "round": if package.rounds_up { "up" } else { "down" }}),
    )
}

pub(crate) fn price(row: &Price, _: &State) -> Value {
    let recurring = row.recurring.as_ref().map(|recurring| {
        json!({
            "interval": recurring.every.interval.word(), "interval_count": recurring.every.count, "meter": recurring.meter,
            "trial_period_days": null, "usage_type": usage_type(row),
        })
    });
    PRICE.with(json!({
        "id": row.id, "active": row.active, "billing_scheme": scheme(row), "created": row.created, "currency": row.currency,
        "lookup_key": row.lookup_key, "metadata": row.metadata, "nickname": row.nickname, "product": row.product,
        "type": if recurring.is_some() { "recurring" } else { "one_time" }, "recurring": recurring,
        "tax_behavior": row.tax_behavior.as_deref().unwrap_or("unspecified"), "tiers_mode": tiers_mode(row),
        "transform_quantity": transform(row), "unit_amount": whole(row.unit_amount),
        "unit_amount_decimal": decimal(row.unit_amount),
    }))
}

/// The tiers of a price, which are shown where they are asked for.
pub(super) fn tiers(row: &Price) -> Value {
    let steps = row.tiers.iter().flat_map(|tiers| &tiers.steps);
    steps
        .map(|tier| {
            json!({
                "flat_amount": whole(tier.flat_amount), "flat_amount_decimal": decimal(tier.flat_amount),
                "unit_amount": whole(tier.unit_amount), "unit_amount_decimal": decimal(tier.unit_amount), "up_to": tier.up_to,
            })
        })
        .collect()
}

/// The old name of a price, still part of a subscription item.
pub(crate) fn plan(row: &Price) -> Value {
    let every = row.every();
    json!({
        "id": row.id, "object": "plan", "active": row.active, "amount": whole(row.unit_amount),
        "amount_decimal": decimal(row.unit_amount), "billing_scheme": scheme(row), "created": row.created,
        "currency": row.currency, "interval": every.map(|every| every.interval.word()),
        "interval_count": every.map(|every| every.count), "livemode": false, "metadata": row.metadata, "meter": row.meter(),
        "nickname": row.nickname, "product": row.product, "tiers_mode": tiers_mode(row), "transform_usage": transform(row),
        "trial_period_days": null, "usage_type": usage_type(row),
    })
}

pub(crate) fn meter(row: &Meter, _: &State) -> Value {
    json!({
        "id": row.id, "object": "billing.meter", "created": row.created,
        "customer_mapping": {"event_payload_key": row.customer_key, "type": "by_id"},
        "default_aggregation": {"formula": row.formula}, "display_name": row.display_name, "event_name": row.event_name,
        "event_time_window": row.time_window, "livemode": false,
        "status": if row.deactivated_at.is_some() { "inactive" } else { "active" },
        "status_transitions": {"deactivated_at": row.deactivated_at}, "updated": row.updated,
        "value_settings": {"event_payload_key": row.value_key},
    })
}

pub(crate) fn meter_event(row: &MeterEvent, _: &State) -> Value {
    json!({
        "object": "billing.meter_event", "created": row.created, "event_name": row.event_name, "identifier": row.id,
        "livemode": false, "payload": row.payload, "timestamp": row.timestamp,
    })
}
