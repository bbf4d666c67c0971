//! Who did something, as people call them. The audit log keeps the organisation's id; its name is the customer's.

use patchbay_domain::billing::CUSTOMER;
use patchbay_store::{AuditEntry, PageRequest, Record, RecordFilter, Store, StoreError};
use std::collections::BTreeMap;

/// A person of staff, or of a customer's organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub name: String,
    /// Whom a customer acted for: the customer's name, or the organisation's id where no customer is linked to it.
    pub organisation: Option<String>,
}

impl Actor {
    pub fn is_customer(&self) -> bool {
        self.organisation.is_some()
    }
}

/// `Chiara Rossi · Northwind Traders`, or the name alone.
impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        self.organisation.as_ref().map_or(Ok(()), |organisation| write!(f, " · {organisation}"))
    }
}

/// The organisations that audit entries name, each with the newest customer linked to it.
#[derive(Clone, Debug, Default)]
pub struct Organisations(BTreeMap<String, Option<Record>>);

impl Organisations {
    pub(crate) async fn of(store: &Store, entries: &[AuditEntry]) -> Result<Self, StoreError> {
        let mut known = BTreeMap::new();
        for id in entries.iter().filter_map(|entry| entry.organisation.as_ref()) {
            if known.contains_key(id) {
                continue;
            }
            let filter = RecordFilter { organisation: Some(id.clone()), ..RecordFilter::of(CUSTOMER) };
            let newest = PageRequest { limit: 1, ..PageRequest::default() };
            let customer = store.list_records(&filter, &newest).await?.items.into_iter().next();
            known.insert(id.clone(), customer);
        }
        Ok(Self(known))
    }

    /// The customer's record, where one is linked to the organisation.
    pub fn customer(&self, organisation: &str) -> Option<&Record> {
        self.0.get(organisation)?.as_ref()
    }

    pub fn actor(&self, entry: &AuditEntry) -> Actor {
        let name = |id: &String| {
            let title = self.customer(id).map(|customer| customer.index.title.clone());
            title.filter(|title| !title.is_empty()).unwrap_or_else(|| id.clone())
        };
        Actor { name: entry.actor_name.clone(), organisation: entry.organisation.as_ref().map(name) }
    }
}
