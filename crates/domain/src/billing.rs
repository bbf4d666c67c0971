//! Billing objects, whichever provider keeps them. Amounts are minor units; every status word is open.

use crate::{Index, Kind, RecordBody, Timestamp};
use serde::{Deserialize, Serialize};

pub const CUSTOMER: Kind = Kind::new("customer");
pub const PRODUCT: Kind = Kind::new("product");
pub const PRICE: Kind = Kind::new("price");
pub const SUBSCRIPTION: Kind = Kind::new("subscription");
pub const INVOICE: Kind = Kind::new("invoice");
pub const INVOICE_PAYMENT: Kind = Kind::new("invoice_payment");
pub const PAYMENT_INTENT: Kind = Kind::new("payment_intent");
pub const PAYMENT_METHOD: Kind = Kind::new("payment_method");

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    pub id: String,
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    /// Minor units; negative is credit that the next invoice uses up.
    pub balance: i64,
    pub currency: Option<String>,
    pub delinquent: bool,
    pub default_payment_method: Option<String>,
    /// What pays where no payment method is the default: a card or account of the time before payment methods.
    #[serde(default)]
    pub default_source: Option<String>,
    /// Our organisation's id, kept in the provider's metadata as `organisation_id`.
    pub organisation: Option<String>,
    pub country: Option<String>,
    /// What was used of each meter in this period, from the provider's metadata (`usage_<meter>`).
    #[serde(default)]
    pub usage: Vec<(String, i64)>,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    pub active: bool,
    /// What the plan allows, by meter name, from the provider's metadata (`limit_<meter>`).
    pub limits: Vec<(String, i64)>,
    /// Whether customers may choose its prices, from the provider's metadata (`patchbay_plan`); none where it says nothing.
    #[serde(default)]
    pub on_offer: Option<bool>,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    pub id: String,
    pub product: String,
    pub nickname: Option<String>,
    pub active: bool,
    pub currency: String,
    /// Minor units; none for tiered or custom prices, and for those of which it takes a decimal.
    pub unit_amount: Option<i64>,
    /// The exact amount in minor units, where it is no whole number: `0.05`.
    #[serde(default)]
    pub unit_amount_decimal: Option<String>,
    /// `graduated` or `volume`, where the amount depends on the quantity.
    #[serde(default)]
    pub tiers: Option<String>,
    /// What is used is counted and billed afterwards: there is no quantity.
    #[serde(default)]
    pub metered: bool,
    /// The amount is for so many units together.
    #[serde(default)]
    pub package: Option<Package>,
    /// The customer says how much.
    #[serde(default)]
    pub custom: bool,
    /// `day`, `week`, `month` or `year`; none for one-off prices.
    pub interval: Option<String>,
    pub interval_count: i64,
    /// As [`Product::on_offer`]; what a price says of itself wins over what its product says.
    #[serde(default)]
    pub on_offer: Option<bool>,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    pub units: i64,
    /// A package that was begun counts as a whole one.
    pub rounds_up: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    pub id: String,
    pub customer: String,
    /// `active`, `trialing`, `past_due`, `canceled`, `paused`, `unpaid`, `incomplete`, …
    pub status: String,
    pub currency: String,
    pub items: Vec<SubscriptionItem>,
    pub collection_method: Option<String>,
    pub cancel_at_period_end: bool,
    pub cancel_at: Option<Timestamp>,
    pub canceled_at: Option<Timestamp>,
    pub cancellation_reason: Option<String>,
    pub ended_at: Option<Timestamp>,
    pub started_at: Timestamp,
    pub trial_end: Option<Timestamp>,
    /// Earliest period end of its items: when it renews.
    pub current_period_end: Option<Timestamp>,
    pub current_period_start: Option<Timestamp>,
    pub latest_invoice: Option<String>,
    pub default_payment_method: Option<String>,
    #[serde(default)]
    pub default_source: Option<String>,
    /// Nothing is collected meanwhile, while the status stays what it was.
    #[serde(default)]
    pub pause: Option<Pause>,
    /// Days that an invoice may stay unpaid, where invoices are sent instead of charged.
    #[serde(default)]
    pub days_until_due: Option<i64>,
    /// The schedule that will change it.
    #[serde(default)]
    pub schedule: Option<String>,
    /// A change waits until its payment is made.
    #[serde(default)]
    pub pending_update: Option<PendingUpdate>,
    /// Coupons take something off its invoices.
    #[serde(default)]
    pub discounted: bool,
    pub created_at: Timestamp,
}

/// A change that comes into force when the latest invoice is paid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingUpdate {
    /// When it lapses, and the invoice with it.
    pub expires_at: Option<Timestamp>,
    /// Ids of the prices it leads to.
    pub prices: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// What becomes of invoices meanwhile: `void`, `keep_as_draft`, `mark_uncollectible`.
    pub behavior: String,
    /// None: until somebody resumes it.
    pub resumes_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionItem {
    pub id: String,
    pub price: Price,
    /// None for metered prices, which have none.
    #[serde(default)]
    pub quantity: Option<i64>,
    pub current_period_start: Option<Timestamp>,
    pub current_period_end: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Invoice {
    /// Empty for a preview that was never saved.
    pub id: String,
    pub number: Option<String>,
    pub customer: Option<String>,
    pub subscription: Option<String>,
    /// `draft`, `open`, `paid`, `uncollectible` or `void`.
    pub status: String,
    pub currency: String,
    pub subtotal: i64,
    /// Taken off the subtotal.
    #[serde(default)]
    pub discount: i64,
    /// Added to the subtotal.
    pub tax: i64,
    /// Contained in the subtotal.
    #[serde(default)]
    pub tax_included: i64,
    #[serde(default)]
    pub shipping: i64,
    pub total: i64,
    /// The customer's balance before and after: positive is owed, negative is credit.
    #[serde(default)]
    pub starting_balance: i64,
    #[serde(default)]
    pub ending_balance: Option<i64>,
    /// Credit notes from before it was paid.
    #[serde(default)]
    pub credit_notes: i64,
    /// `charge_automatically` or `send_invoice`.
    #[serde(default)]
    pub collection_method: Option<String>,
    pub amount_due: i64,
    pub amount_paid: i64,
    pub amount_remaining: i64,
    pub attempt_count: i64,
    pub billing_reason: Option<String>,
    pub due_at: Option<Timestamp>,
    pub next_payment_attempt: Option<Timestamp>,
    pub paid_at: Option<Timestamp>,
    pub period_start: Option<Timestamp>,
    pub period_end: Option<Timestamp>,
    pub hosted_invoice_url: Option<String>,
    pub invoice_pdf: Option<String>,
    pub lines: Vec<InvoiceLine>,
    /// The provider has further lines that were not read.
    #[serde(default)]
    pub has_more_lines: bool,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceLine {
    pub description: String,
    /// Minor units of the invoice's currency; negative for a credit.
    pub amount: i64,
    /// None where the line has none, such as one of metered use in tiers.
    #[serde(default)]
    pub quantity: Option<i64>,
    pub proration: bool,
    pub price: Option<String>,
    pub period_start: Option<Timestamp>,
    pub period_end: Option<Timestamp>,
}

/// What ties a payment to an invoice. An object of its own at the provider, with news of its own: an invoice does not know
/// how it was paid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoicePayment {
    pub id: String,
    pub invoice: String,
    /// None where it was paid in another way, outside of the provider for example.
    pub payment_intent: Option<String>,
    /// `open`, `paid`, `canceled`, …
    pub status: String,
    pub currency: String,
    /// Minor units.
    pub amount_requested: i64,
    /// Minor units; none until it is paid.
    pub amount_paid: Option<i64>,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PaymentIntent {
    pub id: String,
    pub customer: Option<String>,
    pub amount: i64,
    pub amount_received: i64,
    pub currency: String,
    pub status: String,
    pub description: Option<String>,
    /// The provider's sentence about why the last try failed.
    pub last_error: Option<String>,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentMethod {
    pub id: String,
    pub customer: Option<String>,
    /// `card`, `sepa_debit`, …
    pub method_type: String,
    pub brand: Option<String>,
    pub last4: Option<String>,
    pub exp_month: Option<i64>,
    pub exp_year: Option<i64>,
    /// Whose account it is, where it is known by that and not by digits: Link or `PayPal`.
    #[serde(default)]
    pub account: Option<String>,
    /// `apple_pay`, `google_pay`: the wallet that a card is in.
    #[serde(default)]
    pub wallet: Option<String>,
    pub created_at: Timestamp,
}

impl RecordBody for Customer {
    const KIND: Kind = CUSTOMER;

    fn id(&self) -> &str {
        &self.id
    }

    fn index(&self) -> Index {
        Index {
            title: self.name.clone().or_else(|| self.email.clone()).unwrap_or_default(),
            subtitle: self.email.clone().unwrap_or_default(),
            status: if self.delinquent { "delinquent" } else { "" }.to_owned(),
            organisation: self.organisation.clone(),
            currency: self.currency.clone(),
            amount: Some(self.balance),
            created_at: self.created_at,
            ..Index::default()
        }
    }
}

impl RecordBody for Product {
    const KIND: Kind = PRODUCT;

    fn id(&self) -> &str {
        &self.id
    }

    fn index(&self) -> Index {
        Index {
            title: self.name.clone(),
            status: active_word(self.active),
            created_at: self.created_at,
            ..Index::default()
        }
    }
}

impl RecordBody for Price {
    const KIND: Kind = PRICE;

    fn id(&self) -> &str {
        &self.id
    }

    fn index(&self) -> Index {
        Index {
            title: self.nickname.clone().unwrap_or_else(|| self.label()),
            status: active_word(self.active),
            parent: Some(self.product.clone()),
            amount: self.unit_amount,
            currency: Some(self.currency.clone()),
            created_at: self.created_at,
            ..Index::default()
        }
    }
}

impl RecordBody for Subscription {
    const KIND: Kind = SUBSCRIPTION;

    fn id(&self) -> &str {
        &self.id
    }

    fn index(&self) -> Index {
        let first = self.plan_item().or(self.items.first());
        Index {
            title: first.and_then(|item| item.price.nickname.clone()).unwrap_or_default(),
            status: self.status.clone(),
            owner: Some(self.customer.clone()),
            facet: first.map(|item| item.price.id.clone()),
            parent: Some(self.customer.clone()),
            amount: self.charges().single().map(|charge| charge.amount),
            currency: Some(self.currency.clone()),
            created_at: self.started_at,
            ended_at: self.ended_at,
            ..Index::default()
        }
    }
}

impl RecordBody for Invoice {
    const KIND: Kind = INVOICE;

    fn id(&self) -> &str {
        &self.id
    }

    fn index(&self) -> Index {
        Index {
            title: self.number.clone().unwrap_or_default(),
            status: self.status.clone(),
            owner: self.customer.clone(),
            parent: self.subscription.clone(),
            amount: Some(self.total),
            currency: Some(self.currency.clone()),
            created_at: self.created_at,
            ..Index::default()
        }
    }
}

impl RecordBody for InvoicePayment {
    const KIND: Kind = INVOICE_PAYMENT;

    fn id(&self) -> &str {
        &self.id
    }

    fn index(&self) -> Index {
        Index {
            status: self.status.clone(),
            parent: Some(self.invoice.clone()),
            amount: Some(self.amount_paid.unwrap_or(self.amount_requested)),
            currency: Some(self.currency.clone()),
            created_at: self.created_at,
            ..Index::default()
        }
    }
}

impl RecordBody for PaymentIntent {
    const KIND: Kind = PAYMENT_INTENT;

    fn id(&self) -> &str {
        &self.id
    }

    fn index(&self) -> Index {
        Index {
            title: self.description.clone().unwrap_or_default(),
            status: self.status.clone(),
            owner: self.customer.clone(),
            amount: Some(self.amount),
            currency: Some(self.currency.clone()),
            created_at: self.created_at,
            ..Index::default()
        }
    }
}

impl RecordBody for PaymentMethod {
    const KIND: Kind = PAYMENT_METHOD;

    fn id(&self) -> &str {
        &self.id
    }

    fn index(&self) -> Index {
        Index { title: self.label(), owner: self.customer.clone(), created_at: self.created_at, ..Index::default() }
    }
}

fn active_word(active: bool) -> String {
    if active { "active" } else { "archived" }.to_owned()
}
