//! What the sandbox remembers of each object: only what differs between objects. The full wire shape is made by `render`.

mod catalogue;
mod discount;
mod schedule;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::pricing::Decimal;
pub(crate) use catalogue::{Every, Interval, Meter, MeterEvent, Package, Price, Product, Recurring, Tier, Tiers};
pub(crate) use discount::{Coupon, Discount, Duration, Off, PromotionCode};
pub(crate) use schedule::{Phase, PhaseItem, Schedule};

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
    /// Of the time before payment methods.
    #[serde(default)]
    pub default_source: Option<String>,
    pub invoice_prefix: String,
    pub next_invoice_sequence: u32,
    pub metadata: Metadata,
    pub deleted: bool,
    /// What holds for each of their subscriptions that has no discount of its own.
    #[serde(default)]
    pub discount: Option<String>,
    /// Members that nothing here computes with, as they are shown: address, shipping, tax exemption …
    #[serde(default)]
    pub shown: Map<String, Value>,
}

impl Customer {
    /// What they are charged with where a subscription does not say.
    pub(crate) fn charged_with(&self) -> Option<&String> {
        self.default_payment_method.as_ref().or(self.default_source.as_ref())
    }
}

/// A card, or a bank account that is debited.
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
    /// A bank account, debited by SEPA.
    #[serde(default)]
    pub debit: bool,
    /// What it is where it is older than payment methods.
    #[serde(default)]
    pub legacy: Option<Legacy>,
    /// Whether it was told that it ends with this month.
    #[serde(default)]
    pub expiry_told: bool,
    /// When its bank wants the owner to confirm a payment.
    #[serde(default)]
    pub confirms: Option<Confirms>,
}

impl PaymentMethod {
    /// What people call it.
    pub(crate) fn title(&self) -> String {
        format!("{} ending in {}", if self.debit { "bank account" } else { &self.brand }, self.last4)
    }

    /// Its `type`.
    pub(crate) fn word(&self) -> &'static str {
        if self.debit { "sepa_debit" } else { "card" }
    }

    /// Changes what is given of its expiry.
    pub(crate) fn expires(&mut self, month: Option<i64>, year: Option<i64>) {
        self.exp_month = month.and_then(|month| u8::try_from(month).ok()).unwrap_or(self.exp_month);
        self.exp_year = year.and_then(|year| u16::try_from(year).ok()).unwrap_or(self.exp_year);
    }
}

/// What was there before payment methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Legacy {
    BankAccount,
    Card,
    Source,
}

impl Legacy {
    /// The provider's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::BankAccount => "bank_account",
            Self::Card => "card",
            Self::Source => "source",
        }
    }

    /// What its ids begin with.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::BankAccount => "ba_1",
            Self::Card => "card_1",
            Self::Source => "src_1",
        }
    }
}

/// Which payments the bank of a card wants its owner to confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Confirms {
    Every,
    /// Every one until the card is set up for payments without its owner.
    UntilSetUp,
    /// Those at which the owner is there.
    WhenThere,
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
    #[serde(default)]
    pub pause: Option<Pause>,
    /// Invoices are sent, and due after so many days, instead of charged.
    #[serde(default)]
    pub days_until_due: Option<i64>,
    pub latest_invoice: Option<String>,
    pub default_payment_method: Option<String>,
    pub description: Option<String>,
    pub metadata: Metadata,
    /// Prorations waiting for the next invoice.
    pub pending: Vec<Line>,
    /// Whether it was told that the trial ends.
    #[serde(default)]
    pub trial_end_told: bool,
    /// `billing_mode`: flexible, or else classic.
    #[serde(default)]
    pub flexible: bool,
    #[serde(default)]
    pub discounts: Vec<String>,
    #[serde(default)]
    pub schedule: Option<String>,
    /// The date of its cancellation, if the rest of the period is given back then.
    #[serde(default)]
    pub rest_back_at: Option<i64>,
    /// `pending_update`: what it becomes when an invoice is paid.
    #[serde(default)]
    pub waiting: Option<Waiting>,
}

/// A change that waits for its payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub invoice: String,
    pub items: Vec<Item>,
    /// When it was asked for; a new period begins there if it has another interval.
    pub since: i64,
    pub expires_at: i64,
    /// Whether anybody was told: what is paid at once never waited.
    pub told: bool,
}

impl Subscription {
    /// Whether it still runs or may run again.
    pub(crate) fn alive(&self) -> bool {
        !matches!(self.status.as_str(), "canceled" | "incomplete_expired")
    }

    /// The time until which the last of its items is paid.
    pub(crate) fn paid_until(&self) -> i64 {
        self.items.iter().filter_map(|item| item.period).map(|period| period.1).fold(self.period_end, i64::max)
    }

    /// About when the period before the running one began: what a cycle's invoice gives as its own period.
    pub(crate) fn previous_start(&self) -> i64 {
        (self.period_start - (self.period_end - self.period_start)).max(self.start_date)
    }
}

/// `pause_collection`: the subscription goes on, its invoices are not collected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pause {
    pub behavior: String,
    pub resumes_at: Option<i64>,
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
    /// Of no meaning where usage is counted.
    pub quantity: i64,
    pub metadata: Metadata,
    /// The running period of an item that is charged less often than the subscription renews.
    #[serde(default)]
    pub period: Option<(i64, i64)>,
    /// Usage before this is billed already, or none of this item.
    #[serde(default)]
    pub usage_from: Option<i64>,
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
    /// It is sent to the customer, who pays it until then.
    #[serde(default)]
    pub due_date: Option<i64>,
    #[serde(default)]
    pub extra: Extra,
}

/// What only some invoices have.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Extra {
    pub description: Option<String>,
    pub metadata: Metadata,
    /// Why it is still a draft.
    pub finalization_error: Option<String>,
}

impl Invoice {
    /// The sum of the lines, before discounts.
    pub(crate) fn subtotal(&self) -> i64 {
        self.lines.iter().map(|line| line.amount).sum()
    }

    /// What is left of it.
    pub(crate) fn total(&self) -> i64 {
        self.lines.iter().map(Line::net).sum()
    }

    /// What each discount takes off the lines together, in the order they were taken.
    pub(crate) fn discounts(&self) -> Vec<(&str, i64)> {
        let mut sums: Vec<(&str, i64)> = Vec::new();
        for (id, off) in self.lines.iter().flat_map(|line| &line.discounts) {
            match sums.iter_mut().find(|(known, _)| *known == id) {
                Some((_, sum)) => *sum += off,
                None => sums.push((id, *off)),
            }
        }
        sums
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
    pub unit_amount: Option<Decimal>,
    pub quantity: i64,
    pub item: String,
    pub proration: bool,
    /// Usage of a period that is over, which nothing of is given back.
    #[serde(default)]
    pub usage: bool,
    /// What a credit gives back a part of.
    #[serde(default)]
    pub credited: Option<Credited>,
    /// What each discount takes off.
    #[serde(default)]
    pub discounts: Vec<(String, i64)>,
}

impl Line {
    /// The amount without what is taken off.
    pub(crate) fn net(&self) -> i64 {
        self.amount - self.discounts.iter().map(|(_, off)| off).sum::<i64>()
    }
}

/// The debits that a credit is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Credited {
    /// None while they wait for an invoice.
    pub invoice: Option<String>,
    pub lines: Vec<String>,
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
    #[serde(default)]
    pub course: Course,
}

/// How a payment goes where it is not had at once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Course {
    /// It is authorized, and captured by a request of its own.
    pub manual: bool,
    /// When the bank answers.
    pub settles_at: Option<i64>,
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
