//! Ends a subscription, now or when its period is over.

use super::{Outcome, act_with_draft, named, page_of};
use crate::{context::operator, pages::cancel_parts::known_reason};
use leptos::prelude::{ServerFnError, server};
use patchbay_domain::{RecordRef, billing::SUBSCRIPTION};
use patchbay_providers::billing::CancelReason;

/// `when` is `now` or `period_end`; anything else is the milder one.
#[server(prefix = "/actions", endpoint = "cancel-subscription")]
pub async fn cancel_subscription(
    record: String,
    when: String,
    #[server(default)] feedback: String,
    #[server(default)] comment: String,
    form_id: String,
) -> Result<(), ServerFnError> {
    let record = RecordRef::read(SUBSCRIPTION, &record);
    let href = page_of(record.as_ref(), "/subscriptions");
    let draft = [("when", when.as_str()), ("feedback", feedback.as_str()), ("comment", comment.as_str())];
    act_with_draft(&format!("{href}/cancel"), &draft, async {
        let now = when == "now";
        operator()?.cancel_subscription(named(record.as_ref())?, now, &reason(&feedback, &comment), &form_id).await?;
        let text = if now {
            "The subscription was canceled and has ended."
        } else {
            "The subscription was canceled. It works until its period ends, and can be kept until then."
        };
        Ok(Outcome::done(href.clone(), text))
    })
    .await
}

/// What the form says about why; a reason that is not on its list is left out.
pub fn reason(feedback: &str, comment: &str) -> CancelReason {
    let comment = comment.trim();
    CancelReason { feedback: known_reason(feedback), comment: (!comment.is_empty()).then(|| comment.to_owned()) }
}
