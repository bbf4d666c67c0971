//! The provider's own pages, and the customer that they need.

use super::Acting;
use crate::{
    act::{Action, billing},
    storage_failed,
};
use patchbay_domain::{
    ObjectKey, RecordRef, State, UserError,
    billing::{CUSTOMER, Price},
    error::Reason,
};
use patchbay_providers::{
    Connection,
    billing::{Checkout, NewCustomer},
    gone,
};
use std::sync::Arc;

/// Customers of one organisation that were made and deleted within a day, at most.
const MOST_DELETED: usize = 8;

/// A page of the provider that somebody is to be led to.
pub(super) struct Hosted<'a> {
    pub action: &'static str,
    /// What is started there; none for a payment method.
    pub price: Option<Price>,
    pub return_to: &'a str,
    pub form_id: &'a str,
}

impl<'a> Acting<'a> {
    /// Leads to the page, with a customer that exists: one that turns out to be gone at the provider is buried here, and
    /// the next one or a new one takes its place.
    pub(super) async fn hosted(
        &self,
        name: &str,
        connection: &Arc<dyn Connection>,
        hosted: &Hosted<'_>,
    ) -> Result<String, UserError> {
        let mut own = self.0.customers.iter().filter(|record| record.connection == name).map(|record| &record.key.id);
        loop {
            let customer = match own.next() {
                Some(id) => id.clone(),
                None => self.create_customer(name, connection, hosted.form_id).await?,
            };
            let key = ObjectKey::new(CUSTOMER, customer.clone());
            let checkout = Checkout {
                customer,
                price: hosted.price.as_ref().map(|price| price.id.clone()),
                // What is counted by use has no quantity, and the provider refuses one.
                quantity: hosted.price.as_ref().is_none_or(|price| !price.metered).then_some(1),
                success_url: format!("{}?checkout=done", hosted.return_to),
                cancel_url: hosted.return_to.to_owned(),
            };
            let action = self.action(hosted.action, RecordRef::new(name, key.clone()), hosted.form_id);
            let (billing, idempotency_key) = (billing(connection)?, action.idempotency_key());
            let answer = if hosted.price.is_some() {
                billing.checkout_subscription(&checkout, &idempotency_key).await
            } else {
                billing.checkout_payment_method(&checkout, &idempotency_key).await
            };
            let is_gone = answer.as_ref().is_err_and(|error| error.says_missing(&key.id));
            if is_gone && self.bury(name, connection, &key, hosted.form_id).await? {
                // Of a new one, the provider repeated an old answer: `create_customer` asks under another key now.
                continue;
            }
            return action.link(async { answer }).await;
        }
    }

    /// Buries a customer, if the provider says that it is gone when asked for it.
    async fn bury(
        &self,
        name: &str,
        connection: &Arc<dyn Connection>,
        key: &ObjectKey,
        form_id: &str,
    ) -> Result<bool, UserError> {
        let change = gone::read(connection.as_ref(), key).await.map_err(|error| error.for_person())?;
        if !matches!(change.state, State::Deleted) {
            return Ok(false);
        }
        let target = RecordRef::new(name, key.clone());
        self.action("customer.found_deleted", target, form_id).change(async { Ok(change) }).await?;
        Ok(true)
    }

    async fn create_customer(
        &self,
        name: &str,
        connection: &Arc<dyn Connection>,
        form_id: &str,
    ) -> Result<String, UserError> {
        let new = NewCustomer {
            name: self.0.organisation.name.clone(),
            email: None,
            organisation: self.0.organisation.id.clone(),
        };
        // One customer per organisation, however many forms are sent: the key does not depend on the form. Providers
        // repeat the answer of a key for a day, so after a deletion the key has to be another one.
        let first = format!("patchbay-customer-{}", self.0.organisation.id);
        let mut key = first.clone();
        for _ in 0..MOST_DELETED {
            let change = billing(connection)?.create_customer(&new, &key).await.map_err(|error| error.for_person())?;
            let held = self.0.engine.0.store.record(name, &change.key).await;
            let held = held.map_err(|error| storage_failed(&error))?;
            if held.is_some_and(|record| record.deleted) {
                key = format!("{first}-after-{}", change.key.id);
                continue;
            }
            let id = change.key.id.clone();
            let action = self.action("customer.create", RecordRef::new(name, change.key.clone()), form_id);
            action.change(async { Ok(change) }).await?;
            return Ok(id);
        }
        let why = "Your customer account was deleted again and again. Write to support; they can set it up anew.";
        Err(UserError::new(Reason::Conflict, why))
    }

    pub(super) fn action<'b>(&self, name: &'static str, target: RecordRef, form_id: &'b str) -> Action<'b>
    where
        'a: 'b,
    {
        Action { engine: &self.0.engine, principal: &self.0.principal, origin: &self.0.origin, name, target, form_id }
    }
}
