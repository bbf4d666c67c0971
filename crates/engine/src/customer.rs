//! One organisation's own billing. The organisation comes from the session, never from a request.

use crate::{
    Engine, PlanChangePreview, RequestOrigin,
    act::billing,
    judge,
    overview::breaker_is_open,
    payment::{Awaited, OwnInvoice, PlanChanged},
    plan::{self, Asked, Chooser},
    storage_failed,
};
use patchbay_domain::{
    Kind, ObjectKey, Principal, RecordBody, RecordRef, UserError,
    billing::{
        self as objects, CUSTOMER, Customer, INVOICE, Invoice, PAYMENT_METHOD, PaymentMethod, SUBSCRIPTION,
        Subscription,
    },
    error::Reason,
    principal::Organisation,
};
use patchbay_providers::{Connection, billing::CancelReason};
use patchbay_store::{Page, PageRequest, Record, RecordFilter, SyncRun, SyncState};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

mod hosted;

use hosted::Hosted;
pub use plan::{ItemOption, PlanOption};

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
    origin: RequestOrigin,
}

/// Everything the customer's first page shows.
#[derive(Clone, Debug)]
pub struct BillingHome {
    pub organisation: Organisation,
    pub customer: Option<Customer>,
    /// The one that is meant: what runs goes before what never began, the newest first among equals.
    pub subscription: Option<Subscription>,
    /// Further ones that are not over.
    pub others: Vec<Subscription>,
    /// What it waits for.
    pub awaited: Awaited,
    /// Of the item that is the plan, where that is clear.
    pub product: Option<objects::Product>,
    /// Of all items, by id.
    pub products: BTreeMap<String, objects::Product>,
    /// Further customers of the organisation.
    pub twins: Vec<Customer>,
    pub methods: Vec<PaymentMethod>,
    pub invoices: Vec<OwnInvoice>,
    /// Why actions are not possible just now; the page still shows everything we hold.
    pub paused: Option<String>,
    /// Why this person cannot act at all.
    pub look_only: Option<String>,
}

/// Somebody who may act for the organisation: without one of these there is no [`Action`].
struct Acting<'a>(&'a CustomerDesk);

impl CustomerDesk {
    pub(crate) async fn open(engine: Engine, principal: Principal, origin: &RequestOrigin) -> Result<Self, UserError> {
        let Some(organisation) = principal.organisation.clone().filter(|_| !principal.is_staff()) else {
            return Err(UserError::new(
                Reason::Forbidden,
                "This page belongs to a customer's organization. Staff find the same under Customers.",
            ));
        };
        let filter = RecordFilter { organisation: Some(organisation.id.clone()), ..RecordFilter::of(CUSTOMER) };
        let page = PageRequest { limit: 10, ..PageRequest::default() };
        let customers =
            engine.0.store.list_records(&filter, &page).await.map_err(|error| storage_failed(&error))?.items;
        let mut desk = Self { engine, principal, organisation, customers, origin: origin.clone() };
        desk.put_first_who_has_the_plan().await?;
        Ok(desk)
    }

    /// An organisation may have several customers, as after a sign-up that was tried twice. The one whose subscription
    /// matters most leads: its plan, card, credit and connection are meant.
    async fn put_first_who_has_the_plan(&mut self) -> Result<(), UserError> {
        let mut best: Option<(u8, usize)> = None;
        if self.customers.len() < 2 {
            return Ok(());
        }
        for (place, customer) in self.customers.iter().enumerate() {
            let filter = RecordFilter {
                connection: Some(customer.connection.clone()),
                owner: Some(customer.key.id.clone()),
                ..RecordFilter::of(SUBSCRIPTION)
            };
            let page = PageRequest { limit: METHODS, ..PageRequest::default() };
            let found =
                self.engine.0.store.list_records(&filter, &page).await.map_err(|error| storage_failed(&error))?;
            let ranks = found.items.iter().filter_map(|record| record.decode::<Subscription>().ok());
            if let Some(rank) = ranks.map(|subscription| subscription.rank()).min()
                && best.is_none_or(|(least, _)| rank < least)
            {
                best = Some((rank, place));
            }
        }
        if let Some((_, place)) = best {
            let leader = self.customers.remove(place);
            self.customers.insert(0, leader);
        }
        Ok(())
    }

    pub(crate) fn customer_references(&self) -> BTreeSet<RecordRef> {
        self.customers.iter().map(Record::reference).collect()
    }

    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    pub async fn home(&self) -> Result<BillingHome, UserError> {
        let customer = self.customers.first().and_then(|record| record.decode::<Customer>().ok());
        let mut all = self.subscriptions().await?;
        let others = if all.is_empty() { Vec::new() } else { all.split_off(1) };
        let others: Vec<Subscription> = others.into_iter().filter(Subscription::is_running).collect();
        let subscription = all.pop();
        let mut products = BTreeMap::new();
        for item in subscription.iter().chain(&others).flat_map(|subscription| &subscription.items) {
            let id = &item.price.product;
            if !products.contains_key(id)
                && let Some(product) = self.product(id).await?
            {
                products.insert(id.clone(), product);
            }
        }
        let plan = subscription.as_ref().and_then(Subscription::plan_item);
        let product = plan.and_then(|item| products.get(&item.price.product).cloned());
        let twins = self.customers.iter().skip(1).filter_map(|record| record.decode::<Customer>().ok()).collect();
        let mut awaited = Awaited::default();
        if let Some((subscription, first)) = subscription.as_ref().zip(self.customers.first()) {
            awaited = Awaited::of(&self.engine, &first.connection, subscription).await?;
        }
        let invoices = self.invoices(&PageRequest { limit: RECENT, ..PageRequest::default() }).await?.items;
        Ok(BillingHome {
            organisation: self.organisation.clone(),
            customer,
            subscription,
            others,
            awaited,
            product,
            products,
            twins,
            methods: self.payment_methods().await?,
            invoices,
            paused: self.paused().await?,
            look_only: self.look_only(),
        })
    }

    /// Why this person may only look, where that is so.
    pub fn look_only(&self) -> Option<String> {
        (!self.principal.may_bill()).then(|| self.engine.0.settings.billing.who_may_act(&self.organisation.name))
    }

    fn acting(&self) -> Result<Acting<'_>, UserError> {
        self.look_only().map_or(Ok(Acting(self)), |why| Err(UserError::new(Reason::Forbidden, why)))
    }

    /// The one that is meant: what runs goes before what never began, the newest first among equals.
    pub async fn subscription(&self) -> Result<Option<Subscription>, UserError> {
        Ok(self.subscriptions().await?.into_iter().next())
    }

    /// All of them, the one that matters most first.
    async fn subscriptions(&self) -> Result<Vec<Subscription>, UserError> {
        let page = PageRequest { limit: METHODS, ..PageRequest::default() };
        let mut all: Vec<Subscription> = self.list(SUBSCRIPTION, &page).await?.items;
        all.sort_by_key(Subscription::rank);
        Ok(all)
    }

    pub async fn plans(&self) -> Result<Vec<PlanOption>, UserError> {
        let current = self.subscription().await?.filter(Subscription::is_running);
        let (name, _) = self.connection()?;
        plan::options(&self.engine, &name, current.as_ref(), Chooser::Customer).await
    }

    pub async fn invoices(&self, page: &PageRequest) -> Result<Page<OwnInvoice>, UserError> {
        let found: Page<Invoice> = self.list(INVOICE, page).await?;
        let mut items = Vec::with_capacity(found.items.len());
        // The list is of the first customer's connection; without a customer it is empty.
        if let Some(first) = self.customers.first() {
            for invoice in found.items {
                items.push(OwnInvoice::new(&self.engine, &first.connection, invoice).await?);
            }
        }
        Ok(Page { items, prev: found.prev, next: found.next })
    }

    /// One of their own invoices; anybody else's does not exist for them.
    pub async fn invoice(&self, id: &str) -> Result<OwnInvoice, UserError> {
        let record = self.own(INVOICE, id).await?;
        let invoice = record.decode().map_err(|_| UserError::internal())?;
        OwnInvoice::new(&self.engine, &record.connection, invoice).await
    }

    pub async fn payment_methods(&self) -> Result<Vec<PaymentMethod>, UserError> {
        Ok(self.list(PAYMENT_METHOD, &PageRequest { limit: METHODS, ..PageRequest::default() }).await?.items)
    }

    /// The items of the plan that may be meant by a change to this price; none where it is clear.
    pub async fn plan_items(&self, price: &str) -> Result<Vec<ItemOption>, UserError> {
        let record = self.running().await?;
        let asked = Asked { record: &record, price, item: None, chooser: Chooser::Customer, person: &self.principal };
        plan::items(&self.engine, &asked).await
    }

    pub async fn preview_plan_change(&self, price: &str) -> Result<PlanChangePreview, UserError> {
        self.preview_item_change(price, None).await
    }

    /// The same for one item of several.
    pub async fn preview_item_change(&self, price: &str, item: Option<&str>) -> Result<PlanChangePreview, UserError> {
        let record = self.running().await?;
        let connection = self.engine.connection_of(&record)?;
        let asked = Asked { record: &record, price, item, chooser: Chooser::Customer, person: &self.principal };
        plan::preview(&self.engine, &connection, &asked).await
    }

    pub async fn change_plan(&self, price: &str, quote: &str, form_id: &str) -> Result<PlanChanged, UserError> {
        let acting = self.acting()?;
        let record = self.running().await?;
        let connection = self.engine.connection_of(&record)?;
        let action = acting.action("subscription.change_plan", record.reference(), form_id);
        let asked = Asked { record: &record, price, item: None, chooser: Chooser::Customer, person: &self.principal };
        plan::change(&self.engine, &connection, &asked, (&action, quote)).await
    }

    pub async fn cancel(&self, reason: &CancelReason, form_id: &str) -> Result<(), UserError> {
        let acting = self.acting()?;
        let record = self.running().await?;
        let connection = self.engine.connection_of(&record)?;
        let action = acting.action("subscription.cancel", record.reference(), form_id);
        let key = action.idempotency_key();
        let (billing, provider) = (billing(&connection)?, connection.manifest().name);
        let call =
            async { judge::cancelled(provider, billing.cancel_at_period_end(&record.key.id, reason, &key).await?) };
        action.change(call).await
    }

    pub async fn keep(&self, form_id: &str) -> Result<(), UserError> {
        let acting = self.acting()?;
        let record = self.running().await?;
        let connection = self.engine.connection_of(&record)?;
        let action = acting.action("subscription.keep", record.reference(), form_id);
        let (billing, provider, key) = (billing(&connection)?, connection.manifest().name, action.idempotency_key());
        let ends_on_a_date = plan::subscription(&record)?.ends_on_a_date();
        let call = async { judge::kept(provider, billing.keep(&record.key.id, ends_on_a_date, &key).await?) };
        action.change(call).await
    }

    /// Where to pay for a first subscription. Makes the customer at the provider when there is none.
    pub async fn start_subscription(&self, price: &str, return_to: &str, form_id: &str) -> Result<String, UserError> {
        let acting = self.acting()?;
        if self.subscription().await?.is_some_and(|subscription| subscription.is_in_force()) {
            return Err(UserError::new(Reason::Conflict, "You have a subscription already. Change its plan instead."));
        }
        if self.is_still_reading().await? {
            return Err(UserError::new(Reason::Busy, STILL_READING));
        }
        let (name, connection) = self.connection()?;
        let price = plan::offered(&self.engine, &name, price, None, Chooser::Customer).await?.price;
        let hosted = Hosted { action: "subscription.checkout", price: Some(price), return_to, form_id };
        acting.hosted(&name, &connection, &hosted).await
    }

    /// Where to add a payment method.
    pub async fn add_payment_method(&self, return_to: &str, form_id: &str) -> Result<String, UserError> {
        let acting = self.acting()?;
        let (name, connection) = self.connection()?;
        let hosted = Hosted { action: "payment_method.add", price: None, return_to, form_id };
        acting.hosted(&name, &connection, &hosted).await
    }

    pub async fn set_default_payment_method(&self, method: &str, form_id: &str) -> Result<(), UserError> {
        let acting = self.acting()?;
        let record = self.own(PAYMENT_METHOD, method).await?;
        let owner = record.index.owner.clone().ok_or_else(|| UserError::not_found("payment method"))?;
        let connection = self.engine.connection_of(&record)?;
        let target = record.related(CUSTOMER, owner.clone());
        let action = acting.action("payment_method.set_default", target, form_id);
        let billing = billing(&connection)?;
        action.change(billing.set_default_payment_method(&owner, method, &action.idempotency_key())).await?;
        // A subscription that names a method of its own is paid with that one, whatever the customer's default is.
        let running = self.subscription().await?.filter(Subscription::is_running);
        let Some(subscription) = running.filter(|subscription| subscription.default_payment_method.is_some()) else {
            return Ok(());
        };
        let target = record.related(SUBSCRIPTION, subscription.id.clone());
        let action = acting.action("subscription.set_payment_method", target, form_id);
        action.change(billing.pay_subscription_with(&subscription.id, method, &action.idempotency_key())).await
    }

    pub async fn remove_payment_method(&self, method: &str, form_id: &str) -> Result<(), UserError> {
        let acting = self.acting()?;
        let record = self.own(PAYMENT_METHOD, method).await?;
        let mut customers = self.customers.iter().filter_map(|record| record.decode::<Customer>().ok());
        let subscription = self.subscription().await?.filter(Subscription::is_running);
        let pays = customers.any(|customer| customer.paid_with() == Some(method))
            || subscription.is_some_and(|subscription| subscription.paid_with() == Some(method));
        if pays {
            return Err(UserError::new(
                Reason::Conflict,
                "This one pays your subscription. Make another one the default first.",
            ));
        }
        let connection = self.engine.connection_of(&record)?;
        let action = acting.action("payment_method.remove", record.reference(), form_id);
        action.change(billing(&connection)?.detach_payment_method(method, &action.idempotency_key())).await
    }

    /// Before a sync has read all customers and subscriptions, nobody can tell what somebody has.
    async fn is_still_reading(&self) -> Result<bool, UserError> {
        let Ok((name, _)) = self.connection() else { return Ok(false) };
        let sync = self.engine.0.store.latest_sync(&name).await.map_err(|error| storage_failed(&error))?;
        let is_unread = |run: &SyncRun| run.unread.iter().any(|unread| [CUSTOMER, SUBSCRIPTION].contains(&unread.kind));
        let unknown = sync.is_some_and(|run| run.state != SyncState::Cancelled && is_unread(&run));
        Ok(unknown && self.subscription().await?.is_none())
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
            None => self
                .engine
                .0
                .connections
                .iter()
                .find(|(_, connection)| connection.billing().is_some() && connection.follows().is_none()),
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
        let record = self.engine.0.store.record(&name, &ObjectKey::new(objects::PRODUCT, id)).await;
        Ok(record.map_err(|error| storage_failed(&error))?.and_then(|record| record.decode().ok()))
    }

    async fn running(&self) -> Result<Record, UserError> {
        let subscription = self.subscription().await?.filter(Subscription::is_running);
        let subscription = subscription
            .ok_or_else(|| UserError::new(Reason::Conflict, "You have no running subscription. Start one first."))?;
        self.own(SUBSCRIPTION, &subscription.id).await
    }

    async fn own(&self, kind: Kind, id: &str) -> Result<Record, UserError> {
        let what = kind.as_str().replace('_', " ");
        for customer in &self.customers {
            let record = self.engine.0.store.record(&customer.connection, &ObjectKey::new(kind.clone(), id)).await;
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
        let of_leader = self.customers.iter().filter(|record| record.connection == first.connection);
        let filter = RecordFilter { owners: of_leader.map(Record::reference).collect(), ..RecordFilter::of(kind) };
        let found = self.engine.0.store.list_records(&filter, page).await.map_err(|error| storage_failed(&error))?;
        found.try_map(|record| record.decode()).map_err(|error| {
            patchbay_domain::limited!(error, %error, "a stored record cannot be read");
            UserError::internal()
        })
    }
}

fn provider_is_down(connection: &Arc<dyn Connection>) -> Option<String> {
    breaker_is_open(&connection.gateway().status()).then(|| {
        let provider = connection.manifest().name;
        format!("{provider} is not answering just now. You see what we hold; changes are possible again in a moment.")
    })
}
