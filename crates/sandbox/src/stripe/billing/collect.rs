//! Taking the money: which card, what a refusal leads to, when to try again.

use super::{DAY, end, waiting};
use crate::stripe::errors::ApiError;
use crate::stripe::model::{Confirms, Course, Customer, Invoice, Metadata, PaymentIntent, PaymentMethod, Subscription};
use crate::stripe::state::State;
use crate::stripe::{debits, events, render, time};

/// The reason of a payment that was not confirmed.
const UNCONFIRMED: &str = "authentication_failure";
/// After this many failed attempts the subscription ends.
const ATTEMPTS: u32 = 4;

/// Where the owner of a card is while it is charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Not there: a renewal, or another try of the provider's own.
    Away,
    /// There, or said to be.
    #[default]
    There,
    /// There, and has confirmed the payment to the bank.
    Confirmed,
}

impl Owner {
    /// `off_session`.
    pub(crate) fn off_session(is: bool) -> Self {
        if is { Self::Away } else { Self::There }
    }
}

/// The card an invoice is charged to.
fn card_for(state: &State, invoice: &Invoice, given: Option<&str>) -> Option<PaymentMethod> {
    let subscription = invoice.subscription.as_ref().and_then(|id| state.get::<Subscription>(id));
    let customer = state.get::<Customer>(&invoice.customer);
    let id = given
        .map(str::to_owned)
        .or_else(|| subscription.and_then(|s| s.default_payment_method.clone()))
        .or_else(|| customer.and_then(|c| c.charged_with().cloned()))?;
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

/// Whether the bank wants the owner of a card to confirm a payment.
fn asks(card: &PaymentMethod, owner: Owner) -> bool {
    match (card.confirms, owner) {
        (None, _) | (_, Owner::Confirmed) | (Some(Confirms::WhenThere), Owner::Away) => false,
        (Some(Confirms::Every | Confirms::UntilSetUp), _) | (Some(Confirms::WhenThere), Owner::There) => true,
    }
}

/// Whether a bank debit pays a subscription.
pub(super) fn is_debited(state: &State, subscription: &Subscription) -> bool {
    let customer = state.get::<Customer>(&subscription.customer);
    let pays = subscription.default_payment_method.as_ref();
    let pays = pays.or_else(|| customer.and_then(|customer| customer.default_payment_method.as_ref()));
    pays.and_then(|id| state.get::<PaymentMethod>(id)).is_some_and(|method| method.debit)
}

/// Why the money for something new would not be had, before anything is done.
pub(crate) fn foresee(state: &State, subscription: &Subscription, owner: Owner) -> Option<ApiError> {
    let id = subscription
        .default_payment_method
        .clone()
        .or_else(|| state.get::<Customer>(&subscription.customer).and_then(|c| c.charged_with().cloned()));
    let card = id.and_then(|id| state.get::<PaymentMethod>(&id));
    if card.is_some_and(|card| asks(card, owner)) {
        return Some(ApiError::unconfirmed("subscription_payment_intent_requires_action", None));
    }
    refusal(card, state.now).map(|decline| ApiError::declined(&decline, None))
}

/// Takes the money of an open invoice.
pub(crate) fn pay(state: &mut State, id: &str, card: Option<&str>, owner: Owner) -> Result<(), ApiError> {
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
    if let Some(account) = card.as_ref().filter(|card| card.debit) {
        debits::ask(state, &invoice, account);
        return Ok(());
    }
    let asked = card.as_ref().is_some_and(|card| asks(card, owner));
    let refused = refusal(card.as_ref(), state.now).filter(|_| !asked);
    let status = match (asked, &refused) {
        (true, _) => "requires_action",
        (false, Some(_)) => "requires_payment_method",
        (false, None) => "succeeded",
    };
    let intent = invoice.payment_intent.clone().unwrap_or_else(|| state.id("pi_3", 23));
    let (now, charge) = (state.now, state.id("ch_3", 23));
    let created = state.get::<PaymentIntent>(&intent).map_or(now, |row| row.created);
    state.put(PaymentIntent {
        id: intent.clone(),
        created,
        amount: due,
        currency: invoice.currency.clone(),
        customer: Some(invoice.customer.clone()),
        status: status.to_owned(),
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
        charge: (!asked).then_some(charge),
        error: refused.clone(),
        canceled_at: None,
        metadata: Metadata::new(),
        course: Course::default(),
    });
    state.edit::<Invoice>(id, |row| row.payment_intent = Some(intent.clone()));
    if asked {
        state.announce::<PaymentIntent>(&intent, "payment_intent.requires_action");
        failed(state, id);
        state.announce::<Invoice>(id, "invoice.payment_action_required");
        return Err(ApiError::unconfirmed("invoice_payment_intent_requires_action", Some(intent)));
    }
    if let Some(decline) = refused {
        state.announce::<PaymentIntent>(&intent, "payment_intent.payment_failed");
        failed(state, id);
        return Err(ApiError::declined(&decline, Some(intent)));
    }
    state.announce::<PaymentIntent>(&intent, "payment_intent.succeeded");
    paid(state, &invoice, due);
    Ok(())
}

/// The owner of the card did not confirm the payment that the bank asks about.
pub(crate) fn refuse_to_confirm(state: &mut State, id: &str) {
    let Some(intent) = state.get::<Invoice>(id).and_then(|row| row.payment_intent.clone()) else { return };
    state.edit::<PaymentIntent>(&intent, |row| {
        "requires_payment_method".clone_into(&mut row.status);
        row.error = Some(UNCONFIRMED.to_owned());
    });
    state.announce::<PaymentIntent>(&intent, "payment_intent.payment_failed");
    failed(state, id);
}

/// Leaves the payment of an open invoice to somebody who confirms it, with the card of the subscription or another.
pub(crate) fn await_payment(state: &mut State, id: &str) {
    let Some(invoice) = state.get::<Invoice>(id).cloned() else { return };
    let card = card_for(state, &invoice, None);
    let status = if card.is_some() { "requires_confirmation" } else { "requires_payment_method" };
    let intent = state.id("pi_3", 23);
    let row = PaymentIntent {
        id: intent.clone(),
        created: state.now,
        amount: invoice.amount_remaining(),
        currency: invoice.currency,
        customer: Some(invoice.customer),
        status: status.to_owned(),
        payment_method: card.map(|card| card.id),
        invoice: Some(id.to_owned()),
        description: Some("Subscription creation".to_owned()),
        charge: None,
        error: None,
        canceled_at: None,
        metadata: Metadata::new(),
        course: Course::default(),
    };
    state.create(row, "payment_intent.created");
    state.edit::<Invoice>(id, |row| {
        row.payment_intent = Some(intent);
        row.next_payment_attempt = None;
    });
}

/// Gives an open invoice up.
pub(crate) fn mark_uncollectible(state: &mut State, id: &str) {
    let now = state.now;
    state.edit::<Invoice>(id, |row| {
        "uncollectible".clone_into(&mut row.status);
        row.uncollectible_at = Some(now);
        row.next_payment_attempt = None;
    });
    state.announce::<Invoice>(id, "invoice.marked_uncollectible");
}

pub(crate) fn paid(state: &mut State, invoice: &Invoice, amount: i64) {
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
        waiting::apply(state, id, &invoice.id);
        let paused = state.get::<Subscription>(id).is_some_and(|row| row.status == "paused");
        state.change::<Subscription>(id, "customer.subscription.updated", |row| {
            if matches!(row.status.as_str(), "past_due" | "incomplete" | "paused" | "unpaid")
                && row.latest_invoice.as_ref() == Some(&invoice.id)
            {
                "active".clone_into(&mut row.status);
            }
        });
        if paused && state.get::<Subscription>(id).is_some_and(|row| row.status == "active") {
            state.announce::<Subscription>(id, "customer.subscription.resumed");
        }
    }
    let clean = !state.tables.invoices.newest().any(|i| i.customer == invoice.customer && i.status == "open");
    if clean {
        state.change::<Customer>(&invoice.customer, "customer.updated", |row| {
            row.delinquent = false;
        });
    }
}

pub(crate) fn failed(state: &mut State, id: &str) {
    let now = state.now;
    if waiting::is_for(state, id) {
        // Nothing was delivered for it: the subscription goes on as it is, and nobody tries again by themselves.
        state.edit::<Invoice>(id, |row| {
            row.attempt_count += 1;
            row.next_payment_attempt = None;
        });
        state.announce::<Invoice>(id, "invoice.payment_failed");
        return;
    }
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
    let (mut customer, mut given_back) = (String::new(), 0);
    state.edit::<Invoice>(id, |row| {
        "void".clone_into(&mut row.status);
        row.voided_at = Some(now);
        row.next_payment_attempt = None;
        customer.clone_from(&row.customer);
        given_back = row.starting_balance - row.ending_balance.unwrap_or(row.starting_balance);
    });
    // What it took from the balance is there again.
    state.change::<Customer>(&customer, "customer.updated", |row| row.balance += given_back);
    let intent = state.get::<Invoice>(id).and_then(|row| row.payment_intent.clone());
    if let Some(intent) = intent {
        state.edit::<PaymentIntent>(&intent, |row| {
            "canceled".clone_into(&mut row.status);
            row.canceled_at = Some(now);
        });
        state.announce::<PaymentIntent>(&intent, "payment_intent.canceled");
    }
    state.announce::<Invoice>(id, "invoice.voided");
    waiting::drop_with(state, id);
}
