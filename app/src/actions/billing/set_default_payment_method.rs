//! Pays the next invoices with another method.

use crate::{
    actions::{Outcome, act, safe_id},
    context::customer,
};
use leptos::prelude::{ServerFnError, server};

#[server(prefix = "/actions/billing", endpoint = "set-default-payment-method")]
pub async fn set_default_payment_method(method: String, form_id: String) -> Result<(), ServerFnError> {
    act("/billing/payment-methods", async {
        customer().await?.set_default_payment_method(safe_id(&method)?, &form_id).await?;
        Ok(Outcome::done("/billing/payment-methods", "Your next invoices are paid with this method."))
    })
    .await
}
