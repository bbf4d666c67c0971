//! Gentle traffic: every few seconds something believable happens to one of the customers.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use super::billing::{self, NewSubscription};
use super::model::{Customer, Interval, Invoice, Metadata, Subscription};
use super::seed::{left_alone, newcomer, price_of, refuse, shift, some_card};
use super::state::State;
use super::{payment_methods, subscriptions, time};
use crate::hub::Hub;

/// So many customers are enough; then nobody new signs up.
const CROWD: usize = 1_500;

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    Renewal,
    Signup,
    Upgrade,
    FailedPayment,
    Recovery,
    Cancellation,
    CardUpdated,
}

/// Lets things happen, for ever, while the switch is on.
pub(crate) async fn run(hub: Arc<Hub>) {
    loop {
        let pause = rand::rng().random_range(4_000..8_000);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        if hub.switches().traffic && rand::rng().random_bool(0.1) {
            hub.upload_sample();
        } else if hub.switches().traffic {
            hub.work(|state| {
                overdue(state);
                let what = some_happening(state);
                perform(state, what);
            });
        }
    }
}

/// Makes one thing happen now.
pub(crate) fn happen(hub: &Hub, what: Happening) {
    hub.work(|state| perform(state, what));
}

/// Makes things happen until `events` events are on their way.
pub(crate) fn burst(hub: &Hub, events: usize) {
    hub.work(|state| {
        for _ in 0..events {
            if state.outbox.len() >= events {
                break;
            }
            let what = some_happening(state);
            perform(state, what);
        }
    });
}

fn some_happening(state: &mut State) -> Happening {
    match state.rng.random_range(0..100) {
        0..42 => Happening::Renewal,
        42..55 => Happening::Signup,
        55..66 => Happening::Upgrade,
        66..74 => Happening::FailedPayment,
        74..84 => Happening::Recovery,
        84..89 => Happening::Cancellation,
        _ => Happening::CardUpdated,
    }
}

fn perform(state: &mut State, what: Happening) {
    match what {
        Happening::Renewal => {
            if let Some(id) = someone(state, |row| row.status == "active" && !row.paused) {
                early(state, &id);
            }
        }
        Happening::Signup => signup(state),
        Happening::Upgrade => {
            let top = price_ids_of_top_plan(state);
            let found = someone(state, |row| {
                row.status == "active"
                    && !row.cancel_at_period_end
                    && row.items.first().is_some_and(|i| !top.contains(&i.price))
            });
            if let Some(id) = found {
                shift(state, &id, 1);
            }
        }
        Happening::FailedPayment => {
            let found = someone(state, |row| row.status == "active" && !row.paused && !row.cancel_at_period_end);
            if let Some((id, customer)) = found.and_then(|id| Some((id.clone(), customer_of(state, &id)?))) {
                refuse(state, &customer, Some("insufficient_funds"));
                early(state, &id);
            }
        }
        Happening::Recovery => {
            if let Some(id) = someone(state, |row| row.status == "past_due") {
                recover(state, &id);
            }
        }
        Happening::Cancellation => {
            let now = state.now;
            let found = someone(state, |row| row.status == "active" && !row.cancel_at_period_end);
            if let Some(id) = found {
                state.change::<Subscription>(&id, "customer.subscription.updated", |row| {
                    subscriptions::leave(row, now);
                    row.cancellation.feedback = Some("unused".to_owned());
                });
            }
        }
        Happening::CardUpdated => {
            if let Some(customer) = someone(state, Subscription::alive).and_then(|id| customer_of(state, &id)) {
                let card = some_card(state, year(state));
                let saved = payment_methods::save(state, &customer, &card);
                let old = state.get::<Customer>(&customer).and_then(|row| row.default_payment_method.clone());
                payment_methods::prefer(state, &customer, &saved);
                if let Some(old) = old {
                    payment_methods::remove(state, &old);
                }
            }
        }
    }
}

fn year(state: &State) -> u16 {
    u16::try_from(time::date(state.now).year()).unwrap_or(2026)
}

fn price_ids_of_top_plan(state: &State) -> Vec<String> {
    let Some(product) = state.tables.products.newest().next() else {
        return Vec::new();
    };
    state.tables.prices.oldest().filter(|price| price.product == product.id).map(|price| price.id.clone()).collect()
}

fn customer_of(state: &State, subscription: &str) -> Option<String> {
    state.get::<Subscription>(subscription).map(|row| row.customer.clone())
}

/// A subscription to which something may happen.
fn someone(state: &mut State, fits: impl Fn(&Subscription) -> bool) -> Option<String> {
    let found: Vec<String> = state
        .tables
        .subscriptions
        .oldest()
        .filter(|row| fits(row) && !left_alone(state, &row.customer))
        .map(|row| row.id.clone())
        .collect();
    if found.is_empty() {
        return None;
    }
    let at = state.rng.random_range(0..found.len());
    Some(found[at].clone())
}

/// Lets the running period of a subscription end now.
fn early(state: &mut State, id: &str) {
    let now = state.now;
    state.edit::<Subscription>(id, |row| {
        if row.period_start < now {
            row.period_end = now;
            row.anchor = now;
        }
    });
    let over = state.get::<Subscription>(id).is_some_and(|row| row.period_end <= now);
    if over {
        billing::renew(state, id);
    }
}

fn recover(state: &mut State, id: &str) {
    let open = state.get::<Subscription>(id).and_then(|row| Some((row.customer.clone(), row.latest_invoice.clone()?)));
    if let Some((customer, invoice)) = open {
        refuse(state, &customer, None);
        // A card that has expired is refused again; that is told by its own events.
        let _refused = billing::pay(state, &invoice, None);
    }
}

fn signup(state: &mut State) {
    if state.tables.customers.len() > CROWD {
        return;
    }
    let (row, currency) = newcomer(state);
    let customer = row.id.clone();
    state.create(row, "customer.created");
    let typed = some_card(state, year(state));
    let card = payment_methods::save(state, &customer, &typed);
    payment_methods::prefer(state, &customer, &card);
    let plan = state.rng.random_range(0..3);
    let trial = state.rng.random_bool(0.3);
    if let Some(price) = price_of(state, plan, currency, Interval::Month) {
        billing::start(
            state,
            NewSubscription {
                customer,
                items: vec![(price.id, 1)],
                trial_days: trial.then_some(14),
                card: Some(card),
                metadata: Metadata::new(),
            },
        );
    }
}

/// What the provider does by itself when its time has come: periods end, failed payments are tried again.
fn overdue(state: &mut State) {
    let now = state.now;
    let over: Vec<String> = state
        .tables
        .subscriptions
        .oldest()
        .filter(|row| row.alive() && row.status != "paused" && row.period_end <= now)
        .map(|row| row.id.clone())
        .collect();
    for id in over.into_iter().take(25) {
        billing::renew(state, &id);
    }
    let again: Vec<String> = state
        .tables
        .invoices
        .oldest()
        .filter(|row| row.status == "open" && row.next_payment_attempt.is_some_and(|at| at <= now))
        .map(|row: &Invoice| row.id.clone())
        .collect();
    for id in again.into_iter().take(25) {
        // Each attempt is told by its own events.
        let _refused = billing::pay(state, &id, None);
    }
}
