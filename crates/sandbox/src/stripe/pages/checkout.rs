//! The Checkout page.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::{Fields, bank_page, card_fields, missing, typed_card};
use crate::html::page;
use crate::hub::Hub;
use crate::stripe::checkout::{self, Typed, Unpaid};
use crate::stripe::model::{CheckoutSession, Customer, Price, Product};
use crate::stripe::pricing::{self, money};
use crate::stripe::state::State;
use crate::stripe::{errors, time};

/// `GET /checkout/{id}`.
pub(crate) async fn checkout(Shared(hub): Shared<Arc<Hub>>, Path(id): Path<String>) -> Response {
    hub.work(|state| {
        checkout::lapse(state, &id);
        show(state, &id, None)
    })
}

/// `POST /checkout/{id}`: pays.
pub(crate) async fn pay(Shared(hub): Shared<Arc<Hub>>, Path(id): Path<String>, Form(fields): Form<Fields>) -> Response {
    hub.work(|state| {
        if state.get::<CheckoutSession>(&id).is_none() {
            return missing("Checkout page");
        }
        let typed = Typed {
            card: typed_card(&fields),
            email: fields.get("email").map(|text| text.trim().to_owned()),
            iban: fields.get("iban").cloned(),
        };
        match checkout::complete(state, &id, &typed) {
            Ok(next) => Redirect::to(&next).into_response(),
            Err(Unpaid::Because(why)) => show(state, &id, Some(&why)),
            Err(Unpaid::Unconfirmed) if fields.get("bank").is_some_and(|answer| answer == "refuse") => {
                show(state, &id, Some(errors::decline_message("authentication_failure")))
            }
            Err(Unpaid::Unconfirmed) => bank_page(&format!("/sandbox/stripe/checkout/{id}"), &fields),
        }
    })
}

/// `POST /checkout/{id}/cancel`: goes back without paying.
pub(crate) async fn leave_checkout(Shared(hub): Shared<Arc<Hub>>, Path(id): Path<String>) -> Response {
    hub.look(|state| match state.get::<CheckoutSession>(&id) {
        Some(row) => Redirect::to(row.cancel_url.as_deref().unwrap_or("/")).into_response(),
        None => missing("Checkout page"),
    })
}

fn show(state: &State, id: &str, why: Option<&str>) -> Response {
    let Some(session) = state.get::<CheckoutSession>(id) else {
        return missing("Checkout page");
    };
    let status = if why.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let title = match (session.status.as_str(), session.mode.as_str()) {
        ("complete", _) => "All done here",
        ("expired", _) => "This page has expired",
        (_, "setup") => "Save a card",
        _ => "Subscribe",
    };
    let body = match session.status.as_str() {
        "complete" => html! {
            p { "This was completed before." }
            p { a class="button main" href=(checkout::success_url(session)) { "Continue" } }
        },
        "expired" => html! {
            p { "Go back and start again." }
            p { a class="button" href=(session.cancel_url.as_deref().unwrap_or("/")) { "Go back" } }
        },
        _ => open(state, session, why),
    };
    (status, page(title, &body)).into_response()
}

fn open(state: &State, session: &CheckoutSession, why: Option<&str>) -> Markup {
    let customer = session.customer.as_ref().and_then(|id| state.get::<Customer>(id));
    let name = customer.and_then(|c| c.name.as_deref()).unwrap_or_default();
    let email = customer.and_then(|c| c.email.as_deref()).or(session.customer_email.as_deref());
    let currency = session.currency.as_deref().unwrap_or("usd");
    let total = session.amount_total.unwrap_or_default();
    let button = if session.mode == "setup" {
        "Save the card".to_owned()
    } else if total == 0 {
        "Start the trial".to_owned()
    } else {
        format!("Pay {}", money(currency, total))
    };
    html! {
        @if let Some(why) = why {
            p class="note bad" role="alert" id="problem" { (why) }
        }
        @if session.mode != "setup" {
            section class="card narrow" aria-labelledby="order" {
                h2 id="order" { "Your order" }
                ul {
                    @for (id, quantity) in &session.line_items {
                        @if let Some(price) = state.get::<Price>(id) {
                            li {
                                (quantity) " × "
                                (state.get::<Product>(&price.product).map_or(price.id.as_str(), |p| p.name.as_str()))
                                ", " (pricing::rate(price))
                            }
                        }
                    }
                }
                @if let Some(days) = session.trial_days {
                    p { "Free for " (days) " days, until " (time::day(state.now + days * 86_400)) "." }
                }
                p class="total" { "Due today: " (money(currency, total)) }
            }
        }
        form method="post" action={ "/sandbox/stripe/checkout/" (session.id) } class="narrow" {
            @if let Some(email) = email {
                p { "For " strong dir="auto" { (email) } }
            } @else {
                div class="field" {
                    label for="email" { "Email" }
                    input type="email" id="email" name="email" value="new@customer.example" autocomplete="off" required;
                }
            }
            (card_fields(name))
            button type="submit" class="main" { (button) }
        }
        @if session.mode == "subscription" && currency == "eur" {
            details {
                summary { "Pay by bank debit instead" }
                form method="post" action={ "/sandbox/stripe/checkout/" (session.id) } class="narrow" {
                    @if email.is_none() {
                        div class="field" {
                            label for="debit-email" { "Email for the mandate" }
                            input type="email" id="debit-email" name="email" value="new@customer.example" autocomplete="off" required;
                        }
                    }
                    div class="field" {
                        label for="iban" { "IBAN" }
                        input id="iban" name="iban" value="AT61 1904 3002 3457 3201" autocomplete="off" required
                            aria-describedby="iban-hint";
                        span class="hint" id="iban-hint" {
                            "The bank answers after a minute. AT86 1904 3002 3547 3202 is refused then."
                        }
                    }
                    button type="submit" { "Subscribe by bank debit" }
                }
            }
        }
        form method="post" action={ "/sandbox/stripe/checkout/" (session.id) "/cancel" } {
            button type="submit" { "Go back without paying" }
        }
    }
}
