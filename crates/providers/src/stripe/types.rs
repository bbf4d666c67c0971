//! Stripe's objects on the wire, as far as we read them. They never leave this folder.
//!
//! Everything but the id may be missing or null: payloads follow the API version of the webhook endpoint, which may be
//! years older than ours. Amounts are minor units, times are Unix seconds, every enum is a string.

use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) type Metadata = BTreeMap<String, String>;

/// A reference that `expand` turns into the object itself.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Reference {
    Id(String),
    Object { id: String },
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        match reference {
            Reference::Id(id) | Reference::Object { id } => id,
        }
    }
}

/// The part that all objects share; `deleted` stands on the remains of one.
#[derive(Deserialize)]
pub(super) struct Head {
    pub id: String,
    pub deleted: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct List<T> {
    pub data: Vec<T>,
    #[serde(default)]
    pub has_more: bool,
}

#[derive(Deserialize)]
pub(super) struct Customer {
    pub id: String,
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub balance: Option<i64>,
    pub currency: Option<String>,
    pub delinquent: Option<bool>,
    pub invoice_settings: Option<InvoiceSettings>,
    pub metadata: Option<Metadata>,
    pub address: Option<Address>,
    pub created: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct InvoiceSettings {
    pub default_payment_method: Option<Reference>,
}

#[derive(Deserialize)]
pub(super) struct Address {
    pub country: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Product {
    pub id: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub active: Option<bool>,
    pub metadata: Option<Metadata>,
    pub created: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Price {
    pub id: String,
    pub product: Option<Reference>,
    pub nickname: Option<String>,
    pub active: Option<bool>,
    pub currency: Option<String>,
    pub unit_amount: Option<i64>,
    pub recurring: Option<Recurring>,
    pub created: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Recurring {
    pub interval: Option<String>,
    pub interval_count: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Subscription {
    pub id: String,
    pub customer: Option<Reference>,
    pub status: Option<String>,
    pub currency: Option<String>,
    pub items: Option<List<SubscriptionItem>>,
    pub collection_method: Option<String>,
    pub cancel_at_period_end: Option<bool>,
    pub cancel_at: Option<i64>,
    pub canceled_at: Option<i64>,
    pub cancellation_details: Option<CancellationDetails>,
    pub ended_at: Option<i64>,
    pub start_date: Option<i64>,
    pub trial_end: Option<i64>,
    /// Before `2025-03-31.basil`; on the items since.
    pub current_period_start: Option<i64>,
    /// Before `2025-03-31.basil`; on the items since.
    pub current_period_end: Option<i64>,
    pub latest_invoice: Option<Reference>,
    pub default_payment_method: Option<Reference>,
    pub created: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct CancellationDetails {
    pub comment: Option<String>,
    pub feedback: Option<String>,
    pub reason: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct SubscriptionItem {
    pub id: String,
    pub price: Option<Price>,
    pub quantity: Option<i64>,
    pub current_period_start: Option<i64>,
    pub current_period_end: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Invoice {
    /// Missing on a preview of some versions.
    pub id: Option<String>,
    pub number: Option<String>,
    pub customer: Option<Reference>,
    pub status: Option<String>,
    pub currency: Option<String>,
    pub subtotal: Option<i64>,
    pub total: Option<i64>,
    pub total_taxes: Option<Vec<Tax>>,
    /// Before `2025-03-31.basil`.
    pub tax: Option<i64>,
    pub amount_due: Option<i64>,
    pub amount_paid: Option<i64>,
    pub amount_remaining: Option<i64>,
    pub attempt_count: Option<i64>,
    pub billing_reason: Option<String>,
    pub due_date: Option<i64>,
    pub next_payment_attempt: Option<i64>,
    pub status_transitions: Option<StatusTransitions>,
    pub period_start: Option<i64>,
    pub period_end: Option<i64>,
    pub hosted_invoice_url: Option<String>,
    #[serde(rename = "invoice_pdf")]
    pub pdf: Option<String>,
    pub lines: Option<List<InvoiceLine>>,
    pub parent: Option<InvoiceParent>,
    /// Before `2025-03-31.basil`.
    pub subscription: Option<Reference>,
    pub created: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Tax {
    pub amount: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct StatusTransitions {
    pub paid_at: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct InvoiceParent {
    pub subscription_details: Option<SubscriptionDetails>,
}

#[derive(Deserialize)]
pub(super) struct SubscriptionDetails {
    pub subscription: Option<Reference>,
}

#[derive(Deserialize)]
pub(super) struct InvoicePayment {
    pub id: String,
    pub invoice: Option<Reference>,
    pub status: Option<String>,
    pub currency: Option<String>,
    pub amount_requested: Option<i64>,
    pub amount_paid: Option<i64>,
    pub created: Option<i64>,
    pub payment: Option<Payment>,
}

#[derive(Deserialize)]
pub(super) struct Payment {
    pub payment_intent: Option<Reference>,
}

#[derive(Deserialize)]
pub(super) struct InvoiceLine {
    pub description: Option<String>,
    pub amount: Option<i64>,
    pub quantity: Option<i64>,
    pub period: Option<Period>,
    pub parent: Option<LineParent>,
    /// Before `2025-03-31.basil`.
    pub proration: Option<bool>,
    pub pricing: Option<Pricing>,
    /// Before `2025-03-31.basil`.
    pub price: Option<Reference>,
}

#[derive(Deserialize)]
pub(super) struct Period {
    pub start: Option<i64>,
    pub end: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct LineParent {
    pub subscription_item_details: Option<LineDetails>,
    pub invoice_item_details: Option<LineDetails>,
}

#[derive(Deserialize)]
pub(super) struct LineDetails {
    pub proration: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct Pricing {
    pub price_details: Option<PriceDetails>,
}

#[derive(Deserialize)]
pub(super) struct PriceDetails {
    pub price: Option<Reference>,
}

#[derive(Deserialize)]
pub(super) struct PaymentIntent {
    pub id: String,
    pub customer: Option<Reference>,
    pub amount: Option<i64>,
    pub amount_received: Option<i64>,
    pub currency: Option<String>,
    pub status: Option<String>,
    pub description: Option<String>,
    pub last_payment_error: Option<PaymentError>,
    pub created: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct PaymentError {
    pub message: Option<String>,
    pub code: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct PaymentMethod {
    pub id: String,
    pub customer: Option<Reference>,
    #[serde(rename = "type")]
    pub method_type: Option<String>,
    pub card: Option<MethodDetails>,
    pub sepa_debit: Option<MethodDetails>,
    pub us_bank_account: Option<MethodDetails>,
    pub created: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct MethodDetails {
    pub brand: Option<String>,
    pub bank_name: Option<String>,
    pub last4: Option<String>,
    pub exp_month: Option<i64>,
    pub exp_year: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct CheckoutSession {
    pub customer: Option<Reference>,
    pub subscription: Option<Reference>,
}

#[derive(Deserialize)]
pub(super) struct SetupIntent {
    pub payment_method: Option<Reference>,
}

/// A hosted page; `url` is missing on embedded ones.
#[derive(Deserialize)]
pub(super) struct Hosted {
    pub url: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Account {
    pub id: String,
    pub business_profile: Option<Named>,
    pub settings: Option<AccountSettings>,
}

#[derive(Deserialize)]
pub(super) struct AccountSettings {
    pub dashboard: Option<Dashboard>,
}

#[derive(Deserialize)]
pub(super) struct Dashboard {
    pub display_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Named {
    pub name: Option<String>,
}

/// The body of every answer that is an error.
#[derive(Deserialize)]
pub(super) struct ErrorBody {
    pub error: ErrorDetails,
}

#[derive(Deserialize)]
pub(super) struct ErrorDetails {
    pub message: Option<String>,
    pub code: Option<String>,
}
