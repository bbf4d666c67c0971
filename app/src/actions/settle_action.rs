//! Says what became of an action that was left without an answer.

use super::{Outcome, act};
use crate::context::operator;
use leptos::prelude::{ServerFnError, server};
use patchbay_domain::UserError;
use uuid::Uuid;

#[server(prefix = "/actions", endpoint = "settle-action")]
pub async fn settle_action(id: String, took_effect: bool) -> Result<(), ServerFnError> {
    let parsed = Uuid::parse_str(&id);
    let page = parsed.as_ref().map_or_else(|_| "/audit".to_owned(), |id| format!("/audit/{id}"));
    act(&page, async {
        let id = parsed.map_err(|_| UserError::not_found("audit entry"))?;
        operator()?.settle_action(id, took_effect).await?;
        let text = if took_effect { "Noted: it took effect." } else { "Noted: it did not take effect." };
        Ok(Outcome::done(page.clone(), text))
    })
    .await
}
