//! The hosted invoice and its PDF.

use std::sync::Arc;

use axum::extract::{Path, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;

use super::missing;
use crate::html::page;
use crate::hub::Hub;
use crate::stripe::model::{Customer, Invoice};
use crate::stripe::proration::money;
use crate::stripe::state::State;
use crate::stripe::{billing, pdf, time};

/// `GET /invoices/{id}`.
pub(crate) async fn invoice(Shared(hub): Shared<Arc<Hub>>, Path(id): Path<String>) -> Response {
    hub.look(|state| show(state, &id, None))
}

/// `POST /invoices/{id}`: pays it with the customer's card.
pub(crate) async fn pay_invoice(Shared(hub): Shared<Arc<Hub>>, Path(id): Path<String>) -> Response {
    hub.work(|state| match billing::pay(state, &id, None) {
        Ok(()) => Redirect::to(&format!("/sandbox/stripe/invoices/{id}")).into_response(),
        Err(error) => show(state, &id, Some(&error.message)),
    })
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
                    tr { th scope="row" colspan="2" { "Total" } td class="num" { (money(&row.currency, row.total())) } }
                    tr { th scope="row" colspan="2" { "Amount due" } td class="num" { (money(&row.currency, row.amount_remaining())) } }
                }
            }
        }
        @if row.status == "open" {
            form method="post" action={ "/sandbox/stripe/invoices/" (row.id) } {
                button type="submit" class="main" { "Pay " (money(&row.currency, row.amount_remaining())) " with the saved card" }
            }
        }
        p { a href={ "/sandbox/stripe/invoices/" (row.id) "/pdf" } { "Download the PDF" } }
    };
    (status, page(&title, &body)).into_response()
}
