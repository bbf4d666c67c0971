//! `/v1/invoices`, with the preview of what a change would cost.

use serde_json::Value;

use super::api::{find, retrieve};
use super::billing::{self, Behaviour, Owner};
use super::customers::living;
use super::errors::ApiError;
use super::form::Form;
use super::model::{Customer, Extra, Invoice, Line, PaymentMethod, Subscription};
use super::state::State;
use super::{discounts, paging, proration, render, subscriptions, time};

pub(crate) fn list(state: &State, form: &Form) -> Result<Value, ApiError> {
    let own = ["customer", "subscription", "status", "collection_method"];
    form.only(&[&paging::NAMES[..], &own].concat())?;
    let (customer, subscription) = (form.text("customer"), form.text("subscription"));
    let status = form.text("status");
    let method = form.word("collection_method", &["charge_automatically", "send_invoice"])?;
    paging::list(state, form, "/v1/invoices", |row: &Invoice| {
        method.is_none_or(|method| method == render::collection_method(row.due_date.is_some()))
            && customer.is_none_or(|c| row.customer == c)
            && (subscription.is_none() || row.subscription.as_deref() == subscription)
            && status.is_none_or(|s| row.status == s)
    })
}

pub(crate) fn get(state: &State, id: &str) -> Result<Value, ApiError> {
    retrieve::<Invoice>(state, id)
}

/// The lines of an invoice, page by page.
pub(crate) fn lines(state: &State, id: &str, form: &Form) -> Result<Value, ApiError> {
    let row = find::<Invoice>(state, id, "id")?;
    let url = format!("/v1/invoices/{id}/lines");
    paging::within(form, &url, &row.lines, |line| &line.id, |line| render::line(line, row))
}

pub(crate) fn pay(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["payment_method", "off_session"])?;
    let invoice = find::<Invoice>(state, id, "id")?;
    let customer = invoice.customer.clone();
    let card = form.text("payment_method");
    let owner = Owner::off_session(form.truth("off_session")?.unwrap_or(true));
    if let Some(card) = card {
        let owner = &find::<PaymentMethod>(state, card, "payment_method")?.customer;
        if owner.as_ref() != Some(&customer) {
            return Err(ApiError::no_such("PaymentMethod", card, "payment_method"));
        }
    }
    billing::pay(state, id, card, owner)?;
    retrieve::<Invoice>(state, id)
}

pub(crate) fn void(state: &mut State, id: &str) -> Result<Value, ApiError> {
    open(state, id)?;
    billing::void(state, id);
    retrieve::<Invoice>(state, id)
}

pub(crate) fn mark_uncollectible(state: &mut State, id: &str) -> Result<Value, ApiError> {
    open(state, id)?;
    billing::mark_uncollectible(state, id);
    retrieve::<Invoice>(state, id)
}

/// `POST /v1/invoices/{id}/send`: tells of it by mail, as far as anybody can know.
pub(crate) fn send(state: &mut State, id: &str) -> Result<Value, ApiError> {
    open(state, id)?;
    if find::<Invoice>(state, id, "id")?.due_date.is_none() {
        let message = "The sandbox sends only invoices whose collection_method is send_invoice.";
        return Err(ApiError::invalid(message).of("invoice"));
    }
    state.announce::<Invoice>(id, "invoice.sent");
    retrieve::<Invoice>(state, id)
}

fn open(state: &State, id: &str) -> Result<(), ApiError> {
    match find::<Invoice>(state, id, "id")?.status.as_str() {
        "open" => Ok(()),
        other => Err(ApiError::invalid(format!(
            "You can only pass in open invoices. This invoice isn't open, it is {other}."
        ))
        .code("invoice_not_open")),
    }
}

/// `POST /v1/invoices/create_preview`: the invoice as it would be, without doing anything.
///
/// With `proration_behavior=always_invoice` it is the invoice the change makes at once: only prorations. Otherwise it is the next
/// invoice of the subscription: what already waits for it, the prorations of the change, and the period that follows.
pub(crate) fn preview(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    form.only(&["customer", "subscription", "subscription_details", "discounts"])?;
    let nothing = Form::default();
    let details = form.parts("subscription_details").unwrap_or(&nothing);
    let names = ["items", "proration_behavior", "proration_date", "cancel_now", "cancel_at_period_end"];
    form.only_in("subscription_details", &names)?;
    let Some(id) = form.text("subscription") else {
        return preview_new(state, form, details);
    };
    let row = find::<Subscription>(state, id, "subscription")?.clone();
    if form.text("customer").is_some_and(|c| c != row.customer) {
        return Err(ApiError::no_such("subscription", id, "subscription"));
    }
    if row.status == "canceled" {
        return Err(none_upcoming());
    }
    let at = subscriptions::proration_date(state, &row, details)?;
    let behaviour = subscriptions::behaviour(details)?;
    if details.truth("cancel_now")? == Some(true) {
        let mut lines = row.pending.clone();
        if behaviour != Behaviour::None {
            lines.extend(proration::of_end(state, &row, at));
        }
        return show(state, form, &row, lines, at, "subscription_update");
    }
    let wanted = subscriptions::wanted(state, details, &row.items)?;
    let next = billing::next_items(state, &row, &wanted);
    let outcome = proration::of_change(state, &row, &next, at);
    let mut lines = match behaviour {
        Behaviour::None => Vec::new(),
        _ => outcome.prorations,
    };
    if !outcome.restart.is_empty() || (behaviour == Behaviour::Always && !wanted.is_empty()) {
        lines.extend(outcome.restart);
        // What waits is on every invoice of the flexible billing mode.
        let waiting = if row.flexible { row.pending.clone() } else { Vec::new() };
        return show(state, form, &row, [waiting, lines].concat(), at, "subscription_update");
    }
    let ends = details.truth("cancel_at_period_end")?.unwrap_or(row.cancel_at_period_end);
    let mut whole = row.pending.clone();
    whole.append(&mut lines);
    if ends && whole.is_empty() {
        return Err(none_upcoming());
    }
    if !ends {
        let mut then = Subscription { items: proration::with_periods(state, &row, &next, at), ..row.clone() };
        let interval = proration::interval(state, &next);
        if row.status != "trialing" && !interval.is(proration::interval(state, &row.items)) {
            (then.period_start, then.period_end) = time::period(row.anchor, at, interval);
        }
        let (_, renewed) = proration::renewal(state, &then, then.period_end);
        whole.extend(renewed);
        return show(state, form, &then, whole, then.period_end, "upcoming");
    }
    show(state, form, &row, whole, row.period_end, "upcoming")
}

fn none_upcoming() -> ApiError {
    ApiError::invalid("No upcoming invoices for customer").code("invoice_upcoming_none")
}

/// The first invoice of a subscription that does not exist yet.
fn preview_new(state: &mut State, form: &Form, details: &Form) -> Result<Value, ApiError> {
    let customer = form.need("customer")?.to_owned();
    living(state, &customer, "customer")?;
    let wanted = subscriptions::wanted(state, details, &[])?;
    if wanted.is_empty() {
        let running = state
            .tables
            .subscriptions
            .newest()
            .find(|s| s.customer == customer && s.status != "canceled")
            .map(|s| s.id.clone())
            .ok_or_else(none_upcoming)?;
        let mut form = form.clone();
        form.put("subscription", running);
        return preview(state, &form);
    }
    let now = state.now;
    let mut row = subscriptions::unborn(state, &customer);
    row.items = billing::next_items(state, &row, &wanted);
    row.currency = subscriptions::currency(state, &row.items);
    let interval = proration::interval(state, &row.items);
    row.period_end = time::period_end(now, now, interval);
    row.items = proration::with_periods(state, &row, &row.items, now);
    let lines = proration::first_lines(state, &row, false);
    show(state, form, &row, lines, now, "subscription_create")
}

fn show(
    state: &mut State,
    form: &Form,
    row: &Subscription,
    mut lines: Vec<Line>,
    at: i64,
    reason: &str,
) -> Result<Value, ApiError> {
    let held = match subscriptions::discounts(state, form, row, &row.items)? {
        Some(asked) if !asked.is_empty() => discounts::imagined(state, &row.customer, asked),
        _ => discounts::holding(state, row),
    };
    discounts::apply(&mut lines, &held);
    let starting_balance = state.get::<Customer>(&row.customer).map_or(0, |customer| customer.balance);
    let mut invoice = Invoice {
        id: state.id("upcoming_in_1", 23),
        created: at,
        number: None,
        status: "draft".to_owned(),
        customer: row.customer.clone(),
        subscription: (!row.id.is_empty()).then(|| row.id.clone()),
        currency: row.currency.clone(),
        lines,
        starting_balance,
        ending_balance: None,
        amount_paid: 0,
        attempt_count: 0,
        billing_reason: reason.to_owned(),
        period_start: row.period_start,
        period_end: at,
        next_payment_attempt: Some(at + 3_600),
        finalized_at: None,
        paid_at: None,
        voided_at: None,
        uncollectible_at: None,
        payment_intent: None,
        due_date: row.days_until_due.map(|days| at + days * 86_400),
        extra: Extra::default(),
    };
    invoice.ending_balance = Some((invoice.total() + starting_balance).min(0));
    Ok(render::preview(&invoice, state))
}
