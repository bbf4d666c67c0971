//! Payments that no invoice asks for: `/v1/payment_intents` made, confirmed, captured and cancelled by requests.

use serde_json::Value;

use super::api::{find, retrieve};
use super::billing;
use super::customers::living;
use super::errors::ApiError;
use super::form::Form;
use super::model::{Course, PaymentIntent, PaymentMethod};
use super::state::State;

pub(crate) fn create(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[
        "amount",
        "currency",
        "customer",
        "payment_method",
        "payment_method_types",
        "capture_method",
        "confirm",
        "description",
        "metadata",
    ])?;
    form.need("amount")?;
    let amount = form.within("amount", 1..=99_999_999)?.unwrap_or_default();
    let currency = form.need("currency")?.to_lowercase();
    if form.texts("payment_method_types").iter().any(|kind| *kind != "card") {
        let message = "The sandbox takes payments of cards only.";
        return Err(ApiError::invalid(message).of("payment_method_types"));
    }
    let manual = form.word("capture_method", &["automatic", "automatic_async", "manual"])? == Some("manual");
    let confirm = form.truth("confirm")? == Some(true);
    let customer = form.text("customer").map(str::to_owned);
    if let Some(id) = &customer {
        living(state, id, "customer")?;
    }
    let card = card(state, form, customer.as_deref())?;
    if confirm && card.is_none() {
        return Err(ApiError::missing("payment_method"));
    }
    let row = PaymentIntent {
        id: state.id("pi_3", 23),
        created: state.now,
        amount,
        currency,
        customer,
        status: if card.is_some() { "requires_confirmation" } else { "requires_payment_method" }.to_owned(),
        payment_method: card,
        invoice: None,
        description: form.text("description").map(str::to_owned),
        charge: None,
        error: None,
        canceled_at: None,
        metadata: form.metadata(),
        course: Course { manual, ..Course::default() },
    };
    let id = row.id.clone();
    state.create(row, "payment_intent.created");
    if confirm {
        charge(state, &id)?;
    }
    retrieve::<PaymentIntent>(state, &id)
}

/// A card that this customer may be charged with.
fn card(state: &State, form: &Form, customer: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(id) = form.text("payment_method") else { return Ok(None) };
    let row = find::<PaymentMethod>(state, id, "payment_method")?;
    if row.customer.as_deref() == customer {
        return Ok(Some(id.to_owned()));
    }
    let message = "The provided PaymentMethod was previously used without being attached to a Customer, or belongs to another one.";
    Err(ApiError::invalid(message).of("payment_method"))
}

/// An intent of one of these states, which no invoice made; `act` is what it is to be.
fn in_state(state: &State, id: &str, states: &[&str], act: &str) -> Result<PaymentIntent, ApiError> {
    let row = find::<PaymentIntent>(state, id, "intent")?;
    if row.invoice.is_some() {
        let message = format!("The payment of an invoice cannot be {act} in the sandbox: pay or void the invoice.");
        return Err(ApiError::invalid(message).of("intent"));
    }
    if states.contains(&row.status.as_str()) {
        return Ok(row.clone());
    }
    let message = format!("This PaymentIntent could not be {act} because it has a status of {}.", row.status);
    Err(ApiError::invalid(message).of("intent").code("payment_intent_unexpected_state"))
}

pub(crate) fn confirm(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["payment_method"])?;
    let row = in_state(state, id, &["requires_confirmation", "requires_payment_method"], "confirmed")?;
    let card = card(state, form, row.customer.as_deref())?.or(row.payment_method);
    let card = card.ok_or_else(|| ApiError::missing("payment_method"))?;
    state.edit::<PaymentIntent>(id, |row| row.payment_method = Some(card));
    charge(state, id)?;
    retrieve::<PaymentIntent>(state, id)
}

fn charge(state: &mut State, id: &str) -> Result<(), ApiError> {
    let Some(row) = state.get::<PaymentIntent>(id).cloned() else { return Ok(()) };
    let card = row.payment_method.as_ref().and_then(|id| state.get::<PaymentMethod>(id));
    if card.is_some_and(|card| card.confirms.is_some()) {
        let message = "In the sandbox, cards whose bank asks their owner pay invoices only.";
        return Err(ApiError::invalid(message).of("payment_method"));
    }
    let refused = billing::refusal(card, state.now);
    let (event, status) = match (&refused, row.course.manual) {
        (Some(_), _) => ("payment_intent.payment_failed", "requires_payment_method"),
        (None, true) => ("payment_intent.amount_capturable_updated", "requires_capture"),
        (None, false) => ("payment_intent.succeeded", "succeeded"),
    };
    let charge = state.id("ch_3", 23);
    state.edit::<PaymentIntent>(id, |row| {
        status.clone_into(&mut row.status);
        row.error.clone_from(&refused);
        row.charge = Some(charge);
    });
    state.announce::<PaymentIntent>(id, event);
    refused.map_or(Ok(()), |decline| Err(ApiError::declined(&decline, Some(id.to_owned()))))
}

pub(crate) fn capture(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["amount_to_capture"])?;
    let row = in_state(state, id, &["requires_capture"], "captured")?;
    if form.int("amount_to_capture")?.is_some_and(|amount| amount != row.amount) {
        let message = "The sandbox captures the whole amount only.";
        return Err(ApiError::invalid(message).of("amount_to_capture"));
    }
    state.edit::<PaymentIntent>(id, |row| "succeeded".clone_into(&mut row.status));
    state.announce::<PaymentIntent>(id, "payment_intent.succeeded");
    retrieve::<PaymentIntent>(state, id)
}

pub(crate) fn cancel(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&[])?;
    in_state(state, id, &["requires_payment_method", "requires_confirmation", "requires_capture"], "canceled")?;
    let now = state.now;
    state.edit::<PaymentIntent>(id, |row| {
        "canceled".clone_into(&mut row.status);
        row.canceled_at = Some(now);
    });
    state.announce::<PaymentIntent>(id, "payment_intent.canceled");
    retrieve::<PaymentIntent>(state, id)
}
