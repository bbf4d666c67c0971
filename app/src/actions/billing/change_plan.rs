//! Moves the customer's subscription to another price, as the preview said; whatever fails leads to a fresh preview.

use crate::{
    actions::{Outcome, act, change_plan::and_item, safe_id},
    components::url::encode,
    context::customer,
};
use leptos::prelude::{ServerFnError, server};
use patchbay_engine::{OpenPayment, PlanChanged};

#[server(prefix = "/actions/billing", endpoint = "change-plan")]
pub async fn change_own_plan(
    price: String,
    #[server(default)] item: String,
    quote: String,
    form_id: String,
) -> Result<(), ServerFnError> {
    act(&format!("/billing/plans/{}{}", encode(&price), and_item('?', &item)), async {
        Ok(match customer().await?.change_plan(safe_id(&price)?, &quote, &form_id).await? {
            PlanChanged::Now => Outcome::done("/billing", "Your plan is changed."),
            PlanChanged::WhenPaid(payment) => Outcome::waits("/billing", what_now(payment.as_deref())),
        })
    })
    .await
}

fn what_now(payment: Option<&OpenPayment>) -> String {
    match payment {
        Some(payment) if payment.asks_customer() => {
            "Your plan has not changed yet: your bank asks you to confirm the payment.".to_owned()
        }
        Some(payment) if payment.refusal().is_some() => {
            "Your plan has not changed yet: the payment was declined. Pay in another way to change it.".to_owned()
        }
        _ => "Your plan has not changed yet: it has not been paid.".to_owned(),
    }
}
