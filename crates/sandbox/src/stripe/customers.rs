//! `/v1/customers`.

use serde_json::{Map, Value, json};

use super::api::{find, retrieve};
use super::billing;
use super::errors::ApiError;
use super::form::Form;
use super::model::{Customer, PaymentMethod, Subscription};
use super::paging;
use super::sources;
use super::state::State;

const FIELDS: [&str; 14] = [
    "name",
    "email",
    "phone",
    "description",
    "metadata",
    "balance",
    "address",
    "preferred_locales",
    "invoice_settings",
    "invoice_prefix",
    "tax_exempt",
    "shipping",
    "next_invoice_sequence",
    "source",
];

/// A customer that is not deleted.
pub(crate) fn living<'a>(state: &'a State, id: &str, param: &str) -> Result<&'a Customer, ApiError> {
    find::<Customer>(state, id, param)
        .and_then(|row| if row.deleted { Err(ApiError::no_such("customer", id, param)) } else { Ok(row) })
}

pub(crate) fn list(state: &State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[&paging::NAMES[..], &["email"]].concat())?;
    let email = form.text("email");
    paging::list(state, form, "/v1/customers", |row: &Customer| {
        !row.deleted && (email.is_none() || row.email.as_deref() == email)
    })
}

pub(crate) fn get(state: &State, id: &str) -> Result<Value, ApiError> {
    retrieve::<Customer>(state, id)
}

/// A customer with nothing but an id.
pub(crate) fn blank(state: &mut State) -> Customer {
    Customer {
        id: state.id("cus_", 14),
        created: state.now,
        name: None,
        email: None,
        phone: None,
        description: None,
        country: None,
        city: None,
        currency: None,
        locale: None,
        balance: 0,
        delinquent: false,
        default_payment_method: None,
        default_source: None,
        invoice_prefix: state.id("", 8).to_uppercase(),
        next_invoice_sequence: 1,
        metadata: super::model::Metadata::new(),
        deleted: false,
        discount: None,
        shown: Map::new(),
    }
}

pub(crate) fn create(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    form.only(&FIELDS)?;
    let mut row = blank(state);
    fill(state, &mut row, form)?;
    let id = row.id.clone();
    state.create(row, "customer.created");
    if let Some(source) = form.text("source") {
        sources::attach(state, &id, source, true)?;
    }
    retrieve::<Customer>(state, &id)
}

pub(crate) fn update(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&[&FIELDS[..], &["default_source"]].concat())?;
    let mut row = living(state, id, "id")?.clone();
    fill(state, &mut row, form)?;
    if let Some(source) = form.text("default_source") {
        sources::theirs(state, id, source).map_err(|_| ApiError::no_such("source", source, "default_source"))?;
        row.default_source = Some(source.to_owned());
    }
    state.change::<Customer>(id, "customer.updated", |old| *old = row);
    if let Some(source) = form.text("source") {
        sources::attach(state, id, source, true)?;
    }
    retrieve::<Customer>(state, id)
}

fn fill(state: &State, row: &mut Customer, form: &Form) -> Result<(), ApiError> {
    for (name, field) in [
        ("name", &mut row.name),
        ("email", &mut row.email),
        ("phone", &mut row.phone),
        ("description", &mut row.description),
    ] {
        if form.has(name) {
            *field = form.text(name).map(str::to_owned);
        }
    }
    if row.email.as_ref().is_some_and(|e| !e.contains('@')) {
        let given = row.email.take().unwrap_or_default();
        return Err(ApiError::invalid(format!("Invalid email address: {given}")).of("email").code("email_invalid"));
    }
    if let Some(source) = form.text("source") {
        sources::known(state, source)?;
    }
    addresses(row, form)?;
    if form.has("preferred_locales") {
        row.shown.insert("preferred_locales".to_owned(), form.texts("preferred_locales").into());
    }
    if let Some(word) = form.word("tax_exempt", &["exempt", "none", "reverse"])? {
        row.shown.insert("tax_exempt".to_owned(), word.into());
    }
    if let Some(prefix) = form.text("invoice_prefix") {
        let sound = (3..=12).contains(&prefix.len())
            && prefix.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !sound {
            let message = "Invalid invoice prefix: it must be 3 to 12 uppercase letters or numbers.";
            return Err(ApiError::invalid(message).of("invoice_prefix"));
        }
        prefix.clone_into(&mut row.invoice_prefix);
    }
    if let Some(next) = form.int("next_invoice_sequence")? {
        row.next_invoice_sequence = u32::try_from(next).map_err(|_| {
            ApiError::invalid("This value must be greater than or equal to 0.").of("next_invoice_sequence")
        })?;
    }
    form.only_in("invoice_settings", &["default_payment_method"])?;
    if let Some(balance) = form.int("balance")? {
        row.balance = balance;
    }
    if let Some(settings) = form.parts("invoice_settings")
        && settings.has("default_payment_method")
    {
        let card = settings.text("default_payment_method");
        if let Some(card) = card {
            let found = find::<PaymentMethod>(state, card, "invoice_settings[default_payment_method]")?;
            if found.customer.as_deref() != Some(row.id.as_str()) {
                return Err(ApiError::invalid(format!(
                        "The customer does not have a payment method with the ID {card}. The payment method must be attached to the customer."
                    ))
                    .of("invoice_settings[default_payment_method]")
                    .code("resource_missing"));
            }
        }
        row.default_payment_method = card.map(str::to_owned);
    }
    form.merge_metadata(&mut row.metadata);
    Ok(())
}

const ADDRESS: [&str; 6] = ["city", "country", "line1", "line2", "postal_code", "state"];

/// An address is replaced as a whole; an empty text takes it away.
fn addresses(row: &mut Customer, form: &Form) -> Result<(), ApiError> {
    form.only_in("address", &ADDRESS)?;
    form.only_in("shipping", &["address", "name", "phone"])?;
    if form.has("address") {
        let address = form.parts("address").map(|parts| parts.object(&ADDRESS));
        row.country = form.deep("address", "country").map(str::to_owned);
        row.city = form.deep("address", "city").map(str::to_owned);
        row.shown.insert("address".to_owned(), address.into());
    }
    if form.has("shipping") {
        let shipping = form.parts("shipping").map(|parts| {
            parts.only_in("address", &ADDRESS)?;
            let mut shipping = parts.object(&["name", "phone"]);
            shipping["address"] = parts.parts("address").map(|address| address.object(&ADDRESS)).into();
            Ok(shipping)
        });
        row.shown.insert("shipping".to_owned(), shipping.transpose()?.into());
    }
    Ok(())
}

pub(crate) fn delete(state: &mut State, id: &str) -> Result<Value, ApiError> {
    living(state, id, "id")?;
    let subscriptions: Vec<String> = state
        .tables
        .subscriptions
        .newest()
        .filter(|s| s.customer == id && s.status != "canceled")
        .map(|s: &Subscription| s.id.clone())
        .collect();
    for subscription in subscriptions {
        billing::end(state, &subscription, "cancellation_requested");
    }
    state.announce::<Customer>(id, "customer.deleted");
    state.edit::<Customer>(id, |row| row.deleted = true);
    Ok(json!({"id": id, "object": "customer", "deleted": true}))
}
