//! Fourteen months of history, made by letting the billing engine run through them. The same seed makes the same history.

mod cast;
mod extras;
mod names;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::billing::{self, Behaviour, Charge, NewSubscription, Owner};
use super::customers;
use super::model::{Customer, Every, Interval, Invoice, Metadata, Pause, PaymentMethod, Subscription};
use super::payment_methods::{self, Card};
use super::state::State;
use super::{proration, subscriptions};
pub(crate) use cast::{newcomer, price_of, some_card, top_plan};
use cast::{pick, plan_of, plans, year};

const DAY: i64 = 86_400;
/// How far the history reaches back.
const SPAN: i64 = 425 * DAY;
/// From so many customers on, those with the less usual prices are among them.
const CROWD: usize = 100;
/// The organisation that has a subscription from the start.
const NORTHWIND: &str = "org_sandbox_northwind";

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Signup(usize),
    Northwind,
    Extra(usize),
    Use(String),
    Renew(String),
    Retry(String),
    Upgrade(String),
    Downgrade(String),
    Leave(String),
    Pause(String),
}

struct History {
    queue: BinaryHeap<Reverse<(i64, u64, Step)>>,
    next: u64,
    until: i64,
}

impl History {
    fn plan(&mut self, at: i64, step: Step) {
        if at < self.until {
            self.queue.push(Reverse((at, self.next, step)));
            self.next += 1;
        }
    }
}

/// Fills an empty account with history up to `state.now`.
pub(crate) fn seed(state: &mut State, seed: u64, customers: usize) {
    let until = state.now;
    let fresh = std::mem::replace(&mut state.rng, StdRng::seed_from_u64(seed));
    state.silent = true;
    state.now = until - SPAN - 30 * DAY;
    plans(state);
    let extras = if customers > CROWD { extras::catalogue(state) } else { 0 };
    let mut history = History { queue: BinaryHeap::new(), next: 0, until };
    for number in 1..customers {
        // More and more customers: the later half of the time brings two thirds of them.
        let a = state.rng.random_range(0..SPAN);
        let b = state.rng.random_range(0..SPAN);
        let early = if state.rng.random_bool(0.45) { a.max(b) } else { a };
        if number + extras < customers {
            history.plan(until - SPAN + early, Step::Signup(number));
        }
    }
    if customers > 0 && state.account.is_none() {
        history.plan(until - 230 * DAY - 3_517, Step::Northwind);
    }
    for number in 0..extras {
        history.plan(until - (200 - 31 * i64::try_from(number).unwrap_or_default()) * DAY - 4_201, Step::Extra(number));
    }
    while let Some(Reverse((at, _, step))) = history.queue.pop() {
        state.now = at;
        run(state, &mut history, step);
    }
    state.now = until;
    if extras > 0 {
        extras::outlook(state);
    }
    state.silent = false;
    state.rng = fresh;
}

fn run(state: &mut State, history: &mut History, step: Step) {
    match step {
        Step::Signup(number) => signup(state, history, number),
        Step::Northwind => northwind(state, history),
        Step::Extra(number) => extras::sign_up(state, history, number),
        Step::Use(id) => extras::report(state, history, id),
        Step::Renew(id) => renew(state, history, id),
        Step::Retry(id) => retry(state, history, &id),
        Step::Upgrade(id) => shift(state, &id, 1),
        Step::Downgrade(id) => shift(state, &id, -1),
        Step::Leave(id) => leave(state, &id),
        Step::Pause(id) => state.edit::<Subscription>(&id, |row| {
            row.pause = (row.status == "active").then(|| Pause { behavior: "void".to_owned(), resumes_at: None });
        }),
    }
}

fn signup(state: &mut State, history: &mut History, number: usize) {
    let (row, currency) = newcomer(state);
    let customer = row.id.clone();
    state.put(row);
    // A few look around and never subscribe.
    if number.is_multiple_of(17) {
        return;
    }
    let trial = number % 4 == 1;
    let no_card = trial && number % 36 == 1;
    let mut card = None;
    if !no_card {
        let typed = some_card(state, year(state));
        let id = payment_methods::save(state, &customer, &typed);
        payment_methods::prefer(state, &customer, &id);
        card = Some(id);
    }
    let plan = match state.rng.random_range(0..100) {
        0..55 => 0,
        55..88 => 1,
        _ => 2,
    };
    let interval = if state.rng.random_bool(0.18) { Interval::Year } else { Interval::Month };
    let every = Every { interval, count: 1 };
    let quantity = if state.rng.random_bool(0.2) { state.rng.random_range(2..=8) } else { 1 };
    let Some(price) = price_of(state, plan, currency, every) else {
        return;
    };
    let id = billing::start(
        state,
        NewSubscription {
            customer,
            items: vec![(price.id, quantity)],
            trial_days: trial.then_some(14),
            card,
            ..NewSubscription::default()
        },
    );
    follow(state, history, &id);
    fate(state, history, &id);
}

/// Plans what this subscription goes through.
fn fate(state: &mut State, history: &mut History, id: &str) {
    let start = state.now;
    let later = |state: &mut State, from: i64, to: i64| start + state.rng.random_range(from * DAY..to * DAY);
    if state.rng.random_bool(0.30) {
        let at = later(state, 20, 240);
        history.plan(at, Step::Upgrade(id.to_owned()));
    }
    if state.rng.random_bool(0.08) {
        let at = later(state, 60, 300);
        history.plan(at, Step::Downgrade(id.to_owned()));
    }
    if state.rng.random_bool(0.32) {
        let at = later(state, 16, 330);
        history.plan(at, Step::Leave(id.to_owned()));
    }
    if state.rng.random_bool(0.03) {
        let at = history.until - state.rng.random_range(2 * DAY..25 * DAY);
        history.plan(at.max(start + DAY), Step::Pause(id.to_owned()));
    }
}

fn northwind(state: &mut State, history: &mut History) {
    let mut row = customers::blank(state);
    row.name = Some("Northwind Traders".to_owned());
    row.email = Some("billing@northwind.example".to_owned());
    row.phone = Some("+353 1 555 0142".to_owned());
    row.country = Some("IE".to_owned());
    row.city = Some("Dublin".to_owned());
    row.locale = Some("en-IE".to_owned());
    for (key, value) in [("organisation_id", NORTHWIND), ("usage_seats", "9"), ("usage_events", "183204")] {
        row.metadata.insert(key.to_owned(), value.to_owned());
    }
    let customer = row.id.clone();
    state.put(row);
    let typed = Card {
        number: "4242424242424242".to_owned(),
        exp_month: 8,
        exp_year: year(state) + 4,
        name: Some("Northwind Traders".to_owned()),
        confirmed: false,
    };
    let card = payment_methods::save(state, &customer, &typed);
    payment_methods::prefer(state, &customer, &card);
    let Some(price) = price_of(state, 1, "eur", Every::MONTH) else {
        return;
    };
    let metadata = Metadata::from([("organisation_id".to_owned(), NORTHWIND.to_owned())]);
    let id = billing::start(
        state,
        NewSubscription {
            customer,
            items: vec![(price.id, 1)],
            card: Some(card),
            metadata,
            ..NewSubscription::default()
        },
    );
    follow(state, history, &id);
}

/// Whether nothing happens to this customer by itself.
pub(crate) fn left_alone(state: &State, customer: &str) -> bool {
    state
        .get::<Customer>(customer)
        .and_then(|row| row.metadata.get("organisation_id"))
        .is_some_and(|id| id.starts_with("org_sandbox_"))
}

/// Plans the end of the running period, and another try if the last payment failed.
fn follow(state: &State, history: &mut History, id: &str) {
    let Some(row) = state.get::<Subscription>(id) else {
        return;
    };
    if !row.alive() {
        return;
    }
    history.plan(row.period_end, Step::Renew(id.to_owned()));
    let latest = row.latest_invoice.as_ref().and_then(|id| state.get::<Invoice>(id));
    if let Some(invoice) = latest.filter(|i| i.status == "open")
        && let Some(at) = invoice.next_payment_attempt
    {
        history.plan(at, Step::Retry(invoice.id.clone()));
    }
}

fn renew(state: &mut State, history: &mut History, id: String) {
    let Some(row) = state.get::<Subscription>(&id).cloned() else {
        return;
    };
    if !row.alive() || row.status == "paused" {
        return;
    }
    // An earlier change of interval has planned its own end.
    if row.period_end != state.now {
        history.plan(row.period_end, Step::Renew(id));
        return;
    }
    let special = left_alone(state, &row.customer);
    // The last week's failures are the ones still open today.
    let risk = if history.until - state.now < 8 * DAY { 0.12 } else { 0.045 };
    if !special && state.rng.random_bool(risk) {
        refuse(state, &row.customer, Some("insufficient_funds"));
    }
    billing::renew(state, &id);
    follow(state, history, &id);
}

/// Makes the customer's card fail from now on, or work again.
pub(crate) fn refuse(state: &mut State, customer: &str, decline: Option<&str>) {
    let card = state.get::<Customer>(customer).and_then(|row| row.default_payment_method.clone());
    if let Some(card) = card {
        state.edit::<PaymentMethod>(&card, |row| row.declines = decline.map(str::to_owned));
    }
}

fn retry(state: &mut State, history: &mut History, invoice: &str) {
    let Some(row) = state.get::<Invoice>(invoice).cloned() else {
        return;
    };
    if row.status != "open" || row.next_payment_attempt.is_none() {
        return;
    }
    if state.rng.random_bool(0.55) {
        refuse(state, &row.customer, None);
    }
    let refused = billing::pay(state, invoice, None, Owner::Away).is_err();
    let next = state.get::<Invoice>(invoice).and_then(|row| row.next_payment_attempt);
    if let Some(at) = next.filter(|_| refused) {
        history.plan(at, Step::Retry(invoice.to_owned()));
    }
}

/// Moves a subscription to the next larger or smaller plan, billed at once when it grows.
pub(crate) fn shift(state: &mut State, id: &str, by: isize) {
    let Some(row) = state.get::<Subscription>(id).cloned() else {
        return;
    };
    if row.status != "active" || row.cancel_at_period_end {
        return;
    }
    let Some(item) = row.items.first() else {
        return;
    };
    let target = plan_of(state, &item.price).and_then(|plan| plan.checked_add_signed(by));
    let every = proration::interval(state, &row.items);
    let Some(price) = target.and_then(|plan| price_of(state, plan, &row.currency, every)) else {
        return;
    };
    let mut next = row.items.clone();
    next[0].price = price.id;
    let behaviour = if by > 0 { Behaviour::Always } else { Behaviour::Create };
    let at = state.now.clamp(row.period_start, row.period_end);
    billing::change_items(state, id, &next, behaviour, at, Charge::Now);
}

fn leave(state: &mut State, id: &str) {
    const WHY: [&str; 5] = ["too_expensive", "missing_features", "switched_service", "unused", "too_complex"];
    let why = (*pick(state, &WHY)).to_owned();
    let now = state.now;
    let at_once = state.rng.random_bool(0.35);
    let running = state.get::<Subscription>(id).is_some_and(|row| row.alive() && !row.cancel_at_period_end);
    if !running {
        return;
    }
    state.change::<Subscription>(id, "customer.subscription.updated", |row| {
        if !at_once {
            subscriptions::leave(row, now);
        }
        row.cancellation.feedback = Some(why);
    });
    if at_once {
        billing::end(state, id, "cancellation_requested");
    }
}
