//! Deletes a video at its provider, for good.

use super::{Outcome, act, named, page_of};
use crate::context::operator;
use leptos::prelude::{ServerFnError, server};
use patchbay_domain::{RecordBody, RecordRef, video::Asset};

#[server(prefix = "/actions", endpoint = "delete-asset")]
pub async fn delete_asset(record: String, form_id: String) -> Result<(), ServerFnError> {
    let record = RecordRef::read(Asset::KIND, &record);
    act(&page_of(record.as_ref(), "/videos"), async {
        operator()?.delete_asset(named(record.as_ref())?, &form_id).await?;
        Ok(Outcome::done("/videos", "The video was deleted. What we knew of it stays under its old address."))
    })
    .await
}
