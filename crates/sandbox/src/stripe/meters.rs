//! `/v1/billing/meters` and `/v1/billing/meter_events`: usage as it is reported, and what of it falls into a period.

use serde_json::{Value, json};

use super::api::{find, retrieve};
use super::errors::ApiError;
use super::form::Form;
use super::model::{Customer, Meter, MeterEvent};
use super::paging;
use super::state::State;

const DAY: i64 = 86_400;

pub(crate) fn list(state: &State, form: &Form) -> Result<Value, ApiError> {
    form.only(&["limit", "starting_after", "ending_before", "status"])?;
    let status = form.word("status", &["active", "inactive"])?;
    paging::list(state, form, "/v1/billing/meters", |row: &Meter| {
        status.is_none_or(|status| row.deactivated_at.is_none() == (status == "active"))
    })
}

pub(crate) fn get(state: &State, id: &str) -> Result<Value, ApiError> {
    retrieve::<Meter>(state, id)
}

pub(crate) fn create(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[
        "default_aggregation",
        "display_name",
        "event_name",
        "customer_mapping",
        "event_time_window",
        "value_settings",
    ])?;
    form.only_in("default_aggregation", &["formula"])?;
    form.only_in("customer_mapping", &["event_payload_key", "type"])?;
    form.only_in("value_settings", &["event_payload_key"])?;
    let formula =
        form.deep("default_aggregation", "formula").ok_or_else(|| ApiError::missing("default_aggregation[formula]"))?;
    if !["count", "last", "sum"].contains(&formula) {
        let message =
            format!("Invalid default_aggregation[formula]: must be one of count, last, or sum; got {formula}");
        return Err(ApiError::invalid(message).of("default_aggregation[formula]"));
    }
    let event_name = form.need("event_name")?.to_owned();
    if active(state, &event_name).is_some() {
        let message = format!("An active meter for the event name {event_name} exists already.");
        return Err(ApiError::invalid(message).of("event_name"));
    }
    let key = |name: &str, usual: &str| form.deep(name, "event_payload_key").unwrap_or(usual).to_owned();
    let row = Meter {
        id: state.id("mtr_test_", 24),
        created: state.now,
        updated: state.now,
        display_name: form.need("display_name")?.to_owned(),
        event_name,
        formula: formula.to_owned(),
        customer_key: key("customer_mapping", "stripe_customer_id"),
        value_key: key("value_settings", "value"),
        time_window: form.word("event_time_window", &["day", "hour"])?.map(str::to_owned),
        deactivated_at: None,
    };
    let id = row.id.clone();
    state.create(row, "billing.meter.created");
    retrieve::<Meter>(state, &id)
}

pub(crate) fn update(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["display_name"])?;
    find::<Meter>(state, id, "id")?;
    let now = state.now;
    state.change::<Meter>(id, "billing.meter.updated", |row| {
        if let Some(name) = form.text("display_name") {
            name.clone_into(&mut row.display_name);
            row.updated = now;
        }
    });
    retrieve::<Meter>(state, id)
}

/// `POST …/deactivate` and `…/reactivate`.
pub(crate) fn switch(state: &mut State, id: &str, is_on: bool) -> Result<Value, ApiError> {
    find::<Meter>(state, id, "id")?;
    let now = state.now;
    let event = if is_on { "billing.meter.reactivated" } else { "billing.meter.deactivated" };
    state.change::<Meter>(id, event, |row| row.deactivated_at = (!is_on).then_some(now));
    retrieve::<Meter>(state, id)
}

fn active<'a>(state: &'a State, event_name: &str) -> Option<&'a Meter> {
    state.tables.meters.oldest().find(|row| row.event_name == event_name && row.deactivated_at.is_none())
}

/// `POST /v1/billing/meter_events`.
pub(crate) fn report(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    form.only(&["event_name", "payload", "identifier", "timestamp"])?;
    let event_name = form.need("event_name")?.to_owned();
    let meter = active(state, &event_name).cloned().ok_or_else(|| {
        let message = format!("No active meter found for event name {event_name}.");
        ApiError::invalid(message).of("event_name").code("resource_missing")
    })?;
    let payload = form.parts("payload").ok_or_else(|| ApiError::missing("payload"))?;
    let named = |key: &str| format!("payload[{key}]");
    let part = |key: &str| payload.text(key).ok_or_else(|| ApiError::missing(&named(key)));
    let customer = find::<Customer>(state, part(&meter.customer_key)?, &named(&meter.customer_key))?.id.clone();
    let value = match payload.text(&meter.value_key) {
        None if meter.formula == "count" => 1,
        _ => part(&meter.value_key)?.parse().ok().filter(|value: &i64| *value >= 0).ok_or_else(|| {
            let message = "The sandbox takes whole values that are not negative.";
            ApiError::invalid(message).of(&named(&meter.value_key))
        })?,
    };
    let timestamp = form.int("timestamp")?.unwrap_or(state.now);
    if timestamp < state.now - 35 * DAY || timestamp > state.now + 300 {
        let message = "The timestamp must be within the past 35 calendar days and not in the future.";
        return Err(ApiError::invalid(message).of("timestamp"));
    }
    let id = form.text("identifier").map_or_else(|| state.id("", 32), str::to_owned);
    if state.get::<MeterEvent>(&id).is_some() {
        let message = format!("An event already exists with identifier {id}.");
        return Err(ApiError::invalid(message).of("identifier"));
    }
    let payload = payload.pairs().into_iter().collect();
    let created = state.now;
    let row = MeterEvent { id: id.clone(), created, meter: meter.id, event_name, customer, value, timestamp, payload };
    state.put(row);
    retrieve::<MeterEvent>(state, &id)
}

/// What a customer used of a meter from `start` until `end`.
pub(crate) fn usage(state: &State, meter: &str, customer: &str, start: i64, end: i64) -> i64 {
    let Some(row) = state.get::<Meter>(meter) else { return 0 };
    let events =
        state.tables.meter_events.oldest().filter(|event| {
            event.meter == meter && event.customer == customer && (start..end).contains(&event.timestamp)
        });
    match row.formula.as_str() {
        "count" => i64::try_from(events.count()).unwrap_or_default(),
        "last" => events.max_by_key(|event| event.timestamp).map_or(0, |event| event.value),
        _ => events.map(|event| event.value).sum(),
    }
}

/// `GET /v1/billing/meters/{id}/event_summaries`: one for the whole span.
pub(crate) fn summaries(state: &State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["customer", "start_time", "end_time"])?;
    find::<Meter>(state, id, "id")?;
    let customer = &find::<Customer>(state, form.need("customer")?, "customer")?.id;
    let time = |name: &str| form.int(name)?.ok_or_else(|| ApiError::missing(name));
    let (start, end) = (time("start_time")?, time("end_time")?);
    if start % 60 != 0 || end % 60 != 0 || start >= end {
        let message = "`start_time` and `end_time` must be whole minutes, one after the other.";
        return Err(ApiError::invalid(message).of("start_time"));
    }
    let summary = json!({
        "id": format!("mtrusg_test_{start}"), "object": "billing.meter_event_summary",
        "aggregated_value": usage(state, id, customer, start, end), "end_time": end, "livemode": false, "meter": id,
        "start_time": start,
    });
    Ok(super::render::list(&format!("/v1/billing/meters/{id}/event_summaries"), vec![summary], false))
}
