//! Changes a subscription's plan at the price that the preview showed.

use super::{Outcome, act, named, page_of, safe_id};
use crate::{components::url::encode, context::operator};
use leptos::prelude::{ServerFnError, server};
use patchbay_domain::{RecordRef, billing::SUBSCRIPTION};
use patchbay_engine::PlanChanged;

/// `quote` is what the preview showed, signed. Whatever fails leads to a fresh preview.
#[server(prefix = "/actions", endpoint = "change-plan")]
pub async fn change_plan(
    record: String,
    price: String,
    #[server(default)] item: String,
    quote: String,
    form_id: String,
) -> Result<(), ServerFnError> {
    let record = RecordRef::read(SUBSCRIPTION, &record);
    let href = page_of(record.as_ref(), "/subscriptions");
    act(&format!("{href}/plan?price={}{}", encode(&price), and_item('&', &item)), async {
        let operator = operator()?;
        Ok(match operator.change_plan(named(record.as_ref())?, safe_id(&price)?, &quote, &form_id).await? {
            PlanChanged::Now => Outcome::done(href.clone(), "The plan was changed."),
            PlanChanged::WhenPaid(_) => {
                Outcome::waits(href.clone(), "The plan has not changed yet: the change is waiting for its payment.")
            }
        })
    })
    .await
}

/// The part of the preview's address that names the chosen item, if one was chosen.
pub fn and_item(before: char, item: &str) -> String {
    if item.is_empty() { String::new() } else { format!("{before}item={}", encode(item)) }
}
