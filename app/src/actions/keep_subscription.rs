//! Takes a scheduled cancellation back.

use super::{Outcome, act, safe_id};
use crate::{context::operator, pages::links::object_href};
use leptos::prelude::{ServerFnError, server};

#[server(prefix = "/actions", endpoint = "keep-subscription")]
pub async fn keep_subscription(id: String, form_id: String) -> Result<(), ServerFnError> {
    let href = object_href("subscription", &id);
    act(&href, async {
        operator()?.keep_subscription(safe_id(&id)?, &form_id).await?;
        Ok(Outcome::done(href.clone(), "The subscription goes on and renews as before."))
    })
    .await
}
