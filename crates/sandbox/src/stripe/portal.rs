//! `/v1/billing_portal/sessions`.

use serde_json::Value;

use super::api::{find, retrieve};
use super::customers::living;
use super::errors::ApiError;
use super::form::Form;
use super::model::{PortalSession, Subscription};
use super::state::State;

const FLOWS: [&str; 6] = [
    "payment_method_update",
    "subscription_cancel",
    "subscription_update",
    "subscription_update_confirm",
    "subscription_pause",
    "customer_update",
];

pub(crate) fn create(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    super::connect::own_pages(state.account)?;
    form.only(&["customer", "return_url", "flow_data"])?;
    let customer = form.need("customer")?.to_owned();
    living(state, &customer, "customer")?;
    let flow = form.deep("flow_data", "type");
    if let Some(kind) = flow.filter(|kind| !FLOWS.contains(kind)) {
        return Err(ApiError::invalid(format!(
            "Invalid flow_data[type]: must be one of {}; got {kind}",
            FLOWS.join(", ")
        ))
        .of("flow_data[type]"));
    }
    let subscription = flow.and_then(|kind| form.parts("flow_data")?.deep(kind, "subscription").map(str::to_owned));
    if let Some(id) = &subscription {
        find::<Subscription>(state, id, "flow_data[subscription]")?;
    }
    let row = PortalSession {
        id: state.id("bps_1", 23),
        created: state.now,
        customer,
        return_url: form.text("return_url").map(str::to_owned),
        flow: flow.map(str::to_owned),
        subscription,
    };
    let id = row.id.clone();
    state.put(row);
    retrieve::<PortalSession>(state, &id)
}
