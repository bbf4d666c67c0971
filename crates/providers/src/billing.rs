//! Operations on subscriptions and payments, in typed form for the pages that are about them.

use crate::provider::Answer;
use patchbay_domain::{Change, Timestamp, billing};

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
