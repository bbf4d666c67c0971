//! Moves the customer's subscription to another price, as the preview said.

use crate::{
    actions::{Outcome, act, change_plan::moment, safe_id},
    context::customer,
};
use leptos::prelude::{ServerFnError, server};

#[server(prefix = "/actions/billing", endpoint = "change-plan")]
pub async fn change_own_plan(price: String, proration_at: String, form_id: String) -> Result<(), ServerFnError> {
    act("/billing/plans", async {
        let at = moment(&proration_at)?;
        customer().await?.change_plan(safe_id(&price)?, at, &form_id).await?;
        Ok(Outcome::done("/billing", "Your plan is changed."))
    })
    .await
}
