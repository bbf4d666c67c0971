//! Gentle traffic: every few seconds something believable happens to one of the customers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use super::billing::{self, NewSubscription, Owner};
use super::connect::{Account, CONNECTED};
use super::model::{Customer, Every, Invoice, Subscription};
use super::seed::{left_alone, newcomer, price_of, refuse, shift, some_card, top_plan};
use super::state::State;
use super::{debits, discounts, drafts, payment_methods, schedules, sources, subscriptions, time, trials};
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
    CardReplaced,
    StuckDraft,
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
            for account in &CONNECTED {
                hub.answer(Some(account), None, overdue);
            }
        }
    }
}

/// Makes one thing happen now.
pub(crate) fn happen(hub: &Hub, what: Happening) {
    happen_in(hub, None, what);
}

/// The same, in any account.
pub(crate) fn happen_in(hub: &Hub, account: Account, what: Happening) {
    hub.answer(account, None, |state| perform(state, what));
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
            if let Some(id) = someone(state, |row| row.status == "active" && row.pause.is_none()) {
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
            let found =
                someone(state, |row| row.status == "active" && row.pause.is_none() && !row.cancel_at_period_end);
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
        Happening::StuckDraft => {
            if let Some(customer) = someone(state, Subscription::alive).and_then(|id| customer_of(state, &id)) {
                drafts::fail(state, &customer);
            }
        }
        Happening::CardReplaced => {
            let cards: HashMap<String, String> = state
                .tables
                .customers
                .oldest()
                .filter_map(|row| Some((row.id.clone(), row.default_payment_method.clone()?)))
                .collect();
            let found = someone(state, |row| row.alive() && cards.contains_key(&row.customer));
            if let Some(card) = found.and_then(|id| customer_of(state, &id)).and_then(|id| cards.get(&id)) {
                payment_methods::replace(state, card);
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
    top_plan(state)
        .map(|plan| {
            let prices = state.tables.prices.oldest().filter(|price| price.product == *plan);
            prices.map(|price| price.id.clone()).collect()
        })
        .unwrap_or_default()
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
        if row.period_start < now && row.items.iter().all(|item| item.period.is_none()) {
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
        let _refused = billing::pay(state, &invoice, None, Owner::Away);
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
    if let Some(price) = price_of(state, plan, currency, Every::MONTH) {
        billing::start(
            state,
            NewSubscription {
                customer,
                items: vec![(price.id, 1)],
                trial_days: trial.then_some(14),
                card: Some(card),
                ..NewSubscription::default()
            },
        );
    }
}

/// What the provider does by itself when its time has come: periods end, failed payments are tried again.
pub(crate) fn overdue(state: &mut State) {
    let now = state.now;
    billing::lapse(state);
    schedules::pass(state);
    discounts::lapse(state);
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
    dated(state);
    sources::expiring(state);
    trials::ending(state);
    debits::settle(state);
    let again: Vec<String> = state
        .tables
        .invoices
        .oldest()
        .filter(|row| row.status == "open" && row.next_payment_attempt.is_some_and(|at| at <= now))
        .map(|row: &Invoice| row.id.clone())
        .collect();
    for id in again.into_iter().take(25) {
        // Each attempt is told by its own events.
        let _refused = billing::pay(state, &id, None, Owner::Away);
    }
}

/// What was to happen at a date: cancellations, pauses that end, first payments nobody made, invoices nobody paid.
fn dated(state: &mut State) {
    const DAY: i64 = 86_400;
    let now = state.now;
    let rows = |fits: &dyn Fn(&Subscription) -> bool| -> Vec<String> {
        let found = state.tables.subscriptions.oldest().filter(|row| row.alive() && fits(row));
        found.map(|row| row.id.clone()).take(25).collect()
    };
    let cancelled = rows(&|row| row.cancel_at.is_some_and(|at| at <= now));
    let resumed = rows(&|row| row.pause.as_ref().is_some_and(|pause| pause.resumes_at.is_some_and(|at| at <= now)));
    let expired = rows(&|row| row.status == "incomplete" && row.created + DAY <= now);
    let unpaid: Vec<(String, Option<String>)> = state
        .tables
        .invoices
        .oldest()
        .filter(|row| row.status == "open" && row.due_date.is_some_and(|at| at <= now))
        .map(|row: &Invoice| (row.id.clone(), row.subscription.clone()))
        .collect();
    for id in cancelled {
        billing::finish(state, &id);
    }
    for id in resumed {
        state.change::<Subscription>(&id, "customer.subscription.updated", |row| row.pause = None);
    }
    for id in expired {
        billing::expire(state, &id);
    }
    for (id, subscription) in unpaid {
        let active = |id: &&String| state.get::<Subscription>(id).is_some_and(|row| row.status == "active");
        let Some(subscription) = subscription.as_ref().filter(active).cloned() else { continue };
        state.announce::<Invoice>(&id, "invoice.overdue");
        state.change::<Subscription>(&subscription, "customer.subscription.updated", |row| {
            "past_due".clone_into(&mut row.status);
        });
    }
}
