//! Leads to the provider's page for a new payment method.

use crate::{
    actions::{Outcome, act},
    context::{app, customer},
};
use leptos::prelude::{ServerFnError, server};

#[server(prefix = "/actions/billing", endpoint = "add-payment-method")]
pub async fn add_payment_method(form_id: String) -> Result<(), ServerFnError> {
    let return_to = format!("{}/billing/payment-methods", app().public_url);
    act("/billing/payment-methods", async {
        Ok(Outcome::go(customer().await?.add_payment_method(&return_to, &form_id).await?))
    })
    .await
}
