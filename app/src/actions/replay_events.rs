//! Puts events back in line: the chosen ones, or all that match a filter.

use super::{Outcome, act};
use crate::{
    components::url,
    context::operator,
    pages::{
        event_query::{EventQuery, read_ids},
        links::counted,
    },
};
use leptos::prelude::{ServerFnError, server};
use patchbay_domain::{UserError, error::Reason};

/// `ids` are joined by commas; without any, `filter` is a query string as lists of events have it.
#[server(prefix = "/actions", endpoint = "replay-events")]
pub async fn replay_events(ids: String, filter: String) -> Result<(), ServerFnError> {
    let back = url::with_query("/events/replay", [("ids".to_owned(), ids.clone())]);
    let back = if ids.is_empty() { format!("/events/replay?{filter}") } else { back };
    act(&back, async move {
        let operator = operator()?;
        let chosen = read_ids(std::iter::once(ids.as_str()))?;
        let (count, to) = match chosen.as_slice() {
            [] => {
                let pairs: Vec<(String, String)> =
                    ::url::form_urlencoded::parse(filter.as_bytes()).into_owned().collect();
                let query = EventQuery::read(&pairs)?;
                if query.is_empty() {
                    return Err(UserError::new(
                        Reason::Invalid,
                        "Choose events first, or filter them: a replay of everything is never meant.",
                    ));
                }
                (operator.replay_filter(&query.filter).await?, "/events".to_owned())
            }
            [only] => (operator.replay(&chosen).await?, format!("/events/{only}")),
            _ => (operator.replay(&chosen).await?, "/events".to_owned()),
        };
        Ok(Outcome::done(to, words(count)))
    })
    .await
}

fn words(count: u64) -> String {
    match count {
        0 => "Nothing was replayed: these events are in line already.".to_owned(),
        1 => "1 event is back in line.".to_owned(),
        count => format!("{} are back in line.", counted(i64::try_from(count).unwrap_or(i64::MAX), "event", "events")),
    }
}
