//! Taking the money: which card, what a refusal leads to, when to try again.

use super::{DAY, end};
use crate::stripe::errors::ApiError;
use crate::stripe::model::{Customer, Invoice, Metadata, PaymentIntent, PaymentMethod, Subscription};
use crate::stripe::state::State;
use crate::stripe::{events, render, time};

/// After this many failed attempts the subscription ends.
const ATTEMPTS: u32 = 4;

/// The card an invoice is charged to.
fn card_for(state: &State, invoice: &Invoice, given: Option<&str>) -> Option<PaymentMethod> {
    let subscription = invoice.subscription.as_ref().and_then(|id| state.get::<Subscription>(id));
    let customer = state.get::<Customer>(&invoice.customer);
    let id = given
        .map(str::to_owned)
        .or_else(|| subscription.and_then(|s| s.default_payment_method.clone()))
        .or_else(|| customer.and_then(|c| c.default_payment_method.clone()))?;
    let card = state.get::<PaymentMethod>(&id)?;
    (card.customer.as_ref() == Some(&invoice.customer)).then(|| card.clone())
}

/// Why a card would be refused today.
pub(crate) fn refusal(card: Option<&PaymentMethod>, now: i64) -> Option<String> {
    let Some(card) = card else {
        return Some("generic_decline".to_owned());
    };
    if card.declines.is_some() {
        return card.declines.clone();
    }
    let today = time::date(now);
    let expired =
        (i32::from(card.exp_year), i32::from(card.exp_month)) < (i32::from(today.year()), i32::from(today.month()));
    expired.then(|| "expired_card".to_owned())
}

/// Why the money for something new would not be had, before anything is done.
pub(crate) fn foresee(state: &State, subscription: &Subscription) -> Option<String> {
    let id = subscription
        .default_payment_method
        .clone()
        .or_else(|| state.get::<Customer>(&subscription.customer).and_then(|c| c.default_payment_method.clone()));
    let card = id.and_then(|id| state.get::<PaymentMethod>(&id));
    refusal(card, state.now)
}

/// Takes the money of an open invoice.
pub(crate) fn pay(state: &mut State, id: &str, card: Option<&str>) -> Result<(), ApiError> {
    let Some(invoice) = state.get::<Invoice>(id).cloned() else {
        return Err(ApiError::no_such("invoice", id, "id"));
    };
    match invoice.status.as_str() {
        "open" | "uncollectible" => {}
        "paid" => {
            return Err(ApiError::invalid("Invoice is already paid").code("invoice_already_paid"));
        }
        other => {
            return Err(ApiError::invalid(format!("This invoice has the status {other} and cannot be paid."))
                .code("invoice_not_open"));
        }
    }
    let due = invoice.amount_remaining();
    if due == 0 {
        paid(state, &invoice, 0);
        return Ok(());
    }
    let card = card_for(state, &invoice, card);
    let refused = refusal(card.as_ref(), state.now);
    let intent = invoice.payment_intent.clone().unwrap_or_else(|| state.id("pi_3", 23));
    let (now, charge) = (state.now, state.id("ch_3", 23));
    let created = state.get::<PaymentIntent>(&intent).map_or(now, |row| row.created);
    state.put(PaymentIntent {
        id: intent.clone(),
        created,
        amount: due,
        currency: invoice.currency.clone(),
        customer: Some(invoice.customer.clone()),
        status: if refused.is_some() { "requires_payment_method" } else { "succeeded" }.to_owned(),
        payment_method: card.map(|c| c.id),
        invoice: Some(id.to_owned()),
        description: Some(
            if invoice.billing_reason == "subscription_create" {
                "Subscription creation"
            } else {
                "Subscription update"
            }
            .to_owned(),
        ),
        charge: Some(charge),
        error: refused.clone(),
        canceled_at: None,
        metadata: Metadata::new(),
    });
    state.edit::<Invoice>(id, |row| row.payment_intent = Some(intent.clone()));
    if let Some(decline) = refused {
        state.announce::<PaymentIntent>(&intent, "payment_intent.payment_failed");
        failed(state, id);
        return Err(ApiError::declined(&decline, Some(intent)));
    }
    state.announce::<PaymentIntent>(&intent, "payment_intent.succeeded");
    paid(state, &invoice, due);
    Ok(())
}

fn paid(state: &mut State, invoice: &Invoice, amount: i64) {
    let now = state.now;
    state.edit::<Invoice>(&invoice.id, |row| {
        "paid".clone_into(&mut row.status);
        row.paid_at = Some(now);
        row.amount_paid += amount;
        row.next_payment_attempt = None;
        row.uncollectible_at = None;
        if amount > 0 {
            row.attempt_count += 1;
        }
    });
    if !state.silent {
        let payment = state.get::<Invoice>(&invoice.id).and_then(|row| render::invoice_payment(row, state));
        if let Some(payment) = payment {
            // It names its invoice only, and leaves among the events of its customer.
            let lane = invoice.customer.clone();
            events::emit_in(state, lane, "invoice_payment.paid", payment, None);
        }
    }
    state.announce::<Invoice>(&invoice.id, "invoice.paid");
    state.announce::<Invoice>(&invoice.id, "invoice.payment_succeeded");
    if let Some(id) = &invoice.subscription {
        state.change::<Subscription>(id, "customer.subscription.updated", |row| {
            if matches!(row.status.as_str(), "past_due" | "incomplete" | "unpaid")
                && row.latest_invoice.as_ref() == Some(&invoice.id)
            {
                "active".clone_into(&mut row.status);
            }
        });
    }
    let clean = !state.tables.invoices.newest().any(|i| i.customer == invoice.customer && i.status == "open");
    if clean {
        state.change::<Customer>(&invoice.customer, "customer.updated", |row| {
            row.delinquent = false;
        });
    }
}

fn failed(state: &mut State, id: &str) {
    let now = state.now;
    let (mut attempts, mut customer, mut subscription) = (0, String::new(), None);
    state.edit::<Invoice>(id, |row| {
        row.attempt_count += 1;
        attempts = row.attempt_count;
        row.next_payment_attempt = (attempts < ATTEMPTS).then_some(now + (2 * i64::from(attempts) + 1) * DAY);
        customer.clone_from(&row.customer);
        subscription.clone_from(&row.subscription);
    });
    state.announce::<Invoice>(id, "invoice.payment_failed");
    if let Some(subscription) = subscription {
        state.change::<Subscription>(&subscription, "customer.subscription.updated", |row| {
            if row.status == "active" || row.status == "trialing" {
                "past_due".clone_into(&mut row.status);
            }
        });
        if attempts >= ATTEMPTS {
            end(state, &subscription, "payment_failed");
        }
    }
    state.change::<Customer>(&customer, "customer.updated", |row| row.delinquent = true);
}

/// Declares an open invoice void.
pub(crate) fn void(state: &mut State, id: &str) {
    let now = state.now;
    state.edit::<Invoice>(id, |row| {
        "void".clone_into(&mut row.status);
        row.voided_at = Some(now);
        row.next_payment_attempt = None;
    });
    let intent = state.get::<Invoice>(id).and_then(|row| row.payment_intent.clone());
    if let Some(intent) = intent {
        state.edit::<PaymentIntent>(&intent, |row| {
            "canceled".clone_into(&mut row.status);
            row.canceled_at = Some(now);
        });
        state.announce::<PaymentIntent>(&intent, "payment_intent.canceled");
    }
    state.announce::<Invoice>(id, "invoice.voided");
}
