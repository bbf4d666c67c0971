//! Forgets a payment method.

use crate::{
    actions::{Outcome, act, safe_id},
    context::customer,
};
use leptos::prelude::{ServerFnError, server};

#[server(prefix = "/actions/billing", endpoint = "remove-payment-method")]
pub async fn remove_payment_method(method: String, form_id: String) -> Result<(), ServerFnError> {
    act("/billing/payment-methods", async {
        customer().await?.remove_payment_method(safe_id(&method)?, &form_id).await?;
        Ok(Outcome::done("/billing/payment-methods", "The payment method is removed."))
    })
    .await
}
