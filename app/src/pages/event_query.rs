//! Which events an address is about. Lists, the replay's question and the replay itself read it the same way.

use crate::{components::url, context::RequestContext};
use patchbay_domain::{Timestamp, UserError, error::Reason, event::EventState};
use patchbay_store::EventFilter;
use uuid::Uuid;

/// The parameters, in the order links carry them.
pub const PARAMETERS: [&str; 7] = ["type", "state", "connection", "object", "from", "to", "text"];

/// What an address asks for.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    pub filter: EventFilter,
    /// The parameters as they came, without those that page through the list.
    pub pairs: Vec<(String, String)>,
}

impl EventQuery {
    pub fn of_request(request: &RequestContext) -> Result<Self, UserError> {
        Self::read(request.query())
    }

    pub fn read(query: &[(String, String)]) -> Result<Self, UserError> {
        let value = |name: &str| {
            let pair = query.iter().find(|(key, value)| key == name && !value.trim().is_empty());
            pair.map(|(_, value)| value.trim().to_owned())
        };
        let time = |name: &str| value(name).map(|text| instant(&text)).transpose();
        let state = value("state")
            .map(|word| {
                EventState::parse(&word)
                    .ok_or_else(|| UserError::new(Reason::Invalid, "There is no such state of an event."))
            })
            .transpose()?;
        let filter = EventFilter {
            connection: value("connection"),
            event_type: value("type"),
            state,
            object_id: value("object"),
            from: time("from")?,
            to: time("to")?,
            text: value("text"),
        };
        let pairs = PARAMETERS.into_iter().filter_map(|name| Some((name.to_owned(), value(name)?))).collect();
        Ok(Self { filter, pairs })
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    pub fn value(&self, name: &str) -> Option<String> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    /// The filter as a query string, for links and hidden fields.
    pub fn text(&self) -> String {
        url::query(self.pairs.iter().cloned())
    }

    pub fn href(&self, path: &str) -> String {
        url::with_query(path, self.pairs.iter().cloned())
    }

    /// The filter in words, one phrase for each condition.
    pub fn phrases(&self) -> Vec<(String, String)> {
        let label = |name: &str| match name {
            "type" => "Type",
            "state" => "State",
            "connection" => "Connection",
            "object" => "Object",
            "from" => "Received from",
            "to" => "Received before",
            _ => "Payload contains",
        };
        self.pairs.iter().map(|(name, value)| (label(name).to_owned(), value.clone())).collect()
    }
}

/// `2026-11-20T09:30`, `2026-11-20T09:30:15`, `2026-11-20` or RFC 3339. Without a zone it is UTC.
fn instant(text: &str) -> Result<Timestamp, UserError> {
    let candidates = [text.to_owned(), format!("{text}Z"), format!("{text}:00Z"), format!("{text}T00:00:00Z")];
    candidates.iter().find_map(|candidate| Timestamp::parse_rfc3339(candidate)).ok_or_else(|| {
        UserError::new(Reason::Invalid, "That time cannot be read. Write it as 2026-11-20T09:30, in UTC.")
    })
}

/// Ids from repeated parameters and from lists with commas; what is no id is refused.
pub fn read_ids<'a>(values: impl Iterator<Item = &'a str>) -> Result<Vec<Uuid>, UserError> {
    let mut ids = values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|id| !id.is_empty())
        .map(|id| {
            Uuid::parse_str(id).map_err(|_| {
                UserError::new(
                    Reason::Invalid,
                    "One of the chosen events has an id that cannot be right. Choose them from the list again.",
                )
            })
        })
        .collect::<Result<Vec<Uuid>, UserError>>()?;
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &[(&str, &str)]) -> Vec<(String, String)> {
        text.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_filter_reads_back_from_its_own_text() {
        let query = EventQuery::read(&pairs(&[
            ("type", "invoice.*"),
            ("state", "dead"),
            ("from", "2026-11-20T09:30"),
            ("after", "abc"),
            ("text", " "),
        ]))
        .unwrap();
        assert_eq!(query.filter.state, Some(EventState::Dead));
        assert_eq!(query.filter.from, Timestamp::parse_rfc3339("2026-11-20T09:30:00Z"));
        assert_eq!(query.text(), "type=invoice.%2A&state=dead&from=2026-11-20T09%3A30");
        let again: Vec<(String, String)> =
            ::url::form_urlencoded::parse(query.text().as_bytes()).into_owned().collect();
        assert_eq!(EventQuery::read(&again).unwrap().filter, query.filter);
    }

    #[test]
    fn unknown_states_and_times_are_refused() {
        assert!(EventQuery::read(&pairs(&[("state", "gone")])).is_err());
        assert!(EventQuery::read(&pairs(&[("to", "yesterday")])).is_err());
    }

    #[test]
    fn ids_come_repeated_or_in_a_list_and_count_once() {
        let (one, two) = (Uuid::from_u128(1).to_string(), Uuid::from_u128(2).to_string());
        let list = format!("{one},{two}");
        assert_eq!(read_ids([list.as_str(), one.as_str()].into_iter()).unwrap().len(), 2);
        assert!(read_ids(["evt_1"].into_iter()).is_err());
    }
}
