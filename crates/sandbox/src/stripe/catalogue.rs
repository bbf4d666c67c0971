//! `/v1/products`.

use serde_json::Value;

use super::api::{find, retrieve};
use super::errors::ApiError;
use super::form::Form;
use super::model::{Metadata, Price, Product};
use super::paging;
use super::state::{Row, State};

const SHOWN: [&str; 3] = ["statement_descriptor", "unit_label", "url"];
const FIELDS: [&str; 8] =
    ["name", "active", "description", "metadata", "images", "statement_descriptor", "unit_label", "url"];

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

/// An id that the caller gave, or one of ours.
pub(crate) fn chosen_id<T: Row>(state: &mut State, form: &Form, prefix: &str) -> Result<String, ApiError> {
    match form.text("id") {
        Some(id) if state.get::<T>(id).is_some() => {
            let message = format!("{} already exists.", T::KIND);
            Err(ApiError::invalid(message).of("id").code("resource_already_exists"))
        }
        Some(id) => Ok(id.to_owned()),
        None => Ok(state.id(prefix, 14)),
    }
}

pub(crate) fn create(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[&FIELDS[..], &["id"]].concat())?;
    form.need("name")?;
    let id = make(state, form)?;
    retrieve::<Product>(state, &id)
}

/// Makes a product of what a form says of one.
pub(crate) fn make(state: &mut State, form: &Form) -> Result<String, ApiError> {
    let mut row = Product {
        id: chosen_id::<Product>(state, form, "prod_")?,
        created: state.now,
        updated: state.now,
        name: String::new(),
        description: None,
        active: true,
        default_price: None,
        metadata: Metadata::new(),
        shown: serde_json::Map::new(),
    };
    fill(&mut row, form)?;
    let id = row.id.clone();
    state.create(row, "product.created");
    Ok(id)
}

fn fill(row: &mut Product, form: &Form) -> Result<(), ApiError> {
    if let Some(name) = form.text("name") {
        name.clone_into(&mut row.name);
    }
    if let Some(active) = form.truth("active")? {
        row.active = active;
    }
    if form.has("description") {
        row.description = form.text("description").map(str::to_owned);
    }
    for name in SHOWN.into_iter().filter(|name| form.has(name)) {
        row.shown.insert(name.to_owned(), form.text(name).into());
    }
    if form.has("images") {
        row.shown.insert("images".to_owned(), form.texts("images").into());
    }
    form.merge_metadata(&mut row.metadata);
    Ok(())
}

pub(crate) fn update(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&[&FIELDS[..], &["default_price"]].concat())?;
    let mut row = find::<Product>(state, id, "id")?.clone();
    if let Some(price) = form.text("default_price") {
        if find::<Price>(state, price, "default_price")?.product != id {
            return Err(ApiError::no_such("price", price, "default_price"));
        }
        row.default_price = Some(price.to_owned());
    } else if form.has("default_price") {
        row.default_price = None;
    }
    fill(&mut row, form)?;
    row.updated = state.now;
    state.change::<Product>(id, "product.updated", |old| *old = row);
    retrieve::<Product>(state, id)
}
