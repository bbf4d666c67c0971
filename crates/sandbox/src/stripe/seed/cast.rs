//! The plans on sale, and the people who come to buy them.

use rand::Rng;

use super::names::{PLACES, Place};
use crate::stripe::customers;
use crate::stripe::model::{Customer, Every, Interval, Metadata, Price, Product};
use crate::stripe::payment_methods::Card;
use crate::stripe::prices;
use crate::stripe::state::State;

/// The plans: name, what it is, limits, and the monthly price in euros, dollars and yen.
const PLANS: [(&str, &str, [u32; 2], [i64; 3]); 3] = [
    ("Starter", "For one person with a few hooks", [3, 10_000], [1_900, 2_100, 2_900]),
    ("Growth", "For a team that relies on its hooks", [15, 250_000], [9_900, 10_900, 14_800]),
    ("Scale", "For many teams and much traffic", [100, 5_000_000], [34_900, 38_900, 52_000]),
];
const CURRENCIES: [&str; 3] = ["eur", "usd", "jpy"];
/// Metadata that says whether customers may choose a product or a price.
const ON_OFFER: &str = "patchbay_plan";
/// A product that nobody can buy.
const INTERNAL: &str = "prod_sandbox_internal";

pub(super) fn plans(state: &mut State) {
    for (name, description, [seats, events], amounts) in PLANS {
        let id = state.id("prod_", 14);
        let now = state.now;
        let mut default_price = None;
        for (currency, monthly) in CURRENCIES.into_iter().zip(amounts) {
            for (interval, word, months) in [(Interval::Month, "monthly", 1), (Interval::Year, "yearly", 10)] {
                let price = state.id("price_1", 23);
                if interval == Interval::Month && currency == "eur" {
                    default_price = Some(price.clone());
                }
                state.put(Price {
                    created: now,
                    lookup_key: Some(format!("{}_{word}_{currency}", name.to_lowercase())),
                    nickname: Some(format!("{name} {word}")),
                    ..prices::plain(price, &id, currency, monthly * months, Every { interval, count: 1 })
                });
            }
        }
        let metadata =
            [("limit_seats", seats.to_string()), ("limit_events", events.to_string()), (ON_OFFER, "true".to_owned())]
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect();
        state.put(Product {
            id,
            created: now,
            updated: now,
            name: name.to_owned(),
            description: Some(description.to_owned()),
            active: true,
            default_price,
            metadata,
            shown: serde_json::Map::new(),
        });
    }
    if state.account.is_none() {
        internal(state);
    }
}

/// What an account has beside its plans: prices that no customer may choose. Their ids are not drawn, so that the rest of
/// the history does not depend on them.
fn internal(state: &mut State) {
    let now = state.now;
    let growth = state.tables.products.oldest().nth(1).map(|product| product.id.clone()).unwrap_or_default();
    let hidden = Metadata::from([(ON_OFFER.to_owned(), "false".to_owned())]);
    let price = |id: &str, product: &str, unit_amount, nickname: &str, metadata| Price {
        created: now,
        nickname: Some(nickname.to_owned()),
        metadata,
        ..prices::plain(id.to_owned(), product, "eur", unit_amount, Every::MONTH)
    };
    state.put(price("price_sandbox_friends", &growth, 0, "Growth for friends", hidden));
    state.put(price("price_sandbox_staff", INTERNAL, 0, "Own use", Metadata::new()));
    state.put(price("price_sandbox_partner", INTERNAL, 100, "Partner", Metadata::new()));
    state.put(Product {
        id: INTERNAL.to_owned(),
        created: now,
        updated: now,
        name: "Internal".to_owned(),
        description: Some("For ourselves and our partners".to_owned()),
        active: true,
        default_price: Some("price_sandbox_staff".to_owned()),
        metadata: Metadata::new(),
        shown: serde_json::Map::new(),
    });
}

/// The price of a plan by its number.
pub(crate) fn price_of(state: &State, plan: usize, currency: &str, every: Every) -> Option<Price> {
    let product = &state.tables.products.oldest().take(PLANS.len()).nth(plan)?.id;
    state
        .tables
        .prices
        .oldest()
        .find(|p| p.product == *product && p.currency == currency && p.every() == Some(every))
        .cloned()
}

/// The product of the largest plan.
pub(crate) fn top_plan(state: &State) -> Option<&String> {
    state.tables.products.oldest().nth(PLANS.len() - 1).map(|product| &product.id)
}

/// Which plan a price belongs to, by its number.
pub(super) fn plan_of(state: &State, price: &str) -> Option<usize> {
    let product = &state.get::<Price>(price)?.product;
    state.tables.products.oldest().position(|p| p.id == *product)
}

pub(super) fn pick<'a, T>(state: &mut State, from: &'a [T]) -> &'a T {
    &from[state.rng.random_range(0..from.len())]
}

fn place(state: &mut State) -> &'static Place {
    let whole: u32 = PLACES.iter().map(|p| p.weight).sum();
    let mut at = state.rng.random_range(0..whole);
    for place in PLACES {
        if at < place.weight {
            return place;
        }
        at -= place.weight;
    }
    &PLACES[0]
}

/// A new customer with a name from somewhere, and the currency they pay in.
pub(crate) fn newcomer(state: &mut State) -> (Customer, &'static str) {
    let from = place(state);
    let mut row = customers::blank(state);
    let (given, family) = (pick(state, from.given), pick(state, from.family));
    let person = match (from.family_first, from.locale) {
        (true, _) => format!("{family}{given}"),
        (false, _) => format!("{given} {family}"),
    };
    let name = if state.rng.random_bool(0.45) { (*pick(state, from.companies)).to_owned() } else { person };
    // Addresses are plain letters whatever the name is written in.
    let box_name = pick(state, &["hello", "billing", "accounts", "office", "team", "kontakt", "contact"]);
    let host = state.id("", 6).to_lowercase();
    row.email = Some(format!("{box_name}@{host}.{}.example", from.country.to_lowercase()));
    row.name = Some(name);
    row.country = Some(from.country.to_owned());
    row.city = Some((*pick(state, from.cities)).to_owned());
    row.locale = Some(from.locale.to_owned());
    let seats = state.rng.random_range(1..12_u32);
    let events = state.rng.random_range(0..20_000_u32);
    row.metadata.insert("usage_seats".to_owned(), seats.to_string());
    row.metadata.insert("usage_events".to_owned(), events.to_string());
    if state.rng.random_bool(0.8) {
        let organisation = state.id("org_", 20);
        row.metadata.insert("organisation_id".to_owned(), organisation);
    }
    (row, from.currency)
}

/// A card of one of the usual brands.
pub(crate) fn some_card(state: &mut State, year: u16) -> Card {
    const NUMBERS: [&str; 5] =
        ["4242424242424242", "4000056655665556", "5555555555554444", "378282246310005", "3566002020360505"];
    Card {
        number: (*pick(state, &NUMBERS)).to_owned(),
        exp_month: state.rng.random_range(1..=12),
        exp_year: year + state.rng.random_range(2..=5),
        name: None,
        confirmed: false,
    }
}

pub(super) fn year(state: &State) -> u16 {
    u16::try_from(crate::stripe::time::date(state.now).year()).unwrap_or(2026)
}
