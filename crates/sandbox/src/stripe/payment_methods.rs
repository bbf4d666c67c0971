//! `/v1/payment_methods`, and the test cards.

use serde_json::Value;

use super::api::{find, retrieve};
use super::customers::living;
use super::errors::ApiError;
use super::form::Form;
use super::model::{Customer, Metadata, PaymentMethod, Subscription};
use super::paging;
use super::state::State;

/// A card as typed into a hosted page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Card {
    pub number: String,
    pub exp_month: u8,
    pub exp_year: u16,
    pub name: Option<String>,
}

impl Card {
    /// Why the card is refused, if it is one of the test cards that are.
    pub(crate) fn declines(&self) -> Option<&'static str> {
        match self.number.as_str() {
            "4000000000000002" => Some("generic_decline"),
            "4000000000009995" => Some("insufficient_funds"),
            "4000000000000069" => Some("expired_card"),
            _ => None,
        }
    }

    /// Why charging the saved card will be refused: one test card can be saved and fails when charged.
    fn later(&self) -> Option<String> {
        (self.number == "4000000000000341").then(|| "generic_decline".to_owned())
    }

    fn brand(&self) -> &'static str {
        match self.number.as_bytes() {
            [b'5' | b'2', ..] => "mastercard",
            [b'3', b'4' | b'7', ..] => "amex",
            [b'3', b'5', ..] => "jcb",
            [b'6', ..] => "discover",
            _ => "visa",
        }
    }

    /// Whether the number could be one.
    pub(crate) fn plausible(&self) -> bool {
        let digits: Vec<u32> = self.number.chars().filter_map(|c| c.to_digit(10)).collect();
        if digits.len() != self.number.len() || !(12..=19).contains(&digits.len()) {
            return false;
        }
        let sum: u32 = digits
            .iter()
            .rev()
            .enumerate()
            .map(|(at, &digit)| match (at % 2, digit * 2) {
                (1, twice) if twice > 9 => twice - 9,
                (1, twice) => twice,
                _ => digit,
            })
            .sum();
        sum.is_multiple_of(10)
    }
}

/// Saves a card for a customer and tells it.
pub(crate) fn save(state: &mut State, customer: &str, card: &Card) -> String {
    let owner = state.get::<Customer>(customer).cloned();
    let id = state.id("pm_1", 23);
    let last4: String = card.number.chars().skip(card.number.chars().count().saturating_sub(4)).collect();
    let row = PaymentMethod {
        id: id.clone(),
        created: state.now,
        customer: Some(customer.to_owned()),
        brand: card.brand().to_owned(),
        last4,
        exp_month: card.exp_month,
        exp_year: card.exp_year,
        funding: "credit".to_owned(),
        country: owner.as_ref().and_then(|o| o.country.clone()),
        name: card.name.clone().or_else(|| owner.as_ref().and_then(|o| o.name.clone())),
        email: owner.and_then(|o| o.email),
        fingerprint: state.id("", 16),
        metadata: Metadata::new(),
        declines: card.later(),
    };
    state.create(row, "payment_method.attached");
    id
}

/// Makes a card the one a customer is charged with.
pub(crate) fn prefer(state: &mut State, customer: &str, card: &str) {
    state.change::<Customer>(customer, "customer.updated", |row| {
        row.default_payment_method = Some(card.to_owned());
    });
}

/// Takes a card away from its customer.
pub(crate) fn remove(state: &mut State, id: &str) {
    let Some(customer) = state.get::<PaymentMethod>(id).and_then(|row| row.customer.clone()) else {
        return;
    };
    state.change::<PaymentMethod>(id, "payment_method.detached", |row| row.customer = None);
    state.change::<Customer>(&customer, "customer.updated", |row| {
        if row.default_payment_method.as_deref() == Some(id) {
            row.default_payment_method = None;
        }
    });
    let using: Vec<String> = state
        .tables
        .subscriptions
        .newest()
        .filter(|s| s.default_payment_method.as_deref() == Some(id))
        .map(|s: &Subscription| s.id.clone())
        .collect();
    for subscription in using {
        state.change::<Subscription>(&subscription, "customer.subscription.updated", |row| {
            row.default_payment_method = None;
        });
    }
}

pub(crate) fn list(state: &State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[&paging::NAMES[..], &["customer", "type"]].concat())?;
    let customer = form.text("customer");
    if let Some(id) = customer {
        living(state, id, "customer")?;
    }
    cards(state, form, customer, "/v1/payment_methods")
}

pub(crate) fn of_customer(state: &State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&[&paging::NAMES[..], &["type", "allow_redisplay"]].concat())?;
    living(state, id, "id")?;
    cards(state, form, Some(id), &format!("/v1/customers/{id}/payment_methods"))
}

fn cards(state: &State, form: &Form, customer: Option<&str>, url: &str) -> Result<Value, ApiError> {
    let other = form.text("type").is_some_and(|kind| kind != "card");
    paging::list(state, form, url, |row: &PaymentMethod| {
        !other && row.customer.is_some() && (customer.is_none() || row.customer.as_deref() == customer)
    })
}

pub(crate) fn get(state: &State, id: &str) -> Result<Value, ApiError> {
    retrieve::<PaymentMethod>(state, id)
}

pub(crate) fn attach(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["customer"])?;
    let customer = form.need("customer")?.to_owned();
    living(state, &customer, "customer")?;
    // The provider's ready-made cards, such as pm_card_visa.
    let ready = match id {
        "pm_card_visa" => Some("4242424242424242"),
        "pm_card_mastercard" => Some("5555555555554444"),
        "pm_card_chargeCustomerFail" => Some("4000000000000341"),
        _ => None,
    };
    if let Some(number) = ready {
        let card = Card { number: number.to_owned(), exp_month: 12, exp_year: 2034, name: None };
        let id = save(state, &customer, &card);
        return retrieve::<PaymentMethod>(state, &id);
    }
    let row = find::<PaymentMethod>(state, id, "id")?;
    if row.customer.as_ref().is_some_and(|c| *c != customer) {
        return Err(ApiError::invalid("The payment method you provided has already been attached to a customer.")
            .of("payment_method"));
    }
    state.edit::<PaymentMethod>(id, |row| row.customer = Some(customer));
    state.announce::<PaymentMethod>(id, "payment_method.attached");
    retrieve::<PaymentMethod>(state, id)
}

pub(crate) fn detach(state: &mut State, id: &str) -> Result<Value, ApiError> {
    let row = find::<PaymentMethod>(state, id, "id")?;
    if row.customer.is_none() {
        return Err(ApiError::invalid(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
        )
        .of("payment_method"));
    }
    remove(state, id);
    retrieve::<PaymentMethod>(state, id)
}
