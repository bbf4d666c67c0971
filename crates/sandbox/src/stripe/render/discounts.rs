//! Coupons, promotion codes and discounts.

use serde_json::{Value, json};

use crate::stripe::model::{Coupon, Discount, Duration, Off, PromotionCode};
use crate::stripe::state::State;

pub(crate) fn coupon(row: &Coupon, state: &State) -> Value {
    let (percent, amount) = match &row.off {
        Off::Percent(percent) => (serde_json::from_str(&percent.to_string()).unwrap_or(Value::Null), None),
        Off::Amount { minor, currency } => (Value::Null, Some((minor, currency))),
    };
    let (duration, months) = match row.duration {
        Duration::Forever => ("forever", None),
        Duration::Once => ("once", None),
        Duration::Months(months) => ("repeating", Some(months)),
    };
    json!({
        "id": row.id, "object": "coupon", "amount_off": amount.map(|(minor, _)| minor), "created": row.created,
        "currency": amount.map(|(_, currency)| currency), "duration": duration, "duration_in_months": months,
        "livemode": false, "max_redemptions": row.max_redemptions, "metadata": row.metadata, "name": row.name,
        "percent_off": percent, "redeem_by": row.redeem_by, "times_redeemed": row.times_redeemed,
        "valid": row.is_valid(state.now),
    })
}

pub(crate) fn promotion_code(row: &PromotionCode, state: &State) -> Value {
    json!({
        "id": row.id, "object": "promotion_code", "active": row.is_active(state.now), "code": row.code,
        "created": row.created, "customer": row.customer, "customer_account": null, "expires_at": row.expires_at,
        "livemode": false, "max_redemptions": row.max_redemptions, "metadata": row.metadata,
        "promotion": {"coupon": row.coupon, "type": "coupon"},
        "restrictions": {
            "first_time_transaction": row.first_time, "minimum_amount": row.minimum.as_ref().map(|(minor, _)| minor),
            "minimum_amount_currency": row.minimum.as_ref().map(|(_, currency)| currency),
        },
        "times_redeemed": row.times_redeemed,
    })
}

pub(crate) fn discount(row: &Discount, _: &State) -> Value {
    let mut whole = json!({
        "id": row.id, "object": "discount", "checkout_session": null, "customer": row.customer, "customer_account": null,
        "invoice": row.invoice, "invoice_item": null, "promotion_code": row.promotion_code,
        "source": {"coupon": row.coupon, "type": "coupon"}, "start": row.created, "subscription": row.subscription,
        "subscription_item": null,
    });
    if row.deleted {
        whole["deleted"] = true.into();
    } else {
        whole["end"] = row.end.into();
    }
    whole
}
