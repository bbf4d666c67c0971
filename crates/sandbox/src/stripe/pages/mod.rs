//! The hosted pages a person clicks through: Checkout, Portal, invoices.

mod checkout;
mod invoice;
mod portal;

pub(crate) use checkout::{checkout, leave_checkout, pay};
pub(crate) use invoice::{invoice, invoice_pdf, pay_invoice};
pub(crate) use portal::{add_card, card_action, portal, subscription_action};

use std::collections::HashMap;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::payment_methods::Card;
use crate::html::page;

/// The fields of a posted form.
type Fields = HashMap<String, String>;

/// A page that says there is nothing here.
fn missing(what: &str) -> Response {
    let body = html! { p { "There is no such " (what) ", or it has been removed." } };
    (StatusCode::NOT_FOUND, page("Not found", &body)).into_response()
}

/// The card as typed: spaces in the number and `12 / 34` are fine.
fn typed_card(fields: &Fields) -> Card {
    let get = |name: &str| fields.get(name).map_or("", |text| text.trim());
    let number = get("number").chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let mut parts = get("expiry").split('/').map(str::trim);
    let exp_month = parts.next().and_then(|m| m.parse().ok()).unwrap_or(0);
    let year: u16 = parts.next().and_then(|y| y.parse().ok()).unwrap_or(0);
    let exp_year = if year < 100 { year + 2_000 } else { year };
    let name = Some(get("name").to_owned()).filter(|name| !name.is_empty());
    let confirmed = get("bank") == "confirm";
    Card { number, exp_month, exp_year, name, confirmed }
}

/// What the bank of a card asks its owner. The form comes back to where it was sent, with the answer.
fn bank_page(action: &str, fields: &Fields) -> Response {
    let mut names: Vec<&String> = fields.keys().filter(|name| *name != "bank").collect();
    names.sort();
    let body = html! {
        p { "Your bank wants to know that it is you. A real bank sends a code to your phone here." }
        form method="post" action=(action) class="row" {
            @for name in names { input type="hidden" name=(name) value=(fields[name]); }
            button type="submit" name="bank" value="confirm" class="main" { "Confirm" }
            button type="submit" name="bank" value="refuse" { "Refuse" }
        }
    };
    page("Confirm with your bank", &body).into_response()
}

/// The fields of a test card, filled in.
fn card_fields(name: &str) -> Markup {
    html! {
        div class="field" {
            label for="number" { "Card number" }
            input id="number" name="number" value="4242 4242 4242 4242" inputmode="numeric" autocomplete="off" required
                aria-describedby="number-hint";
            span class="hint" id="number-hint" {
                "4242 4242 4242 4242 is accepted. 4000 0000 0000 0002 is declined. 4000 0000 0000 0341 is accepted and fails later. "
                "The bank asks about 4000 0025 0000 3155, 4000 0027 6000 3184 and 4000 0082 6000 3178; the last one is empty."
            }
        }
        div class="grid" {
            div class="field" {
                label for="expiry" { "Expiry (month / year)" }
                input id="expiry" name="expiry" value="12 / 34" autocomplete="off" required;
            }
            div class="field" {
                label for="cvc" { "Security code" }
                input id="cvc" name="cvc" value="123" inputmode="numeric" autocomplete="off" required;
            }
        }
        div class="field" {
            label for="name" { "Name on the card" }
            input id="name" name="name" value=(name) autocomplete="off" dir="auto";
        }
    }
}
