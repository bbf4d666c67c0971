//! `/v1/payment_intents`, `/v1/invoice_payments`, and the account's own pages.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::retrieve;
use super::errors::ApiError;
use super::form::Form;
use super::model::{Invoice, PaymentIntent};
use super::state::State;
use super::{paging, render};

pub(crate) fn intents(state: &State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[&paging::NAMES[..], &["customer"]].concat())?;
    let customer = form.text("customer");
    paging::list(state, form, "/v1/payment_intents", |row: &PaymentIntent| {
        customer.is_none() || row.customer.as_deref() == customer
    })
}

pub(crate) fn intent(state: &State, id: &str) -> Result<Value, ApiError> {
    retrieve::<PaymentIntent>(state, id)
}

pub(crate) fn of_invoices(state: &State, form: &Form) -> Result<Value, ApiError> {
    let own = ["invoice", "payment", "status"];
    form.only(&[&paging::NAMES[..], &own].concat())?;
    let invoice = form.text("invoice");
    let intent = form.deep("payment", "payment_intent");
    // The cursor is a payment's id; the row it stands for is its intent's.
    let mut asked = form.clone();
    for name in ["starting_after", "ending_before"] {
        if let Some(id) = form.text(name) {
            asked.put(name, id.replacen("inpay_", "pi_", 1));
        }
    }
    let (rows, more) = paging::rows(state, &asked, |row: &PaymentIntent| {
        row.invoice.is_some()
            && (invoice.is_none() || row.invoice.as_deref() == invoice)
            && intent.is_none_or(|id| row.id == id)
    })?;
    let data = rows
        .into_iter()
        .filter_map(|row| state.get::<Invoice>(row.invoice.as_ref()?))
        .filter_map(|row| render::invoice_payment(row, state))
        .collect();
    Ok(render::list("/v1/invoice_payments", data, more))
}

pub(crate) fn of_invoice(state: &State, id: &str) -> Result<Value, ApiError> {
    state
        .get::<PaymentIntent>(&id.replacen("inpay_", "pi_", 1))
        .and_then(|row| state.get::<Invoice>(row.invoice.as_ref()?))
        .and_then(|row| render::invoice_payment(row, state))
        .ok_or_else(|| ApiError::no_such("invoice payment", id, "id"))
}

/// What was earned: the last week is pending, the rest is available.
pub(crate) fn balance(state: &State) -> Value {
    let mut sums: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for row in state.tables.payment_intents.newest() {
        let sum = sums.entry(&row.currency).or_default();
        if row.status != "succeeded" {
        } else if row.created > state.now - 7 * 86_400 {
            sum.1 += row.amount;
        } else if row.created > state.now - 30 * 86_400 {
            sum.0 += row.amount;
        }
    }
    let side = |pick: fn(&(i64, i64)) -> i64| -> Vec<Value> {
        sums.iter()
            .map(|(currency, sum)| json!({"amount": pick(sum), "currency": currency, "source_types": {"card": pick(sum)}}))
            .collect()
    };
    json!({"object": "balance", "available": side(|s| s.0), "pending": side(|s| s.1), "livemode": false})
}
