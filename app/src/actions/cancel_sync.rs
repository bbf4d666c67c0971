//! Stops the running sync of a connection after the page it is reading.

use super::{Outcome, act};
use crate::context::operator;
use leptos::prelude::{ServerFnError, server};

#[server(prefix = "/actions", endpoint = "cancel-sync")]
pub async fn cancel_sync(connection: String) -> Result<(), ServerFnError> {
    act("/connections", async move {
        operator()?.cancel_sync(&connection).await?;
        Ok(Outcome::done(
            "/connections",
            format!("The sync of {connection} stops after this page. What it read stays."),
        ))
    })
    .await
}
