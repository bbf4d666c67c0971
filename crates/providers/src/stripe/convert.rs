//! Stripe's objects in our words. Both shapes where versions differ: payloads follow the version of the endpoint or the
//! account, which may be years older than ours.

use super::{project::ORGANISATION, types};
use patchbay_domain::{
    Timestamp, billing,
    schedule::{Phase, PhaseItem, Schedule},
};

/// Metadata of a customer that starts with this says what was used in this period: `usage_videos = 42`.
const USAGE_PREFIX: &str = "usage_";
/// Metadata of a product that starts with this says what the plan allows: `limit_videos = 100`.
const LIMIT_PREFIX: &str = "limit_";
/// Metadata of a product or a price that says whether customers may choose it: `patchbay_plan = true`.
const ON_OFFER: &str = "patchbay_plan";

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

/// Only a clear yes puts something on offer; whatever else is there does not.
fn on_offer(metadata: &types::Metadata) -> Option<bool> {
    let said =
        metadata.get(ON_OFFER).map(|value| value.trim().to_ascii_lowercase()).filter(|value| !value.is_empty())?;
    Some(matches!(said.as_str(), "true" | "yes" | "1"))
}

impl From<types::Customer> for billing::Customer {
    fn from(wire: types::Customer) -> Self {
        let mut metadata = wire.metadata.unwrap_or_default();
        Self {
            id: wire.id,
            name: wire.name,
            email: wire.email,
            phone: wire.phone,
            balance: wire.balance.or(wire.account_balance).unwrap_or(0),
            currency: wire.currency,
            delinquent: wire.delinquent.unwrap_or(false),
            default_payment_method: id(wire.invoice_settings.and_then(|settings| settings.default_payment_method)),
            default_source: id(wire.default_source),
            usage: meters(&metadata, USAGE_PREFIX),
            organisation: metadata.remove(ORGANISATION),
            country: wire.address.and_then(|address| address.country),
            created_at: at(wire.created).unwrap_or_default(),
        }
    }
}

impl From<types::Product> for billing::Product {
    fn from(wire: types::Product) -> Self {
        let metadata = wire.metadata.unwrap_or_default();
        Self {
            id: wire.id,
            name: wire.name.unwrap_or_default(),
            description: wire.description,
            active: wire.active.unwrap_or(true),
            limits: meters(&metadata, LIMIT_PREFIX),
            on_offer: on_offer(&metadata),
            created_at: at(wire.created).unwrap_or_default(),
        }
    }
}

impl From<types::Price> for billing::Price {
    fn from(wire: types::Price) -> Self {
        let is_metered = |usage_type: Option<String>| usage_type.as_deref() == Some("metered");
        let (interval, interval_count, metered) = match wire.recurring {
            Some(recurring) => {
                (recurring.interval, recurring.interval_count.unwrap_or(1), is_metered(recurring.usage_type))
            }
            // A plan has these itself.
            None if wire.interval.is_some() => {
                (wire.interval, wire.interval_count.unwrap_or(1), is_metered(wire.usage_type))
            }
            None => (None, 0, false),
        };
        let unit_amount = wire.unit_amount.or(wire.amount);
        let decimal = wire.unit_amount_decimal.or(wire.amount_decimal);
        let tiered = wire.billing_scheme.as_deref() == Some("tiered") || wire.tiers_mode.is_some();
        Self {
            id: wire.id,
            product: id(wire.product).unwrap_or_default(),
            nickname: wire.nickname,
            active: wire.active.unwrap_or(true),
            currency: wire.currency.unwrap_or_default(),
            unit_amount,
            unit_amount_decimal: decimal.filter(|_| unit_amount.is_none()),
            tiers: tiered.then(|| wire.tiers_mode.unwrap_or_else(|| "volume".to_owned())),
            metered,
            package: wire.transform_quantity.or(wire.transform_usage).and_then(|transform| {
                let rounds_up = transform.round.as_deref() == Some("up");
                Some(billing::Package { units: transform.divide_by.filter(|units| *units > 0)?, rounds_up })
            }),
            custom: wire.custom_unit_amount.is_some(),
            interval,
            interval_count,
            on_offer: on_offer(&wire.metadata.unwrap_or_default()),
            created_at: at(wire.created).unwrap_or_default(),
        }
    }
}

impl From<types::Subscription> for billing::Subscription {
    fn from(wire: types::Subscription) -> Self {
        let (start, end) = (at(wire.current_period_start), at(wire.current_period_end));
        let mut items: Vec<_> = wire
            .items
            .map(|list| list.data)
            .unwrap_or_default()
            .into_iter()
            .map(|item| subscription_item(item, start, end))
            .collect();
        if items.is_empty()
            && let Some(plan) = wire.plan
        {
            // Before subscriptions had items.
            let price = billing::Price::from(plan);
            let quantity = Some(wire.quantity.unwrap_or(1)).filter(|_| !price.metered);
            let (current_period_start, current_period_end) = (start, end);
            items.push(billing::SubscriptionItem {
                id: String::new(),
                price,
                quantity,
                current_period_start,
                current_period_end,
            });
        }
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
            collection_method: wire.collection_method.or(wire.billing),
            cancel_at_period_end: wire.cancel_at_period_end.unwrap_or(false),
            cancel_at: at(wire.cancel_at),
            canceled_at: at(wire.canceled_at),
            cancellation_reason: wire.cancellation_details.and_then(cancellation_reason),
            ended_at: at(wire.ended_at),
            started_at: at(wire.start_date.or(wire.start)).unwrap_or(created_at),
            trial_end: at(wire.trial_end),
            current_period_end,
            current_period_start,
            latest_invoice: id(wire.latest_invoice),
            default_payment_method: id(wire.default_payment_method),
            default_source: id(wire.default_source),
            pause: wire.pause_collection.map(|pause| billing::Pause {
                behavior: pause.behavior.unwrap_or_default(),
                resumes_at: at(pause.resumes_at),
            }),
            days_until_due: wire.days_until_due,
            schedule: id(wire.schedule),
            pending_update: wire.pending_update.map(|update| billing::PendingUpdate {
                expires_at: at(update.expires_at),
                prices: update
                    .subscription_items
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|item| id(item.price.or(item.plan)))
                    .collect(),
            }),
            discounted: wire.discount.is_some() || wire.discounts.is_some_and(|discounts| !discounts.is_empty()),
            created_at,
        }
    }
}

impl From<types::Schedule> for Schedule {
    fn from(wire: types::Schedule) -> Self {
        Self {
            id: wire.id,
            customer: id(wire.customer),
            subscription: id(wire.subscription),
            status: wire.status.unwrap_or_default(),
            end_behavior: wire.end_behavior.unwrap_or_default(),
            current_phase: wire.current_phase.and_then(|phase| at(phase.start_date)),
            phases: wire.phases.unwrap_or_default().into_iter().filter_map(phase).collect(),
            created_at: at(wire.created).unwrap_or_default(),
        }
    }
}

fn phase(wire: types::Phase) -> Option<Phase> {
    let item =
        |item: types::PhaseItem| Some(PhaseItem { price: id(item.price.or(item.plan))?, quantity: item.quantity });
    let items = wire.items.or(wire.plans).unwrap_or_default().into_iter().filter_map(item).collect();
    Some(Phase { starts_at: at(wire.start_date)?, ends_at: at(wire.end_date), items })
}

fn subscription_item(
    wire: types::SubscriptionItem,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
) -> billing::SubscriptionItem {
    let price = wire.price.or(wire.plan).map(billing::Price::from).unwrap_or_default();
    billing::SubscriptionItem {
        id: wire.id,
        // A metered item has none; leaving it out elsewhere means one.
        quantity: wire.quantity.or((!price.metered).then_some(1)),
        price,
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
        let sum = |taxes: &[types::Tax], included: bool| {
            let counted = taxes.iter().filter(|tax| tax.is_included() == included);
            counted.filter_map(|tax| tax.amount).fold(0, i64::saturating_add)
        };
        let taxes = wire.total_taxes.or(wire.total_tax_amounts);
        let (tax, tax_included) = match &taxes {
            Some(taxes) => (sum(taxes, false), sum(taxes, true)),
            None => (wire.tax.unwrap_or(0), 0),
        };
        let (subtotal, total) = (wire.subtotal.unwrap_or(0), wire.total.unwrap_or(0));
        let shipping = wire.shipping_cost.and_then(|cost| cost.amount_total.or(cost.amount_subtotal)).unwrap_or(0);
        let discount = match wire.total_discount_amounts {
            Some(discounts) => discounts.iter().filter_map(|one| one.amount).fold(0, i64::saturating_add),
            // Older versions say only that there is one.
            None if wire.discount.is_some() => (subtotal + tax + shipping - total).max(0),
            None => 0,
        };
        let (amount_due, amount_paid) = (wire.amount_due.unwrap_or(0), wire.amount_paid.unwrap_or(0));
        let status = wire.status.unwrap_or_else(|| {
            // Before `2018-11-08` it said so in pieces.
            let is = |flag: Option<bool>| flag == Some(true);
            match (is(wire.paid), is(wire.forgiven), is(wire.closed)) {
                (true, ..) => "paid",
                (_, true, _) => "uncollectible",
                (_, _, true) => "void",
                _ if is(wire.attempted) => "open",
                _ => "draft",
            }
            .to_owned()
        });
        let remaining = if status == "paid" { 0 } else { amount_due.saturating_sub(amount_paid) };
        Self {
            id: wire.id.unwrap_or_default(),
            number: wire.number,
            customer: id(wire.customer),
            subscription: id(parent.or(wire.subscription)),
            status,
            currency: wire.currency.unwrap_or_default(),
            subtotal,
            discount,
            tax,
            tax_included,
            shipping,
            total,
            starting_balance: wire.starting_balance.unwrap_or(0),
            ending_balance: wire.ending_balance,
            credit_notes: wire.pre_payment_credit_notes_amount.unwrap_or(0),
            collection_method: wire.collection_method.or(wire.billing),
            amount_due,
            amount_paid,
            amount_remaining: wire.amount_remaining.unwrap_or(remaining),
            attempt_count: wire.attempt_count.unwrap_or(0),
            billing_reason: wire.billing_reason,
            due_at: at(wire.due_date),
            next_payment_attempt: at(wire.next_payment_attempt),
            paid_at: at(wire.status_transitions.and_then(|transitions| transitions.paid_at)),
            period_start: at(wire.period_start),
            period_end: at(wire.period_end),
            hosted_invoice_url: wire.hosted_invoice_url,
            invoice_pdf: wire.pdf,
            has_more_lines: wire.lines.as_ref().is_some_and(|lines| lines.has_more),
            lines: wire
                .lines
                .map(|list| list.data)
                .unwrap_or_default()
                .into_iter()
                .map(billing::InvoiceLine::from)
                .collect(),
            created_at: at(wire.created.or(wire.date)).unwrap_or_default(),
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
            quantity: wire.quantity,
            proration: details.and_then(|details| details.proration).or(wire.proration).unwrap_or(false),
            price: id(priced.or(wire.price).or(wire.plan)),
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
        let types::PaymentMethod { id: own, customer, object, method_type, created, details, own: legacy } = wire;
        // A source of the time before payment methods is of its own type, and has the details itself.
        let method_type = method_type.or(object.filter(|object| object != "payment_method")).unwrap_or_default();
        let details = details.of(&method_type).unwrap_or(legacy);
        Self {
            id: own,
            customer: id(customer),
            method_type,
            brand: details.brand.or(details.bank_name),
            last4: details.last4.or(details.dynamic_last4),
            exp_month: details.exp_month,
            exp_year: details.exp_year,
            account: details.email.or(details.payer_email).or(details.cashtag),
            wallet: details.wallet.and_then(|wallet| wallet.name),
            created_at: at(created).unwrap_or_default(),
        }
    }
}
