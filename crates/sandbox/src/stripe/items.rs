//! `/v1/subscription_items`: one item of a subscription at a time.

use serde_json::{Value, json};

use super::api::find;
use super::errors::ApiError;
use super::form::Form;
use super::model::{Item, Subscription};
use super::state::State;
use super::{paging, render, subscriptions};

/// What is about the subscription, in a request about one of its items.
const TERMS: [&str; 3] = ["payment_behavior", "proration_behavior", "proration_date"];

pub(crate) fn list(state: &State, form: &Form) -> Result<Value, ApiError> {
    let id = form.need("subscription")?;
    let row = find::<Subscription>(state, id, "subscription")?;
    let mut page = form.clone();
    page.take("subscription");
    let url = format!("/v1/subscription_items?subscription={id}");
    paging::within(&page, &url, &row.items, |item| &item.id, |item| render::subscription_item(row, item, state))
}

fn owner<'a>(state: &'a State, id: &str) -> Result<(&'a Subscription, &'a Item), ApiError> {
    let of = |row: &'a Subscription| row.items.iter().find(|item| item.id == id).map(|item| (row, item));
    let mut running = state.tables.subscriptions.newest().filter(|row| row.alive());
    running.find_map(of).ok_or_else(|| ApiError::no_such("subscription_item", id, "id"))
}

pub(crate) fn get(state: &State, id: &str) -> Result<Value, ApiError> {
    let (row, item) = owner(state, id)?;
    Ok(render::subscription_item(row, item, state))
}

/// Changes the subscription by a wish about one item.
fn change(state: &mut State, subscription: &str, form: &Form, wish: &[(&str, &str)]) -> Result<(), ApiError> {
    let mut pairs: Vec<(String, &str)> =
        wish.iter().map(|(name, value)| (format!("items[0][{name}]"), *value)).collect();
    for name in ["price", "quantity"] {
        pairs.extend(form.text(name).map(|value| (format!("items[0][{name}]"), value)));
    }
    for name in TERMS {
        pairs.extend(form.text(name).map(|value| (name.to_owned(), value)));
    }
    let body = serde_urlencoded::to_string(pairs).unwrap_or_default();
    subscriptions::update(state, subscription, &Form::parse(body.as_bytes())?).map_err(|mut error| {
        // Here the parameter stands by itself.
        let own = |name: &str| Some(name.strip_prefix("items[")?.rsplit_once('[')?.1.trim_end_matches(']').to_owned());
        error.param = error.param.map(|name| own(&name).unwrap_or(name));
        error
    })?;
    Ok(())
}

pub(crate) fn create(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[&TERMS[..], &["subscription", "price", "quantity"]].concat())?;
    let id = form.need("subscription")?.to_owned();
    let price = form.need("price")?.to_owned();
    find::<Subscription>(state, &id, "subscription")?;
    change(state, &id, form, &[])?;
    let row = find::<Subscription>(state, &id, "subscription")?;
    let made = row.items.iter().find(|item| item.price == price);
    made.map(|item| render::subscription_item(row, item, state))
        .ok_or_else(|| ApiError::no_such("price", &price, "price"))
}

pub(crate) fn update(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&[&TERMS[..], &["price", "quantity"]].concat())?;
    let subscription = owner(state, id)?.0.id.clone();
    change(state, &subscription, form, &[("id", id)])?;
    get(state, id)
}

pub(crate) fn delete(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&TERMS)?;
    let subscription = owner(state, id)?.0.id.clone();
    change(state, &subscription, form, &[("id", id), ("deleted", "true")])?;
    Ok(json!({"id": id, "object": "subscription_item", "deleted": true}))
}
