//! Invoices that a request makes: drafts until they are finalized, or deleted.

use serde_json::{Value, json};

use super::api::{find, retrieve};
use super::billing;
use super::customers::living;
use super::errors::ApiError;
use super::form::Form;
use super::model::{Extra, Invoice};
use super::state::State;
use super::subscriptions;

pub(crate) fn create(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    form.only(&["customer", "collection_method", "days_until_due", "description", "metadata", "auto_advance"])?;
    let customer = form.need("customer")?.to_owned();
    let days = subscriptions::days_until_due(form, None)?;
    let advances = form.truth("auto_advance")?.unwrap_or(false);
    let extra = Extra {
        description: form.text("description").map(str::to_owned),
        metadata: form.metadata(),
        finalization_error: None,
    };
    let row = draft(state, &customer, extra, days, advances)?;
    let id = row.id.clone();
    state.create(row, "invoice.created");
    retrieve::<Invoice>(state, &id)
}

/// An invoice without lines, which nothing but this made.
fn draft(
    state: &mut State,
    customer: &str,
    extra: Extra,
    days: Option<i64>,
    advances: bool,
) -> Result<Invoice, ApiError> {
    let owner = living(state, customer, "customer")?;
    let currency = owner.currency.clone().unwrap_or_else(|| "usd".to_owned());
    let now = state.now;
    Ok(Invoice {
        id: state.id("in_1", 23),
        created: now,
        number: None,
        status: "draft".to_owned(),
        customer: customer.to_owned(),
        subscription: None,
        currency,
        lines: Vec::new(),
        starting_balance: 0,
        ending_balance: None,
        amount_paid: 0,
        attempt_count: 0,
        billing_reason: "manual".to_owned(),
        period_start: now,
        period_end: now,
        // The provider goes on with a draft after an hour.
        next_payment_attempt: advances.then_some(now + 3_600),
        finalized_at: None,
        paid_at: None,
        voided_at: None,
        uncollectible_at: None,
        payment_intent: None,
        due_date: days.map(|days| now + days * 86_400),
        extra,
    })
}

/// What may change at any time.
pub(crate) fn update(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["description", "metadata", "auto_advance"])?;
    let now = state.now;
    let advances = form.truth("auto_advance")?;
    if find::<Invoice>(state, id, "id")?.status != "draft" && advances.is_some() {
        let message = "The sandbox changes auto_advance of drafts only.";
        return Err(ApiError::invalid(message).of("auto_advance"));
    }
    state.change::<Invoice>(id, "invoice.updated", |row| {
        if form.has("description") {
            row.extra.description = form.text("description").map(str::to_owned);
        }
        form.merge_metadata(&mut row.extra.metadata);
        if let Some(advances) = advances {
            row.next_payment_attempt = advances.then_some(now + 3_600);
        }
    });
    retrieve::<Invoice>(state, id)
}

/// `POST /v1/invoices/{id}/finalize`. Without anything to pay it is paid at once.
pub(crate) fn finalize(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["auto_advance"])?;
    let advances = form.truth("auto_advance")?;
    let row = find::<Invoice>(state, id, "id")?.clone();
    if row.status != "draft" {
        let message = format!("You can only finalize draft invoices. This invoice is {}.", row.status);
        return Err(ApiError::invalid(message).of("invoice").code("invoice_not_editable"));
    }
    let advances = advances.unwrap_or(row.next_payment_attempt.is_some());
    state.edit::<Invoice>(id, |row| row.extra.finalization_error = None);
    billing::go_on(state, id, advances);
    retrieve::<Invoice>(state, id)
}

/// Begins an invoice that the provider cannot finalize: it needs a valid address for automatic tax.
pub(crate) fn fail(state: &mut State, customer: &str) {
    let Ok(row) = draft(state, customer, Extra::default(), None, true) else { return };
    let id = row.id.clone();
    state.create(row, "invoice.created");
    state.edit::<Invoice>(&id, |row| {
        row.next_payment_attempt = None;
        row.extra.finalization_error =
            Some("The customer's location isn't recognized. Set a valid customer address.".to_owned());
    });
    state.announce::<Invoice>(&id, "invoice.finalization_failed");
}

/// The members that only some invoices have.
pub(crate) fn show(whole: &mut Value, extra: &Extra) {
    whole["description"] = extra.description.clone().into();
    whole["metadata"] = json!(extra.metadata);
    whole["last_finalization_error"] = extra
        .finalization_error
        .as_ref()
        .map(|message| json!({"type": "invalid_request_error", "code": "customer_tax_location_invalid", "message": message}))
        .into();
}
