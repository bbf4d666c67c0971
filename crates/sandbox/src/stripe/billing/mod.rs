//! The billing engine: what the provider does by itself when a subscription starts, renews, changes, fails or ends.

use crate::stripe::discounts::{self, Asked};
use crate::stripe::model::{
    Cancellation, Customer, Discount, Every, Extra, Invoice, Item, Line, Metadata, Price, Schedule, Subscription,
};
use crate::stripe::proration::{self, Wanted};
use crate::stripe::state::State;
use crate::stripe::{schedules, time};

mod advance;
mod collect;
mod waiting;

pub(crate) use advance::{go_on, restart};
pub(crate) use collect::{
    Owner, await_payment, failed, foresee, mark_uncollectible, paid, pay, refusal, refuse_to_confirm, void,
};
pub(crate) use waiting::{change_if_paid, discard, lapse};

const DAY: i64 = 86_400;

/// What a new subscription is to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewSubscription {
    pub customer: String,
    pub items: Vec<(String, i64)>,
    pub trial_days: Option<i64>,
    pub trial_end: Option<i64>,
    pub card: Option<String>,
    pub metadata: Metadata,
    pub description: Option<String>,
    pub cancel_at: Option<i64>,
    pub cancel_at_period_end: bool,
    /// Invoices are sent, and due after so many days.
    pub days_until_due: Option<i64>,
    /// `default_incomplete`: the first payment is left to somebody who confirms it.
    pub waits_for_payment: bool,
    /// Where the owner of the card is.
    pub owner: Owner,
    /// The billing mode of before `2025-09-30.clover`.
    pub classic: bool,
    pub discounts: Vec<Asked>,
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
            period: None,
            usage_from: None,
        })
        .collect();
    let currency = items
        .first()
        .and_then(|item| state.get::<Price>(&item.price))
        .map_or_else(|| "usd".to_owned(), |price| price.currency.clone());
    let interval = proration::interval(state, &items);
    let trial_end = new.trial_end.or_else(|| new.trial_days.filter(|d| *d > 0).map(|d| now + d * DAY));
    let anchor = trial_end.unwrap_or(now);
    let period_end = trial_end.unwrap_or_else(|| time::period_end(now, now, interval));
    let trialing = trial_end.is_some();
    state.change::<Customer>(&new.customer, "customer.updated", |row| {
        row.currency.get_or_insert_with(|| currency.clone());
    });
    let mut row = Subscription {
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
        cancel_at_period_end: new.cancel_at_period_end,
        cancel_at: new.cancel_at.or_else(|| new.cancel_at_period_end.then_some(period_end)),
        canceled_at: new.cancel_at_period_end.then_some(now),
        ended_at: None,
        cancellation: Cancellation::default(),
        pause: None,
        days_until_due: new.days_until_due,
        latest_invoice: None,
        default_payment_method: new.card,
        description: new.description,
        metadata: new.metadata,
        pending: Vec::new(),
        trial_end_told: false,
        waiting: None,
        flexible: !new.classic,
        discounts: Vec::new(),
        schedule: None,
        rest_back_at: new.cancel_at,
    };
    row.items = proration::with_periods(state, &row, &row.items, now);
    let lines = proration::first_lines(state, &row, trialing);
    discounts::begin(state, &mut row, new.discounts);
    let held = row.discounts.clone();
    state.create(row, "customer.subscription.created");
    for discount in held {
        state.announce::<Discount>(&discount, "customer.discount.created");
    }
    let collect = if new.waits_for_payment { Collect::WhenConfirmed } else { Collect::Now(new.owner) };
    // Where all is counted by use, nothing is paid in advance.
    if !lines.is_empty() {
        bill_and(collect, state, &id, lines, "subscription_create");
    }
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
        .is_some_and(|invoice| invoice.status == "open" && invoice.due_date.is_none())
}

/// When the money of a new invoice is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Collect {
    Now(Owner),
    WhenConfirmed,
    /// By whoever asked for the invoice.
    Later,
}

/// Makes an invoice of the lines, finalises it and takes the money. Answers its id.
pub(crate) fn bill(state: &mut State, subscription: &str, lines: Vec<Line>, reason: &str, owner: Owner) -> String {
    bill_and(Collect::Now(owner), state, subscription, lines, reason)
}

fn bill_and(collect: Collect, state: &mut State, subscription: &str, mut lines: Vec<Line>, reason: &str) -> String {
    let Some(row) = state.get::<Subscription>(subscription).cloned() else {
        return String::new();
    };
    discounts::apply(&mut lines, &discounts::holding(state, &row));
    let id = state.id("in_1", 23);
    let now = state.now;
    let billed = lines.clone();
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
        due_date: row.days_until_due.map(|days| now + days * DAY),
        extra: Extra::default(),
    };
    let sent = invoice.due_date.is_some();
    state.create(invoice, "invoice.created");
    state.change::<Subscription>(subscription, "customer.subscription.updated", |row| {
        row.latest_invoice = Some(id.clone());
    });
    discounts::used_up(state, &billed);
    let paused = row.pause.as_ref().map(|pause| pause.behavior.as_str());
    if paused == Some("keep_as_draft") {
        state.edit::<Invoice>(&id, |row| row.next_payment_attempt = None);
        return id;
    }
    finalise(state, &id, &row.customer);
    let due = state.get::<Invoice>(&id).map_or(0, Invoice::amount_remaining);
    match (paused, collect) {
        (Some("mark_uncollectible"), _) => mark_uncollectible(state, &id),
        (Some(_), _) => void(state, &id),
        (None, _) if sent && due > 0 => {
            state.edit::<Invoice>(&id, |row| row.next_payment_attempt = None);
            state.announce::<Invoice>(&id, "invoice.sent");
        }
        (None, Collect::WhenConfirmed) if due > 0 => await_payment(state, &id),
        (None, Collect::Later) => {}
        (None, Collect::Now(owner)) => pay_at_once(state, &id, owner),
        (None, Collect::WhenConfirmed) => pay_at_once(state, &id, Owner::There),
    }
    id
}

/// A refused card is told by its own events.
fn pay_at_once(state: &mut State, id: &str, owner: Owner) {
    let _refused = pay(state, id, None, owner);
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
pub(crate) fn has_card(state: &State, subscription: &Subscription) -> bool {
    subscription.default_payment_method.is_some()
        || state.get::<Customer>(&subscription.customer).is_some_and(|c| c.charged_with().is_some())
}

/// Ends a subscription now.
pub(crate) fn end(state: &mut State, id: &str, reason: &str) {
    let now = state.now;
    discard(state, id);
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
    if let Some(schedule) = state.get::<Subscription>(id).and_then(|row| row.schedule.clone()) {
        let is_through = state.get::<Schedule>(&schedule).is_some_and(|row| row.phases.iter().all(|p| p.end <= now));
        let how = match reason {
            "payment_failed" => "aborted",
            _ if is_through => "completed",
            _ => "canceled",
        };
        schedules::over(state, &schedule, how);
    }
}

/// Nobody paid the first invoice within a day.
pub(crate) fn expire(state: &mut State, id: &str) {
    let now = state.now;
    let invoice = state.get::<Subscription>(id).and_then(|row| row.latest_invoice.clone());
    state.change::<Subscription>(id, "customer.subscription.updated", |row| {
        "incomplete_expired".clone_into(&mut row.status);
        row.ended_at = Some(now);
    });
    if let Some(invoice) = invoice.filter(|id| state.get::<Invoice>(id).is_some_and(|row| row.status == "open")) {
        void(state, &invoice);
    }
}

/// The end of a period: the next one begins and is billed, or the subscription ends as was asked.
pub(crate) fn renew(state: &mut State, id: &str) {
    let Some(row) = state.get::<Subscription>(id).cloned() else {
        return;
    };
    if row.cancel_at_period_end || row.cancel_at.is_some_and(|at| at <= row.period_end) {
        finish(state, id);
        return;
    }
    if row.status == "trialing" && !has_card(state, &row) && row.days_until_due.is_none() {
        state.edit::<Subscription>(id, |row| "paused".clone_into(&mut row.status));
        state.announce::<Subscription>(id, "customer.subscription.paused");
        return;
    }
    let start = row.period_end;
    let end = time::period_end(row.anchor, start, proration::interval(state, &row.items));
    let (items, renewed) = proration::renewal(state, &row, start);
    let lines = [row.pending, renewed].concat();
    state.change::<Subscription>(id, "customer.subscription.updated", |row| {
        row.period_start = start;
        row.period_end = end;
        row.items = items;
        row.pending.clear();
        if row.status == "trialing" {
            "active".clone_into(&mut row.status);
        }
    });
    if !lines.is_empty() {
        bill(state, id, lines, "subscription_cycle", Owner::Away);
    }
}

/// Ends a subscription as was asked: what waits for an invoice and what was used and not billed comes on a last one.
pub(crate) fn finish(state: &mut State, id: &str) {
    let Some(row) = state.get::<Subscription>(id).cloned() else {
        return;
    };
    let until = state.now.min(row.period_end);
    let mut lines = row.pending.clone();
    let gives_back = row.rest_back_at.is_some() && until < row.period_end;
    if gives_back {
        lines.extend(proration::of_end(state, &row, until));
    }
    if !gives_back || !row.flexible {
        for item in &row.items {
            lines.extend(proration::unbilled(state, &row, item, until));
        }
    }
    if !lines.is_empty() {
        bill(state, id, lines, "subscription_cycle", Owner::Away);
    }
    end(state, id, "cancellation_requested");
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
                    period: None,
                    usage_from: Some(now),
                });
            }
        }
    }
    items
}

/// What becomes of a change that is charged at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    /// The card is charged; a refusal leaves a debt.
    Now,
    /// `default_incomplete`: the payment is left to somebody who confirms it, and is a debt until then.
    WhenConfirmed,
}

/// What a subscription is with other items.
struct Becoming {
    items: Vec<Item>,
    at: i64,
    /// A new period begins with the change.
    restarts: Option<Every>,
    /// The period that it is in is one of another length.
    renews: Option<Every>,
}

impl Becoming {
    fn of(state: &State, row: &Subscription, next: &[Item], at: i64) -> Self {
        let (before, interval) = (proration::interval(state, &row.items), proration::interval(state, next));
        let otherwise = row.status != "trialing" && !interval.is(before);
        let mut items = proration::with_periods(state, row, next, at);
        for item in &mut items {
            let repriced = |old: &Item| old.id == item.id && old.price != item.price;
            if row.items.iter().any(repriced) {
                item.usage_from = Some(at);
            }
        }
        let restarts = (otherwise && !row.flexible).then_some(interval);
        Self { items, at, restarts, renews: otherwise.then_some(interval) }
    }

    fn put(self, row: &mut Subscription) {
        row.items = self.items;
        if let Some(interval) = self.restarts {
            row.anchor = self.at;
            row.period_start = self.at;
            row.period_end = time::period_end(self.at, self.at, interval);
        } else if let Some(interval) = self.renews {
            (row.period_start, row.period_end) = time::period(row.anchor, self.at, interval);
        }
    }
}

/// Changes the prices of a subscription at `at`.
pub(crate) fn change_items(state: &mut State, id: &str, next: &[Item], behaviour: Behaviour, at: i64, charge: Charge) {
    let Some(row) = state.get::<Subscription>(id).cloned() else {
        return;
    };
    discard(state, id);
    let outcome = proration::of_change(state, &row, next, at);
    let mut lines = match behaviour {
        Behaviour::None => Vec::new(),
        _ => outcome.prorations,
    };
    let restarts = !outcome.restart.is_empty();
    lines.extend(outcome.restart);
    let at_once = restarts || behaviour == Behaviour::Always;
    let new = Becoming::of(state, &row, next, at);
    let mut waiting = Vec::new();
    state.change::<Subscription>(id, "customer.subscription.updated", |row| {
        new.put(row);
        if at_once && row.flexible && !lines.is_empty() {
            waiting = std::mem::take(&mut row.pending);
        }
        if !at_once {
            row.pending.append(&mut lines);
        }
    });
    if !at_once || lines.is_empty() {
        return;
    }
    let lines = [waiting, lines].concat();
    match charge {
        Charge::Now => bill(state, id, lines, "subscription_update", Owner::There),
        Charge::WhenConfirmed => bill_and(Collect::WhenConfirmed, state, id, lines, "subscription_update"),
    };
    if charge == Charge::WhenConfirmed && owes(state, id) {
        state.change::<Subscription>(id, "customer.subscription.updated", |row| {
            "past_due".clone_into(&mut row.status);
        });
    }
}
