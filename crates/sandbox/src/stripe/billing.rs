//! The billing engine: what the provider does by itself when a subscription starts, renews, changes, fails or ends.

use super::errors::ApiError;
use super::model::{
    Cancellation, Customer, Invoice, Item, Line, Metadata, PaymentIntent, PaymentMethod, Price,
    Subscription,
};
use super::proration::{self, Wanted};
use super::state::State;
use super::{events, render, time};

/// After this many failed attempts the subscription ends.
const ATTEMPTS: u32 = 4;
const DAY: i64 = 86_400;

/// What a new subscription is to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewSubscription {
    pub customer: String,
    pub items: Vec<(String, i64)>,
    pub trial_days: Option<i64>,
    pub card: Option<String>,
    pub metadata: Metadata,
}

/// Starts a subscription: it, its first invoice, and the payment. Answers its id.
pub(crate) fn start(state: &mut State, new: NewSubscription) -> String {
    let now = state.now;
    let id = state.id("sub_1", 23);
    let items: Vec<Item> = new
        .items
        .into_iter()
        .map(|(price, quantity)| Item {
            id: state.id("si_", 14),
            created: now,
            price,
            quantity,
            metadata: Metadata::new(),
        })
        .collect();
    let currency = items
        .first()
        .and_then(|item| state.get::<Price>(&item.price))
        .map_or_else(|| "usd".to_owned(), |price| price.currency.clone());
    let interval = proration::interval(state, &items);
    let trial_end = new.trial_days.filter(|d| *d > 0).map(|d| now + d * DAY);
    let anchor = trial_end.unwrap_or(now);
    let period_end = trial_end.unwrap_or_else(|| time::period_end(now, now, interval));
    let lines = proration::period_lines(state, &items, now, period_end, trial_end.is_some());
    let trialing = trial_end.is_some();
    state.change::<Customer>(&new.customer, "customer.updated", |row| {
        row.currency.get_or_insert_with(|| currency.clone());
    });
    let row = Subscription {
        id: id.clone(),
        created: now,
        customer: new.customer,
        status: if trialing { "trialing" } else { "incomplete" }.to_owned(),
        currency,
        items,
        period_start: now,
        period_end,
        anchor,
        start_date: now,
        trial_start: trialing.then_some(now),
        trial_end,
        cancel_at_period_end: false,
        cancel_at: None,
        canceled_at: None,
        ended_at: None,
        cancellation: Cancellation::default(),
        paused: false,
        latest_invoice: None,
        default_payment_method: new.card,
        description: None,
        metadata: new.metadata,
        pending: Vec::new(),
    };
    state.create(row, "customer.subscription.created");
    bill(state, &id, lines, "subscription_create");
    if state
        .get::<Subscription>(&id)
        .is_some_and(|s| s.status == "incomplete")
        && !owes(state, &id)
    {
        state.change::<Subscription>(&id, "customer.subscription.updated", |row| {
            "active".clone_into(&mut row.status);
        });
    }
    id
}

fn owes(state: &State, subscription: &str) -> bool {
    state
        .get::<Subscription>(subscription)
        .and_then(|row| state.get::<Invoice>(row.latest_invoice.as_ref()?))
        .is_some_and(|invoice| invoice.status == "open")
}

/// Makes an invoice of the lines, finalises it and takes the money. Answers its id.
pub(crate) fn bill(
    state: &mut State,
    subscription: &str,
    lines: Vec<Line>,
    reason: &str,
) -> String {
    let Some(row) = state.get::<Subscription>(subscription).cloned() else {
        return String::new();
    };
    let id = state.id("in_1", 23);
    let now = state.now;
    let (period_start, period_end) = match reason {
        "subscription_cycle" => (row.previous_start(), row.period_start),
        _ => (now, now),
    };
    let invoice = Invoice {
        id: id.clone(),
        created: now,
        number: None,
        status: "draft".to_owned(),
        customer: row.customer.clone(),
        subscription: Some(subscription.to_owned()),
        currency: row.currency,
        lines,
        starting_balance: 0,
        ending_balance: None,
        amount_paid: 0,
        attempt_count: 0,
        billing_reason: reason.to_owned(),
        period_start,
        period_end,
        next_payment_attempt: Some(now),
        finalized_at: None,
        paid_at: None,
        voided_at: None,
        uncollectible_at: None,
        payment_intent: None,
    };
    state.create(invoice, "invoice.created");
    state.change::<Subscription>(subscription, "customer.subscription.updated", |row| {
        row.latest_invoice = Some(id.clone());
    });
    finalise(state, &id, &row.customer);
    if row.paused {
        void(state, &id);
    } else {
        // A refused card is told by its own events.
        let _refused = pay(state, &id, None);
    }
    id
}

fn finalise(state: &mut State, id: &str, customer: &str) {
    let now = state.now;
    let Some(owner) = state.get::<Customer>(customer).cloned() else {
        return;
    };
    let number = format!(
        "{}-{:04}",
        owner.invoice_prefix, owner.next_invoice_sequence
    );
    let mut left = 0;
    state.edit::<Invoice>(id, |row| {
        row.number = Some(number);
        "open".clone_into(&mut row.status);
        row.starting_balance = owner.balance;
        left = (row.total() + owner.balance).min(0);
        row.ending_balance = Some(left);
        row.finalized_at = Some(now);
    });
    state.change::<Customer>(customer, "customer.updated", |row| {
        row.next_invoice_sequence += 1;
        row.balance = left;
    });
    state.announce::<Invoice>(id, "invoice.finalized");
}

/// The card an invoice is charged to.
fn card_for(state: &State, invoice: &Invoice, given: Option<&str>) -> Option<PaymentMethod> {
    let subscription = invoice
        .subscription
        .as_ref()
        .and_then(|id| state.get::<Subscription>(id));
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
    let expired = (i32::from(card.exp_year), i32::from(card.exp_month))
        < (i32::from(today.year()), i32::from(today.month()));
    expired.then(|| "expired_card".to_owned())
}

/// Why the money for something new would not be had, before anything is done.
pub(crate) fn foresee(state: &State, subscription: &Subscription) -> Option<String> {
    let id = subscription.default_payment_method.clone().or_else(|| {
        state
            .get::<Customer>(&subscription.customer)
            .and_then(|c| c.default_payment_method.clone())
    });
    let card = id.and_then(|id| state.get::<PaymentMethod>(&id));
    refusal(card, state.now)
}

/// Whether there is a card to be charged at all.
fn has_card(state: &State, subscription: &Subscription) -> bool {
    subscription.default_payment_method.is_some()
        || state
            .get::<Customer>(&subscription.customer)
            .is_some_and(|c| c.default_payment_method.is_some())
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
            return Err(ApiError::invalid(format!(
                "This invoice has the status {other} and cannot be paid."
            ))
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
    let intent = invoice
        .payment_intent
        .clone()
        .unwrap_or_else(|| state.id("pi_3", 23));
    let (now, charge) = (state.now, state.id("ch_3", 23));
    let created = state
        .get::<PaymentIntent>(&intent)
        .map_or(now, |row| row.created);
    state.put(PaymentIntent {
        id: intent.clone(),
        created,
        amount: due,
        currency: invoice.currency.clone(),
        customer: Some(invoice.customer.clone()),
        status: if refused.is_some() {
            "requires_payment_method"
        } else {
            "succeeded"
        }
        .to_owned(),
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
        let payment = state
            .get::<Invoice>(&invoice.id)
            .and_then(|row| render::invoice_payment(row, state));
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
    let clean = !state
        .tables
        .invoices
        .newest()
        .any(|i| i.customer == invoice.customer && i.status == "open");
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
        row.next_payment_attempt =
            (attempts < ATTEMPTS).then_some(now + (2 * i64::from(attempts) + 1) * DAY);
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
    let intent = state
        .get::<Invoice>(id)
        .and_then(|row| row.payment_intent.clone());
    if let Some(intent) = intent {
        state.edit::<PaymentIntent>(&intent, |row| {
            "canceled".clone_into(&mut row.status);
            row.canceled_at = Some(now);
        });
        state.announce::<PaymentIntent>(&intent, "payment_intent.canceled");
    }
    state.announce::<Invoice>(id, "invoice.voided");
}

/// Ends a subscription now.
pub(crate) fn end(state: &mut State, id: &str, reason: &str) {
    let now = state.now;
    let open: Vec<String> = state
        .tables
        .invoices
        .newest()
        .filter(|i| i.subscription.as_deref() == Some(id) && i.status == "open")
        .map(|i: &Invoice| i.id.clone())
        .collect();
    state.edit::<Subscription>(id, |row| {
        "canceled".clone_into(&mut row.status);
        row.ended_at = Some(now);
        row.canceled_at.get_or_insert(now);
        row.pending.clear();
        row.cancellation
            .reason
            .get_or_insert_with(|| reason.to_owned());
    });
    state.announce::<Subscription>(id, "customer.subscription.deleted");
    for invoice in open {
        state.edit::<Invoice>(&invoice, |row| row.next_payment_attempt = None);
    }
}

/// The end of a period: the next one begins and is billed, or the subscription ends as was asked.
pub(crate) fn renew(state: &mut State, id: &str) {
    let Some(row) = state.get::<Subscription>(id).cloned() else {
        return;
    };
    if row.cancel_at_period_end {
        end(state, id, "cancellation_requested");
        return;
    }
    if row.status == "trialing" && !has_card(state, &row) {
        state.edit::<Subscription>(id, |row| "paused".clone_into(&mut row.status));
        state.announce::<Subscription>(id, "customer.subscription.paused");
        return;
    }
    let interval = proration::interval(state, &row.items);
    let start = row.period_end;
    let end = time::period_end(row.anchor, start, interval);
    let mut lines = row.pending.clone();
    lines.extend(proration::period_lines(
        state, &row.items, start, end, false,
    ));
    state.change::<Subscription>(id, "customer.subscription.updated", |row| {
        row.period_start = start;
        row.period_end = end;
        row.pending.clear();
        if row.status == "trialing" {
            "active".clone_into(&mut row.status);
        }
    });
    bill(state, id, lines, "subscription_cycle");
}

/// How prices change in the middle of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Create,
    Always,
    None,
}

/// The items a subscription has after a wish: changed ones keep their id.
pub(crate) fn next_items(state: &mut State, row: &Subscription, wanted: &[Wanted]) -> Vec<Item> {
    let now = state.now;
    let mut items = row.items.clone();
    for wish in wanted {
        let at = wish
            .item
            .as_ref()
            .and_then(|id| items.iter().position(|item| item.id == *id));
        match at {
            Some(at) if wish.quantity < 0 => {
                items.remove(at);
            }
            Some(at) => {
                items[at].price.clone_from(&wish.price);
                items[at].quantity = wish.quantity;
            }
            None => {
                let id = state.id("si_", 14);
                items.push(Item {
                    id,
                    created: now,
                    price: wish.price.clone(),
                    quantity: wish.quantity,
                    metadata: Metadata::new(),
                });
            }
        }
    }
    items
}

/// Changes the prices of a subscription at `at`.
pub(crate) fn change_items(
    state: &mut State,
    id: &str,
    next: Vec<Item>,
    behaviour: Behaviour,
    at: i64,
) {
    let Some(row) = state.get::<Subscription>(id).cloned() else {
        return;
    };
    let outcome = proration::of_change(state, &row, &next, at);
    let interval = proration::interval(state, &next);
    let mut lines = match behaviour {
        Behaviour::None => Vec::new(),
        _ => outcome.prorations,
    };
    let restarts = !outcome.restart.is_empty();
    lines.extend(outcome.restart);
    let at_once = restarts || behaviour == Behaviour::Always;
    state.change::<Subscription>(id, "customer.subscription.updated", |row| {
        row.items = next;
        if restarts {
            row.anchor = at;
            row.period_start = at;
            row.period_end = time::period_end(at, at, interval);
        }
        if !at_once {
            row.pending.append(&mut lines);
        }
    });
    if at_once && !lines.is_empty() {
        bill(state, id, lines, "subscription_update");
    }
}
