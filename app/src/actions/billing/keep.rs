//! The customer changes their mind about leaving.

use crate::{
    actions::{Outcome, act},
    context::customer,
};
use leptos::prelude::{ServerFnError, server};

#[server(prefix = "/actions/billing", endpoint = "keep")]
pub async fn keep(form_id: String) -> Result<(), ServerFnError> {
    act("/billing", async {
        customer().await?.keep(&form_id).await?;
        Ok(Outcome::done("/billing", "Good to have you back. Your subscription renews as before."))
    })
    .await
}
