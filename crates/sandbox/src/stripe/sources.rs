//! Cards, bank accounts and sources: what customers were charged with before there were payment methods.

use serde_json::{Value, json};

use super::api::find;
use super::customers::living;
use super::errors::ApiError;
use super::form::Form;
use super::model::{Customer, Legacy, PaymentMethod};
use super::payment_methods::{Card, draft};
use super::state::State;
use super::{paging, time};

/// The provider's ready-made tokens, by what they stand for.
const TOKENS: [(&str, Legacy, &str); 6] = [
    ("tok_visa", Legacy::Card, "4242424242424242"),
    ("tok_mastercard", Legacy::Card, "5555555555554444"),
    ("tok_amex", Legacy::Card, "378282246310005"),
    ("tok_jcb", Legacy::Card, "3566002020360505"),
    ("tok_chargeCustomerFail", Legacy::Card, "4000000000000341"),
    ("btok_us_verified", Legacy::BankAccount, "000123456789"),
];

/// The old objects of a customer.
fn of<'a>(state: &'a State, customer: &'a str) -> impl Iterator<Item = &'a PaymentMethod> {
    let all = state.tables.payment_methods.newest();
    all.filter(move |row| row.legacy.is_some() && row.customer.as_deref() == Some(customer))
}

/// The first of a customer's sources, as a member of the customer.
pub(crate) fn all_of(state: &State, customer: &str) -> Value {
    let mut found: Vec<Value> = of(state, customer).map(render).collect();
    let total = found.len();
    found.truncate(10);
    let mut list = super::render::list(&format!("/v1/customers/{customer}/sources"), found, total > 10);
    list["total_count"] = total.into();
    list
}

/// What a customer has under this id.
pub(crate) fn theirs<'a>(state: &'a State, customer: &str, id: &str) -> Result<&'a PaymentMethod, ApiError> {
    let row = state.get::<PaymentMethod>(id).filter(|row| row.legacy.is_some());
    row.filter(|row| row.customer.as_deref() == Some(customer)).ok_or_else(|| ApiError::no_such("source", id, "id"))
}

/// `GET /v1/customers/{id}/sources`.
pub(crate) fn list(state: &State, customer: &str, form: &Form) -> Result<Value, ApiError> {
    living(state, customer, "customer").map_err(ApiError::not_found)?;
    form.only(&["limit", "starting_after", "ending_before", "object"])?;
    let wanted = form.word("object", &["bank_account", "card", "source"])?;
    let (rows, more) = paging::rows(state, form, |row: &PaymentMethod| {
        let kind = row.legacy.map(Legacy::word);
        kind.is_some() && wanted.is_none_or(|word| kind == Some(word)) && row.customer.as_deref() == Some(customer)
    })?;
    let data = rows.into_iter().map(render).collect();
    Ok(super::render::list(&format!("/v1/customers/{customer}/sources"), data, more))
}

/// `GET /v1/customers/{id}/sources/{id}`.
pub(crate) fn get(state: &State, customer: &str, id: &str) -> Result<Value, ApiError> {
    living(state, customer, "customer").map_err(ApiError::not_found)?;
    theirs(state, customer, id).map(render)
}

/// `POST /v1/customers/{id}/sources`.
pub(crate) fn create(state: &mut State, customer: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["source", "metadata"])?;
    living(state, customer, "customer").map_err(ApiError::not_found)?;
    let given = form.need("source")?;
    known(state, given)?;
    let id = attach(state, customer, given, false)?;
    state.edit::<PaymentMethod>(&id, |row| form.merge_metadata(&mut row.metadata));
    theirs(state, customer, &id).map(render)
}

/// Whether a token, or a source of nobody's, is there to be attached.
pub(crate) fn known(state: &State, given: &str) -> Result<(), ApiError> {
    if TOKENS.iter().any(|(token, ..)| *token == given) {
        return Ok(());
    }
    let free = |row: &&PaymentMethod| row.legacy == Some(Legacy::Source) && row.customer.is_none();
    match state.get::<PaymentMethod>(given).filter(free) {
        Some(_) => Ok(()),
        None if given.starts_with("src_") => Err(ApiError::no_such("source", given, "source")),
        None => Err(ApiError::no_such("token", given, "source")),
    }
}

/// Gives a customer what a token or a source stands for; the first, and one that `replaces`, is what they are charged with.
pub(crate) fn attach(state: &mut State, customer: &str, given: &str, replaces: bool) -> Result<String, ApiError> {
    known(state, given)?;
    let id = match TOKENS.iter().find(|(token, ..)| *token == given) {
        Some((_, kind, number)) => make(state, *kind, number),
        None => given.to_owned(),
    };
    state.edit::<PaymentMethod>(&id, |row| row.customer = Some(customer.to_owned()));
    tell(state, &id, "customer.source.created");
    state.change::<Customer>(customer, "customer.updated", |row| {
        if replaces || row.default_source.is_none() {
            row.default_source = Some(id.clone());
        }
    });
    Ok(id)
}

/// `POST /v1/sources`: a card that belongs to nobody yet.
pub(crate) fn create_free(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    form.only(&["type", "token", "metadata"])?;
    form.need("type")?;
    form.word("type", &["card"])?;
    let token = form.need("token")?;
    let card = TOKENS.iter().find(|(known, kind, _)| *known == token && *kind == Legacy::Card);
    let (.., number) = card.ok_or_else(|| ApiError::no_such("token", token, "token"))?;
    let id = make(state, Legacy::Source, number);
    state.edit::<PaymentMethod>(&id, |row| row.metadata = form.metadata());
    tell(state, &id, "source.chargeable");
    find::<PaymentMethod>(state, &id, "id").map(render)
}

/// `GET /v1/sources/{id}`.
pub(crate) fn get_free(state: &State, id: &str) -> Result<Value, ApiError> {
    let row = state.get::<PaymentMethod>(id).filter(|row| row.legacy == Some(Legacy::Source));
    row.map(render).ok_or_else(|| ApiError::no_such("source", id, "id"))
}

fn make(state: &mut State, kind: Legacy, number: &str) -> String {
    let year = u16::try_from(time::date(state.now).year()).unwrap_or(2026) + 4;
    let card = Card { number: number.to_owned(), exp_month: 8, exp_year: year, ..Card::default() };
    let mut row = draft(state, &card);
    row.id = state.id(kind.prefix(), 24);
    row.legacy = Some(kind);
    if kind == Legacy::BankAccount {
        "STRIPE TEST BANK".clone_into(&mut row.brand);
        row.country = Some("US".to_owned());
    }
    let id = row.id.clone();
    state.put(row);
    id
}

/// `POST /v1/customers/{id}/sources/{id}`.
pub(crate) fn update(state: &mut State, customer: &str, id: &str, form: &Form) -> Result<Value, ApiError> {
    let row = theirs(state, customer, id)?;
    let own: &[&str] = match row.legacy {
        Some(Legacy::Card) => &["exp_month", "exp_year", "name", "metadata"],
        _ => &["metadata"],
    };
    form.only(own)?;
    let before = render(row);
    let (month, year) = (form.within("exp_month", 1..=12)?, form.within("exp_year", 2000..=2100)?);
    state.edit::<PaymentMethod>(id, |row| {
        row.expires(month, year);
        if form.has("name") {
            row.name = form.text("name").map(str::to_owned);
        }
        form.merge_metadata(&mut row.metadata);
    });
    let after = theirs(state, customer, id).map(render)?;
    if let Some(previous) = super::events::difference(&before, &after) {
        super::events::emit(state, "customer.source.updated", after.clone(), Some(previous));
    }
    Ok(after)
}

/// `DELETE /v1/customers/{id}/sources/{id}`. A source that was reusable stays, and belongs to nobody.
pub(crate) fn delete(state: &mut State, customer: &str, id: &str) -> Result<Value, ApiError> {
    let row = theirs(state, customer, id)?.clone();
    tell(state, id, "customer.source.deleted");
    state.edit::<PaymentMethod>(id, |row| row.customer = None);
    let next = of(state, customer).next().map(|row| row.id.clone());
    state.change::<Customer>(customer, "customer.updated", |owner| {
        if owner.default_source.as_deref() == Some(id) {
            owner.default_source = next;
        }
    });
    match row.legacy {
        Some(kind @ (Legacy::Card | Legacy::BankAccount)) => {
            state.remove::<PaymentMethod>(id);
            Ok(json!({"id": id, "object": kind.word(), "deleted": true}))
        }
        _ => get_free(state, id),
    }
}

/// Tells of the cards that end with this month, once.
pub(crate) fn expiring(state: &mut State) {
    let today = time::date(state.now);
    let ends = |row: &&PaymentMethod| {
        row.legacy == Some(Legacy::Card)
            && row.customer.is_some()
            && !row.expiry_told
            && (i32::from(row.exp_year), i32::from(row.exp_month))
                == (i32::from(today.year()), i32::from(today.month()))
    };
    let found: Vec<String> = state.tables.payment_methods.oldest().filter(ends).map(|row| row.id.clone()).collect();
    for id in found {
        state.edit::<PaymentMethod>(&id, |row| row.expiry_told = true);
        tell(state, &id, "customer.source.expiring");
    }
}

fn tell(state: &mut State, id: &str, event: &str) {
    if let Some(object) = state.get::<PaymentMethod>(id).map(render) {
        super::events::emit(state, event, object, None);
    }
}

/// The object as it was before payment methods.
pub(crate) fn render(row: &PaymentMethod) -> Value {
    let mut whole = match row.legacy {
        Some(Legacy::BankAccount) => json!({
            "object": "bank_account", "account_holder_name": row.name, "account_holder_type": "individual", "account_type": null,
            "bank_name": row.brand, "country": row.country, "currency": "usd", "fingerprint": row.fingerprint, "last4": row.last4,
            "routing_number": "110000000", "status": "verified",
        }),
        Some(Legacy::Source) => json!({
            "object": "source", "amount": null, "card": details(row), "client_secret": format!("{}_secret_sandbox", row.id),
            "created": row.created, "currency": null, "flow": "none", "livemode": false,
            "owner": {
                "address": null, "email": row.email, "name": row.name, "phone": null, "verified_address": null,
                "verified_email": null, "verified_name": null, "verified_phone": null
            },
            "statement_descriptor": null, "status": "chargeable", "type": "card", "usage": "reusable",
        }),
        _ => {
            let mut card = details(row);
            card["object"] = "card".into();
            card
        }
    };
    whole["id"] = row.id.clone().into();
    whole["metadata"] = json!(row.metadata);
    // A source of nobody's does not have the member.
    if row.customer.is_some() || row.legacy != Some(Legacy::Source) {
        whole["customer"] = row.customer.clone().into();
    }
    whole
}

fn details(row: &PaymentMethod) -> Value {
    let brand = match row.brand.as_str() {
        "amex" => "American Express",
        "mastercard" => "MasterCard",
        "jcb" => "JCB",
        "discover" => "Discover",
        _ => "Visa",
    };
    json!({
        "address_city": null, "address_country": null, "address_line1": null, "address_line1_check": null, "address_line2": null,
        "address_state": null, "address_zip": null, "address_zip_check": null, "brand": brand, "country": row.country,
        "cvc_check": "pass", "dynamic_last4": null, "exp_month": row.exp_month, "exp_year": row.exp_year,
        "fingerprint": row.fingerprint, "funding": row.funding, "last4": row.last4, "name": row.name,
        "regulated_status": "unregulated", "tokenization_method": null, "wallet": null,
    })
}
