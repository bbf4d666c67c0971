//! Ends the customer's subscription with its period.

use crate::{
    actions::{Outcome, act_with_draft, cancel_subscription::reason},
    context::customer,
};
use leptos::prelude::{ServerFnError, server};

#[server(prefix = "/actions/billing", endpoint = "cancel")]
pub async fn cancel(
    #[server(default)] feedback: String,
    #[server(default)] comment: String,
    form_id: String,
) -> Result<(), ServerFnError> {
    let draft = [("feedback", feedback.as_str()), ("comment", comment.as_str())];
    act_with_draft("/billing/cancel", &draft, async {
        customer().await?.cancel(&reason(&feedback, &comment), &form_id).await?;
        Ok(Outcome::done(
            "/billing",
            "Your subscription is canceled. It works until its period ends, and you can change your mind until then.",
        ))
    })
    .await
}
