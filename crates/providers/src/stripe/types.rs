//! Stripe's objects on the wire, as far as we read them. They never leave this folder.
//!
//! Everything but the id may be missing or null: payloads follow the API version of the webhook endpoint, which may be
//! years older than ours. Amounts are minor units, times are Unix seconds, every enum is a string.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
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
    /// Before `2019-10-17`.
    pub account_balance: Option<i64>,
    pub default_source: Option<Reference>,
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
    pub unit_amount_decimal: Option<String>,
    pub custom_unit_amount: Option<IgnoredAny>,
    pub billing_scheme: Option<String>,
    pub tiers_mode: Option<String>,
    pub transform_quantity: Option<Transform>,
    pub recurring: Option<Recurring>,
    pub metadata: Option<Metadata>,
    /// From here on as plans have it, which were there before prices.
    pub amount: Option<i64>,
    pub amount_decimal: Option<String>,
    pub interval: Option<String>,
    pub interval_count: Option<i64>,
    pub usage_type: Option<String>,
    pub transform_usage: Option<Transform>,
    pub created: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Transform {
    pub divide_by: Option<i64>,
    pub round: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Recurring {
    pub usage_type: Option<String>,
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
    /// Before `2019-10-17`: `collection_method`.
    pub billing: Option<String>,
    /// Before `2019-10-17`: `start_date`.
    pub start: Option<i64>,
    /// Before there were items.
    pub plan: Option<Price>,
    pub quantity: Option<i64>,
    pub pause_collection: Option<PauseCollection>,
    pub days_until_due: Option<i64>,
    pub schedule: Option<Reference>,
    pub pending_update: Option<PendingUpdate>,
    pub discount: Option<IgnoredAny>,
    pub discounts: Option<Vec<IgnoredAny>>,
    pub default_source: Option<Reference>,
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
pub(super) struct PauseCollection {
    pub behavior: Option<String>,
    pub resumes_at: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct PendingUpdate {
    pub expires_at: Option<i64>,
    pub subscription_items: Option<Vec<PendingItem>>,
}

#[derive(Deserialize)]
pub(super) struct PendingItem {
    pub price: Option<Reference>,
    /// Before prices.
    pub plan: Option<Reference>,
}

#[derive(Deserialize)]
pub(super) struct Schedule {
    pub id: String,
    pub customer: Option<Reference>,
    pub subscription: Option<Reference>,
    pub status: Option<String>,
    pub end_behavior: Option<String>,
    pub current_phase: Option<CurrentPhase>,
    pub phases: Option<Vec<Phase>>,
    pub created: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct CurrentPhase {
    pub start_date: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Phase {
    pub start_date: Option<i64>,
    pub end_date: Option<i64>,
    pub items: Option<Vec<PhaseItem>>,
    /// Before prices.
    pub plans: Option<Vec<PhaseItem>>,
}

#[derive(Deserialize)]
pub(super) struct PhaseItem {
    pub price: Option<Reference>,
    pub plan: Option<Reference>,
    pub quantity: Option<i64>,
}

/// Which lists inside of an object were cut.
#[derive(Deserialize)]
pub(super) struct Cut {
    lines: Option<Ended>,
    items: Option<Ended>,
}

#[derive(Deserialize)]
struct Ended {
    has_more: Option<bool>,
}

impl Cut {
    pub fn of(object: &str) -> Result<Self, serde_json::Error> {
        // Any letter of a key may be written as an escape.
        let may_tell = object.contains("has_more") || object.contains('\\');
        if may_tell { serde_json::from_str(object) } else { Ok(Self { lines: None, items: None }) }
    }

    pub fn is_cut(&self) -> bool {
        [&self.lines, &self.items].into_iter().flatten().any(|list| list.has_more == Some(true))
    }
}

/// Whether the items of a subscription have prices, which they got after plans.
pub(super) fn have_prices(items: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Item {
        price: Option<IgnoredAny>,
    }
    serde_json::from_str::<List<Item>>(items.get())
        .is_ok_and(|items| items.data.iter().any(|item| item.price.is_some()))
}

#[derive(Deserialize)]
pub(super) struct SubscriptionItem {
    pub id: String,
    pub price: Option<Price>,
    /// Before prices.
    pub plan: Option<Price>,
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
    pub total_tax_amounts: Option<Vec<Tax>>,
    /// Before `2025-03-31.basil`.
    pub tax: Option<i64>,
    pub total_discount_amounts: Option<Vec<Amount>>,
    /// Before there could be several.
    pub discount: Option<IgnoredAny>,
    pub shipping_cost: Option<ShippingCost>,
    pub starting_balance: Option<i64>,
    pub ending_balance: Option<i64>,
    pub pre_payment_credit_notes_amount: Option<i64>,
    pub collection_method: Option<String>,
    /// Before `2019-10-17`: `collection_method`.
    pub billing: Option<String>,
    /// Before `2018-11-08`: together the status.
    pub paid: Option<bool>,
    pub closed: Option<bool>,
    pub forgiven: Option<bool>,
    pub attempted: Option<bool>,
    /// Before `2019-03-14`: `created`.
    pub date: Option<i64>,
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
    #[serde(rename = "tax_behavior")]
    pub behavior: Option<String>,
    /// Before `2025-03-31.basil`.
    pub inclusive: Option<bool>,
}

impl Tax {
    pub fn is_included(&self) -> bool {
        self.inclusive == Some(true) || self.behavior.as_deref() == Some("inclusive")
    }
}

#[derive(Deserialize)]
pub(super) struct Amount {
    pub amount: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct ShippingCost {
    pub amount_total: Option<i64>,
    pub amount_subtotal: Option<i64>,
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
    /// Before prices.
    pub plan: Option<Reference>,
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
    pub object: Option<String>,
    pub customer: Option<Reference>,
    #[serde(rename = "type")]
    pub method_type: Option<String>,
    pub created: Option<i64>,
    #[serde(flatten)]
    pub details: AllDetails,
    /// A source's own fields.
    #[serde(flatten)]
    pub own: MethodDetails,
}

/// The one that is called like the type has the details.
#[derive(Deserialize)]
pub(super) struct AllDetails {
    card: Option<MethodDetails>,
    sepa_debit: Option<MethodDetails>,
    us_bank_account: Option<MethodDetails>,
    bacs_debit: Option<MethodDetails>,
    au_becs_debit: Option<MethodDetails>,
    nz_bank_account: Option<MethodDetails>,
    acss_debit: Option<MethodDetails>,
    link: Option<MethodDetails>,
    paypal: Option<MethodDetails>,
    cashapp: Option<MethodDetails>,
    revolut_pay: Option<MethodDetails>,
}

impl AllDetails {
    pub fn of(self, method_type: &str) -> Option<MethodDetails> {
        match method_type {
            "card" => self.card,
            "sepa_debit" => self.sepa_debit,
            "us_bank_account" => self.us_bank_account,
            "bacs_debit" => self.bacs_debit,
            "au_becs_debit" => self.au_becs_debit,
            "nz_bank_account" => self.nz_bank_account,
            "acss_debit" => self.acss_debit,
            "link" => self.link,
            "paypal" => self.paypal,
            "cashapp" => self.cashapp,
            "revolut_pay" => self.revolut_pay,
            // A type of a later version, or none at all.
            _ => self.card.or(self.sepa_debit).or(self.us_bank_account),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct MethodDetails {
    pub brand: Option<String>,
    pub bank_name: Option<String>,
    pub last4: Option<String>,
    /// Of a card in a wallet that has no number of its own.
    pub dynamic_last4: Option<String>,
    pub exp_month: Option<i64>,
    pub exp_year: Option<i64>,
    pub email: Option<String>,
    pub payer_email: Option<String>,
    pub cashtag: Option<String>,
    pub wallet: Option<Wallet>,
}

#[derive(Deserialize)]
pub(super) struct Wallet {
    #[serde(rename = "type")]
    pub name: Option<String>,
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
    /// The parameter that the error is about; `id` or the object's name for the one asked for.
    pub param: Option<String>,
}
