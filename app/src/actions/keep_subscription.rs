//! Takes a scheduled cancellation back.

use super::{Outcome, act, named, page_of};
use crate::context::operator;
use leptos::prelude::{ServerFnError, server};
use patchbay_domain::{RecordRef, billing::SUBSCRIPTION};

#[server(prefix = "/actions", endpoint = "keep-subscription")]
pub async fn keep_subscription(record: String, form_id: String) -> Result<(), ServerFnError> {
    let record = RecordRef::read(SUBSCRIPTION, &record);
    let href = page_of(record.as_ref(), "/subscriptions");
    act(&href, async {
        operator()?.keep_subscription(named(record.as_ref())?, &form_id).await?;
        Ok(Outcome::done(href.clone(), "The subscription continues and renews as before."))
    })
    .await
}
