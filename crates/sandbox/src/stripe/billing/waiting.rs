//! `pending_if_incomplete`: a change that comes into force when its invoice is paid, and lapses otherwise.

use super::{Becoming, Behaviour, Charge, Collect, bill_and, change_items, collect};
use crate::stripe::errors::ApiError;
use crate::stripe::model::{Customer, Invoice, Item, Subscription, Waiting};
use crate::stripe::proration;
use crate::stripe::state::State;

/// The longest that a change waits.
const PATIENCE: i64 = 23 * 3_600;

/// Changes the prices of a subscription at `at`, if that is paid.
pub(crate) fn change_if_paid(
    state: &mut State,
    id: &str,
    next: Vec<Item>,
    behaviour: Behaviour,
    at: i64,
) -> Result<(), ApiError> {
    let Some(row) = state.get::<Subscription>(id).cloned() else { return Ok(()) };
    if row.days_until_due.is_some() {
        let message = "A pending update is not possible where `collection_method` is `send_invoice`.";
        return Err(ApiError::invalid(message).of("payment_behavior"));
    }
    if collect::is_debited(state, &row) {
        let message = "A pending update is not possible where a bank debit pays the subscription.";
        return Err(ApiError::invalid(message).of("payment_behavior"));
    }
    let outcome = proration::of_change(state, &row, &next, at);
    let at_once = behaviour == Behaviour::Always || !outcome.restart.is_empty();
    let mut lines = if behaviour == Behaviour::None { Vec::new() } else { outcome.prorations };
    lines.extend(outcome.restart);
    let balance = state.get::<Customer>(&row.customer).map_or(0, |customer| customer.balance);
    if !at_once || lines.iter().map(|line| line.amount).sum::<i64>() + balance <= 0 {
        change_items(state, id, &next, behaviour, at, Charge::Now);
        return Ok(());
    }
    discard(state, id);
    if row.flexible {
        lines = [row.pending, lines].concat();
    }
    let invoice = bill_and(Collect::Later, state, id, lines, "subscription_update");
    let expires_at = (state.now + PATIENCE).min(row.period_end);
    let waiting = Waiting { invoice: invoice.clone(), items: next, since: at, expires_at, told: false };
    state.edit::<Subscription>(id, |row| row.waiting = Some(waiting));
    if collect::pay(state, &invoice, None, collect::Owner::There).is_err() {
        state.change::<Subscription>(id, "customer.subscription.updated", |row| {
            if let Some(waiting) = &mut row.waiting {
                waiting.told = true;
            }
        });
    }
    Ok(())
}

/// Whether a change waits for this invoice.
pub(super) fn is_for(state: &State, invoice: &str) -> bool {
    subscription_of(state, invoice).is_some()
}

fn subscription_of(state: &State, invoice: &str) -> Option<String> {
    let id = state.get::<Invoice>(invoice)?.subscription.clone()?;
    let row = state.get::<Subscription>(&id)?;
    row.waiting.as_ref().is_some_and(|waiting| waiting.invoice == invoice).then_some(id)
}

/// The invoice is paid: what waited for it comes into force.
pub(super) fn apply(state: &mut State, id: &str, invoice: &str) {
    let Some(held) = state.get::<Subscription>(id).cloned() else { return };
    let Some(waiting) = held.waiting.clone().filter(|waiting| waiting.invoice == invoice) else { return };
    let new = Becoming::of(state, &held, &waiting.items, waiting.since);
    state.change::<Subscription>(id, "customer.subscription.updated", |row| {
        row.waiting = None;
        new.put(row);
        if row.flexible {
            // It came with that invoice.
            row.pending.clear();
        }
    });
    if waiting.told {
        state.announce::<Subscription>(id, "customer.subscription.pending_update_applied");
    }
}

/// The invoice is void: nothing waits for it any more.
pub(super) fn drop_with(state: &mut State, invoice: &str) {
    if let Some(id) = subscription_of(state, invoice) {
        state.change::<Subscription>(&id, "customer.subscription.updated", |row| row.waiting = None);
    }
}

/// Gives up what waits, with its invoice.
pub(crate) fn discard(state: &mut State, id: &str) {
    let waiting = state.get::<Subscription>(id).and_then(|row| row.waiting.clone());
    if let Some(waiting) = waiting {
        collect::void(state, &waiting.invoice);
    }
}

/// What waited for too long is given up.
pub(crate) fn lapse(state: &mut State) {
    let now = state.now;
    let over = |row: &&Subscription| row.waiting.as_ref().is_some_and(|waiting| waiting.expires_at <= now);
    let over: Vec<String> = state.tables.subscriptions.oldest().filter(over).map(|row| row.id.clone()).collect();
    for id in over {
        discard(state, &id);
        state.announce::<Subscription>(&id, "customer.subscription.pending_update_expired");
    }
}
