//! Deletes a video at its provider, for good.

use super::{Outcome, act, safe_id};
use crate::{context::operator, pages::links::object_href};
use leptos::prelude::{ServerFnError, server};

#[server(prefix = "/actions", endpoint = "delete-asset")]
pub async fn delete_asset(id: String, form_id: String) -> Result<(), ServerFnError> {
    act(&object_href("asset", &id), async {
        operator()?.delete_asset(safe_id(&id)?, &form_id).await?;
        Ok(Outcome::done("/videos", "The video was deleted. What we knew of it stays under its old address."))
    })
    .await
}
