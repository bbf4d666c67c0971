//! Proves keys and network without side effects.

use super::{
    client::{Client, parse},
    types,
};
use crate::{error::ProviderError, provider::Health};

/// Reads the account the key belongs to.
pub(super) async fn check(client: &Client, livemode: bool) -> Result<Health, ProviderError> {
    const OPERATION: &str = "account.retrieve";
    let reply = client.get(OPERATION, "/v1/account".to_owned()).await?;
    let account: types::Account = parse(OPERATION, &reply)?;
    let shown = account.settings.and_then(|settings| settings.dashboard).and_then(|dashboard| dashboard.display_name);
    let name =
        shown.or_else(|| account.business_profile.and_then(|profile| profile.name)).filter(|name| !name.is_empty());
    let shown = name.map_or_else(|| account.id.clone(), |name| format!("{name} ({})", account.id));
    Ok(Health { account: shown, id: Some(account.id), livemode: Some(livemode) })
}
