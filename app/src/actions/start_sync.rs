//! Reads everything a connection has.

use super::{Outcome, act};
use crate::context::operator;
use leptos::prelude::{ServerFnError, server};

#[server(prefix = "/actions", endpoint = "start-sync")]
pub async fn start_sync(connection: String) -> Result<(), ServerFnError> {
    act("/connections", async move {
        operator()?.start_sync(&connection).await?;
        Ok(Outcome::done(
            "/connections",
            format!("A sync of {connection} started. It goes on when you leave this page."),
        ))
    })
    .await
}
