//! `/v1/products` and `/v1/prices`.

use serde_json::Value;

use super::api::retrieve;
use super::errors::ApiError;
use super::form::Form;
use super::model::{Price, Product};
use super::paging;
use super::state::State;

pub(crate) fn products(state: &State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[&paging::NAMES[..], &["active", "ids"]].concat())?;
    let active = form.truth("active")?;
    let ids = form.texts("ids");
    paging::list(state, form, "/v1/products", |row: &Product| {
        active.is_none_or(|a| row.active == a) && (ids.is_empty() || ids.contains(&row.id.as_str()))
    })
}

pub(crate) fn product(state: &State, id: &str) -> Result<Value, ApiError> {
    retrieve::<Product>(state, id)
}

pub(crate) fn prices(state: &State, form: &Form) -> Result<Value, ApiError> {
    let own = ["active", "product", "currency", "type", "lookup_keys", "recurring"];
    form.only(&[&paging::NAMES[..], &own].concat())?;
    let active = form.truth("active")?;
    let (product, currency) = (form.text("product"), form.text("currency"));
    let interval = form.deep("recurring", "interval");
    let keys = form.texts("lookup_keys");
    let once = form.text("type") == Some("one_time");
    paging::list(state, form, "/v1/prices", |row: &Price| {
        !once
            && active.is_none_or(|a| row.active == a)
            && product.is_none_or(|p| row.product == p)
            && currency.is_none_or(|c| row.currency == c)
            && interval.is_none_or(|i| row.interval.word() == i)
            && (keys.is_empty() || row.lookup_key.as_deref().is_some_and(|key| keys.contains(&key)))
    })
}

pub(crate) fn price(state: &State, id: &str) -> Result<Value, ApiError> {
    retrieve::<Price>(state, id)
}
