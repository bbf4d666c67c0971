//! What the keys of a connection may read, found out by the cheapest reads, and what to do about what they may not.

use crate::{
    error::{ErrorKind, ProviderError},
    gateway::mask_text,
    manifest::Manifest,
    provider::{Connection, Health},
};
use futures::future::join_all;
use patchbay_domain::{Kind, error::Problem};

/// What was found about a connection's keys.
pub struct Access {
    pub account: Result<Health, ProviderError>,
    /// In the manifest's order. Empty when nothing else needs to be asked after the first answer.
    pub kinds: Vec<(Kind, Result<(), ProviderError>)>,
}

/// Asks for the account, and for one object of each kind.
pub async fn check(connection: &dyn Connection) -> Access {
    let account = connection.health().await;
    if account.as_ref().is_err_and(ProviderError::concerns_all) {
        return Access { account, kinds: Vec::new() };
    }
    let Some(read) = connection.read() else { return Access { account, kinds: Vec::new() } };
    let kinds: Vec<Kind> = connection.manifest().listed().cloned().collect();
    let found = join_all(kinds.iter().map(|kind| read.probe(kind))).await;
    Access { account, kinds: kinds.into_iter().zip(found).collect() }
}

/// A failed reading of a kind, or of the account itself, as it is kept and shown.
pub fn problem(manifest: &Manifest, kind: Option<&Kind>, error: &ProviderError) -> Problem {
    Problem { why: mask_text(&error.to_string()), what_to_do: what_to_do(manifest, kind, error) }
}

fn what_to_do(manifest: &Manifest, kind: Option<&Kind>, error: &ProviderError) -> String {
    let provider = manifest.name;
    match (error.kind, manifest.need(kind)) {
        (ErrorKind::Forbidden, Some(need)) => {
            format!(
                "Give the keys the permission \u{201c}{}\u{201d} at {provider}. Without it, {}",
                need.permission, need.without
            )
        }
        (ErrorKind::Forbidden, None) => format!("Give the keys the permission for it at {provider}."),
        (ErrorKind::Unauthorized, _) => "Check the keys of this connection.".to_owned(),
        (ErrorKind::Unreadable, _) => "The list of calls says more. Please report it.".to_owned(),
        _ if error.is_temporary() => "It may pass by itself; if not, the list of calls says more.".to_owned(),
        _ => "The list of calls says more.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::registry::PROVIDERS;

    #[test]
    fn every_kind_of_every_provider_says_which_permission_it_needs() {
        for manifest in PROVIDERS.iter().map(|entry| entry.manifest) {
            for kind in manifest.listed() {
                let need = manifest.need(Some(kind)).unwrap_or_else(|| panic!("{}: {kind}", manifest.name));
                assert!(need.without.ends_with('.') && need.permission.contains(": Read"), "{need:?}");
            }
        }
    }
}
