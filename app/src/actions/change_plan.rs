//! Changes a subscription's plan at the price that the preview showed.

use super::{Outcome, act, safe_id};
use crate::{context::operator, pages::links::object_href};
use leptos::prelude::{ServerFnError, server};
use patchbay_domain::{Timestamp, UserError, error::Reason};

/// `proration_at` is the moment of the preview, as the form has it, so that both are the same arithmetic.
#[server(prefix = "/actions", endpoint = "change-plan")]
pub async fn change_plan(
    id: String,
    price: String,
    proration_at: String,
    form_id: String,
) -> Result<(), ServerFnError> {
    let href = object_href("subscription", &id);
    act(&format!("{href}/plan"), async {
        let at = moment(&proration_at)?;
        operator()?.change_plan(safe_id(&id)?, safe_id(&price)?, at, &form_id).await?;
        Ok(Outcome::done(href.clone(), "The plan was changed."))
    })
    .await
}

/// The moment of a preview, as its form carries it: microseconds, as everywhere here.
pub fn moment(text: &str) -> Result<Timestamp, UserError> {
    text.parse().map(Timestamp::from_micros).map_err(|_| {
        UserError::new(Reason::Invalid, "The preview of this change cannot be read. Choose the plan once more.")
    })
}
