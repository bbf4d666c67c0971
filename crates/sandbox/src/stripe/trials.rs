//! The end of trials: told three days before, and what paused at it goes on.

use serde_json::Value;

use super::api::{find, retrieve};
use super::billing;
use super::errors::ApiError;
use super::form::Form;
use super::model::Subscription;
use super::state::State;

/// `POST /v1/subscriptions/{id}/resume`.
pub(crate) fn resume(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["billing_cycle_anchor"])?;
    if form.word("billing_cycle_anchor", &["now", "unchanged"])? == Some("unchanged") {
        let message = "The sandbox resumes a subscription with a new billing cycle only.";
        return Err(ApiError::invalid(message).of("billing_cycle_anchor"));
    }
    let row = find::<Subscription>(state, id, "id")?;
    if row.status != "paused" {
        let message = format!("You can only resume a paused subscription. This one is {}.", row.status);
        return Err(ApiError::invalid(message).of("id"));
    }
    if !billing::has_card(state, row) {
        let message = "This customer has no attached payment source or default payment method. Please consider adding a default payment method.";
        return Err(ApiError::invalid(message).code("resource_missing"));
    }
    billing::restart(state, id);
    retrieve::<Subscription>(state, id)
}

/// Tells of the trials that end within three days, once each.
pub(crate) fn ending(state: &mut State) {
    const BEFORE: i64 = 3 * 86_400;
    let now = state.now;
    let soon = |row: &&Subscription| {
        row.status == "trialing" && !row.trial_end_told && row.trial_end.is_some_and(|end| end <= now + BEFORE)
    };
    let found: Vec<String> = state.tables.subscriptions.oldest().filter(soon).map(|row| row.id.clone()).collect();
    for id in found {
        state.edit::<Subscription>(&id, |row| row.trial_end_told = true);
        state.announce::<Subscription>(&id, "customer.subscription.trial_will_end");
    }
}
