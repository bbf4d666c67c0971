//! What the sandbox remembers of each object: only what differs between objects. The full wire shape is made by `render`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// String pairs a caller attaches to an object.
pub(crate) type Metadata = BTreeMap<String, String>;

/// A customer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Customer {
    pub id: String,
    pub created: i64,
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub description: Option<String>,
    pub country: Option<String>,
    pub city: Option<String>,
    pub currency: Option<String>,
    pub locale: Option<String>,
    pub balance: i64,
    pub delinquent: bool,
    pub default_payment_method: Option<String>,
    pub invoice_prefix: String,
    pub next_invoice_sequence: u32,
    pub metadata: Metadata,
    pub deleted: bool,
}

/// A product: what is sold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Product {
    pub id: String,
    pub created: i64,
    pub updated: i64,
    pub name: String,
    pub description: Option<String>,
    pub active: bool,
    pub default_price: Option<String>,
    pub metadata: Metadata,
}

/// A recurring price of a product.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Price {
    pub id: String,
    pub created: i64,
    pub product: String,
    pub currency: String,
    pub unit_amount: i64,
    pub interval: Interval,
    pub active: bool,
    pub lookup_key: Option<String>,
    pub nickname: Option<String>,
    pub metadata: Metadata,
}

/// How often a price is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Interval {
    Month,
    Year,
}

impl Interval {
    /// The provider's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// A card. The only kind of payment method the sandbox knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PaymentMethod {
    pub id: String,
    pub created: i64,
    pub customer: Option<String>,
    pub brand: String,
    pub last4: String,
    pub exp_month: u8,
    pub exp_year: u16,
    pub funding: String,
    pub country: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub fingerprint: String,
    pub metadata: Metadata,
    /// Why charging it fails, when it does.
    pub declines: Option<String>,
}

/// A subscription.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub id: String,
    pub created: i64,
    pub customer: String,
    pub status: String,
    pub currency: String,
    pub items: Vec<Item>,
    pub period_start: i64,
    pub period_end: i64,
    pub anchor: i64,
    pub start_date: i64,
    pub trial_start: Option<i64>,
    pub trial_end: Option<i64>,
    pub cancel_at_period_end: bool,
    pub cancel_at: Option<i64>,
    pub canceled_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub cancellation: Cancellation,
    pub paused: bool,
    pub latest_invoice: Option<String>,
    pub default_payment_method: Option<String>,
    pub description: Option<String>,
    pub metadata: Metadata,
    /// Prorations waiting for the next invoice.
    pub pending: Vec<Line>,
}

impl Subscription {
    /// Whether it still runs or may run again.
    pub(crate) fn alive(&self) -> bool {
        !matches!(self.status.as_str(), "canceled" | "incomplete_expired")
    }

    /// About when the period before the running one began: what a cycle's invoice gives as its own period.
    pub(crate) fn previous_start(&self) -> i64 {
        (self.period_start - (self.period_end - self.period_start)).max(self.start_date)
    }
}

/// Why somebody left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cancellation {
    pub comment: Option<String>,
    pub feedback: Option<String>,
    pub reason: Option<String>,
}

/// One price of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub id: String,
    pub created: i64,
    pub price: String,
    pub quantity: i64,
    pub metadata: Metadata,
}

/// An invoice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Invoice {
    pub id: String,
    pub created: i64,
    pub number: Option<String>,
    pub status: String,
    pub customer: String,
    pub subscription: Option<String>,
    pub currency: String,
    pub lines: Vec<Line>,
    pub starting_balance: i64,
    pub ending_balance: Option<i64>,
    pub amount_paid: i64,
    pub attempt_count: u32,
    pub billing_reason: String,
    pub period_start: i64,
    pub period_end: i64,
    pub next_payment_attempt: Option<i64>,
    pub finalized_at: Option<i64>,
    pub paid_at: Option<i64>,
    pub voided_at: Option<i64>,
    pub uncollectible_at: Option<i64>,
    pub payment_intent: Option<String>,
}

impl Invoice {
    /// The sum of the lines.
    pub(crate) fn total(&self) -> i64 {
        self.lines.iter().map(|l| l.amount).sum()
    }

    /// What the customer has to pay after their balance.
    pub(crate) fn amount_due(&self) -> i64 {
        (self.total() + self.starting_balance).max(0)
    }

    /// What is still to be paid.
    pub(crate) fn amount_remaining(&self) -> i64 {
        (self.amount_due() - self.amount_paid).max(0)
    }
}

/// One line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub id: String,
    pub amount: i64,
    pub description: String,
    pub start: i64,
    pub end: i64,
    pub price: String,
    pub product: String,
    pub unit_amount: i64,
    pub quantity: i64,
    pub item: String,
    pub proration: bool,
}

/// An attempt to take money.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PaymentIntent {
    pub id: String,
    pub created: i64,
    pub amount: i64,
    pub currency: String,
    pub customer: Option<String>,
    pub status: String,
    pub payment_method: Option<String>,
    pub invoice: Option<String>,
    pub description: Option<String>,
    pub charge: Option<String>,
    pub error: Option<String>,
    pub canceled_at: Option<i64>,
    pub metadata: Metadata,
}

/// An attempt to save a card.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SetupIntent {
    pub id: String,
    pub created: i64,
    pub customer: Option<String>,
    pub status: String,
    pub payment_method: Option<String>,
    pub usage: String,
    pub metadata: Metadata,
}

/// A hosted Checkout page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CheckoutSession {
    pub id: String,
    pub created: i64,
    pub mode: String,
    pub status: String,
    pub payment_status: String,
    pub customer: Option<String>,
    pub customer_email: Option<String>,
    pub client_reference_id: Option<String>,
    pub success_url: String,
    pub cancel_url: Option<String>,
    pub line_items: Vec<(String, i64)>,
    pub currency: Option<String>,
    pub amount_total: Option<i64>,
    pub subscription: Option<String>,
    pub setup_intent: Option<String>,
    pub invoice: Option<String>,
    pub trial_days: Option<i64>,
    pub expires_at: i64,
    pub metadata: Metadata,
    pub subscription_metadata: Metadata,
    pub setup_metadata: Metadata,
}

/// A hosted Portal page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PortalSession {
    pub id: String,
    pub created: i64,
    pub customer: String,
    pub return_url: Option<String>,
    pub flow: Option<String>,
    pub subscription: Option<String>,
}

/// Something that happened, as it was at that moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    pub id: String,
    pub created: i64,
    #[serde(rename = "type")]
    pub kind: String,
    /// The customer it concerns, or else the object: such events leave one after another.
    pub lane: String,
    pub body: String,
}

/// The kept answer of a request with an idempotency key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub id: String,
    pub created: i64,
    pub asked: String,
    pub status: u16,
    pub body: String,
    pub request: String,
}
