//! Invoices, payments, hosted sessions and events.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::people::collection_method;
use super::{INLINE, Template, list, price, template};
use crate::stripe::drafts;
use crate::stripe::model::{
    CheckoutSession, Customer, Event, Invoice, Kept, Line, PaymentIntent, PaymentMethod, PortalSession, Price,
    SetupIntent, Subscription,
};
use crate::stripe::state::State;
use crate::stripe::{errors, pricing};

template!(
    INVOICE,
    r#"{"object":"invoice","account_country":"IE","account_name":"Patchbay Sandbox","account_tax_ids":null,"amount_overpaid":0,
    "amount_shipping":0,"application":null,"automatic_tax":{"disabled_reason":null,"enabled":false,"liability":null,"provider":null,"status":null},
    "automatically_finalizes_at":null,"custom_fields":null,"customer_account":null,
    "customer_phone":null,"customer_shipping":null,"customer_tax_exempt":"none","customer_tax_ids":[],"default_payment_method":null,
    "default_source":null,"default_tax_rates":[],"description":null,"discounts":[],"footer":null,"from_invoice":null,
    "issuer":{"type":"self"},"last_finalization_error":null,"latest_revision":null,"livemode":false,"metadata":{},
    "on_behalf_of":null,"payment_settings":{"default_mandate":null,"payment_method_options":null,"payment_method_types":null},
    "post_payment_credit_notes_amount":0,"pre_payment_credit_notes_amount":0,"receipt_number":null,"rendering":null,
    "shipping_cost":null,"shipping_details":null,"statement_descriptor":null,"test_clock":null,"total_discount_amounts":[],
    "total_pretax_credit_amounts":[],"total_taxes":[]}"#
);
template!(
    LINE,
    r#"{"object":"line_item","discount_amounts":[],"discountable":true,"discounts":[],"livemode":false,"metadata":{},
    "pretax_credit_amounts":[],"taxes":[]}"#
);
template!(
    PAYMENT_INTENT,
    r#"{"object":"payment_intent","amount_details":{"tip":{}},"application":null,"application_fee_amount":null,
    "automatic_payment_methods":null,"cancellation_reason":null,"confirmation_method":"automatic",
    "customer_account":null,"excluded_payment_method_types":null,"livemode":false,"next_action":null,"on_behalf_of":null,
    "payment_method_configuration_details":null,"payment_method_options":{},"processing":null,
    "receipt_email":null,"review":null,"setup_future_usage":"off_session","shipping":null,"source":null,"statement_descriptor":null,
    "statement_descriptor_suffix":null,"transfer_data":null,"transfer_group":null}"#
);
template!(
    SETUP_INTENT,
    r#"{"object":"setup_intent","application":null,"automatic_payment_methods":null,"cancellation_reason":null,"customer_account":null,
    "description":null,"excluded_payment_method_types":null,"flow_directions":null,"last_setup_error":null,"latest_attempt":null,
    "livemode":false,"mandate":null,"next_action":null,"on_behalf_of":null,"payment_method_configuration_details":null,
    "payment_method_options":{},"payment_method_types":["card"],"single_use_mandate":null}"#
);
template!(
    CHECKOUT,
    r#"{"object":"checkout.session","adaptive_pricing":null,"after_expiration":null,"allow_promotion_codes":null,
    "automatic_tax":{"enabled":false,"liability":null,"provider":null,"status":null},"billing_address_collection":null,
    "client_secret":null,"collected_information":null,"consent":null,"consent_collection":null,"currency_conversion":null,
    "custom_fields":[],"custom_text":{"after_submit":null,"shipping_address":null,"submit":null,"terms_of_service_acceptance":null},
    "customer_account":null,"customer_creation":null,"discounts":[],"integration_identifier":null,"invoice_creation":null,
    "livemode":false,"locale":null,"managed_payments":null,"origin_context":null,"payment_intent":null,"payment_link":null,
    "payment_method_collection":"always","payment_method_configuration_details":null,"payment_method_options":{},
    "payment_method_types":["card"],"permissions":null,"phone_number_collection":{"enabled":false},"recovered_from":null,
    "saved_payment_method_options":null,"shipping_address_collection":null,"shipping_cost":null,"shipping_options":[],
    "submit_type":null,"ui_mode":"hosted_page","wallet_options":null}"#
);

#[cfg(test)]
pub(super) fn templates() -> [&'static Template; 5] {
    [&INVOICE, &LINE, &PAYMENT_INTENT, &SETUP_INTENT, &CHECKOUT]
}

pub(crate) fn invoice(row: &Invoice, state: &State) -> Value {
    let customer = state.get::<Customer>(&row.customer);
    let (subtotal, total, discounts) = (row.subtotal(), row.total(), row.discounts());
    let parent = row.subscription.as_ref().map(|id| {
        let metadata = state.get::<Subscription>(id).map(|s| &s.metadata);
        json!({"quote_details": null, "subscription_details": {"metadata": metadata, "subscription": id}, "type": "subscription_details"})
    });
    let hosted = row.finalized_at.is_some() && !row.id.starts_with("upcoming") && state.account.is_none();
    let page = format!("{}/invoices/{}", state.pages, row.id);
    let more = row.lines.len() > INLINE;
    let lines = row.lines.iter().take(INLINE).map(|l| line(l, row)).collect();
    let mut whole = INVOICE.with(json!({
        "id": row.id, "collection_method": collection_method(row.due_date.is_some()), "due_date": row.due_date,
        "amount_due": row.amount_due(), "amount_paid": row.amount_paid, "amount_remaining": row.amount_remaining(),
        "attempt_count": row.attempt_count, "attempted": row.attempt_count > 0, "auto_advance": row.next_payment_attempt.is_some(),
        "billing_reason": row.billing_reason, "created": row.created, "currency": row.currency, "customer": row.customer,
        "customer_address": null, "customer_email": customer.and_then(|c| c.email.clone()),
        "customer_name": customer.and_then(|c| c.name.clone()), "effective_at": row.finalized_at,
        "ending_balance": row.ending_balance, "hosted_invoice_url": hosted.then(|| page.clone()),
        "invoice_pdf": hosted.then(|| format!("{page}/pdf")),
        "lines": list(&format!("/v1/invoices/{}/lines", row.id), lines, more),
        "next_payment_attempt": row.next_payment_attempt, "number": row.number, "parent": parent,
        "period_end": row.period_end, "period_start": row.period_start, "starting_balance": row.starting_balance,
        "status": row.status,
        "status_transitions": {
            "finalized_at": row.finalized_at, "marked_uncollectible_at": row.uncollectible_at, "paid_at": row.paid_at,
            "voided_at": row.voided_at
        },
        "subtotal": subtotal, "subtotal_excluding_tax": subtotal, "total": total, "total_excluding_tax": total,
        "discounts": discounts.iter().map(|(id, _)| id).collect::<Vec<_>>(), "total_discount_amounts": amounts(&discounts),
        "webhooks_delivered_at": row.finalized_at,
    }));
    drafts::show(&mut whole, &row.extra);
    whole
}

/// An invoice that only shows what would be: no id of its own and not stored.
pub(crate) fn preview(row: &Invoice, state: &State) -> Value {
    let mut whole = invoice(row, state);
    whole["status_transitions"] =
        json!({"finalized_at": null, "marked_uncollectible_at": null, "paid_at": null, "voided_at": null});
    whole
}

pub(crate) fn line(row: &Line, invoice: &Invoice) -> Value {
    LINE.with(json!({
        "id": row.id, "amount": row.amount, "currency": invoice.currency, "description": row.description, "invoice": invoice.id,
        "parent": {
            "invoice_item_details": null,
            "subscription_item_details": {
                "invoice_item": null, "proration": row.proration,
                "proration_details": row.proration.then(|| json!({"credited_items": credited(row)})),
                "subscription": invoice.subscription, "subscription_item": row.item,
            },
            "type": "subscription_item_details",
        },
        "period": {"end": row.end, "start": row.start},
        "pricing": {
            "price_details": {"price": row.price, "product": row.product}, "type": "price_details",
            "unit_amount_decimal": row.unit_amount.map(|unit| unit.to_string()),
        },
        "quantity": row.quantity, "quantity_decimal": row.quantity.to_string(), "subscription": invoice.subscription,
        "subtotal": row.amount, "discount_amounts": amounts(&row.discounts), "discountable": !row.proration,
    }))
}

/// What discounts take off.
fn amounts(discounts: &[(impl AsRef<str>, i64)]) -> Value {
    discounts.iter().map(|(id, off)| json!({"amount": off, "discount": id.as_ref()})).collect()
}

/// The debits that a credit is about, once they are on an invoice.
fn credited(row: &Line) -> Option<Value> {
    let credited = row.credited.as_ref()?;
    let invoice = credited.invoice.as_ref()?;
    Some(json!({"invoice": invoice, "invoice_line_items": credited.lines}))
}

/// How an invoice was paid, if anything was tried.
pub(crate) fn invoice_payment(row: &Invoice, state: &State) -> Option<Value> {
    let intent = state.get::<PaymentIntent>(row.payment_intent.as_ref()?)?;
    let paid = intent.status == "succeeded";
    let void = intent.status == "canceled";
    Some(json!({
        "id": payment_id(&intent.id), "object": "invoice_payment", "amount_paid": paid.then_some(intent.amount),
        "amount_requested": intent.amount, "created": intent.created, "currency": row.currency, "invoice": row.id,
        "is_default": true, "livemode": false, "payment": {"payment_intent": intent.id, "type": "payment_intent"},
        "status": if paid { "paid" } else if void { "canceled" } else { "open" },
        "status_transitions": {"canceled_at": intent.canceled_at, "paid_at": row.paid_at},
    }))
}

/// The id of the payment that a payment intent makes of its invoice.
pub(crate) fn payment_id(intent: &str) -> String {
    format!("inpay_{}", intent.trim_start_matches("pi_"))
}

pub(super) fn payments_of(state: &State, invoice: &str) -> Value {
    let payment = state.get::<Invoice>(invoice).and_then(|row| invoice_payment(row, state));
    list("/v1/invoice_payments", payment.into_iter().collect(), false)
}

pub(crate) fn payment_intent(row: &PaymentIntent, state: &State) -> Value {
    let error = row.error.as_ref().map(|decline| {
        json!({
            "charge": row.charge, "code": errors::decline_code(decline), "decline_code": decline,
            "message": errors::decline_message(decline), "type": "card_error",
            "payment_method": row.payment_method.as_ref().and_then(|id| super::by_id(state, id)),
        })
    });
    let next_action = (row.status == "requires_action").then(|| {
        let page = row.invoice.as_ref().map(|id| format!("{}/invoices/{id}", state.pages));
        json!({"type": "redirect_to_url", "redirect_to_url": {"return_url": null, "url": page}})
    });
    let method = row.payment_method.as_ref().and_then(|id| state.get::<PaymentMethod>(id));
    PAYMENT_INTENT.with(json!({
        "next_action": next_action,
        "id": row.id, "amount": row.amount, "amount_capturable": if row.status == "requires_capture" { row.amount } else { 0 },
        "capture_method": if row.course.manual { "manual" } else { "automatic" }, "amount_received": if row.status == "succeeded" { row.amount } else { 0 },
        "canceled_at": row.canceled_at, "client_secret": format!("{}_secret_sandbox", row.id), "created": row.created,
        "currency": row.currency, "customer": row.customer, "description": row.description, "last_payment_error": error,
        "payment_method_types": [method.map_or("card", PaymentMethod::word)], "latest_charge": row.charge, "metadata": row.metadata,
        "payment_method": if row.error.is_some() { None } else { row.payment_method.as_ref() }, "status": row.status,
    }))
}

pub(crate) fn setup_intent(row: &SetupIntent, _: &State) -> Value {
    SETUP_INTENT.with(json!({
        "id": row.id, "client_secret": format!("{}_secret_sandbox", row.id), "created": row.created, "customer": row.customer,
        "metadata": row.metadata, "payment_method": row.payment_method, "status": row.status, "usage": row.usage,
    }))
}

pub(crate) fn checkout_session(row: &CheckoutSession, state: &State) -> Value {
    let open = row.status == "open";
    let customer = row.customer.as_ref().and_then(|id| state.get::<Customer>(id));
    let email = customer.and_then(|c| c.email.clone()).or_else(|| row.customer_email.clone());
    let details = (email.is_some() || customer.is_some()).then(|| {
        let name = customer.and_then(|c| c.name.clone());
        json!({
            "address": null, "business_name": null, "email": email, "individual_name": null, "name": name, "phone": null,
            "tax_exempt": "none", "tax_ids": []
        })
    });
    CHECKOUT.with(json!({
        "id": row.id, "amount_subtotal": row.amount_total, "amount_total": row.amount_total, "cancel_url": row.cancel_url,
        "client_reference_id": row.client_reference_id, "created": row.created, "currency": row.currency, "customer": row.customer,
        "customer_details": details, "customer_email": row.customer_email, "expires_at": row.expires_at, "invoice": row.invoice,
        "metadata": row.metadata, "mode": row.mode, "payment_status": row.payment_status, "setup_intent": row.setup_intent,
        "status": row.status, "subscription": row.subscription, "success_url": row.success_url,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "url": open.then(|| format!("{}/checkout/{}", state.pages, row.id)),
    }))
}

pub(crate) fn line_items_of(state: &State, session: &str) -> Value {
    let data = state.get::<CheckoutSession>(session).map(|row| {
        row.line_items.iter().enumerate().filter_map(|(at, (id, quantity))| {
            let found = state.get::<Price>(id)?;
            let amount = pricing::amount(found, *quantity);
            Some(json!({
                "id": format!("li_{at}_{}", row.id), "object": "item", "amount_discount": 0, "amount_subtotal": amount, "amount_tax": 0,
                "amount_total": amount, "currency": found.currency, "description": found.nickname, "price": price(found, state),
                "quantity": quantity,
            }))
        }).collect()
    });
    list(&format!("/v1/checkout/sessions/{session}/line_items"), data.unwrap_or_default(), false)
}

pub(crate) fn portal_session(row: &PortalSession, state: &State) -> Value {
    let flow = row.flow.as_ref().map(|kind| {
        json!({
            "after_completion": {"hosted_confirmation": null, "redirect": null, "type": "portal_homepage"},
            "subscription_cancel": (kind == "subscription_cancel").then(|| json!({"retention": null, "subscription": row.subscription})),
            "subscription_update": (kind == "subscription_update").then(|| json!({"subscription": row.subscription})),
            "subscription_update_confirm": null, "type": kind,
        })
    });
    json!({
        "id": row.id, "object": "billing_portal.session", "configuration": "bpc_1SandboxDefault00000000000", "created": row.created,
        "customer": row.customer, "customer_account": null, "flow": flow, "livemode": false, "locale": null, "on_behalf_of": null,
        "return_url": row.return_url, "url": format!("{}/portal/{}", state.pages, row.id),
    })
}

pub(crate) fn event(row: &Event, _: &State) -> Value {
    serde_json::from_str(&row.body).unwrap_or_default()
}

/// A kept answer is shown to nobody but the one who asked.
pub(crate) fn kept(row: &Kept, _: &State) -> Value {
    serde_json::from_str(&row.body).unwrap_or_default()
}
