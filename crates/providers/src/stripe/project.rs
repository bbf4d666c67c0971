//! Stripe's objects and events as changes of our records. Pure.

use super::{
    API_VERSION, NAME,
    client::describe,
    origin::{Origin, Ours, TEST},
    types,
};
use crate::{
    error::{ErrorKind, ProviderError},
    project::Projection,
};
use patchbay_domain::{
    Change, Kind, ObjectKey, RecordBody, State, Timestamp, Version,
    billing::{self, CUSTOMER, INVOICE, INVOICE_PAYMENT, PAYMENT_INTENT, PAYMENT_METHOD, PRICE, PRODUCT, SUBSCRIPTION},
    event::is_placeholder,
    schedule::{SCHEDULE, Schedule},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::BTreeMap};

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

/// Tells of an invoice, and means its payment, which it does not name.
pub(super) const ACTION_REQUIRED: &str = "invoice.payment_action_required";

/// Everything [`meaning`] knows; what an endpoint should be subscribed to.
pub(super) static EVENT_TYPES: [&str; 57] = [
    "product.created",
    "product.updated",
    "product.deleted",
    "price.created",
    "price.updated",
    "price.deleted",
    "customer.created",
    "customer.updated",
    "customer.deleted",
    "customer.source.created",
    "customer.source.updated",
    "customer.source.expiring",
    "customer.source.deleted",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "subscription_schedule.created",
    "subscription_schedule.updated",
    "subscription_schedule.released",
    "subscription_schedule.completed",
    "subscription_schedule.canceled",
    "subscription_schedule.expiring",
    "subscription_schedule.aborted",
    "invoice.created",
    "invoice.finalized",
    "invoice.finalization_failed",
    "invoice.paid",
    "invoice.payment_failed",
    ACTION_REQUIRED,
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
            Some(("subscription_schedule", _)) => Meaning::Snapshot(SCHEDULE),
            // Cards and bank accounts of the time before payment methods.
            Some(("customer.source", "deleted")) => Meaning::Gone(PAYMENT_METHOD),
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
            Some(("payment_method" | "customer.source", _)) => Meaning::Snapshot(PAYMENT_METHOD),
            _ => Meaning::Nothing,
        },
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    created: i64,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    account: Option<Cow<'a, str>>,
    #[serde(borrow)]
    context: Option<Cow<'a, str>>,
    livemode: Option<bool>,
    #[serde(borrow)]
    api_version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
}

/// What a stored event means. Its version is the second in which Stripe made it.
pub(super) fn project(ours: &Ours<'_>, event_type: &str, body: &[u8]) -> Result<Projection, ProviderError> {
    let meaning = meaning(event_type);
    if meaning == Meaning::Nothing {
        return Ok(Projection::Skipped);
    }
    let projection = read_event(*ours, meaning, body).map(|projection| match projection {
        Projection::Changes(_) | Projection::Partial(_) if event_type == ACTION_REQUIRED => Projection::Incomplete,
        projection => projection,
    });
    projection.map_err(|error| {
        let message = format!("the event cannot be read: {}", describe(&error));
        ProviderError::new(NAME, format!("project {event_type}"), ErrorKind::Unreadable, message)
    })
}

fn read_event(ours: Ours<'_>, meaning: Meaning, body: &[u8]) -> Result<Projection, serde_json::Error> {
    let event: Event<'_> = serde_json::from_slice(body)?;
    let origin = Origin {
        id: event.id.as_deref(),
        account: event.account.as_deref(),
        context: event.context.as_deref(),
        livemode: event.livemode,
    };
    if let Some(why) = origin.is_not(ours) {
        return Ok(Projection::SetAside(why));
    }
    let version = Version::from(Timestamp::from_seconds(event.created));
    let object = event.data.object.get();
    let named = match meaning {
        Meaning::Nothing => return Ok(Projection::Skipped),
        Meaning::Snapshot(kind) => {
            let change = change(&kind, object, version)?;
            let change = if ours.is_followed { disowned(change) } else { change };
            if is_placeholder(&change.key.id) {
                return Ok(Projection::SetAside(TEST.to_owned()));
            }
            return as_far_as_told(event.api_version.as_deref(), &kind, object, change);
        }
        Meaning::Gone(kind) => {
            let head: types::Head = serde_json::from_str(object)?;
            if is_placeholder(&head.id) {
                return Ok(Projection::SetAside(TEST.to_owned()));
            }
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

/// What a version older than ours may lack. Absent is not null: null says that there is none.
const KEYS: [(Kind, &[&str]); 3] = [
    (CUSTOMER, &["balance", "invoice_settings"]),
    (SUBSCRIPTION, &["items", "collection_method"]),
    (INVOICE, &["status", "total", "amount_remaining", "lines"]),
];

/// What the object in an event is good for: to be recorded as it is, with the rest of its lists, only where nothing better
/// is there, or for nothing but its id.
fn as_far_as_told(
    api_version: Option<&str>,
    kind: &Kind,
    object: &str,
    change: Change,
) -> Result<Projection, serde_json::Error> {
    let State::Present { body, .. } = &change.state else { return Ok(Projection::Changes(vec![change])) };
    let lacks = |field: &str| body.get(field).is_some_and(|value| value.as_str() == Some(""));
    let is_unreadable = match kind {
        kind if *kind == SUBSCRIPTION => lacks("currency") || lacks("customer"),
        kind if *kind == INVOICE || *kind == PRICE || *kind == PAYMENT_INTENT => lacks("currency"),
        kind if *kind == INVOICE_PAYMENT => lacks("invoice"),
        _ => false,
    };
    if is_unreadable {
        return Ok(Projection::Refetch(vec![change.key]));
    }
    if types::Cut::of(object)?.is_cut() {
        return Ok(Projection::Incomplete);
    }
    // Versions are dates first, so they compare as text.
    if api_version.is_some_and(|version| version < API_VERSION) {
        let expected = KEYS.iter().find(|(of, _)| of == kind).map_or(&[][..], |(_, keys)| keys);
        let there: BTreeMap<String, &RawValue> = serde_json::from_str(object)?;
        let prices = *kind != SUBSCRIPTION || there.get("items").is_some_and(|items| types::have_prices(items));
        if !prices || expected.iter().any(|key| !there.contains_key(*key)) {
            return Ok(Projection::Partial(vec![change]));
        }
    }
    Ok(Projection::Changes(vec![change]))
}

/// The change of an event whose lists were cut, with the object as it is when they are read to their ends.
pub(super) fn completed(event_type: &str, body: &[u8]) -> Option<(Kind, Box<RawValue>, Version)> {
    let Meaning::Snapshot(kind) = meaning(event_type) else { return None };
    let event: Event<'_> = serde_json::from_slice(body).ok()?;
    let version = Version::from(Timestamp::from_seconds(event.created));
    Some((kind, event.data.object.to_owned(), version))
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
        kind if *kind == SCHEDULE => present::<types::Schedule, Schedule>(object, version),
        kind if *kind == INVOICE => present::<types::Invoice, billing::Invoice>(object, version),
        kind if *kind == INVOICE_PAYMENT => present::<types::InvoicePayment, billing::InvoicePayment>(object, version),
        kind if *kind == PAYMENT_INTENT => present::<types::PaymentIntent, billing::PaymentIntent>(object, version),
        kind if *kind == PAYMENT_METHOD => present::<types::PaymentMethod, billing::PaymentMethod>(object, version),
        other => Err(serde::de::Error::custom(format!("missing field: no records of kind {other} here"))),
    }
}

/// Without what its metadata says about whose customer it is: in a connected account, its owner wrote that.
pub(super) fn disowned(mut change: Change) -> Change {
    if change.key.kind == CUSTOMER
        && let State::Present { index, body } = &mut change.state
    {
        index.organisation = None;
        body["organisation"] = serde_json::Value::Null;
    }
    change
}

fn present<W: DeserializeOwned, B: RecordBody + From<W>>(
    object: &str,
    version: Version,
) -> Result<Change, serde_json::Error> {
    let wire: W = serde_json::from_str(object)?;
    Change::present(&B::from(wire), version)
}
