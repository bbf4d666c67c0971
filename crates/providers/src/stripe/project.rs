//! Stripe's objects and events as changes of our records. Pure.

use super::{NAME, client::describe, types};
use crate::{
    error::{ErrorKind, ProviderError},
    provider::Projection,
};
use patchbay_domain::{
    Change, Kind, ObjectKey, RecordBody, Timestamp, Version,
    billing::{self, CUSTOMER, INVOICE, INVOICE_PAYMENT, PAYMENT_INTENT, PAYMENT_METHOD, PRICE, PRODUCT, SUBSCRIPTION},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

/// Metadata of a customer that starts with this says what was used in this period: `usage_videos = 42`.
const USAGE_PREFIX: &str = "usage_";
/// Metadata of a product that starts with this says what the plan allows: `limit_videos = 100`.
const LIMIT_PREFIX: &str = "limit_";
/// Metadata of a customer with our organisation's id.
pub(super) const ORGANISATION: &str = "organisation_id";

/// What a type of event tells us.
#[derive(PartialEq)]
enum Meaning {
    /// The object in it is as it now stands.
    Snapshot(Kind),
    /// The object in it is gone.
    Gone(Kind),
    /// Something happened around objects of ours, which must be read.
    Checkout,
    SetUp,
    /// Not for us.
    Nothing,
}

/// Everything [`meaning`] knows; what an endpoint should be subscribed to.
pub(super) static EVENT_TYPES: [&str; 46] = [
    "product.created",
    "product.updated",
    "product.deleted",
    "price.created",
    "price.updated",
    "price.deleted",
    "customer.created",
    "customer.updated",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "invoice.created",
    "invoice.finalized",
    "invoice.finalization_failed",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.payment_succeeded",
    "invoice.updated",
    "invoice.voided",
    "invoice.marked_uncollectible",
    "invoice.overdue",
    "invoice.sent",
    "invoice.deleted",
    "invoice_payment.paid",
    "payment_intent.created",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.requires_action",
    "payment_intent.processing",
    "payment_intent.canceled",
    "payment_intent.amount_capturable_updated",
    "payment_method.attached",
    "payment_method.detached",
    "payment_method.updated",
    "payment_method.automatically_updated",
    "setup_intent.succeeded",
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
];

fn meaning(event_type: &str) -> Meaning {
    match event_type {
        // A preview without an id: there is no such invoice yet.
        "invoice.upcoming" => Meaning::Nothing,
        "setup_intent.succeeded" => Meaning::SetUp,
        "checkout.session.completed"
        | "checkout.session.async_payment_succeeded"
        | "checkout.session.async_payment_failed" => Meaning::Checkout,
        _ => match event_type.rsplit_once('.') {
            // A cancelled subscription, too, is `deleted` and stays readable.
            Some(("customer.subscription", _)) => Meaning::Snapshot(SUBSCRIPTION),
            Some(("customer", "deleted")) => Meaning::Gone(CUSTOMER),
            Some(("customer", _)) => Meaning::Snapshot(CUSTOMER),
            Some(("product", "deleted")) => Meaning::Gone(PRODUCT),
            Some(("product", _)) => Meaning::Snapshot(PRODUCT),
            Some(("price", "deleted")) => Meaning::Gone(PRICE),
            Some(("price", _)) => Meaning::Snapshot(PRICE),
            Some(("invoice", "deleted")) => Meaning::Gone(INVOICE),
            Some(("invoice", _)) => Meaning::Snapshot(INVOICE),
            Some(("invoice_payment", _)) => Meaning::Snapshot(INVOICE_PAYMENT),
            Some(("payment_intent", _)) => Meaning::Snapshot(PAYMENT_INTENT),
            Some(("payment_method", _)) => Meaning::Snapshot(PAYMENT_METHOD),
            _ => Meaning::Nothing,
        },
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    created: i64,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
}

/// What a stored event means. Its version is the second in which Stripe made it.
pub(super) fn project(event_type: &str, body: &[u8]) -> Result<Projection, ProviderError> {
    let meaning = meaning(event_type);
    if meaning == Meaning::Nothing {
        return Ok(Projection::Skipped);
    }
    read_event(meaning, body).map_err(|error| {
        let message = format!("the event cannot be read: {}", describe(&error));
        ProviderError::new(NAME, format!("project {event_type}"), ErrorKind::Unreadable, message)
    })
}

fn read_event(meaning: Meaning, body: &[u8]) -> Result<Projection, serde_json::Error> {
    let event: Event<'_> = serde_json::from_slice(body)?;
    let version = Version::from(Timestamp::from_seconds(event.created));
    let object = event.data.object.get();
    let named = match meaning {
        Meaning::Nothing => return Ok(Projection::Skipped),
        Meaning::Snapshot(kind) => return Ok(Projection::Changes(vec![change(&kind, object, version)?])),
        Meaning::Gone(kind) => {
            let head: types::Head = serde_json::from_str(object)?;
            return Ok(Projection::Changes(vec![Change::deleted(ObjectKey::new(kind, head.id), version)]));
        }
        Meaning::Checkout => {
            let session: types::CheckoutSession = serde_json::from_str(object)?;
            vec![(CUSTOMER, session.customer), (SUBSCRIPTION, session.subscription)]
        }
        Meaning::SetUp => {
            let intent: types::SetupIntent = serde_json::from_str(object)?;
            vec![(PAYMENT_METHOD, intent.payment_method)]
        }
    };
    let keys: Vec<_> = named.into_iter().filter_map(|(kind, id)| Some(ObjectKey::new(kind, id?))).collect();
    Ok(if keys.is_empty() { Projection::Skipped } else { Projection::Refetch(keys) })
}

/// One object of Stripe, whatever brought it, as a change.
pub(super) fn change(kind: &Kind, object: &str, version: Version) -> Result<Change, serde_json::Error> {
    let head: types::Head = serde_json::from_str(object)?;
    if head.deleted == Some(true) {
        return Ok(Change::deleted(ObjectKey::new(kind.clone(), head.id), version));
    }
    match kind {
        kind if *kind == CUSTOMER => present::<types::Customer, billing::Customer>(object, version),
        kind if *kind == PRODUCT => present::<types::Product, billing::Product>(object, version),
        kind if *kind == PRICE => present::<types::Price, billing::Price>(object, version),
        kind if *kind == SUBSCRIPTION => present::<types::Subscription, billing::Subscription>(object, version),
        kind if *kind == INVOICE => present::<types::Invoice, billing::Invoice>(object, version),
        kind if *kind == INVOICE_PAYMENT => present::<types::InvoicePayment, billing::InvoicePayment>(object, version),
        kind if *kind == PAYMENT_INTENT => present::<types::PaymentIntent, billing::PaymentIntent>(object, version),
        kind if *kind == PAYMENT_METHOD => present::<types::PaymentMethod, billing::PaymentMethod>(object, version),
        other => Err(serde::de::Error::custom(format!("missing field: no records of kind {other} here"))),
    }
}

fn present<W: DeserializeOwned, B: RecordBody + From<W>>(
    object: &str,
    version: Version,
) -> Result<Change, serde_json::Error> {
    let wire: W = serde_json::from_str(object)?;
    Change::present(&B::from(wire), version)
}

fn at(seconds: Option<i64>) -> Option<Timestamp> {
    seconds.map(Timestamp::from_seconds)
}

fn id(reference: Option<types::Reference>) -> Option<String> {
    reference.map(String::from)
}

/// The numbers in metadata whose key starts with `prefix`, by meter. What is no number is left out.
fn meters(metadata: &types::Metadata, prefix: &str) -> Vec<(String, i64)> {
    let meter =
        |(key, value): (&String, &String)| Some((key.strip_prefix(prefix)?.to_owned(), value.trim().parse().ok()?));
    metadata.iter().filter_map(meter).collect()
}

impl From<types::Customer> for billing::Customer {
    fn from(wire: types::Customer) -> Self {
        let mut metadata = wire.metadata.unwrap_or_default();
        Self {
            id: wire.id,
            name: wire.name,
            email: wire.email,
            phone: wire.phone,
            balance: wire.balance.unwrap_or(0),
            currency: wire.currency,
            delinquent: wire.delinquent.unwrap_or(false),
            default_payment_method: id(wire.invoice_settings.and_then(|settings| settings.default_payment_method)),
            usage: meters(&metadata, USAGE_PREFIX),
            organisation: metadata.remove(ORGANISATION),
            country: wire.address.and_then(|address| address.country),
            created_at: at(wire.created).unwrap_or_default(),
        }
    }
}

impl From<types::Product> for billing::Product {
    fn from(wire: types::Product) -> Self {
        Self {
            id: wire.id,
            name: wire.name.unwrap_or_default(),
            description: wire.description,
            active: wire.active.unwrap_or(true),
            limits: meters(&wire.metadata.unwrap_or_default(), LIMIT_PREFIX),
            created_at: at(wire.created).unwrap_or_default(),
        }
    }
}

impl From<types::Price> for billing::Price {
    fn from(wire: types::Price) -> Self {
        let (interval, interval_count) = match wire.recurring {
            Some(recurring) => (recurring.interval, recurring.interval_count.unwrap_or(1)),
            None => (None, 0),
        };
        Self {
            id: wire.id,
            product: id(wire.product).unwrap_or_default(),
            nickname: wire.nickname,
            active: wire.active.unwrap_or(true),
            currency: wire.currency.unwrap_or_default(),
            unit_amount: wire.unit_amount,
            interval,
            interval_count,
            created_at: at(wire.created).unwrap_or_default(),
        }
    }
}

impl From<types::Subscription> for billing::Subscription {
    fn from(wire: types::Subscription) -> Self {
        let (start, end) = (at(wire.current_period_start), at(wire.current_period_end));
        let items: Vec<_> = wire
            .items
            .map(|list| list.data)
            .unwrap_or_default()
            .into_iter()
            .map(|item| subscription_item(item, start, end))
            .collect();
        let renews_first =
            items.iter().filter(|item| item.current_period_end.is_some()).min_by_key(|item| item.current_period_end);
        let (current_period_start, current_period_end) =
            renews_first.map_or((start, end), |item| (item.current_period_start, item.current_period_end));
        let created_at = at(wire.created).unwrap_or_default();
        Self {
            id: wire.id,
            customer: id(wire.customer).unwrap_or_default(),
            status: wire.status.unwrap_or_default(),
            currency: wire
                .currency
                .or_else(|| items.first().map(|item| item.price.currency.clone()))
                .unwrap_or_default(),
            items,
            collection_method: wire.collection_method,
            cancel_at_period_end: wire.cancel_at_period_end.unwrap_or(false),
            cancel_at: at(wire.cancel_at),
            canceled_at: at(wire.canceled_at),
            cancellation_reason: wire.cancellation_details.and_then(cancellation_reason),
            ended_at: at(wire.ended_at),
            started_at: at(wire.start_date).unwrap_or(created_at),
            trial_end: at(wire.trial_end),
            current_period_end,
            current_period_start,
            latest_invoice: id(wire.latest_invoice),
            default_payment_method: id(wire.default_payment_method),
            created_at,
        }
    }
}

fn subscription_item(
    wire: types::SubscriptionItem,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
) -> billing::SubscriptionItem {
    billing::SubscriptionItem {
        id: wire.id,
        price: wire.price.map(billing::Price::from).unwrap_or_default(),
        quantity: wire.quantity.unwrap_or(1),
        current_period_start: at(wire.current_period_start).or(start),
        current_period_end: at(wire.current_period_end).or(end),
    }
}

/// What the customer said, else why Stripe ended it.
fn cancellation_reason(details: types::CancellationDetails) -> Option<String> {
    match (details.feedback, details.comment) {
        (Some(feedback), Some(comment)) => Some(format!("{feedback}: {comment}")),
        (feedback, comment) => feedback.or(comment).or(details.reason),
    }
}

impl From<types::Invoice> for billing::Invoice {
    fn from(wire: types::Invoice) -> Self {
        let parent =
            wire.parent.and_then(|parent| parent.subscription_details).and_then(|details| details.subscription);
        let taxes =
            wire.total_taxes.map(|taxes| taxes.iter().filter_map(|tax| tax.amount).fold(0, i64::saturating_add));
        Self {
            id: wire.id.unwrap_or_default(),
            number: wire.number,
            customer: id(wire.customer),
            subscription: id(parent.or(wire.subscription)),
            status: wire.status.unwrap_or_else(|| "draft".to_owned()),
            currency: wire.currency.unwrap_or_default(),
            subtotal: wire.subtotal.unwrap_or(0),
            tax: taxes.or(wire.tax).unwrap_or(0),
            total: wire.total.unwrap_or(0),
            amount_due: wire.amount_due.unwrap_or(0),
            amount_paid: wire.amount_paid.unwrap_or(0),
            amount_remaining: wire.amount_remaining.unwrap_or(0),
            attempt_count: wire.attempt_count.unwrap_or(0),
            billing_reason: wire.billing_reason,
            due_at: at(wire.due_date),
            next_payment_attempt: at(wire.next_payment_attempt),
            paid_at: at(wire.status_transitions.and_then(|transitions| transitions.paid_at)),
            period_start: at(wire.period_start),
            period_end: at(wire.period_end),
            hosted_invoice_url: wire.hosted_invoice_url,
            invoice_pdf: wire.pdf,
            lines: wire
                .lines
                .map(|list| list.data)
                .unwrap_or_default()
                .into_iter()
                .map(billing::InvoiceLine::from)
                .collect(),
            created_at: at(wire.created).unwrap_or_default(),
        }
    }
}

impl From<types::InvoiceLine> for billing::InvoiceLine {
    fn from(wire: types::InvoiceLine) -> Self {
        let details = wire.parent.and_then(|parent| parent.subscription_item_details.or(parent.invoice_item_details));
        let priced = wire.pricing.and_then(|pricing| pricing.price_details).and_then(|details| details.price);
        let (start, end) = wire.period.map_or((None, None), |period| (period.start, period.end));
        Self {
            description: wire.description.unwrap_or_default(),
            amount: wire.amount.unwrap_or(0),
            quantity: wire.quantity.unwrap_or(1),
            proration: details.and_then(|details| details.proration).or(wire.proration).unwrap_or(false),
            price: id(priced.or(wire.price)),
            period_start: at(start),
            period_end: at(end),
        }
    }
}

impl From<types::InvoicePayment> for billing::InvoicePayment {
    fn from(wire: types::InvoicePayment) -> Self {
        Self {
            id: wire.id,
            invoice: id(wire.invoice).unwrap_or_default(),
            payment_intent: id(wire.payment.and_then(|payment| payment.payment_intent)),
            status: wire.status.unwrap_or_default(),
            currency: wire.currency.unwrap_or_default(),
            amount_requested: wire.amount_requested.unwrap_or(0),
            amount_paid: wire.amount_paid,
            created_at: at(wire.created).unwrap_or_default(),
        }
    }
}

impl From<types::PaymentIntent> for billing::PaymentIntent {
    fn from(wire: types::PaymentIntent) -> Self {
        Self {
            id: wire.id,
            customer: id(wire.customer),
            amount: wire.amount.unwrap_or(0),
            amount_received: wire.amount_received.unwrap_or(0),
            currency: wire.currency.unwrap_or_default(),
            status: wire.status.unwrap_or_default(),
            description: wire.description,
            last_error: wire.last_payment_error.and_then(|error| error.message.or(error.code)),
            created_at: at(wire.created).unwrap_or_default(),
        }
    }
}

impl From<types::PaymentMethod> for billing::PaymentMethod {
    fn from(wire: types::PaymentMethod) -> Self {
        let details = wire.card.or(wire.sepa_debit).or(wire.us_bank_account);
        let (brand, last4, exp_month, exp_year) =
            details.map_or((None, None, None, None), |d| (d.brand.or(d.bank_name), d.last4, d.exp_month, d.exp_year));
        Self {
            id: wire.id,
            customer: id(wire.customer),
            method_type: wire.method_type.unwrap_or_default(),
            brand,
            last4,
            exp_month,
            exp_year,
            created_at: at(wire.created).unwrap_or_default(),
        }
    }
}
