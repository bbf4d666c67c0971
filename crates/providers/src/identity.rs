//! Whose keys a connection has: read once from the provider, remembered between processes, compared with every event.

use std::sync::{PoisonError, RwLock};

/// The account's or environment's id, as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct Identity(RwLock<Known>);

#[derive(Debug, Default)]
enum Known {
    #[default]
    Nothing,
    /// From an earlier process: the keys may have been replaced since.
    Remembered(String),
    Read(String),
}

impl Identity {
    pub fn get(&self) -> Option<String> {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            Known::Nothing => None,
            Known::Remembered(id) | Known::Read(id) => Some(id.clone()),
        }
    }

    pub fn remember(&self, id: &str) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*known, Known::Read(_)) {
            *known = Known::Remembered(id.to_owned());
        }
    }

    pub fn read(&self, id: &str) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Known::Read(id.to_owned());
    }
}

/// `the account acct_1`: what an event says it is from, unless that is no id at all and may be anything.
pub(crate) fn named(what: &str, id: &str) -> String {
    let sound = id.len() <= 100 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if sound { format!("the {what} {id}") } else { format!("another {what}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_repeats_ids_and_nothing_else() {
        assert_eq!(named("account", "acct_1"), "the account acct_1");
        assert_eq!(named("account", "ada@example.com"), "another account");
    }

    #[test]
    fn what_was_read_is_not_replaced_by_a_memory() {
        let identity = Identity::default();
        assert_eq!(identity.get(), None);
        identity.remember("acct_old");
        assert_eq!(identity.get().as_deref(), Some("acct_old"));
        identity.read("acct_new");
        identity.remember("acct_old");
        assert_eq!(identity.get().as_deref(), Some("acct_new"));
    }
}
