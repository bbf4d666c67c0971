//! When an answer buries a record: one rule, for every provider.
//!
//! A tombstone is final, so a 404 is not enough: a proxy, a wrong address, another account and a key without permission
//! answer so, too. Only the provider's own statement about this very id counts, and recognising that statement is all
//! that a provider's folder does: it answers [`ErrorKind::Gone`].

use crate::{
    error::{ErrorKind, ProviderError},
    provider::Connection,
};
use patchbay_domain::{Change, ObjectKey};

/// Reads an object as it is now. One that the provider says is gone is a deletion; any other failure stays one.
pub async fn read(connection: &dyn Connection, key: &ObjectKey) -> Result<Change, ProviderError> {
    match connection.readable()?.fetch(key).await {
        Err(error) if error.says_gone(&key.id) => Ok(Change::deleted(key.clone(), connection.gateway().clock().now())),
        answer => answer,
    }
}

impl ProviderError {
    /// Whether the provider itself says that there is no object of this id, for the keys that asked.
    pub fn says_gone(&self, id: &str) -> bool {
        self.kind == ErrorKind::Gone && self.subject.as_deref().is_none_or(|subject| subject == id)
    }

    /// Whether a request failed because it named this object, which the provider says it does not have. No proof for a
    /// tombstone: the object has to be read.
    pub fn says_missing(&self, id: &str) -> bool {
        matches!(self.kind, ErrorKind::Gone | ErrorKind::Refused) && self.subject.as_deref() == Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_provider_s_word_about_this_id_buries() {
        let error = |kind, subject: Option<&str>| ProviderError {
            subject: subject.map(Into::into),
            ..ProviderError::new("Stripe", "customers.retrieve", kind, "")
        };
        assert!(error(ErrorKind::Gone, None).says_gone("cus_1"));
        assert!(error(ErrorKind::Gone, Some("cus_1")).says_gone("cus_1"));
        assert!(!error(ErrorKind::Gone, Some("cus_2")).says_gone("cus_1"));
        assert!(!error(ErrorKind::NotFound, Some("cus_1")).says_gone("cus_1"));
    }
}
