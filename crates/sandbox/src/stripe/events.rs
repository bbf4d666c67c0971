//! Events: the envelope, what changed, and the list of the API.

use serde_json::{Map, Value, json};

use super::model::Event;
use super::state::State;
use super::versions;

/// Records an event and queues it for delivery.
pub(crate) fn emit(state: &mut State, kind: &str, object: Value, previous: Option<Value>) {
    let lane = object["customer"].as_str().or(object["id"].as_str()).unwrap_or_default().to_owned();
    emit_in(state, lane, kind, object, previous);
}

/// The same, among the events of `lane`.
pub(crate) fn emit_in(state: &mut State, lane: String, kind: &str, object: Value, previous: Option<Value>) {
    if !versions::sends(state.webhook_version, kind) {
        return;
    }
    let id = state.id("evt_1", 23);
    let mut data = Map::new();
    data.insert("object".to_owned(), object);
    if let Some(previous) = previous {
        data.insert("previous_attributes".to_owned(), previous);
    }
    let (request, key) = match &state.request {
        Some((request, key)) => (Some(request), key.as_ref()),
        None => (None, None),
    };
    let mut body = json!({
        "id": id, "object": "event", "api_version": state.webhook_version, "created": state.now, "data": data, "livemode": false,
        "pending_webhooks": 1, "request": {"id": request, "idempotency_key": key}, "type": kind,
    });
    if let Some(account) = state.account {
        body["account"] = account.id.into();
    }
    state.put(Event { id: id.clone(), created: state.now, kind: kind.to_owned(), lane, body: body.to_string() });
    state.outbox.push(id);
}

/// The members of `before` whose values are others in `after`, as `previous_attributes` has them.
pub(crate) fn difference(before: &Value, after: &Value) -> Option<Value> {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return None;
    };
    let mut previous = Map::new();
    for (name, old) in before {
        let new = after.get(name).unwrap_or(&Value::Null);
        if old == new {
            continue;
        }
        // Objects are compared member by member; lists are given whole.
        let part = if old.is_object() && new.is_object() {
            difference(old, new).unwrap_or_else(|| old.clone())
        } else {
            old.clone()
        };
        previous.insert(name.clone(), part);
    }
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        previous.insert(name.clone(), Value::Null);
    }
    (!previous.is_empty()).then_some(Value::Object(previous))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changed_members_are_previous() {
        let before = json!({"id": "x", "a": 1, "m": {"k": "v", "same": 1}, "list": [1]});
        let after = json!({"id": "x", "a": 2, "m": {"k": "w", "same": 1, "new": 1}, "list": [1]});
        assert_eq!(difference(&before, &after), Some(json!({"a": 1, "m": {"k": "v", "new": null}})));
        assert_eq!(difference(&before, &before), None);
    }
}
