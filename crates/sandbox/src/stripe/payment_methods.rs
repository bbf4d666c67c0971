//! `/v1/payment_methods`, and the test cards.

use serde_json::Value;

use super::api::{find, retrieve};
use super::customers::living;
use super::errors::{self, ApiError};
use super::form::Form;
use super::model::{Confirms, Customer, Legacy, Metadata, PaymentMethod, Subscription};
use super::state::State;
use super::{paging, time};

/// A card as typed into a hosted page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Card {
    pub number: String,
    pub exp_month: u8,
    pub exp_year: u16,
    pub name: Option<String>,
    /// Its owner has confirmed to the bank that it may be saved.
    pub confirmed: bool,
}

impl Card {
    /// Why the card is refused, if it is one of the test cards that are.
    fn declines(&self) -> Option<&'static str> {
        match self.number.as_str() {
            "4000000000000002" => Some("generic_decline"),
            "4000000000009995" => Some("insufficient_funds"),
            "4000000000000069" => Some("expired_card"),
            _ => None,
        }
    }

    /// Why charging the saved card will be refused: these test cards can be saved and fail when charged.
    pub(crate) fn later(&self) -> Option<&'static str> {
        match self.number.as_str() {
            "4000000000000341" => Some("generic_decline"),
            "4000008260003178" => Some("insufficient_funds"),
            _ => None,
        }
    }

    /// Which payments its bank asks about.
    pub(crate) fn confirms(&self) -> Option<Confirms> {
        match self.number.as_str() {
            "4000002500003155" if self.confirmed => Some(Confirms::WhenThere),
            "4000002500003155" => Some(Confirms::UntilSetUp),
            "4000003800000446" => Some(Confirms::WhenThere),
            "4000002760003184" | "4000008260003178" | "4000000000003220" => Some(Confirms::Every),
            _ => None,
        }
    }

    /// What is wrong with it before any bank is asked, or what its bank says at once.
    pub(crate) fn mistake(&self, now: i64) -> Option<&'static str> {
        let today = time::date(now);
        let this_month = (i32::from(today.year()), i32::from(today.month()));
        let past = (i32::from(self.exp_year), i32::from(self.exp_month)) < this_month;
        if !self.plausible() {
            return Some("Your card number is invalid.");
        }
        if past || !(1..=12).contains(&self.exp_month) {
            return Some("Your card's expiration date is in the past.");
        }
        self.declines().map(errors::decline_message)
    }

    /// Whether its owner is to be asked before it is saved on a page.
    pub(crate) fn wants_confirmation(&self) -> bool {
        !self.confirmed && self.confirms().is_some()
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
    fn plausible(&self) -> bool {
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

/// A card that is nobody's yet.
pub(crate) fn draft(state: &mut State, card: &Card) -> PaymentMethod {
    let last4: String = card.number.chars().skip(card.number.chars().count().saturating_sub(4)).collect();
    PaymentMethod {
        id: state.id("pm_1", 23),
        created: state.now,
        customer: None,
        brand: card.brand().to_owned(),
        last4,
        exp_month: card.exp_month,
        exp_year: card.exp_year,
        funding: "credit".to_owned(),
        country: None,
        name: card.name.clone(),
        email: None,
        fingerprint: state.id("", 16),
        metadata: Metadata::new(),
        declines: card.later().map(str::to_owned),
        confirms: card.confirms(),
        debit: false,
        legacy: None,
        expiry_told: false,
    }
}

/// Saves a card for a customer and tells it.
pub(crate) fn save(state: &mut State, customer: &str, card: &Card) -> String {
    let owner = state.get::<Customer>(customer).cloned();
    let mut row = draft(state, card);
    let id = row.id.clone();
    row.customer = Some(customer.to_owned());
    if let Some(owner) = owner {
        row.country = owner.country;
        row.name = row.name.or(owner.name);
        row.email = owner.email;
    }
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
    living(state, id, "customer").map_err(ApiError::not_found)?;
    cards(state, form, Some(id), &format!("/v1/customers/{id}/payment_methods"))
}

fn cards(state: &State, form: &Form, customer: Option<&str>, url: &str) -> Result<Value, ApiError> {
    let kind = form.text("type");
    paging::list(state, form, url, |row: &PaymentMethod| {
        kind.is_none_or(|kind| kind == row.word())
            && row.legacy != Some(Legacy::BankAccount)
            && row.customer.is_some()
            && (customer.is_none() || row.customer.as_deref() == customer)
    })
}

pub(crate) fn get(state: &State, id: &str) -> Result<Value, ApiError> {
    no_bank_account(id)?;
    retrieve::<PaymentMethod>(state, id)
}

/// Cards and sources of cards pass for payment methods, bank accounts do not.
fn no_bank_account(id: &str) -> Result<(), ApiError> {
    if id.starts_with(Legacy::BankAccount.prefix()) {
        Err(ApiError::no_such("PaymentMethod", id, "id"))
    } else {
        Ok(())
    }
}

/// `GET /v1/customers/{id}/payment_methods/{id}`.
pub(crate) fn get_of_customer(state: &State, customer: &str, id: &str) -> Result<Value, ApiError> {
    living(state, customer, "customer").map_err(ApiError::not_found)?;
    let row = find::<PaymentMethod>(state, id, "id")?;
    let theirs = row.customer.as_deref() == Some(customer);
    if theirs { get(state, id) } else { Err(ApiError::no_such("PaymentMethod", id, "id")) }
}

/// `POST /v1/payment_methods/{id}`: what may change of a card.
pub(crate) fn update(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    no_bank_account(id)?;
    form.only(&["card", "metadata"])?;
    form.only_in("card", &["exp_month", "exp_year"])?;
    let row = find::<PaymentMethod>(state, id, "id")?;
    if row.debit && form.has("card") {
        return Err(ApiError::unknown("card"));
    }
    if row.customer.is_none() {
        let message = "The PaymentMethod must be attached to a customer before it can be updated.";
        return Err(ApiError::invalid(message).of("payment_method"));
    }
    let nothing = Form::default();
    let card = form.parts("card").unwrap_or(&nothing);
    let (month, year) = (card.within("exp_month", 1..=12)?, card.within("exp_year", 2000..=2100)?);
    state.change::<PaymentMethod>(id, "payment_method.updated", |row| {
        row.expires(month, year);
        form.merge_metadata(&mut row.metadata);
    });
    retrieve::<PaymentMethod>(state, id)
}

/// The bank replaces a card that ends by one that lasts three years longer: networks tell, and nobody has to type it in.
pub(crate) fn replace(state: &mut State, id: &str) {
    let last4 = state.id("", 16);
    let last4: String = last4.bytes().take(4).map(|letter| char::from(b'0' + letter % 10)).collect();
    state.change::<PaymentMethod>(id, "payment_method.automatically_updated", |row| {
        row.exp_year += 3;
        row.last4 = last4;
    });
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
        "pm_card_authenticationRequired" => Some("4000002760003184"),
        "pm_card_authenticationRequiredOnSetup" => Some("4000002500003155"),
        "pm_card_authenticationRequiredSetupForOffSession" => Some("4000003800000446"),
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds" => Some("4000008260003178"),
        "pm_card_threeDSecure2Required" => Some("4000000000003220"),
        _ => None,
    };
    if let Some(number) = ready {
        let card = Card { number: number.to_owned(), exp_month: 12, exp_year: 2034, ..Card::default() };
        let id = save(state, &customer, &card);
        return retrieve::<PaymentMethod>(state, &id);
    }
    no_bank_account(id)?;
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
    if row.legacy.is_some() {
        let message = "The sandbox takes cards and sources away through /v1/customers/{id}/sources.";
        return Err(ApiError::invalid(message).of("payment_method"));
    }
    if row.customer.is_none() {
        return Err(ApiError::invalid(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
        )
        .of("payment_method"));
    }
    remove(state, id);
    retrieve::<PaymentMethod>(state, id)
}
