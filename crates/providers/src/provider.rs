//! What a provider folder offers to the rest of the product. Nothing outside a folder knows its provider by name.

use crate::{
    error::{ErrorKind, ProviderError},
    gateway::Gateway,
    webhook::{Malformed, Rejection, Unverified, Verified},
};
use futures::future::BoxFuture;
use http::HeaderMap;
use patchbay_domain::{
    Change, Kind, ObjectKey, Timestamp, billing,
    event::Envelope,
    kind::{KindSpec, Mirror},
};
use std::sync::Arc;

/// The answer of an outside call, later.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, ProviderError>>;

/// What a provider is, without any account of it.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Part of URLs and of connection names: `stripe`.
    pub id: &'static str,
    /// As people write it: `Stripe`.
    pub name: &'static str,
    /// The API version that requests pin and types follow.
    pub api_version: &'static str,
    /// Group of the navigation it belongs to: `billing`, `video`.
    pub area: &'static str,
    /// Kinds of records it brings, in the order a sync reads them.
    pub kinds: &'static [KindSpec],
    /// What its keys must be allowed to read.
    pub needs: &'static [Need],
    /// Names of the environment variables it reads; the first ones are required.
    pub variables: &'static [Variable],
    /// Event types that the projection reads.
    pub event_types: &'static [&'static str],
    /// Origins of the provider's own pages that our forms lead to. Browsers send forms nowhere else.
    pub hosted_pages: &'static [&'static str],
}

impl Manifest {
    /// A kind as it is declared here.
    pub fn kind(&self, kind: &Kind) -> Option<&'static KindSpec> {
        self.kinds.iter().find(|spec| spec.kind == *kind)
    }

    /// The kinds that syncs list, in the order of reading.
    pub fn listed(&self) -> impl Iterator<Item = &'static Kind> {
        self.kinds.iter().filter(|spec| matches!(spec.mirror, Mirror::Full(_))).map(|spec| &spec.kind)
    }

    /// What keys must be allowed to read for a kind; without one, for the account itself.
    pub fn need(&self, kind: Option<&Kind>) -> Option<&'static Need> {
        self.needs.iter().find(|need| need.kind.as_ref() == kind)
    }
}

/// A right that keys must have.
#[derive(Debug)]
pub struct Need {
    /// Which records it is about; none for the account itself.
    pub kind: Option<Kind>,
    /// As the provider names it where keys are made.
    pub permission: &'static str,
    /// What does not work without it.
    pub without: &'static str,
}

#[derive(Debug)]
pub struct Variable {
    pub name: &'static str,
    pub required: bool,
    pub secret: bool,
    pub help: &'static str,
}

/// One configured account of a provider: keys, base URL and a name of its own.
pub trait Connection: Send + Sync {
    fn manifest(&self) -> &'static Manifest;

    /// The provider's environment the keys belong to; `None` while that cannot be told from the keys.
    fn livemode(&self) -> Option<bool>;

    /// What can be said against a delivery by its headers alone, before its body is read. It only refuses:
    /// [`Connection::verify`] decides.
    fn precheck(&self, _headers: &HeaderMap) -> Result<(), Rejection> {
        Ok(())
    }

    /// Checks who sent a delivery, on the raw bytes. There is no default and no way around it.
    fn verify<'a>(&self, delivery: Unverified<'a>, now: Timestamp) -> Result<Verified<'a>, Rejection>;

    /// Reads the envelope of a verified delivery, without reading the object in it.
    fn envelope(&self, delivery: &Verified<'_>) -> Result<Envelope, Malformed>;

    /// Turns a stored event into the changes it brings. Pure: the same bytes give the same changes, once it is known
    /// whose keys these are.
    fn project(&self, event_type: &str, body: &[u8]) -> Result<Projection, ProviderError>;

    /// Reads what an [`Projection::Incomplete`] event left out and gives its changes.
    fn complete<'a>(&'a self, event_type: &'a str, body: &'a [u8]) -> Answer<'a, Vec<Change>> {
        let _ = body;
        Box::pin(async move {
            let operation = format!("complete {event_type}");
            Err(ProviderError::new(self.manifest().name, operation, ErrorKind::Unreadable, "its events are complete"))
        })
    }

    /// The provider's id of the account or environment that the keys belong to, once it was read or remembered.
    fn identity(&self) -> Option<String>;

    /// Takes over what an earlier process read; a reading of our own counts more.
    fn remember_identity(&self, id: &str);

    /// Reads one object as it is now. Whoever keeps records asks through [`crate::gone::read`], which alone decides when
    /// an answer means that the object is gone.
    fn fetch<'a>(&'a self, key: &'a ObjectKey) -> Answer<'a, Change>;

    /// Reads one page of all objects of a kind, oldest rule of the provider's own paging; `cursor` is what the page before gave.
    fn list<'a>(&'a self, kind: &'a Kind, cursor: Option<&'a str>) -> Answer<'a, ListPage>;

    /// The cheapest read that proves that objects of a kind can be listed.
    fn probe<'a>(&'a self, kind: &'a Kind) -> Answer<'a, ()> {
        Box::pin(async move { self.list(kind, None).await.map(drop) })
    }

    /// What the provider's lists do not have for these keys, so that no sync brings it, as a sentence.
    fn left_out(&self) -> Option<&'static str> {
        None
    }

    /// The cheapest read that proves keys and network, without side effects.
    fn health(&self) -> Answer<'_, Health>;

    /// The gateway it calls through: breaker, rate limit and call log.
    fn gateway(&self) -> &Gateway;

    /// The accounts that these keys act for and that somebody wants to follow, each as a connection of its own.
    fn followed(&self) -> Vec<NamedConnection> {
        Vec::new()
    }

    /// The account of somebody else that this connection follows; none for the keys' own. Its owner writes into it as they
    /// like, so nothing in it says whose records they are here.
    fn follows(&self) -> Option<&str> {
        None
    }

    /// The connection that a verified delivery is for, where that is one of those followed.
    fn recipient(&self, _delivery: &Verified<'_>) -> Option<&str> {
        None
    }

    /// Billing operations, where the provider has them.
    fn billing(&self) -> Option<&dyn Billing> {
        None
    }

    /// Video operations, where the provider has them.
    fn video(&self) -> Option<&dyn Video> {
        None
    }
}

/// What an event means to us.
#[derive(Clone, Debug, PartialEq)]
pub enum Projection {
    /// These objects changed.
    Changes(Vec<Change>),
    /// Told in the shape of an older version, which leaves things out: good where nothing is known yet, while a record that
    /// is there holds more and is read again.
    Partial(Vec<Change>),
    /// Lists in it were cut: [`Connection::complete`] reads the rest.
    Incomplete,
    /// The event only says that the object changed; it must be read from the provider.
    Refetch(Vec<ObjectKey>),
    /// Of a type nothing here reads. Kept as it is.
    Skipped,
    /// Of a type that is read, but not to be recorded: another account's, a test's. Kept with this sentence.
    SetAside(String),
    /// Whose it is cannot be told before the connection knows its own account. What it means if it is ours.
    Undecided(Box<Projection>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct ListPage {
    pub changes: Vec<Change>,
    /// Where the next page starts; none after the last.
    pub next: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Who the keys belong to, as the provider names it.
    pub account: String,
    /// The provider's id of it, as its events name it.
    pub id: Option<String>,
    pub livemode: Option<bool>,
}

/// How prices differ between now and the next period when items change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanChange {
    pub subscription: String,
    /// The item to move; its id at the provider.
    pub item: String,
    pub price: String,
    /// None for metered prices, which have none.
    pub quantity: Option<i64>,
    /// Unix seconds; the preview and the change itself must carry the same.
    pub proration_at: Timestamp,
    pub paid_by: PaidBy,
}

/// How a subscription is paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaidBy {
    /// It is charged by itself, with a method of this type (`card`, `sepa_debit`) where that is known.
    Method(Option<String>),
    /// Its invoices are sent.
    SentInvoice,
}

/// Idempotency keys come from the caller, so that a repeated submit is one effect.
pub trait Billing: Send + Sync {
    /// What the change would charge: an invoice that is not saved, line by line.
    fn preview_plan_change<'a>(&'a self, customer: &'a str, change: &'a PlanChange) -> Answer<'a, billing::Invoice>;

    /// The subscription as it is then: changed, or with the change waiting for its payment.
    fn change_plan<'a>(&'a self, change: &'a PlanChange, idempotency_key: &'a str) -> Answer<'a, Change>;

    /// How far the payment of an invoice came: the invoice, its payments and what they are made with.
    fn payment_of<'a>(&'a self, invoice: &'a str) -> Answer<'a, Vec<Change>>;

    fn cancel_at_period_end<'a>(
        &'a self,
        subscription: &'a str,
        reason: &'a CancelReason,
        idempotency_key: &'a str,
    ) -> Answer<'a, Change>;

    /// Ends it at once, without a refund.
    fn cancel_now<'a>(
        &'a self,
        subscription: &'a str,
        reason: &'a CancelReason,
        idempotency_key: &'a str,
    ) -> Answer<'a, Change>;

    /// Takes a scheduled cancellation back, also one that was set to a date.
    fn keep<'a>(&'a self, subscription: &'a str, ends_on_a_date: bool, idempotency_key: &'a str) -> Answer<'a, Change>;

    fn create_customer<'a>(&'a self, customer: &'a NewCustomer, idempotency_key: &'a str) -> Answer<'a, Change>;

    /// A hosted page where the customer pays for a first subscription; answers its URL.
    fn checkout_subscription<'a>(&'a self, checkout: &'a Checkout, idempotency_key: &'a str) -> Answer<'a, String>;

    /// A hosted page where the customer adds a payment method; answers its URL. Changes nothing until completed.
    fn checkout_payment_method<'a>(&'a self, checkout: &'a Checkout, idempotency_key: &'a str) -> Answer<'a, String>;

    fn set_default_payment_method<'a>(
        &'a self,
        customer: &'a str,
        method: &'a str,
        idempotency_key: &'a str,
    ) -> Answer<'a, Change>;

    /// Which payment method this subscription is paid with; it wins over the customer's default.
    fn pay_subscription_with<'a>(
        &'a self,
        subscription: &'a str,
        method: &'a str,
        idempotency_key: &'a str,
    ) -> Answer<'a, Change>;

    fn detach_payment_method<'a>(&'a self, method: &'a str, idempotency_key: &'a str) -> Answer<'a, Change>;

    /// The provider's own billing pages for this customer; answers their URL.
    fn portal<'a>(&'a self, customer: &'a str, return_url: &'a str) -> Answer<'a, String>;
}

/// Why a subscription is cancelled, in the provider-neutral words of its feedback list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CancelReason {
    /// `too_expensive`, `missing_features`, `switched_service`, `unused`, `customer_service`, `too_complex`, `low_quality`, `other`.
    pub feedback: Option<String>,
    pub comment: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCustomer {
    pub name: String,
    pub email: Option<String>,
    pub organisation: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    pub customer: String,
    /// Needed for a subscription only.
    pub price: Option<String>,
    /// None for metered prices, which have none.
    pub quantity: Option<i64>,
    pub success_url: String,
    pub cancel_url: String,
}

pub trait Video: Send + Sync {
    fn delete_asset<'a>(&'a self, asset: &'a str) -> Answer<'a, Change>;

    /// Address of a still picture of the asset, `width` pixels wide, for a playback id that is public.
    fn thumbnail_url(&self, playback_id: &str, width: u32) -> String;
}

/// A connection with its name.
#[derive(Clone)]
pub struct NamedConnection {
    /// `stripe` for the first one, `stripe/<name>` for further ones, `<connection>@<account>` for an account it follows.
    pub name: String,
    pub connection: Arc<dyn Connection>,
}
