//! Bank debits (SEPA): the money is asked for at once and comes later, or does not.

use serde_json::{Value, json};

use super::billing;
use super::checkout::{self, Typed};
use super::model::{CheckoutSession, Course, Customer, Invoice, Metadata, PaymentIntent, PaymentMethod, Subscription};
use super::payment_methods::{self, Card};
use super::state::State;

/// How long a bank takes here.
const DELAY: i64 = 60;
/// The provider's test account whose bank refuses.
const BOUNCES: &str = "AT861904300235473202";

/// Whether a text could be an account number; only its shape is looked at.
fn plausible(iban: &str) -> bool {
    let country = iban.bytes().take(2).all(|byte| byte.is_ascii_uppercase());
    country && (15..=34).contains(&iban.len()) && iban.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Subscribes on the hosted page with a bank account. Answers where the browser goes next, or the sentence to show.
pub(crate) fn complete(
    state: &mut State,
    session: &CheckoutSession,
    iban: &str,
    typed: &Typed,
) -> Result<String, String> {
    let iban: String = iban.chars().filter(|letter| !letter.is_whitespace()).collect();
    if session.mode != "subscription" || session.currency.as_deref() != Some("eur") {
        return Err("Bank debits are for subscriptions in euros.".to_owned());
    }
    if !plausible(&iban) {
        return Err("Your IBAN is invalid.".to_owned());
    }
    let customer = match &session.customer {
        Some(id) => id.clone(),
        None => checkout::newcomer(state, session, typed)?,
    };
    let account = save(state, &customer, &iban);
    checkout::subscribe(state, &session.id, session, &customer, account);
    if open_invoice(state, &session.id).is_some() {
        state.edit::<CheckoutSession>(&session.id, |row| "unpaid".clone_into(&mut row.payment_status));
    }
    state.announce::<CheckoutSession>(&session.id, "checkout.session.completed");
    Ok(checkout::success_url(session))
}

fn open_invoice(state: &State, session: &str) -> Option<String> {
    let id = state.get::<CheckoutSession>(session)?.invoice.clone()?;
    state.get::<Invoice>(&id).is_some_and(|row| row.status == "open").then_some(id)
}

/// Saves a bank account for a customer and tells it.
fn save(state: &mut State, customer: &str, iban: &str) -> String {
    let owner = state.get::<Customer>(customer).cloned();
    let mut row = payment_methods::draft(state, &Card { number: iban.to_owned(), ..Card::default() });
    row.customer = Some(customer.to_owned());
    row.debit = true;
    row.brand = iban.chars().skip(4).take(5).collect();
    row.country = iban.get(..2).map(str::to_owned);
    row.name = owner.as_ref().and_then(|owner| owner.name.clone());
    row.email = owner.and_then(|owner| owner.email);
    row.declines = (iban == BOUNCES).then(|| "generic_decline".to_owned());
    let id = row.id.clone();
    state.create(row, "payment_method.attached");
    id
}

/// Asks the bank for the money of an open invoice. What was ordered begins meanwhile.
pub(crate) fn ask(state: &mut State, invoice: &Invoice, account: &PaymentMethod) {
    let id = invoice.payment_intent.clone().unwrap_or_else(|| state.id("pi_3", 23));
    let (now, charge) = (state.now, state.id("py_1", 23));
    state.put(PaymentIntent {
        id: id.clone(),
        created: state.get::<PaymentIntent>(&id).map_or(now, |row| row.created),
        amount: invoice.amount_remaining(),
        currency: invoice.currency.clone(),
        customer: Some(invoice.customer.clone()),
        status: "processing".to_owned(),
        payment_method: Some(account.id.clone()),
        invoice: Some(invoice.id.clone()),
        description: Some("Subscription payment".to_owned()),
        charge: Some(charge),
        error: None,
        canceled_at: None,
        metadata: Metadata::new(),
        course: Course { settles_at: Some(now + DELAY), ..Course::default() },
    });
    state.edit::<Invoice>(&invoice.id, |row| {
        row.payment_intent = Some(id.clone());
        row.next_payment_attempt = None;
    });
    state.announce::<PaymentIntent>(&id, "payment_intent.processing");
    if let Some(subscription) = &invoice.subscription {
        state.change::<Subscription>(subscription, "customer.subscription.updated", |row| {
            if row.status == "incomplete" {
                "active".clone_into(&mut row.status);
            }
        });
    }
}

/// The banks answer what they were asked long enough ago.
pub(crate) fn settle(state: &mut State) {
    let now = state.now;
    let over = |row: &&PaymentIntent| row.status == "processing" && row.course.settles_at.is_some_and(|at| at <= now);
    let over: Vec<String> = state.tables.payment_intents.oldest().filter(over).map(|row| row.id.clone()).collect();
    for id in over {
        answer(state, &id);
    }
}

fn answer(state: &mut State, id: &str) {
    let Some(row) = state.get::<PaymentIntent>(id).cloned() else { return };
    let Some(invoice) = row.invoice.as_ref().and_then(|id| state.get::<Invoice>(id)).cloned() else { return };
    let account = row.payment_method.as_ref().and_then(|id| state.get::<PaymentMethod>(id));
    let refused = account.and_then(|account| account.declines.clone());
    state.edit::<PaymentIntent>(id, |row| {
        row.course.settles_at = None;
        row.error.clone_from(&refused);
        if refused.is_some() { "requires_payment_method" } else { "succeeded" }.clone_into(&mut row.status);
    });
    let outcome = if refused.is_some() {
        state.announce::<PaymentIntent>(id, "payment_intent.payment_failed");
        billing::failed(state, &invoice.id);
        "checkout.session.async_payment_failed"
    } else {
        state.announce::<PaymentIntent>(id, "payment_intent.succeeded");
        billing::paid(state, &invoice, row.amount);
        "checkout.session.async_payment_succeeded"
    };
    let session = |row: &&CheckoutSession| row.invoice.as_ref() == Some(&invoice.id);
    let Some(session) = state.tables.checkouts.newest().find(session).map(|row| row.id.clone()) else { return };
    state.edit::<CheckoutSession>(&session, |row| {
        if refused.is_none() {
            "paid".clone_into(&mut row.payment_status);
        }
    });
    state.announce::<CheckoutSession>(&session, outcome);
}

/// A bank account as a payment method has it.
pub(crate) fn details(row: &PaymentMethod) -> Value {
    json!({
        "bank_code": row.brand, "branch_code": "", "country": row.country, "fingerprint": row.fingerprint,
        "generated_from": {"charge": null, "setup_attempt": null}, "last4": row.last4,
    })
}
