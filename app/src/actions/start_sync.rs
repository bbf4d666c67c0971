//! Reads everything a connection has; a thorough sync looks at every record that the lists do not name.

use super::{Outcome, act};
use crate::context::operator;
use leptos::prelude::{ServerFnError, server};

#[server(prefix = "/actions", endpoint = "start-sync")]
pub async fn start_sync(connection: String, #[server(default)] thorough: bool) -> Result<(), ServerFnError> {
    act("/connections", async move {
        operator()?.start_sync(&connection, thorough).await?;
        Ok(Outcome::done(
            "/connections",
            format!("A sync of {connection} started. It continues if you leave this page."),
        ))
    })
    .await
}
