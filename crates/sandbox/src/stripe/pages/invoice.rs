//! The hosted invoice and its PDF.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;

use super::{Fields, bank_page, card_fields, missing, typed_card};
use crate::html::page;
use crate::hub::Hub;
use crate::stripe::billing::Owner;
use crate::stripe::model::{Customer, Discount, Invoice, PaymentIntent};
use crate::stripe::pricing::money;
use crate::stripe::state::State;
use crate::stripe::{billing, errors, payment_methods, pdf, time};

/// `GET /invoices/{id}`.
pub(crate) async fn invoice(Shared(hub): Shared<Arc<Hub>>, Path(id): Path<String>) -> Response {
    hub.work(|state| {
        billing::lapse(state);
        show(state, &id, None)
    })
}

/// `POST /invoices/{id}`: pays it with the customer's card or another one, as far as the bank lets them.
pub(crate) async fn pay_invoice(
    Shared(hub): Shared<Arc<Hub>>,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    let action = format!("/sandbox/stripe/invoices/{id}");
    hub.work(|state| {
        billing::lapse(state);
        let owner = match fields.get("bank").map(String::as_str) {
            Some("confirm") => Owner::Confirmed,
            Some("refuse") if asks(state, &id) => {
                billing::refuse_to_confirm(state, &id);
                return show(state, &id, Some(errors::decline_message("authentication_failure")));
            }
            _ => Owner::There,
        };
        let other = match (fields.contains_key("number"), state.get::<Invoice>(&id)) {
            (true, Some(invoice)) => {
                let (customer, card) = (invoice.customer.clone(), typed_card(&fields));
                if let Some(why) = card.mistake(state.now) {
                    return show(state, &id, Some(why));
                }
                if card.wants_confirmation() {
                    return bank_page(&action, &fields);
                }
                Some(payment_methods::save(state, &customer, &card))
            }
            _ => None,
        };
        match billing::pay(state, &id, other.as_deref(), owner) {
            Ok(()) => Redirect::to(&action).into_response(),
            Err(_) if asks(state, &id) => bank_page(&action, &fields),
            Err(error) => show(state, &id, Some(&error.message)),
        }
    })
}

/// Whether its payment waits for an answer to the bank.
fn asks(state: &State, id: &str) -> bool {
    let intent = state.get::<Invoice>(id).and_then(|row| row.payment_intent.as_ref());
    intent.and_then(|id| state.get::<PaymentIntent>(id)).is_some_and(|row| row.status == "requires_action")
}

/// `GET /invoices/{id}/pdf`.
pub(crate) async fn invoice_pdf(Shared(hub): Shared<Arc<Hub>>, Path(id): Path<String>) -> Response {
    hub.look(|state| {
        let Some(row) = state.get::<Invoice>(&id) else {
            return missing("invoice");
        };
        let customer = state.get::<Customer>(&row.customer);
        let number = row.number.as_deref().unwrap_or("draft");
        let headers = [
            (header::CONTENT_TYPE, "application/pdf".to_owned()),
            (header::CONTENT_DISPOSITION, format!("inline; filename=\"invoice-{number}.pdf\"")),
        ];
        (headers, pdf::invoice(row, customer)).into_response()
    })
}

fn coupon_of<'a>(state: &'a State, discount: &'a str) -> &'a str {
    state.get::<Discount>(discount).map_or(discount, |row| row.coupon.as_str())
}

fn show(state: &State, id: &str, why: Option<&str>) -> Response {
    let Some(row) = state.get::<Invoice>(id) else {
        return missing("invoice");
    };
    let customer = state.get::<Customer>(&row.customer);
    let status = if why.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let title = format!("Invoice {}", row.number.as_deref().unwrap_or("(draft)"));
    let body = html! {
        @if let Some(why) = why { p class="note bad" role="alert" { (why) } }
        dl {
            dt { "Status" } dd { (row.status) }
            dt { "Date" } dd { (time::day(row.created)) }
            @if let Some(customer) = customer {
                dt { "Billed to" }
                dd dir="auto" { (customer.name.as_deref().unwrap_or("")) " " (customer.email.as_deref().unwrap_or("")) }
            }
        }
        div class="scroll" tabindex="0" role="region" aria-label="Lines" {
            table {
                thead { tr { th scope="col" { "Description" } th scope="col" { "Period" } th scope="col" class="num" { "Amount" } } }
                tbody {
                    @for line in &row.lines {
                        tr {
                            td { (line.description) }
                            td { (time::day(line.start)) " – " (time::day(line.end)) }
                            td class="num" { (money(&row.currency, line.amount)) }
                        }
                    }
                }
                tfoot {
                    @for (id, off) in row.discounts() {
                        tr {
                            th scope="row" colspan="2" { "Discount (" (coupon_of(state, id)) ")" }
                            td class="num" { (money(&row.currency, -off)) }
                        }
                    }
                    tr { th scope="row" colspan="2" { "Total" } td class="num" { (money(&row.currency, row.total())) } }
                    tr { th scope="row" colspan="2" { "Amount due" } td class="num" { (money(&row.currency, row.amount_remaining())) } }
                }
            }
        }
        @if row.status == "open" {
            @if asks(state, id) { p class="note" { "The bank asks for a confirmation of this payment." } }
            form method="post" action={ "/sandbox/stripe/invoices/" (row.id) } {
                button type="submit" class="main" { "Pay " (money(&row.currency, row.amount_remaining())) " with the saved card" }
            }
            details {
                summary { "Pay with another card" }
                form method="post" action={ "/sandbox/stripe/invoices/" (row.id) } class="narrow" {
                    (card_fields(customer.and_then(|customer| customer.name.as_deref()).unwrap_or_default()))
                    button type="submit" { "Pay with this card" }
                }
            }
        }
        p { a href={ "/sandbox/stripe/invoices/" (row.id) "/pdf" } { "Download the PDF" } }
    };
    (status, page(&title, &body)).into_response()
}
