//! One organisation's own billing. The organisation comes from the session, never from a request.

use crate::{
    Engine, PlanChangePreview,
    act::{Action, billing},
    overview::breaker_is_open,
    plan, storage_failed,
};
use patchbay_domain::{
    Kind, ObjectKey, Principal, RecordBody, Timestamp, UserError,
    billing::{
        self as objects, CUSTOMER, Customer, INVOICE, Invoice, PAYMENT_METHOD, PaymentMethod, SUBSCRIPTION,
        Subscription,
    },
    error::Reason,
    principal::Organisation,
};
use patchbay_providers::{
    Connection,
    provider::{CancelReason, Checkout, NewCustomer},
};
use patchbay_store::{Page, PageRequest, Record, RecordFilter};
use std::{collections::BTreeSet, sync::Arc};

pub use plan::PlanOption;

const STILL_READING: &str = "We are still reading your billing data. If you have a plan already, it appears here in a minute; please wait before you start one.";
/// Invoices on the first page.
const RECENT: u32 = 5;
const METHODS: u32 = 20;

/// Reads and actions for one organisation. Made by [`Engine::customer`].
pub struct CustomerDesk {
    engine: Engine,
    principal: Principal,
    organisation: Organisation,
    /// Customer records linked to the organisation, newest first.
    customers: Vec<Record>,
    request_id: String,
}

/// Everything the customer's first page shows.
#[derive(Clone, Debug)]
pub struct BillingHome {
    pub organisation: Organisation,
    pub customer: Option<Customer>,
    /// The one that runs, or else the newest that ended.
    pub subscription: Option<Subscription>,
    pub product: Option<objects::Product>,
    pub methods: Vec<PaymentMethod>,
    pub invoices: Vec<Invoice>,
    /// Why actions are not possible just now; the page still shows everything we hold.
    pub paused: Option<String>,
}

impl CustomerDesk {
    pub(crate) async fn open(engine: Engine, principal: Principal, request_id: &str) -> Result<Self, UserError> {
        let Some(organisation) = principal.organisation.clone().filter(|_| !principal.is_staff()) else {
            return Err(UserError::new(
                Reason::Forbidden,
                "This page belongs to a customer's organisation. Staff find the same under Customers.",
            ));
        };
        let filter = RecordFilter { organisation: Some(organisation.id.clone()), ..RecordFilter::of(CUSTOMER) };
        let page = PageRequest { limit: 10, ..PageRequest::default() };
        let customers =
            engine.0.store.list_records(&filter, &page).await.map_err(|error| storage_failed(&error))?.items;
        Ok(Self { engine, principal, organisation, customers, request_id: request_id.to_owned() })
    }

    pub(crate) fn customer_ids(&self) -> BTreeSet<String> {
        self.customers.iter().map(|record| record.key.id.clone()).collect()
    }

    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    pub async fn home(&self) -> Result<BillingHome, UserError> {
        let customer = self.customers.first().and_then(|record| record.decode::<Customer>().ok());
        let subscription = self.subscription().await?;
        let product = match subscription.as_ref().and_then(|subscription| subscription.items.first()) {
            Some(item) => self.product(&item.price.product).await?,
            None => None,
        };
        let invoices = self.invoices(&PageRequest { limit: RECENT, ..PageRequest::default() }).await?.items;
        Ok(BillingHome {
            organisation: self.organisation.clone(),
            customer,
            subscription,
            product,
            methods: self.payment_methods().await?,
            invoices,
            paused: self.paused().await?,
        })
    }

    pub async fn subscription(&self) -> Result<Option<Subscription>, UserError> {
        let all: Vec<Subscription> =
            self.list(SUBSCRIPTION, &PageRequest { limit: METHODS, ..PageRequest::default() }).await?.items;
        let running = all.iter().find(|subscription| subscription.ended_at.is_none()).cloned();
        Ok(running.or_else(|| all.into_iter().next()))
    }

    pub async fn plans(&self) -> Result<Vec<PlanOption>, UserError> {
        let current = self.subscription().await?.filter(|subscription| subscription.ended_at.is_none());
        let (name, _) = self.connection()?;
        plan::options(&self.engine, &name, current.as_ref()).await
    }

    pub async fn invoices(&self, page: &PageRequest) -> Result<Page<Invoice>, UserError> {
        self.list(INVOICE, page).await
    }

    /// One of their own invoices; anybody else's does not exist for them.
    pub async fn invoice(&self, id: &str) -> Result<Invoice, UserError> {
        self.own(INVOICE, id).await?.decode().map_err(|_| UserError::internal())
    }

    pub async fn payment_methods(&self) -> Result<Vec<PaymentMethod>, UserError> {
        Ok(self.list(PAYMENT_METHOD, &PageRequest { limit: METHODS, ..PageRequest::default() }).await?.items)
    }

    pub async fn preview_plan_change(&self, price: &str) -> Result<PlanChangePreview, UserError> {
        let record = self.running().await?;
        let (_, connection) = self.connection()?;
        plan::preview(&self.engine, &connection, &record, price).await
    }

    pub async fn change_plan(&self, price: &str, proration_at: Timestamp, form_id: &str) -> Result<(), UserError> {
        let record = self.running().await?;
        let (name, connection) = self.connection()?;
        let change = plan::checked_change(&self.engine, &record, price, proration_at).await?;
        let action = self.action("subscription.change_plan", &name, record.key, form_id);
        action.change(billing(&connection)?.change_plan(&change, &action.idempotency_key())).await
    }

    pub async fn cancel(&self, reason: &CancelReason, form_id: &str) -> Result<(), UserError> {
        let record = self.running().await?;
        let (name, connection) = self.connection()?;
        let id = record.key.id.clone();
        let action = self.action("subscription.cancel", &name, record.key, form_id);
        action.change(billing(&connection)?.cancel_at_period_end(&id, reason, &action.idempotency_key())).await
    }

    pub async fn keep(&self, form_id: &str) -> Result<(), UserError> {
        let record = self.running().await?;
        let (name, connection) = self.connection()?;
        let id = record.key.id.clone();
        let action = self.action("subscription.keep", &name, record.key, form_id);
        action.change(billing(&connection)?.keep(&id, &action.idempotency_key())).await
    }

    /// Where to pay for a first subscription. Makes the customer at the provider when there is none.
    pub async fn start_subscription(&self, price: &str, return_to: &str, form_id: &str) -> Result<String, UserError> {
        if self.subscription().await?.is_some_and(|subscription| subscription.ended_at.is_none()) {
            return Err(UserError::new(Reason::Conflict, "You have a subscription already. Change its plan instead."));
        }
        if self.is_still_reading().await? {
            return Err(UserError::new(Reason::Busy, STILL_READING));
        }
        let (name, connection) = self.connection()?;
        let price = plan::find_price(&self.engine, &name, price).await?;
        if !price.active || price.interval.is_none() {
            return Err(UserError::new(Reason::Invalid, "That plan is not on offer. Choose one from the list."));
        }
        let checkout = self.checkout(&name, &connection, Some(price.id), return_to, form_id).await?;
        let action =
            self.action("subscription.checkout", &name, ObjectKey::new(CUSTOMER, checkout.customer.clone()), form_id);
        action.link(billing(&connection)?.checkout_subscription(&checkout, &action.idempotency_key())).await
    }

    /// Where to add a payment method.
    pub async fn add_payment_method(&self, return_to: &str, form_id: &str) -> Result<String, UserError> {
        let (name, connection) = self.connection()?;
        let checkout = self.checkout(&name, &connection, None, return_to, form_id).await?;
        let action =
            self.action("payment_method.add", &name, ObjectKey::new(CUSTOMER, checkout.customer.clone()), form_id);
        action.link(billing(&connection)?.checkout_payment_method(&checkout, &action.idempotency_key())).await
    }

    pub async fn set_default_payment_method(&self, method: &str, form_id: &str) -> Result<(), UserError> {
        let record = self.own(PAYMENT_METHOD, method).await?;
        let owner = record.index.owner.clone().ok_or_else(|| UserError::not_found("payment method"))?;
        let (name, connection) = self.connection()?;
        let action = self.action("payment_method.set_default", &name, ObjectKey::new(CUSTOMER, owner.clone()), form_id);
        let billing = billing(&connection)?;
        action.change(billing.set_default_payment_method(&owner, method, &action.idempotency_key())).await?;
        // A subscription that names a method of its own is paid with that one, whatever the customer's default is.
        let running = self.subscription().await?.filter(|subscription| subscription.ended_at.is_none());
        let Some(subscription) = running.filter(|subscription| subscription.default_payment_method.is_some()) else {
            return Ok(());
        };
        let target = ObjectKey::new(SUBSCRIPTION, subscription.id.clone());
        let action = self.action("subscription.set_payment_method", &name, target, form_id);
        action.change(billing.pay_subscription_with(&subscription.id, method, &action.idempotency_key())).await
    }

    pub async fn remove_payment_method(&self, method: &str, form_id: &str) -> Result<(), UserError> {
        let record = self.own(PAYMENT_METHOD, method).await?;
        let mut customers = self.customers.iter().filter_map(|record| record.decode::<Customer>().ok());
        let subscription = self.subscription().await?.filter(|subscription| subscription.ended_at.is_none());
        if customers.any(|customer| customer.default_payment_method.as_deref() == Some(method))
            || subscription.is_some_and(|subscription| subscription.default_payment_method.as_deref() == Some(method))
        {
            return Err(UserError::new(
                Reason::Conflict,
                "This one pays your subscription. Make another one the default first.",
            ));
        }
        let (name, connection) = self.connection()?;
        let action = self.action("payment_method.remove", &name, record.key, form_id);
        action.change(billing(&connection)?.detach_payment_method(method, &action.idempotency_key())).await
    }

    async fn checkout(
        &self,
        name: &str,
        connection: &Arc<dyn Connection>,
        price: Option<String>,
        return_to: &str,
        form_id: &str,
    ) -> Result<Checkout, UserError> {
        let customer = match self.customers.first() {
            Some(record) => record.key.id.clone(),
            None => self.create_customer(name, connection, form_id).await?,
        };
        let success_url = format!("{return_to}?checkout=done");
        Ok(Checkout { customer, price, quantity: 1, success_url, cancel_url: return_to.to_owned() })
    }

    async fn create_customer(
        &self,
        name: &str,
        connection: &Arc<dyn Connection>,
        form_id: &str,
    ) -> Result<String, UserError> {
        let new = NewCustomer {
            name: self.organisation.name.clone(),
            email: None,
            organisation: self.organisation.id.clone(),
        };
        // One customer per organisation, however many forms are sent: the key does not depend on the form.
        let key = format!("patchbay-customer-{}", self.organisation.id);
        let change = billing(connection)?.create_customer(&new, &key).await.map_err(|error| error.for_person())?;
        let id = change.key.id.clone();
        let action = self.action("customer.create", name, change.key.clone(), form_id);
        action.change(async { Ok(change) }).await?;
        Ok(id)
    }

    /// Before the first sync has brought this customer, nobody can tell what they have.
    async fn is_still_reading(&self) -> Result<bool, UserError> {
        let Ok((name, _)) = self.connection() else { return Ok(false) };
        let sync = self.engine.0.store.latest_sync(&name).await.map_err(|error| storage_failed(&error))?;
        Ok(self.subscription().await?.is_none() && sync.is_some_and(|run| run.state == "running"))
    }

    async fn paused(&self) -> Result<Option<String>, UserError> {
        if self.is_still_reading().await? {
            return Ok(Some(STILL_READING.to_owned()));
        }
        Ok(self.connection().ok().and_then(|(_, connection)| provider_is_down(&connection)))
    }

    /// The connection of their customer, or else the first one that can bill.
    fn connection(&self) -> Result<(String, Arc<dyn Connection>), UserError> {
        let name = self.customers.first().map(|record| record.connection.as_str());
        let found = match name {
            Some(name) => self.engine.0.connections.get_key_value(name),
            None => self.engine.0.connections.iter().find(|(_, connection)| connection.billing().is_some()),
        };
        found.map(|(name, connection)| (name.clone(), connection.clone())).ok_or_else(|| {
            UserError::new(
                Reason::Provider,
                "Billing is not set up yet. Write to support; nothing you do here is lost.",
            )
        })
    }

    async fn product(&self, id: &str) -> Result<Option<objects::Product>, UserError> {
        let (name, _) = self.connection()?;
        let record = self.engine.0.store.record(Some(&name), &ObjectKey::new(objects::PRODUCT, id)).await;
        Ok(record.map_err(|error| storage_failed(&error))?.and_then(|record| record.decode().ok()))
    }

    async fn running(&self) -> Result<Record, UserError> {
        let subscription = self.subscription().await?.filter(|subscription| subscription.ended_at.is_none());
        let subscription = subscription
            .ok_or_else(|| UserError::new(Reason::Conflict, "You have no running subscription. Start one first."))?;
        self.own(SUBSCRIPTION, &subscription.id).await
    }

    async fn own(&self, kind: Kind, id: &str) -> Result<Record, UserError> {
        let what = kind.as_str().replace('_', " ");
        for customer in &self.customers {
            let record =
                self.engine.0.store.record(Some(&customer.connection), &ObjectKey::new(kind.clone(), id)).await;
            let record = record.map_err(|error| storage_failed(&error))?;
            if let Some(record) =
                record.filter(|record| !record.deleted && record.index.owner.as_ref() == Some(&customer.key.id))
            {
                return Ok(record);
            }
        }
        Err(UserError::not_found(&what))
    }

    async fn list<B: RecordBody>(&self, kind: Kind, page: &PageRequest) -> Result<Page<B>, UserError> {
        let Some(first) = self.customers.first() else { return Ok(Page::empty()) };
        let filter = RecordFilter {
            connection: Some(first.connection.clone()),
            owners: self.customers.iter().map(|record| record.key.id.clone()).collect(),
            ..RecordFilter::of(kind)
        };
        let found = self.engine.0.store.list_records(&filter, page).await.map_err(|error| storage_failed(&error))?;
        found.try_map(|record| record.decode()).map_err(|error| {
            tracing::error!(%error, "a stored record cannot be read");
            UserError::internal()
        })
    }

    fn action<'a>(
        &'a self,
        name: &'static str,
        connection: &'a str,
        target: ObjectKey,
        form_id: &'a str,
    ) -> Action<'a> {
        Action {
            engine: &self.engine,
            principal: &self.principal,
            request_id: &self.request_id,
            name,
            connection,
            target,
            form_id,
        }
    }
}

fn provider_is_down(connection: &Arc<dyn Connection>) -> Option<String> {
    breaker_is_open(&connection.gateway().status()).then(|| {
        let provider = connection.manifest().name;
        format!("{provider} is not answering just now. You see what we hold; changes are possible again in a moment.")
    })
}
