//! `/v1/subscriptions`.

use serde_json::Value;

use super::api::{find, retrieve};
use super::billing::{self, Behaviour, NewSubscription};
use super::customers::living;
use super::errors::ApiError;
use super::form::Form;
use super::model::{Cancellation, Item, Metadata, PaymentMethod, Price, Subscription};
use super::proration::{self, Wanted};
use super::state::State;
use super::{paging, render};

const STATUSES: [&str; 10] = [
    "active",
    "all",
    "canceled",
    "ended",
    "incomplete",
    "incomplete_expired",
    "past_due",
    "paused",
    "trialing",
    "unpaid",
];

pub(crate) fn list(state: &State, form: &Form) -> Result<Value, ApiError> {
    let own = ["customer", "price", "status", "collection_method"];
    form.only(&[&paging::NAMES[..], &own].concat())?;
    let (customer, price) = (form.text("customer"), form.text("price"));
    let status = form.text("status");
    if let Some(word) = status.filter(|s| !STATUSES.contains(s)) {
        return Err(ApiError::invalid(format!("Invalid status: must be one of {}; got {word}", STATUSES.join(", ")))
            .of("status"));
    }
    paging::list(state, form, "/v1/subscriptions", |row: &Subscription| {
        let over = matches!(row.status.as_str(), "canceled" | "incomplete_expired");
        customer.is_none_or(|c| row.customer == c)
            && price.is_none_or(|p| row.items.iter().any(|item| item.price == p))
            && match status {
                None => !over,
                Some("all") => true,
                Some("ended") => over,
                Some(word) => row.status == word,
            }
    })
}

pub(crate) fn get(state: &State, id: &str) -> Result<Value, ApiError> {
    retrieve::<Subscription>(state, id)
}

/// `GET /v1/subscription_items?subscription=`.
pub(crate) fn items(state: &State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[&paging::NAMES[..], &["subscription"]].concat())?;
    let id = form.need("subscription")?;
    let row = find::<Subscription>(state, id, "subscription")?;
    Ok(render::subscription(row, state)["items"].take())
}

/// The prices a request asks for, with the items they change.
pub(crate) fn wanted(state: &State, form: &Form, items: &[Item]) -> Result<Vec<Wanted>, ApiError> {
    let mut out = Vec::new();
    for (at, part) in form.list("items").into_iter().enumerate() {
        part.only(&["id", "price", "quantity", "deleted", "metadata"])?;
        let old = match part.text("id") {
            None => None,
            Some(id) => Some(
                items
                    .iter()
                    .find(|item| item.id == id)
                    .ok_or_else(|| ApiError::no_such("subscription item", id, &format!("items[{at}][id]")))?,
            ),
        };
        let price = match (part.text("price"), old) {
            (Some(id), _) => {
                let price = find::<Price>(state, id, &format!("items[{at}][price]"))?;
                if !price.active {
                    return Err(ApiError::invalid(
                        "The price specified is inactive. This field only accepts active prices.",
                    )
                    .of(&format!("items[{at}][price]")));
                }
                price.id.clone()
            }
            (None, Some(old)) => old.price.clone(),
            (None, None) => return Err(ApiError::missing(&format!("items[{at}][price]"))),
        };
        let quantity = if part.truth("deleted")? == Some(true) {
            -1
        } else {
            match part.int("quantity")? {
                Some(n) if n < 0 => {
                    return Err(ApiError::invalid("This value must be greater than or equal to 0.")
                        .of(&format!("items[{at}][quantity]"))
                        .code("parameter_invalid_integer"));
                }
                Some(n) => n,
                None => old.map_or(1, |item| item.quantity),
            }
        };
        out.push(Wanted { item: old.map(|item| item.id.clone()), price, quantity });
    }
    let known = |id: &String| state.get::<Price>(id);
    let mut currencies = out
        .iter()
        .map(|w| &w.price)
        .chain(items.iter().map(|item| &item.price))
        .filter_map(known)
        .map(|price| &price.currency);
    let first = currencies.next();
    if currencies.any(|c| Some(c) != first) {
        return Err(ApiError::invalid(
            "The price specified supports currencies other than the one of the subscription.",
        )
        .of("items[0][price]"));
    }
    Ok(out)
}

/// `proration_behavior`.
pub(crate) fn behaviour(form: &Form) -> Result<Behaviour, ApiError> {
    match form.text("proration_behavior") {
        None | Some("create_prorations") => Ok(Behaviour::Create),
        Some("always_invoice") => Ok(Behaviour::Always),
        Some("none") => Ok(Behaviour::None),
        Some(other) => Err(ApiError::invalid(format!(
            "Invalid proration_behavior: must be one of create_prorations, none, or always_invoice; got {other}"
        ))
        .of("proration_behavior")),
    }
}

/// `proration_date`: inside the running period, or now.
pub(crate) fn proration_date(state: &State, row: &Subscription, form: &Form) -> Result<i64, ApiError> {
    match form.int("proration_date")? {
        None => Ok(state.now.clamp(row.period_start, row.period_end)),
        Some(at) if (row.period_start..=row.period_end).contains(&at) => Ok(at),
        Some(_) => {
            Err(ApiError::invalid("Cannot specify a proration date outside of the current subscription period.")
                .of("proration_date"))
        }
    }
}

/// The currency of some items.
pub(crate) fn currency(state: &State, items: &[Item]) -> String {
    items
        .first()
        .and_then(|item| state.get::<Price>(&item.price))
        .map_or_else(|| "usd".to_owned(), |price| price.currency.clone())
}

/// A subscription that is not there yet, to compute with.
pub(crate) fn unborn(state: &State, customer: &str) -> Subscription {
    Subscription {
        id: String::new(),
        created: state.now,
        customer: customer.to_owned(),
        status: "incomplete".to_owned(),
        currency: String::new(),
        items: Vec::new(),
        period_start: state.now,
        period_end: state.now,
        anchor: state.now,
        start_date: state.now,
        trial_start: None,
        trial_end: None,
        cancel_at_period_end: false,
        cancel_at: None,
        canceled_at: None,
        ended_at: None,
        cancellation: Cancellation::default(),
        paused: false,
        latest_invoice: None,
        default_payment_method: None,
        description: None,
        metadata: Metadata::new(),
        pending: Vec::new(),
    }
}

fn strict(form: &Form) -> bool {
    form.text("payment_behavior") == Some("error_if_incomplete")
}

fn card(state: &State, form: &Form, customer: &str) -> Result<Option<String>, ApiError> {
    let Some(id) = form.text("default_payment_method") else {
        return Ok(None);
    };
    let row = find::<PaymentMethod>(state, id, "default_payment_method")?;
    if row.customer.as_deref() == Some(customer) {
        Ok(Some(id.to_owned()))
    } else {
        Err(ApiError::invalid(format!(
            "The customer does not have a payment method with the ID {id}. The payment method must be attached to the customer."
        ))
        .of("default_payment_method")
        .code("resource_missing"))
    }
}

pub(crate) fn create(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[
        "customer",
        "items",
        "metadata",
        "trial_period_days",
        "default_payment_method",
        "payment_behavior",
        "proration_behavior",
        "collection_method",
        "off_session",
        "description",
        "payment_settings",
    ])?;
    let customer = form.need("customer")?.to_owned();
    living(state, &customer, "customer")?;
    let wanted = wanted(state, form, &[])?;
    if wanted.is_empty() {
        return Err(ApiError::missing("items"));
    }
    let card = card(state, form, &customer)?;
    let trial_days = form.int("trial_period_days")?;
    let mut probe = unborn(state, &customer);
    probe.default_payment_method.clone_from(&card);
    let has_card = card.is_some() || living(state, &customer, "customer")?.default_payment_method.is_some();
    if trial_days.is_none() {
        if !has_card && form.text("payment_behavior") != Some("default_incomplete") {
            return Err(ApiError::invalid(
                "This customer has no attached payment source or default payment method. Please consider adding a default payment method.",
            )
            .code("resource_missing"));
        }
        if let Some(decline) = billing::foresee(state, &probe).filter(|_| strict(form)) {
            return Err(ApiError::declined(&decline, None));
        }
    }
    let id = billing::start(
        state,
        NewSubscription {
            customer,
            items: wanted.into_iter().map(|w| (w.price, w.quantity)).collect(),
            trial_days,
            card,
            metadata: form.metadata(),
        },
    );
    retrieve::<Subscription>(state, &id)
}

fn ended(id: &str) -> ApiError {
    ApiError::no_such("subscription", id, "id")
}

pub(crate) fn update(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&[
        "items",
        "metadata",
        "proration_behavior",
        "proration_date",
        "payment_behavior",
        "cancel_at_period_end",
        "cancellation_details",
        "default_payment_method",
        "pause_collection",
        "trial_end",
        "description",
        "off_session",
    ])?;
    let row = find::<Subscription>(state, id, "id")?.clone();
    if row.status == "canceled" && (form.has("items") || form.has("cancel_at_period_end")) {
        return Err(ApiError::invalid(
            "A canceled subscription can only update its cancellation_details and metadata.",
        ));
    }
    let wanted = wanted(state, form, &row.items)?;
    let behaviour = behaviour(form)?;
    let at = proration_date(state, &row, form)?;
    let card = card(state, form, &row.customer)?;
    let leaves = form.truth("cancel_at_period_end")?;
    let paused = match form.deep("pause_collection", "behavior") {
        Some(_) => Some(true),
        None => form.has("pause_collection").then_some(false),
    };
    let trial_ends = form.text("trial_end") == Some("now") && row.status == "trialing";
    let next = billing::next_items(state, &row, &wanted);
    if next.is_empty() {
        return Err(ApiError::invalid("A subscription must have at least one active price."));
    }
    if strict(form) && behaviour == Behaviour::Always && next != row.items {
        let mut probe = row.clone();
        if card.is_some() {
            probe.default_payment_method.clone_from(&card);
        }
        let costs: i64 = proration::of_change(state, &row, &next, at).prorations.iter().map(|line| line.amount).sum();
        if let Some(decline) = billing::foresee(state, &probe).filter(|_| costs > 0) {
            return Err(ApiError::declined(&decline, None));
        }
    }
    let now = state.now;
    state.change::<Subscription>(id, "customer.subscription.updated", |row| {
        form.merge_metadata(&mut row.metadata);
        if let Some(card) = card {
            row.default_payment_method = Some(card);
        }
        if form.has("description") {
            row.description = form.text("description").map(str::to_owned);
        }
        if let Some(paused) = paused {
            row.paused = paused;
        }
        match leaves {
            Some(true) => leave(row, now),
            Some(false) => stay(row),
            None => {}
        }
        details(&mut row.cancellation, form);
    });
    if next != row.items {
        billing::change_items(state, id, next, behaviour, at);
    }
    if trial_ends {
        state.edit::<Subscription>(id, |row| {
            row.trial_end = Some(now);
            row.period_end = now;
            row.anchor = now;
        });
        billing::renew(state, id);
    }
    retrieve::<Subscription>(state, id)
}

/// Notes that a subscription ends with its period.
pub(crate) fn leave(row: &mut Subscription, now: i64) {
    row.cancel_at_period_end = true;
    row.cancel_at = Some(row.period_end);
    row.canceled_at = Some(now);
    row.cancellation.reason = Some("cancellation_requested".to_owned());
}

/// Takes that back.
pub(crate) fn stay(row: &mut Subscription) {
    row.cancel_at_period_end = false;
    row.cancel_at = None;
    row.canceled_at = None;
    row.cancellation = Cancellation::default();
}

fn details(row: &mut Cancellation, form: &Form) {
    if let Some(parts) = form.parts("cancellation_details") {
        if parts.has("comment") {
            row.comment = parts.text("comment").map(str::to_owned);
        }
        if parts.has("feedback") {
            row.feedback = parts.text("feedback").map(str::to_owned);
        }
    }
}

pub(crate) fn cancel(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["cancellation_details", "invoice_now", "prorate"])?;
    let row = find::<Subscription>(state, id, "id")?.clone();
    if row.status == "canceled" {
        return Err(ended(id));
    }
    let now = state.now;
    let mut lines = row.pending.clone();
    if form.truth("prorate")? == Some(true) {
        lines.extend(proration::of_end(state, &row, now));
    }
    if form.truth("invoice_now")? == Some(true) && !lines.is_empty() {
        billing::bill(state, id, lines, "subscription_update");
    }
    state.edit::<Subscription>(id, |row| details(&mut row.cancellation, form));
    billing::end(state, id, "cancellation_requested");
    retrieve::<Subscription>(state, id)
}
