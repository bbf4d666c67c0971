//! The cheapest read that proves keys and network: whose token this is.

use super::client::Client;
use crate::{error::ProviderError, provider::Health};

pub(super) async fn check(client: &Client) -> Result<Health, ProviderError> {
    let who = client.who_am_i().await?;
    let names: Vec<String> = [who.organization_name, who.environment_name].into_iter().flatten().collect();
    Ok(Health {
        account: if names.is_empty() { "unnamed environment".to_owned() } else { names.join(" / ") },
        id: who.environment_id,
        livemode: who.environment_type.map(|kind| kind == "production"),
    })
}
