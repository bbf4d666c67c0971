//! `/v1/checkout/sessions`, and what paying on the hosted page does.

use serde_json::Value;

use super::api::{find, retrieve};
use super::billing::{self, NewSubscription, Owner};
use super::customers::{self, living};
use super::errors::{self, ApiError};
use super::form::Form;
use super::model::{CheckoutSession, Customer, Price, SetupIntent, Subscription};
use super::payment_methods::{self, Card};
use super::state::State;
use super::{connect, debits, paging, pricing, render, subscriptions};

const FIELDS: [&str; 13] = [
    "mode",
    "line_items",
    "customer",
    "customer_email",
    "client_reference_id",
    "success_url",
    "cancel_url",
    "ui_mode",
    "subscription_data",
    "setup_intent_data",
    "metadata",
    "expires_at",
    "currency",
];

pub(crate) fn list(state: &State, form: &Form) -> Result<Value, ApiError> {
    let own = ["customer", "subscription", "status"];
    form.only(&[&paging::NAMES[..], &own].concat())?;
    let (customer, subscription) = (form.text("customer"), form.text("subscription"));
    let status = form.text("status");
    paging::list(state, form, "/v1/checkout/sessions", |row: &CheckoutSession| {
        (customer.is_none() || row.customer.as_deref() == customer)
            && (subscription.is_none() || row.subscription.as_deref() == subscription)
            && status.is_none_or(|s| row.status == s)
    })
}

pub(crate) fn get(state: &mut State, id: &str) -> Result<Value, ApiError> {
    lapse(state, id);
    retrieve::<CheckoutSession>(state, id)
}

pub(crate) fn line_items(state: &State, id: &str) -> Result<Value, ApiError> {
    find::<CheckoutSession>(state, id, "id")?;
    Ok(render::line_items_of(state, id))
}

pub(crate) fn create(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    connect::own_pages(state.account)?;
    form.only(&FIELDS)?;
    form.only_in("subscription_data", &["metadata", "trial_period_days"])?;
    form.only_in("setup_intent_data", &["metadata"])?;
    let mode = form.need("mode")?.to_owned();
    if !matches!(mode.as_str(), "subscription" | "setup") {
        return Err(
            ApiError::invalid(format!("Invalid mode: must be one of setup or subscription; got {mode}")).of("mode")
        );
    }
    if form.text("ui_mode").is_some_and(|ui| ui != "hosted_page" && ui != "hosted") {
        return Err(ApiError::invalid("Invalid ui_mode: only hosted_page is available here.").of("ui_mode"));
    }
    let customer = form.text("customer").map(str::to_owned);
    if let Some(id) = &customer {
        living(state, id, "customer")?;
        if form.has("customer_email") {
            return Err(ApiError::invalid("You may only specify one of these parameters: customer, customer_email."));
        }
    }
    let mut line_items = Vec::new();
    form.only_in_each("line_items", &["price", "quantity"])?;
    for (at, part) in form.list("line_items").into_iter().enumerate() {
        let name = format!("line_items[{at}][price]");
        let id = part.text("price").ok_or_else(|| ApiError::missing(&name))?;
        let price = find::<Price>(state, id, &name)?;
        let quantity = format!("line_items[{at}][quantity]");
        let quantity = subscriptions::quantity(price, part.int("quantity")?, &quantity)?;
        line_items.push((id.to_owned(), quantity.unwrap_or(1)));
    }
    let prices: Vec<(&Price, i64)> =
        line_items.iter().filter_map(|(id, quantity)| Some((state.get::<Price>(id)?, *quantity))).collect();
    let data = form.parts("subscription_data");
    let trial_days = data.map(|parts| parts.int("trial_period_days")).transpose()?.flatten();
    let (currency, amount_total) = if mode == "subscription" {
        let Some((first, _)) = prices.first() else {
            return Err(ApiError::missing("line_items"));
        };
        sold_together(first, &prices)?;
        let sum = prices.iter().map(|(price, quantity)| pricing::amount(price, *quantity)).sum();
        let due = if trial_days.is_some() { 0 } else { sum };
        (Some(prices[0].0.currency.clone()), Some(due))
    } else {
        if customer.is_none() && !form.has("currency") {
            return Err(ApiError::missing("currency"));
        }
        (form.text("currency").map(str::to_owned), None)
    };
    let success_url = form.need("success_url")?.to_owned();
    let expires_at = form.int("expires_at")?.unwrap_or(state.now + 86_400);
    if !(state.now + 1_800 - 60..=state.now + 86_400).contains(&expires_at) {
        return Err(ApiError::invalid(
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from Checkout Session creation.",
        )
        .of("expires_at"));
    }
    let row = CheckoutSession {
        id: state.id("cs_test_a1", 56),
        created: state.now,
        payment_status: if mode == "setup" || amount_total == Some(0) { "no_payment_required" } else { "unpaid" }
            .to_owned(),
        mode,
        status: "open".to_owned(),
        customer,
        customer_email: form.text("customer_email").map(str::to_owned),
        client_reference_id: form.text("client_reference_id").map(str::to_owned),
        success_url,
        cancel_url: form.text("cancel_url").map(str::to_owned),
        line_items,
        currency,
        amount_total,
        subscription: None,
        setup_intent: None,
        invoice: None,
        trial_days,
        expires_at,
        metadata: form.metadata(),
        subscription_metadata: data.map(Form::metadata).unwrap_or_default(),
        setup_metadata: form.parts("setup_intent_data").map(Form::metadata).unwrap_or_default(),
    };
    let id = row.id.clone();
    state.put(row);
    retrieve::<CheckoutSession>(state, &id)
}

pub(crate) fn expire(state: &mut State, id: &str) -> Result<Value, ApiError> {
    let row = find::<CheckoutSession>(state, id, "id")?;
    if row.status != "open" {
        return Err(ApiError::invalid("Only Checkout Sessions with a status in [\"open\"] can be expired."));
    }
    close(state, id);
    retrieve::<CheckoutSession>(state, id)
}

/// Checkout sells what recurs, in one currency and at one interval.
fn sold_together(first: &Price, prices: &[(&Price, i64)]) -> Result<(), ApiError> {
    for (at, (price, _)) in prices.iter().enumerate() {
        let name = format!("line_items[{at}][price]");
        let Some((every, expected)) = price.every().zip(first.every()) else {
            let message = "The sandbox's Checkout takes recurring prices only.";
            return Err(ApiError::invalid(message).of(&name));
        };
        if price.currency != first.currency {
            return Err(ApiError::invalid("All prices must have the same currency.").of(&name));
        }
        if !every.is(expected) {
            let message = "Checkout does not support multiple prices with different billing intervals.";
            return Err(ApiError::invalid(message).of(&name));
        }
    }
    Ok(())
}

fn close(state: &mut State, id: &str) {
    state.edit::<CheckoutSession>(id, |row| "expired".clone_into(&mut row.status));
    state.announce::<CheckoutSession>(id, "checkout.session.expired");
}

/// Closes a session whose time is over.
pub(crate) fn lapse(state: &mut State, id: &str) {
    let now = state.now;
    if state.get::<CheckoutSession>(id).is_some_and(|row| row.status == "open" && row.expires_at <= now) {
        close(state, id);
    }
}

/// What was typed into the hosted page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Typed {
    pub card: Card,
    pub email: Option<String>,
    /// A bank account instead of the card.
    pub iban: Option<String>,
}

/// Why a hosted page is not done yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unpaid {
    /// A sentence to show.
    Because(String),
    /// The bank asks the owner of the card first.
    Unconfirmed,
}

/// Pays on the hosted page. Answers where the browser goes next, or the sentence to show.
pub(crate) fn complete(state: &mut State, id: &str, typed: &Typed) -> Result<String, Unpaid> {
    lapse(state, id);
    let Some(session) = state.get::<CheckoutSession>(id).cloned() else {
        return Err(Unpaid::Because("There is no such page.".to_owned()));
    };
    match session.status.as_str() {
        "open" => {}
        "complete" => return Ok(success_url(&session)),
        _ => return Err(Unpaid::Because("This page has expired.".to_owned())),
    }
    if let Some(iban) = &typed.iban {
        return debits::complete(state, &session, iban, typed).map_err(Unpaid::Because);
    }
    if let Some(why) = typed.card.mistake(state.now) {
        return Err(Unpaid::Because(why.to_owned()));
    }
    if typed.card.wants_confirmation() {
        return Err(Unpaid::Unconfirmed);
    }
    let charged = session.amount_total.unwrap_or_default() > 0;
    if let Some(decline) = typed.card.later().filter(|_| charged && typed.card.confirmed) {
        return Err(Unpaid::Because(errors::decline_message(decline).to_owned()));
    }
    let customer = match &session.customer {
        Some(id) => id.clone(),
        None => newcomer(state, &session, typed).map_err(Unpaid::Because)?,
    };
    let card = payment_methods::save(state, &customer, &typed.card);
    if session.mode == "setup" {
        set_up(state, id, &session, &customer, card);
    } else {
        subscribe(state, id, &session, &customer, card);
    }
    state.announce::<CheckoutSession>(id, "checkout.session.completed");
    Ok(success_url(&session))
}

pub(crate) fn newcomer(state: &mut State, session: &CheckoutSession, typed: &Typed) -> Result<String, String> {
    let email = session
        .customer_email
        .clone()
        .or_else(|| typed.email.clone())
        .filter(|email| email.contains('@'))
        .ok_or_else(|| "Your email address is incomplete.".to_owned())?;
    let mut row = customers::blank(state);
    row.name.clone_from(&typed.card.name);
    row.email = Some(email);
    let id = row.id.clone();
    state.create(row, "customer.created");
    Ok(id)
}

fn set_up(state: &mut State, id: &str, session: &CheckoutSession, customer: &str, card: String) {
    let intent = state.id("seti_1", 23);
    let row = SetupIntent {
        id: intent.clone(),
        created: state.now,
        customer: Some(customer.to_owned()),
        status: "succeeded".to_owned(),
        payment_method: Some(card),
        usage: "off_session".to_owned(),
        metadata: session.setup_metadata.clone(),
    };
    state.create(row, "setup_intent.succeeded");
    state.edit::<CheckoutSession>(id, |row| {
        "complete".clone_into(&mut row.status);
        row.customer = Some(customer.to_owned());
        row.setup_intent = Some(intent);
    });
}

pub(crate) fn subscribe(state: &mut State, id: &str, session: &CheckoutSession, customer: &str, card: String) {
    let first = state.get::<Customer>(customer).is_some_and(|c| c.default_payment_method.is_none());
    if first {
        payment_methods::prefer(state, customer, &card);
    }
    let subscription = billing::start(
        state,
        NewSubscription {
            customer: customer.to_owned(),
            items: session.line_items.clone(),
            trial_days: session.trial_days,
            card: Some(card),
            metadata: session.subscription_metadata.clone(),
            owner: Owner::Confirmed,
            ..NewSubscription::default()
        },
    );
    let invoice = state.get::<Subscription>(&subscription).and_then(|row| row.latest_invoice.clone());
    let paid = session.amount_total.unwrap_or_default() > 0;
    state.edit::<CheckoutSession>(id, |row| {
        "complete".clone_into(&mut row.status);
        if paid {
            "paid".clone_into(&mut row.payment_status);
        }
        row.customer = Some(customer.to_owned());
        row.subscription = Some(subscription);
        row.invoice = invoice;
    });
}

/// The address after success; the provider's placeholder becomes the id.
pub(crate) fn success_url(session: &CheckoutSession) -> String {
    session.success_url.replace("{CHECKOUT_SESSION_ID}", &session.id).replace("%7BCHECKOUT_SESSION_ID%7D", &session.id)
}
