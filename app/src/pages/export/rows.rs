//! One row of each list. Times are RFC 3339 in UTC, amounts decimal numbers beside their currency.

use crate::pages::{
    billing_tables::ends_at,
    records::{Related, decoded},
};
use patchbay_domain::{
    Money, Timestamp, UserError,
    billing::{Customer, Invoice, Subscription},
    video::Asset,
};
use patchbay_store::{AuditEntry, Call, EventSummary, Record};

pub const EVENT: [&str; 15] = [
    "id",
    "connection",
    "provider_id",
    "type",
    "object_kind",
    "object_id",
    "occurred_at",
    "received_at",
    "state",
    "attempts",
    "replays",
    "finished_at",
    "error",
    "size_bytes",
    "request_id",
];

pub fn event(event: EventSummary) -> Vec<String> {
    let (kind, object) = event.object.map(|object| (object.kind.to_string(), object.id)).unwrap_or_default();
    let cells: [String; EVENT.len()] = [
        event.id.to_string(),
        event.connection,
        event.external_id,
        event.event_type,
        kind,
        object,
        event.occurred_at.rfc3339(),
        event.received_at.rfc3339(),
        event.state.as_str().to_owned(),
        event.attempts.to_string(),
        event.replays.to_string(),
        time(event.finished_at),
        event.error.unwrap_or_default(),
        event.size_bytes.to_string(),
        event.request_id,
    ];
    cells.to_vec()
}

pub const CALL: [&str; 12] = [
    "id",
    "at",
    "connection",
    "operation",
    "method",
    "path",
    "status",
    "duration_ms",
    "attempt",
    "provider_request_id",
    "error",
    "cause",
];

pub fn call(call: Call) -> Vec<String> {
    let micros = call.duration_us.max(0);
    let cells: [String; CALL.len()] = [
        call.id.to_string(),
        call.at.rfc3339(),
        call.connection,
        call.operation,
        call.method,
        call.path,
        call.status.map(|status| status.to_string()).unwrap_or_default(),
        format!("{}.{:03}", micros / 1_000, micros % 1_000),
        call.attempt.to_string(),
        call.request_id.unwrap_or_default(),
        call.error.unwrap_or_default(),
        call.cause.unwrap_or_default(),
    ];
    cells.to_vec()
}

pub const AUDIT: [&str; 15] = [
    "id",
    "at",
    "actor_id",
    "actor_name",
    "impersonator",
    "organisation",
    "action",
    "connection",
    "target_kind",
    "target_id",
    "outcome",
    "error",
    "request_id",
    "session_id",
    "address",
];

pub fn audit(entry: AuditEntry) -> Vec<String> {
    let cells: [String; AUDIT.len()] = [
        entry.id.to_string(),
        entry.at.rfc3339(),
        entry.actor_id,
        entry.actor_name,
        entry.impersonator.unwrap_or_default(),
        entry.organisation.unwrap_or_default(),
        entry.action,
        entry.target.connection,
        entry.target.key.kind.to_string(),
        entry.target.key.id,
        entry.outcome.as_str().to_owned(),
        entry.error.unwrap_or_default(),
        entry.request_id,
        entry.session_id.unwrap_or_default(),
        entry.address.unwrap_or_default(),
    ];
    cells.to_vec()
}

pub const SUBSCRIPTION: [&str; 15] = [
    "id",
    "connection",
    "customer_id",
    "customer",
    "status",
    "price_id",
    "price",
    "amount",
    "currency",
    "period",
    "started_at",
    "current_period_end",
    "ends_at",
    "ended_at",
    "cancellation_reason",
];

pub fn subscription(record: &Record, customers: &Related) -> Result<Vec<String>, UserError> {
    let subscription: Subscription = decoded(record)?;
    let charges = subscription.charges();
    // Amounts that cannot be one number stay words, beside an empty cell.
    let (amount, period) = charges
        .single()
        .map_or_else(|| (String::new(), charges.label()), |charge| (charge.money().decimal(), charge.period()));
    let price = subscription.plan_item().or(subscription.items.first()).map(|item| &item.price);
    let cells: [String; SUBSCRIPTION.len()] = [
        record.key.id.clone(),
        record.connection.clone(),
        subscription.customer.clone(),
        customers.title(&record.connection, &subscription.customer),
        subscription.status.clone(),
        price.map(|price| price.id.clone()).unwrap_or_default(),
        price.and_then(|price| price.nickname.clone()).unwrap_or_default(),
        amount,
        subscription.currency.to_uppercase(),
        period,
        subscription.started_at.rfc3339(),
        time(subscription.current_period_end),
        time(ends_at(&subscription)),
        time(subscription.ended_at),
        subscription.cancellation_reason.clone().unwrap_or_default(),
    ];
    Ok(cells.to_vec())
}

pub const CUSTOMER: [&str; 11] = [
    "id",
    "connection",
    "name",
    "email",
    "phone",
    "country",
    "organisation",
    "delinquent",
    "balance",
    "currency",
    "created_at",
];

pub fn customer(record: &Record) -> Result<Vec<String>, UserError> {
    let customer: Customer = decoded(record)?;
    let currency = customer.currency.unwrap_or_default();
    let cells: [String; CUSTOMER.len()] = [
        record.key.id.clone(),
        record.connection.clone(),
        customer.name.unwrap_or_default(),
        customer.email.unwrap_or_default(),
        customer.phone.unwrap_or_default(),
        customer.country.unwrap_or_default(),
        customer.organisation.unwrap_or_default(),
        customer.delinquent.to_string(),
        Money::new(customer.balance, currency.clone()).decimal(),
        currency.to_uppercase(),
        customer.created_at.rfc3339(),
    ];
    Ok(cells.to_vec())
}

pub const INVOICE: [&str; 18] = [
    "id",
    "number",
    "connection",
    "customer_id",
    "customer",
    "subscription_id",
    "status",
    "currency",
    "subtotal",
    "tax",
    "total",
    "amount_due",
    "amount_paid",
    "amount_remaining",
    "billing_reason",
    "created_at",
    "due_at",
    "paid_at",
];

pub fn invoice(record: &Record, customers: &Related) -> Result<Vec<String>, UserError> {
    let invoice: Invoice = decoded(record)?;
    let amount = |minor: i64| Money::new(minor, invoice.currency.clone()).decimal();
    let customer = invoice.customer.clone().unwrap_or_default();
    let cells: [String; INVOICE.len()] = [
        record.key.id.clone(),
        invoice.number.clone().unwrap_or_default(),
        record.connection.clone(),
        customer.clone(),
        customers.title(&record.connection, &customer),
        invoice.subscription.clone().unwrap_or_default(),
        invoice.status.clone(),
        invoice.currency.to_uppercase(),
        amount(invoice.subtotal),
        amount(invoice.tax),
        amount(invoice.total),
        amount(invoice.amount_due),
        amount(invoice.amount_paid),
        amount(invoice.amount_remaining),
        invoice.billing_reason.clone().unwrap_or_default(),
        invoice.created_at.rfc3339(),
        time(invoice.due_at),
        time(invoice.paid_at),
    ];
    Ok(cells.to_vec())
}

pub const VIDEO: [&str; 11] = [
    "id",
    "connection",
    "title",
    "status",
    "duration_seconds",
    "resolution",
    "aspect_ratio",
    "passthrough",
    "test",
    "errors",
    "created_at",
];

pub fn video(record: &Record) -> Result<Vec<String>, UserError> {
    let asset: Asset = decoded(record)?;
    let cells: [String; VIDEO.len()] = [
        record.key.id.clone(),
        record.connection.clone(),
        asset.title.unwrap_or_default(),
        asset.status,
        asset.duration_seconds.map(|seconds| seconds.to_string()).unwrap_or_default(),
        asset.resolution_tier.unwrap_or_default(),
        asset.aspect_ratio.unwrap_or_default(),
        asset.passthrough.unwrap_or_default(),
        asset.test.to_string(),
        asset.errors.join("; "),
        asset.created_at.rfc3339(),
    ];
    Ok(cells.to_vec())
}

fn time(at: Option<Timestamp>) -> String {
    at.map(Timestamp::rfc3339).unwrap_or_default()
}
