//! Reads an object again from its provider, where two pieces of news carry the same version.

use crate::Engine;
use patchbay_domain::{Change, ObjectKey, Source, change::Applied};
use patchbay_providers::{ErrorKind, ProviderError, gone};
use patchbay_store::StoreError;

/// How often a record may move under us before the event goes back in line.
const TRIES: usize = 3;

/// The reading counts only if the record did not move since it began; otherwise it is read once more.
pub(crate) async fn refetch(
    engine: &Engine,
    connection_name: &str,
    key: &ObjectKey,
    cause: &str,
) -> Result<Result<(Change, Applied), ProviderError>, StoreError> {
    let Some(connection) = engine.connection(connection_name) else {
        return Ok(Err(ProviderError::new("Patchbay", "fetch", ErrorKind::Unreachable, "connection not configured")));
    };
    let source = Source::Fetch { cause: cause.to_owned() };
    for _ in 0..TRIES {
        let before = engine.0.store.record(connection_name, key).await?;
        let revision = before.as_ref().map_or(0, |record| record.revision);
        let change = match gone::read(connection.as_ref(), key).await {
            Ok(change) => never_older(change, before.map(|record| record.version)),
            Err(error) => return Ok(Err(error)),
        };
        let mut tx = engine.0.store.begin().await?;
        let applied = tx.apply(connection_name, &change, &source, Some(revision)).await?;
        tx.commit().await?;
        if applied != Applied::Tie {
            return Ok(Ok((change, applied)));
        }
    }
    let busy =
        ProviderError::new("Patchbay", "fetch", ErrorKind::Conflict, format!("{key} keeps changing while it is read"));
    Ok(Err(busy))
}

/// A reading that began after the record was written shows at least that state, whatever the provider's clock says.
fn never_older(mut change: Change, version: Option<i64>) -> Change {
    if let Some(version) = version {
        change.version.0 = change.version.0.max(version);
    }
    change
}
