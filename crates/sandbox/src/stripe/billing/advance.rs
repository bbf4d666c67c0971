//! What goes on because somebody asks: a draft becomes an invoice, a paused subscription begins a new period.

use super::{Owner, finalise, pay, renew};
use crate::stripe::model::{Invoice, Subscription};
use crate::stripe::state::State;

/// Finalizes a draft. What is due is asked for if it `advances`; nothing due is paid at once.
pub(crate) fn go_on(state: &mut State, id: &str, advances: bool) {
    let Some(customer) = state.get::<Invoice>(id).map(|row| row.customer.clone()) else { return };
    finalise(state, id, &customer);
    let Some(row) = state.get::<Invoice>(id).cloned() else { return };
    let due = row.amount_remaining() > 0;
    if !due || (advances && row.due_date.is_none()) {
        // A refused card is told by its own events.
        let _refused = pay(state, id, None, Owner::There);
        return;
    }
    state.edit::<Invoice>(id, |row| row.next_payment_attempt = None);
    if advances {
        state.announce::<Invoice>(id, "invoice.sent");
    }
}

/// A paused subscription begins a new period now; it goes on once that is paid.
pub(crate) fn restart(state: &mut State, id: &str) {
    let now = state.now;
    state.edit::<Subscription>(id, |row| {
        row.period_end = now;
        row.anchor = now;
    });
    renew(state, id);
}
