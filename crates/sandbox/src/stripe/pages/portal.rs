//! The customer portal.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::{Fields, bank_page, card_fields, missing, typed_card};
use crate::html::page;
use crate::hub::Hub;
use crate::stripe::model::{Customer, Invoice, PaymentMethod, PortalSession, Price, Product, Subscription};
use crate::stripe::pricing::{self, money};
use crate::stripe::state::State;
use crate::stripe::{errors, payment_methods, subscriptions, time};

/// `GET /portal/{id}`.
pub(crate) async fn portal(Shared(hub): Shared<Arc<Hub>>, Path(id): Path<String>) -> Response {
    hub.look(|state| show(state, &id, None))
}

fn owner(state: &State, session: &str) -> Option<String> {
    state.get::<PortalSession>(session).map(|row| row.customer.clone())
}

fn back(session: &str) -> Response {
    Redirect::to(&format!("/sandbox/stripe/portal/{session}")).into_response()
}

/// `POST /portal/{id}/cards`: saves a card and makes it the one that is charged.
pub(crate) async fn add_card(
    Shared(hub): Shared<Arc<Hub>>,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    hub.work(|state| {
        let Some(customer) = owner(state, &id) else {
            return missing("portal");
        };
        let card = typed_card(&fields);
        if let Some(why) = card.mistake(state.now) {
            return show(state, &id, Some(why));
        }
        if card.wants_confirmation() {
            let refused = fields.get("bank").is_some_and(|answer| answer == "refuse");
            return if refused {
                show(state, &id, Some(errors::decline_message("authentication_failure")))
            } else {
                bank_page(&format!("/sandbox/stripe/portal/{id}/cards"), &fields)
            };
        }
        let saved = payment_methods::save(state, &customer, &card);
        payment_methods::prefer(state, &customer, &saved);
        back(&id)
    })
}

/// `POST /portal/{id}/cards/{card}`: `do=default` or `do=remove`.
pub(crate) async fn card_action(
    Shared(hub): Shared<Arc<Hub>>,
    Path((id, card)): Path<(String, String)>,
    Form(fields): Form<Fields>,
) -> Response {
    hub.work(|state| {
        let Some(customer) = owner(state, &id) else {
            return missing("portal");
        };
        let owns = state.get::<PaymentMethod>(&card).is_some_and(|row| row.customer.as_ref() == Some(&customer));
        if !owns {
            return missing("card");
        }
        match fields.get("do").map(String::as_str) {
            Some("default") => {
                payment_methods::prefer(state, &customer, &card);
                let using: Vec<String> = running(state, &customer).map(|s| s.id.clone()).collect();
                for subscription in using {
                    state.change::<Subscription>(&subscription, "customer.subscription.updated", |row| {
                        row.default_payment_method = Some(card.clone());
                    });
                }
            }
            Some("remove") => payment_methods::remove(state, &card),
            _ => {}
        }
        back(&id)
    })
}

/// `POST /portal/{id}/subscriptions/{sub}`: `do=cancel` or `do=keep`.
pub(crate) async fn subscription_action(
    Shared(hub): Shared<Arc<Hub>>,
    Path((id, subscription)): Path<(String, String)>,
    Form(fields): Form<Fields>,
) -> Response {
    hub.work(|state| {
        let Some(customer) = owner(state, &id) else {
            return missing("portal");
        };
        let owns = state.get::<Subscription>(&subscription).is_some_and(|row| row.customer == customer && row.alive());
        if !owns {
            return missing("subscription");
        }
        let now = state.now;
        let feedback = fields.get("feedback").filter(|text| !text.is_empty()).cloned();
        let act = fields.get("do").map(String::as_str);
        state.change::<Subscription>(&subscription, "customer.subscription.updated", |row| match act {
            Some("cancel") => {
                subscriptions::leave_by_portal(row, now);
                row.cancellation.feedback = feedback;
            }
            Some("keep") => subscriptions::stay(row),
            _ => {}
        });
        back(&id)
    })
}

fn running<'a>(state: &'a State, customer: &str) -> impl Iterator<Item = &'a Subscription> {
    state.tables.subscriptions.newest().filter(move |row| row.customer == customer && row.alive())
}

fn show(state: &State, id: &str, why: Option<&str>) -> Response {
    let Some(session) = state.get::<PortalSession>(id) else {
        return missing("portal");
    };
    let Some(customer) = state.get::<Customer>(&session.customer) else {
        return missing("customer");
    };
    let status = if why.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let body = html! {
        @if let Some(why) = why { p class="note bad" role="alert" { (why) } }
        p {
            "Signed in as "
            strong dir="auto" { (customer.name.as_deref().or(customer.email.as_deref()).unwrap_or(&customer.id)) } "."
            @if let Some(url) = &session.return_url { " " a href=(url) { "Return to the product" } }
        }
        section aria-labelledby="plans" {
            h2 id="plans" { "Current plan" }
            @for row in running(state, &customer.id) { (plan(state, session, row)) }
            @if running(state, &customer.id).next().is_none() { p { "No plan." } }
        }
        section aria-labelledby="cards" {
            h2 id="cards" { "Payment methods" }
            (cards(state, session, customer))
            details {
                summary { "Add a card" }
                form method="post" action={ "/sandbox/stripe/portal/" (session.id) "/cards" } class="narrow" {
                    (card_fields(customer.name.as_deref().unwrap_or_default()))
                    button type="submit" class="main" { "Add the card" }
                }
            }
        }
        section aria-labelledby="history" {
            h2 id="history" { "Invoices" }
            (invoices(state, customer))
        }
    };
    (status, page("Manage your subscription", &body)).into_response()
}

fn plan(state: &State, session: &PortalSession, row: &Subscription) -> Markup {
    html! {
        div class="card" {
            @for item in &row.items {
                @if let Some(price) = state.get::<Price>(&item.price) {
                    p {
                        strong { (state.get::<Product>(&price.product).map_or(price.id.as_str(), |p| p.name.as_str())) }
                        ", "
                        @if price.meter().is_none() { (item.quantity) " × " }
                        (pricing::rate(price))
                    }
                }
            }
            form method="post" action={ "/sandbox/stripe/portal/" (session.id) "/subscriptions/" (row.id) } {
                @if let Some(at) = row.cancel_at {
                    p class="note" { "Ends on " (time::day(at)) "." }
                    button type="submit" name="do" value="keep" class="main" { "Keep the plan" }
                } @else {
                    p { "Status: " (row.status.replace('_', " ")) ". Next invoice on " (time::day(row.period_end)) "." }
                    div class="field narrow" {
                        label for={ "why-" (row.id) } { "If you leave: why?" }
                        select id={ "why-" (row.id) } name="feedback" {
                            option value="" { "No answer" }
                            @for (value, label) in FEEDBACK { option value=(value) { (label) } }
                        }
                    }
                    button type="submit" name="do" value="cancel" { "Cancel the plan" }
                }
            }
        }
    }
}

const FEEDBACK: [(&str, &str); 5] = [
    ("too_expensive", "It is too expensive"),
    ("missing_features", "Something is missing"),
    ("switched_service", "I found something else"),
    ("unused", "I do not use it"),
    ("other", "Something else"),
];

fn cards(state: &State, session: &PortalSession, customer: &Customer) -> Markup {
    let theirs = |row: &&PaymentMethod| row.customer.as_ref() == Some(&customer.id) && row.legacy.is_none();
    let rows: Vec<&PaymentMethod> = state.tables.payment_methods.newest().filter(theirs).collect();
    html! {
        @if rows.is_empty() { p { "No card." } }
        ul {
            @for row in rows {
                @let name = row.title();
                li {
                    form method="post" action={ "/sandbox/stripe/portal/" (session.id) "/cards/" (row.id) } class="row" {
                        span { (name) @if !row.debit { ", expires " (row.exp_month) "/" (row.exp_year) } }
                        @if customer.default_payment_method.as_ref() == Some(&row.id) {
                            strong { "Default" }
                        } @else {
                            button type="submit" name="do" value="default" aria-label={ "Make " (name) " the default" } { "Make default" }
                            button type="submit" name="do" value="remove" aria-label={ "Remove " (name) } { "Remove" }
                        }
                    }
                }
            }
        }
    }
}

fn invoices(state: &State, customer: &Customer) -> Markup {
    let rows: Vec<&Invoice> =
        state.tables.invoices.newest().filter(|row| row.customer == customer.id).take(12).collect();
    html! {
        @if rows.is_empty() { p { "No invoices." } }
        ul {
            @for row in rows {
                li {
                    a href={ "/sandbox/stripe/invoices/" (row.id) } { (row.number.as_deref().unwrap_or("Draft")) }
                    ", " (time::day(row.created)) ", " (money(&row.currency, row.total())) ", " (row.status)
                }
            }
        }
    }
}
