//! How the sandbox is told to misbehave: the switches, the JSON control for tests, and the page with the same switches.

use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::stripe::{API_VERSION, versions};

/// What is wrong with the pretended providers right now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Switches {
    /// Added to every API answer.
    pub latency_ms: u32,
    /// Per cent of API requests answered with 429.
    pub rate_limit: u8,
    /// Per cent of API requests answered with 500.
    pub server_error: u8,
    /// The APIs answer nothing but 503.
    pub outage: bool,
    /// Per cent of deliveries sent twice.
    pub duplicate: u8,
    /// Deliveries leave in another order than their events happened.
    pub reorder: bool,
    /// Seconds every delivery is held back.
    pub late: u32,
    /// Per cent of deliveries with a signature that does not match.
    pub tamper: u8,
    /// Permissions that the product's key at Stripe lacks.
    pub lacks: Vec<String>,
    /// The API version of Stripe's webhook endpoint.
    pub webhook_version: String,
    /// Whether something happens by itself every few seconds.
    pub traffic: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            rate_limit: 0,
            server_error: 0,
            outage: false,
            duplicate: 0,
            reorder: false,
            late: 0,
            tamper: 0,
            lacks: Vec::new(),
            webhook_version: API_VERSION.to_owned(),
            traffic: true,
        }
    }
}

/// What the fault switches do to one API request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    RateLimited,
    ServerError,
    Outage,
}

impl Switches {
    /// Decides about one API request.
    pub(crate) fn fault(&self) -> Fault {
        if self.outage {
            Fault::Outage
        } else if hits(self.rate_limit) {
            Fault::RateLimited
        } else if hits(self.server_error) {
            Fault::ServerError
        } else {
            Fault::None
        }
    }

    /// Everything back to normal, but for what is no fault.
    pub(crate) fn behave(&mut self) {
        let webhook_version = std::mem::take(&mut self.webhook_version);
        *self = Self { traffic: self.traffic, webhook_version, ..Self::default() };
    }

    /// What is wrong now, one sentence each.
    pub(crate) fn faults(&self) -> Vec<String> {
        let share = |per_cent: u8, what: &str| (per_cent > 0).then(|| format!("{per_cent}% of {what}."));
        let faults = [
            self.outage.then(|| "The APIs are down: they answer nothing but 503.".to_owned()),
            (self.latency_ms > 0).then(|| format!("The APIs take {} ms longer.", self.latency_ms)),
            share(self.rate_limit, "API requests are answered with 429"),
            share(self.server_error, "API requests are answered with 500"),
            share(self.duplicate, "webhooks are sent twice"),
            self.reorder.then(|| "Webhooks leave out of order.".to_owned()),
            (self.late > 0).then(|| format!("Webhooks are held back for {} s.", self.late)),
            share(self.tamper, "webhooks carry a signature that does not match"),
        ];
        let lacks = self.lacks.iter().map(|one| format!("The product's key at Stripe lacks the permission {one}."));
        faults.into_iter().flatten().chain(lacks).collect()
    }

    /// Applies the given members of a JSON object and leaves the others. A share may be a number of per cent, or true or false.
    pub(crate) fn apply(&mut self, change: &Map<String, Value>) -> Result<(), String> {
        let mut next = self.clone();
        for (name, value) in change {
            match name.as_str() {
                "latency_ms" => next.latency_ms = number(name, value, 60_000)?,
                "rate_limit" => next.rate_limit = share(name, value)?,
                "server_error" => next.server_error = share(name, value)?,
                "outage" => next.outage = truth(name, value)?,
                "duplicate" => next.duplicate = share(name, value)?,
                "reorder" => next.reorder = truth(name, value)?,
                "late" => next.late = number(name, value, 86_400)?,
                "tamper" => next.tamper = share(name, value)?,
                "webhook_version" => next.webhook_version = version(name, value)?,
                "lacks" => next.lacks = permissions(name, value)?,
                "traffic" => next.traffic = truth(name, value)?,
                _ => return Err(format!("there is no switch named {name:?}")),
            }
        }
        *self = next;
        Ok(())
    }
}

/// Whether a share of `per_cent` hits this time.
pub(crate) fn hits(per_cent: u8) -> bool {
    per_cent > 0 && rand::rng().random_range(0..100) < per_cent
}

fn number(name: &str, value: &Value, limit: u32) -> Result<u32, String> {
    let found = match value {
        Value::Number(n) => n.as_u64(),
        Value::String(s) => s.trim().parse().ok(),
        Value::Bool(false) | Value::Null => Some(0),
        _ => None,
    };
    found
        .and_then(|n| u32::try_from(n).ok())
        .filter(|n| *n <= limit)
        .ok_or_else(|| format!("{name} must be a whole number from 0 to {limit}"))
}

fn share(name: &str, value: &Value) -> Result<u8, String> {
    if value == &Value::Bool(true) {
        return Ok(100);
    }
    number(name, value, 100).map(|n| u8::try_from(n).unwrap_or(100))
}

/// One permission of a Stripe key or several; none for null or an empty text.
fn permissions(name: &str, value: &Value) -> Result<Vec<String>, String> {
    let given = match value {
        Value::Null => Vec::new(),
        Value::String(one) => vec![one.clone()],
        Value::Array(several) => several.iter().map(|one| one.as_str().unwrap_or_default().to_owned()).collect(),
        _ => return Err(format!("{name} must be the name of a permission, or a list of them")),
    };
    let given: Vec<String> = given.into_iter().filter(|one| !one.is_empty()).collect();
    match given.iter().find(|one| !crate::stripe::permissions().any(|(known, _)| known == **one)) {
        Some(unknown) => Err(format!("there is no permission named {unknown:?}")),
        None => Ok(given),
    }
}

fn version(name: &str, value: &Value) -> Result<String, String> {
    let given = value.as_str().unwrap_or_default();
    let known = versions::known(given).ok_or_else(|| format!("{name} must be one of {}", versions::ALL.join(", ")))?;
    Ok(known.to_owned())
}

fn truth(name: &str, value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(b) => Ok(*b),
        Value::Null => Ok(false),
        Value::String(s) => Ok(matches!(s.as_str(), "on" | "true" | "1")),
        Value::Number(n) => Ok(n.as_u64() != Some(0)),
        _ => Err(format!("{name} must be true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(switches: &mut Switches, value: &Value) -> Result<(), String> {
        switches.apply(value.as_object().expect("an object"))
    }

    #[test]
    fn a_change_touches_only_what_it_names() {
        let mut switches = Switches::default();
        set(&mut switches, &json!({"latency_ms": 250, "rate_limit": true, "tamper": 30})).expect("valid");
        assert_eq!((switches.latency_ms, switches.rate_limit, switches.tamper, switches.traffic), (250, 100, 30, true));
        assert_eq!(switches.fault(), Fault::RateLimited);
        set(&mut switches, &json!({"outage": true})).expect("valid");
        assert_eq!(switches.fault(), Fault::Outage);
    }

    #[test]
    fn what_is_wrong_is_said_until_it_is_put_right() {
        let mut switches = Switches::default();
        assert_eq!(switches.faults(), Vec::<String>::new());
        let all = json!({
            "latency_ms": 250, "rate_limit": 10, "server_error": 20, "outage": true, "duplicate": 30, "reorder": true, "late": 40,
            "tamper": 50, "lacks": ["rak_invoice_read"], "traffic": false,
        });
        set(&mut switches, &all).expect("valid");
        let said = switches.faults();
        assert_eq!(said.len(), 9);
        assert!(said.contains(&"30% of webhooks are sent twice.".to_owned()), "{said:?}");
        switches.behave();
        assert_eq!(switches, Switches { traffic: false, ..Switches::default() });
    }

    #[test]
    fn nonsense_is_refused_and_changes_nothing() {
        let mut switches = Switches::default();
        assert!(set(&mut switches, &json!({"latency_ms": 5, "rate_limit": 101})).is_err());
        assert!(set(&mut switches, &json!({"speed": 1})).is_err());
        assert!(set(&mut switches, &json!({"webhook_version": "2016-01-01"})).is_err());
        assert!(set(&mut switches, &json!({"lacks": "rak_everything_read"})).is_err());
        assert_eq!(switches, Switches::default());
    }
}
