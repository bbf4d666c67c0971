//! What a provider folder offers to the rest of the product. Nothing outside a folder knows its provider by name.

use crate::{
    error::ProviderError,
    gateway::Gateway,
    webhook::{Malformed, Rejection, Unverified, Verified},
};
use futures::future::BoxFuture;
use patchbay_domain::{Change, Kind, ObjectKey, Timestamp, billing, event::Envelope};
use std::sync::Arc;

/// The answer of an outside call, later.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, ProviderError>>;

/// What a provider is, without any account of it.
#[derive(Debug)]
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
    pub kinds: &'static [Kind],
    /// Names of the environment variables it reads; the first ones are required.
    pub variables: &'static [Variable],
    /// Event types that the projection reads.
    pub event_types: &'static [&'static str],
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

    /// Checks who sent a delivery, on the raw bytes. There is no default and no way around it.
    fn verify<'a>(&self, delivery: Unverified<'a>, now: Timestamp) -> Result<Verified<'a>, Rejection>;

    /// Reads the envelope of a verified delivery, without reading the object in it.
    fn envelope(&self, delivery: &Verified<'_>) -> Result<Envelope, Malformed>;

    /// Turns a stored event into the changes it brings. Pure: the same bytes give the same changes.
    fn project(&self, event_type: &str, body: &[u8]) -> Result<Projection, ProviderError>;

    /// Reads one object as it is now. A deleted or unknown one is a [`patchbay_domain::State::Deleted`] change.
    fn fetch<'a>(&'a self, key: &'a ObjectKey) -> Answer<'a, Change>;

    /// Reads one page of all objects of a kind, oldest rule of the provider's own paging; `cursor` is what the page before gave.
    fn list<'a>(&'a self, kind: &'a Kind, cursor: Option<&'a str>) -> Answer<'a, ListPage>;

    /// The cheapest read that proves keys and network, without side effects.
    fn health(&self) -> Answer<'_, Health>;

    /// The gateway it calls through: breaker, rate limit and call log.
    fn gateway(&self) -> &Gateway;

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
    /// The event only says that the object changed; it must be read from the provider.
    Refetch(Vec<ObjectKey>),
    /// Of a type nothing here reads. Kept as it is.
    Skipped,
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
    pub livemode: Option<bool>,
}

/// How prices differ between now and the next period when items change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanChange {
    pub subscription: String,
    /// The item to move; its id at the provider.
    pub item: String,
    pub price: String,
    pub quantity: i64,
    /// Unix seconds; the preview and the change itself must carry the same.
    pub proration_at: Timestamp,
}

/// Idempotency keys come from the caller, so that a repeated submit is one effect.
pub trait Billing: Send + Sync {
    /// What the change would charge: an invoice that is not saved, line by line.
    fn preview_plan_change<'a>(&'a self, customer: &'a str, change: &'a PlanChange) -> Answer<'a, billing::Invoice>;

    fn change_plan<'a>(&'a self, change: &'a PlanChange, idempotency_key: &'a str) -> Answer<'a, Change>;

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

    /// Takes a scheduled cancellation back.
    fn keep<'a>(&'a self, subscription: &'a str, idempotency_key: &'a str) -> Answer<'a, Change>;

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
    pub quantity: i64,
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
    /// `stripe` for the first one, `stripe/<name>` for further ones.
    pub name: String,
    pub connection: Arc<dyn Connection>,
}
