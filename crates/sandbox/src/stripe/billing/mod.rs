//! The billing engine: what the provider does by itself when a subscription starts, renews, changes, fails or ends.

use crate::stripe::model::{Cancellation, Customer, Invoice, Item, Line, Metadata, Price, Subscription};
use crate::stripe::proration::{self, Wanted};
use crate::stripe::state::State;
use crate::stripe::time;

mod collect;

pub(crate) use collect::{foresee, pay, void};

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
    if state.get::<Subscription>(&id).is_some_and(|s| s.status == "incomplete") && !owes(state, &id) {
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
pub(crate) fn bill(state: &mut State, subscription: &str, lines: Vec<Line>, reason: &str) -> String {
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
    let number = format!("{}-{:04}", owner.invoice_prefix, owner.next_invoice_sequence);
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

/// Whether there is a card to be charged at all.
fn has_card(state: &State, subscription: &Subscription) -> bool {
    subscription.default_payment_method.is_some()
        || state.get::<Customer>(&subscription.customer).is_some_and(|c| c.default_payment_method.is_some())
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
        row.cancellation.reason.get_or_insert_with(|| reason.to_owned());
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
    lines.extend(proration::period_lines(state, &row.items, start, end, false));
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
        let at = wish.item.as_ref().and_then(|id| items.iter().position(|item| item.id == *id));
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
pub(crate) fn change_items(state: &mut State, id: &str, next: Vec<Item>, behaviour: Behaviour, at: i64) {
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
