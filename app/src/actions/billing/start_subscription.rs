//! Leads to the provider's page where a first subscription is paid.

use crate::{
    actions::{Outcome, act, safe_id},
    context::{app, customer},
};
use leptos::prelude::{ServerFnError, server};

#[server(prefix = "/actions/billing", endpoint = "start-subscription")]
pub async fn start_subscription(price: String, form_id: String) -> Result<(), ServerFnError> {
    let return_to = format!("{}/billing", app().public_url);
    act("/billing", async {
        let desk = customer().await?;
        Ok(Outcome::go(desk.start_subscription(safe_id(&price)?, &return_to, &form_id).await?))
    })
    .await
}
