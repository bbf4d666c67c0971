//! What can be deleted beside customers: products, plans, drafts of invoices. Asked for again, they are missing.

use serde_json::{Value, json};

use super::api::find;
use super::errors::ApiError;
use super::model::{Invoice, Price, Product};
use super::state::{Row, State};

fn gone<T: Row>(state: &mut State, id: &str, event: &str, object: &str) -> Value {
    state.announce::<T>(id, event);
    state.remove::<T>(id);
    json!({"id": id, "object": object, "deleted": true})
}

/// `DELETE /v1/products/{id}`.
pub(crate) fn product(state: &mut State, id: &str) -> Result<Value, ApiError> {
    find::<Product>(state, id, "id")?;
    if state.tables.prices.oldest().any(|price| price.product == id) {
        let message = "This product cannot be deleted because it has one or more user-created prices.";
        return Err(ApiError::invalid(message).of("id"));
    }
    Ok(gone::<Product>(state, id, "product.deleted", "product"))
}

/// `DELETE /v1/plans/{id}`: a price's only way to go. Subscriptions that have it keep it.
pub(crate) fn plan(state: &mut State, id: &str) -> Result<Value, ApiError> {
    find::<Price>(state, id, "id").map_err(|_| ApiError::no_such("plan", id, "id"))?;
    if state.tables.subscriptions.oldest().any(|row| row.items.iter().any(|item| item.price == id)) {
        let message = "The sandbox deletes only plans that no subscription has.";
        return Err(ApiError::invalid(message).of("id"));
    }
    Ok(gone::<Price>(state, id, "price.deleted", "plan"))
}

/// `DELETE /v1/invoices/{id}`: drafts only.
pub(crate) fn invoice(state: &mut State, id: &str) -> Result<Value, ApiError> {
    let row = find::<Invoice>(state, id, "id")?;
    if row.status != "draft" || row.subscription.is_some() {
        let message = "You can only delete draft invoices that no subscription made.";
        return Err(ApiError::invalid(message).of("id").code("invoice_not_editable"));
    }
    Ok(gone::<Invoice>(state, id, "invoice.deleted", "invoice"))
}
