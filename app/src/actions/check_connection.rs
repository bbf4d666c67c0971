//! Asks a provider what the keys of a connection may read.

use super::{Outcome, act};
use crate::{components::Flash, context::operator};
use leptos::prelude::{ServerFnError, server};

const PAGE: &str = "/connections";

#[server(prefix = "/actions", endpoint = "check-connection")]
pub async fn check_connection(connection: String) -> Result<(), ServerFnError> {
    act(PAGE, async move {
        let found = operator()?.check_connection(&connection).await?;
        if found.unreadable.is_empty() {
            return Ok(Outcome::done(PAGE, format!("The keys of {connection} can read everything that is synced.")));
        }
        let text = format!("The keys of {connection} cannot read everything; below is what is missing and what to do.");
        Ok(Outcome { to: PAGE.to_owned(), flash: Some(Flash::error(text)) })
    })
    .await
}
