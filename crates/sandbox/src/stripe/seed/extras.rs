//! Customers with the less usual prices: usage, tiers with a discount, a yearly plan with monthly add-ons.

use rand::Rng;

use super::cast::{price_of, year};
use super::{DAY, History, Step, follow};
use crate::stripe::billing::{self, NewSubscription};
use crate::stripe::discounts::{self, Asked};
use crate::stripe::model::{
    Duration, Every, Interval, Metadata, Meter, MeterEvent, Phase, PhaseItem, Price, Product, Recurring, Schedule,
    Subscription, Tier, Tiers,
};
use crate::stripe::payment_methods::{self, Card};
use crate::stripe::state::State;
use crate::stripe::{coupons, customers, prices, time};

const METER: &str = "mtr_sandbox_deliveries";
const COUPON: &str = "launch20";
/// Taken off everything that one of them buys.
const PARTNER: &str = "partner10";
const SEATS: &str = "price_sandbox_seats";
const DELIVERIES: &str = "price_sandbox_deliveries";
const SUPPORT: &str = "price_sandbox_support";
const REGIONS: [&str; 9] =
    ["Dublin", "Frankfurt", "Lagos", "Mumbai", "Osaka", "Oregon", "Santiago", "Singapore", "Sydney"];
/// Name, organisation, and the part of a price's id that says what they have.
const CUSTOMERS: [(&str, &str, &str, &str); 3] = [
    ("Lumen Analytics", "org_sandbox_lumen", "US", "Portland"),
    ("Fabrikam Studios", "org_sandbox_fabrikam", "US", "Austin"),
    ("Contoso Media", "org_sandbox_contoso", "CA", "Montréal"),
];

fn region(name: &str) -> String {
    format!("price_sandbox_region_{}", name.to_lowercase())
}

/// What they buy. Ids are not drawn. Answers how many of them there are.
pub(super) fn catalogue(state: &mut State) -> usize {
    let now = state.now;
    state.put(Meter {
        id: METER.to_owned(),
        created: now,
        updated: now,
        display_name: "Deliveries".to_owned(),
        event_name: "deliveries".to_owned(),
        formula: "sum".to_owned(),
        customer_key: "stripe_customer_id".to_owned(),
        value_key: "value".to_owned(),
        time_window: None,
        deactivated_at: None,
    });
    let recurring = |meter: Option<&str>| Some(Recurring { every: Every::MONTH, meter: meter.map(str::to_owned) });
    sell(
        state,
        "deliveries",
        "Deliveries",
        Price { unit_amount: "0.04".parse().ok(), recurring: recurring(Some(METER)), ..plain(DELIVERIES, 0) },
    );
    let tier = |up_to, unit: i64| Tier { up_to, unit_amount: Some(unit.into()), flat_amount: None };
    let steps = vec![tier(Some(5), 1_500), tier(Some(20), 1_200), tier(None, 900)];
    sell(
        state,
        "seats",
        "Team seats",
        Price { unit_amount: None, tiers: Some(Tiers { graduated: true, steps }), ..plain(SEATS, 0) },
    );
    sell(state, "support", "Priority support", plain(SUPPORT, 4_900));
    for name in REGIONS {
        sell(state, &format!("region_{}", name.to_lowercase()), &format!("Region {name}"), plain(&region(name), 700));
    }
    state.put(coupons::percent(COUPON, 20, Duration::Months(12)));
    state.put(coupons::percent(PARTNER, 10, Duration::Forever));
    CUSTOMERS.len()
}

fn plain(id: &str, unit_amount: i64) -> Price {
    prices::plain(id.to_owned(), "", "usd", unit_amount, Every::MONTH)
}

fn sell(state: &mut State, key: &str, name: &str, price: Price) {
    let now = state.now;
    let id = format!("prod_sandbox_{key}");
    state.put(Product {
        id: id.clone(),
        created: now,
        updated: now,
        name: name.to_owned(),
        description: None,
        active: true,
        default_price: Some(price.id.clone()),
        metadata: Metadata::new(),
        shown: serde_json::Map::new(),
    });
    state.put(Price { product: id, created: now, nickname: Some(name.to_owned()), ..price });
}

pub(super) fn sign_up(state: &mut State, history: &mut History, number: usize) {
    let (name, organisation, country, city) = CUSTOMERS[number];
    let mut row = customers::blank(state);
    row.name = Some(name.to_owned());
    row.email = Some(format!("billing@{}.example", organisation.trim_start_matches("org_sandbox_")));
    row.country = Some(country.to_owned());
    row.city = Some(city.to_owned());
    row.metadata.insert("organisation_id".to_owned(), organisation.to_owned());
    let customer = row.id.clone();
    state.put(row);
    let number_of_card = "5555555555554444".to_owned();
    let card = Card {
        number: number_of_card,
        exp_month: 4,
        exp_year: year(state) + 3,
        name: Some(name.to_owned()),
        confirmed: false,
    };
    let card = payment_methods::save(state, &customer, &card);
    payment_methods::prefer(state, &customer, &card);
    if number == 2 {
        discounts::give(state, &customer, PARTNER);
    }
    let yearly = Every { interval: Interval::Year, count: 1 };
    let plan = |every| price_of(state, usize::from(number == 2), "usd", every).map(|price| (price.id, 1));
    let one = |id: &str| (id.to_owned(), 1);
    let (items, asked) = match number {
        0 => (plan(Every::MONTH).into_iter().chain([one(DELIVERIES)]).collect(), Vec::new()),
        1 => {
            let coupon = Asked::New { coupon: COUPON.to_owned(), promotion_code: None };
            (vec![(SEATS.to_owned(), 18)], vec![coupon])
        }
        _ => {
            let regions = REGIONS.iter().map(|name| one(&region(name)));
            (plan(yearly).into_iter().chain([one(SUPPORT), one(DELIVERIES)]).chain(regions).collect(), Vec::new())
        }
    };
    let new = NewSubscription { customer, items, card: Some(card), discounts: asked, ..NewSubscription::default() };
    let id = billing::start(state, new);
    follow(state, history, &id);
    if number != 1 {
        history.plan(state.now + DAY, Step::Use(id));
    }
}

/// What was used in the last days.
pub(super) fn report(state: &mut State, history: &mut History, subscription: String) {
    let Some(customer) = state.get::<Subscription>(&subscription).map(|row| row.customer.clone()) else { return };
    let value = state.rng.random_range(4_000..21_000);
    let payload =
        Metadata::from([("stripe_customer_id".to_owned(), customer.clone()), ("value".to_owned(), value.to_string())]);
    let (now, id) = (state.now, state.id("", 32));
    let (meter, event_name) = (METER.to_owned(), "deliveries".to_owned());
    state.put(MeterEvent { id, created: now, meter, event_name, customer, value, timestamp: now, payload });
    history.plan(now + 5 * DAY, Step::Use(subscription));
}

/// More seats from the next period on: what a schedule says.
pub(super) fn outlook(state: &mut State) {
    let has_seats = |row: &&Subscription| row.items.iter().any(|item| item.price == SEATS);
    let Some(row) = state.tables.subscriptions.oldest().find(has_seats).cloned() else { return };
    let phase = |start, end, quantity| Phase {
        start,
        end,
        currency: row.currency.clone(),
        items: vec![PhaseItem { price: SEATS.to_owned(), quantity, metadata: Metadata::new() }],
        proration_behavior: "create_prorations".to_owned(),
        description: None,
        metadata: Metadata::new(),
    };
    let end = time::after(row.period_end, Every::MONTH, 12);
    let id = "sub_sched_sandbox_fabrikam".to_owned();
    state.put(Schedule {
        id: id.clone(),
        created: state.now,
        customer: row.customer.clone(),
        status: "active".to_owned(),
        subscription: Some(row.id.clone()),
        released_subscription: None,
        phases: vec![phase(row.period_start, row.period_end, 18), phase(row.period_end, end, 26)],
        cancels: false,
        canceled_at: None,
        completed_at: None,
        released_at: None,
        end_told: false,
        metadata: Metadata::new(),
        flexible: row.flexible,
    });
    state.edit::<Subscription>(&row.id, |row| row.schedule = Some(id));
}
