//! Billing objects in rows, the same wherever staff see them.

use super::{
    links::object_href,
    records::{Related, or_dash},
};
use crate::components::{
    Amount, Badge, Cell, Column, ExactTime, Icon, Id, LinkCell, Row, StatusBadge, Table, Time, Tone,
};
use leptos::prelude::*;
use patchbay_domain::{
    Money, Timestamp,
    billing::{Customer, Invoice, PaymentIntent, PaymentMethod, Subscription},
};
use patchbay_store::Record;

/// `Growth`, or the price's own name where the product is not known.
pub fn plan_name(products: &Related, connection: &str, subscription: &Subscription) -> String {
    let Some(item) = subscription.items.first() else { return "No plan".to_owned() };
    let name = products.get(connection, &item.price.product).map(|record| record.index.title.clone());
    let name = name.or_else(|| item.price.nickname.clone()).unwrap_or_else(|| item.price.id.clone());
    match (item.quantity, subscription.items.len()) {
        (quantity, 1) if quantity != 1 => format!("{quantity} × {name}"),
        (_, 1) => name,
        (_, items) => format!("{name} and {} more", items - 1),
    }
}

/// What it costs each period: all items together, where they share a period.
pub fn per_period(subscription: &Subscription) -> (Money, String) {
    let minor = subscription.items.iter().map(|item| item.price.unit_amount.unwrap_or(0) * item.quantity).sum();
    let price = subscription.items.first().map(|item| &item.price);
    let every = price.and_then(|price| price.interval.clone().map(|unit| (unit, price.interval_count)));
    let period = match every {
        Some((unit, 0 | 1)) => format!("per {unit}"),
        Some((unit, count)) => format!("per {count} {unit}s"),
        None => String::new(),
    };
    (Money::new(minor, subscription.currency.clone()), period)
}

/// When the running period ends, and what happens then.
pub fn period_end(subscription: &Subscription) -> Option<(&'static str, Timestamp)> {
    if let Some(at) = subscription.ended_at {
        return Some(("Ended", at));
    }
    if let Some(at) = ends_at(subscription) {
        return Some(("Ends", at));
    }
    let at = subscription.current_period_end?;
    Some((if subscription.status == "trialing" { "Trial ends" } else { "Renews" }, at))
}

/// When it will end, if somebody has cancelled it.
pub fn ends_at(subscription: &Subscription) -> Option<Timestamp> {
    if subscription.ended_at.is_some() {
        return None;
    }
    subscription.cancel_at.or_else(|| subscription.current_period_end.filter(|_| subscription.cancel_at_period_end))
}

#[component]
pub fn SubscriptionStatus(subscription: Subscription) -> impl IntoView {
    let ending = ends_at(&subscription).map(|_| view! { <Badge label="Cancels" tone=Tone::Warn icon=Icon::Ban/> });
    view! {
        <span class="inline-flex flex-wrap items-center gap-1.5">
            <StatusBadge status=subscription.status/>
            {ending}
        </span>
    }
}

#[component]
pub fn SubscriptionTable(
    #[prop(into)] caption: String,
    /// Records that decode.
    rows: Vec<(Record, Subscription)>,
    customers: Related,
    products: Related,
    /// Off on the page of one customer.
    #[prop(default = true)]
    with_customer: bool,
    now: Timestamp,
) -> impl IntoView {
    let mut head = Vec::new();
    if with_customer {
        head.push(Column::text("Customer"));
    }
    head.extend([Column::text("Plan"), Column::text("Status"), Column::end("Amount")]);
    head.extend(["Period end", "Started"].map(Column::text));
    let rows = rows
        .into_iter()
        .map(|(record, subscription)| {
            let href = object_href("subscription", &subscription.id);
            let plan = plan_name(&products, &record.connection, &subscription);
            let (amount, period) = per_period(&subscription);
            let end = period_end(&subscription).map(|(word, at)| {
                view! { <span class="text-ink-soft">{word} " "</span> <Time at=at now=now/> }
            });
            let lead = if with_customer {
                let name = customers.title(&record.connection, &subscription.customer);
                view! { <LinkCell label="Customer" href=href>{name}</LinkCell> <Cell label="Plan">{plan}</Cell> }
                    .into_any()
            } else {
                view! { <LinkCell label="Plan" href=href>{plan}</LinkCell> }.into_any()
            };
            let started = subscription.started_at;
            view! {
                <Row>
                    {lead}
                    <Cell label="Status"><SubscriptionStatus subscription=subscription/></Cell>
                    <Cell label="Amount" end=true>
                        <Amount money=amount/> " " <span class="text-xs text-ink-soft">{period}</span>
                    </Cell>
                    <Cell label="Period end">{end}</Cell>
                    <Cell label="Started"><Time at=started now=now/></Cell>
                </Row>
            }
        })
        .collect_view();
    view! { <Table caption=caption head=head>{rows}</Table> }
}

#[component]
pub fn InvoiceTable(
    #[prop(into)] caption: String,
    rows: Vec<(Record, Invoice)>,
    #[prop(optional)] customers: Related,
    #[prop(default = true)] with_customer: bool,
    now: Timestamp,
) -> impl IntoView {
    let mut head = vec![Column::text("Number")];
    if with_customer {
        head.push(Column::text("Customer"));
    }
    head.extend([Column::text("Status"), Column::end("Total"), Column::end("Still due"), Column::text("Created")]);
    let rows = rows
        .into_iter()
        .map(|(record, invoice)| {
            let money = |minor: i64| Money::new(minor, invoice.currency.clone());
            let due = invoice.status == "open" || invoice.status == "uncollectible";
            let still = if due {
                view! { <Amount money=money(invoice.amount_remaining)/> }.into_any()
            } else {
                "—".into_any()
            };
            let customer = with_customer.then(|| {
                let owner = invoice.customer.clone();
                let name = owner.as_deref().map(|id| customers.title(&record.connection, id));
                view! { <Cell label="Customer">{or_dash(name)}</Cell> }
            });
            let (total, created) = (money(invoice.total), invoice.created_at);
            let (href, name) = (object_href("invoice", &invoice.id), invoice_name(&invoice));
            view! {
                <Row>
                    <LinkCell label="Number" href=href>{name}</LinkCell>
                    {customer}
                    <Cell label="Status"><StatusBadge status=invoice.status/></Cell>
                    <Cell label="Total" end=true><Amount money=total/></Cell>
                    <Cell label="Still due" end=true>{still}</Cell>
                    <Cell label="Created"><Time at=created now=now/></Cell>
                </Row>
            }
        })
        .collect_view();
    view! { <Table caption=caption head=head>{rows}</Table> }
}

/// Its number, or what it is called before it has one.
pub fn invoice_name(invoice: &Invoice) -> String {
    invoice.number.clone().unwrap_or_else(|| "Draft".to_owned())
}

#[component]
pub fn PaymentTable(payments: Vec<PaymentIntent>, now: Timestamp) -> impl IntoView {
    let head = vec![
        Column::text("Payment"),
        Column::text("Status"),
        Column::end("Amount"),
        Column::text("Created"),
        Column::text("Last failure"),
    ];
    let rows = payments
        .into_iter()
        .map(|payment| {
            view! {
                <Row>
                    <Cell label="Payment"><Id text=payment.id short=true/></Cell>
                    <Cell label="Status"><StatusBadge status=payment.status/></Cell>
                    <Cell label="Amount" end=true><Amount money=Money::new(payment.amount, payment.currency)/></Cell>
                    <Cell label="Created"><Time at=payment.created_at now=now/></Cell>
                    <Cell label="Last failure" wide=true>{or_dash(payment.last_error)}</Cell>
                </Row>
            }
        })
        .collect_view();
    view! { <Table caption="Payments, newest first" head=head>{rows}</Table> }
}

/// `Visa ···· 4242`.
pub fn method_name(method: &PaymentMethod) -> String {
    let kind = super::records::spaced(method.brand.as_deref().unwrap_or(&method.method_type));
    method.last4.as_ref().map_or_else(|| kind.clone(), |last4| format!("{kind} ···· {last4}"))
}

/// `04/2027`.
pub fn method_expiry(method: &PaymentMethod) -> Option<String> {
    Some(format!("{:02}/{}", method.exp_month?, method.exp_year?))
}

/// Whether its last month is over.
pub fn is_expired(method: &PaymentMethod, now: Timestamp) -> bool {
    let (Some(month), Some(year)) = (method.exp_month, method.exp_year) else { return false };
    format!("{year:04}-{month:02}") < now.zoned("%Y-%m")
}

#[component]
pub fn MethodList(methods: Vec<PaymentMethod>, default: Option<String>, now: Timestamp) -> impl IntoView {
    let rows = methods
        .into_iter()
        .map(|method| {
            let is_default = default.as_deref() == Some(method.id.as_str());
            view! {
                <li class="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2.5 text-sm">
                    <span class="font-medium">{method_name(&method)}</span>
                    {is_default.then(|| view! { <Badge label="Default" tone=Tone::Info/> })}
                    {is_expired(&method, now).then(|| view! { <Badge label="Expired" tone=Tone::Warn icon=Icon::TriangleAlert/> })}
                    <span class="text-xs text-ink-soft">
                        {method_expiry(&method).map(|expiry| format!("expires {expiry}"))}
                    </span>
                    <span class="ml-auto"><Id text=method.id short=true/></span>
                </li>
            }
        })
        .collect_view();
    view! { <ul class="divide-y divide-line">{rows}</ul> }
}

#[component]
pub fn CustomerTable(rows: Vec<(Record, Customer)>, now: Timestamp) -> impl IntoView {
    let mut head = ["Name", "E-mail", "State", "Organisation", "Country"].map(Column::text).to_vec();
    head.extend([Column::end("Balance"), Column::text("Since")]);
    let rows = rows
        .into_iter()
        .map(|(record, customer)| {
            let href = object_href("customer", &customer.id);
            let name = if record.index.title.is_empty() { customer.id } else { record.index.title };
            let balance = record.index.amount.filter(|minor| *minor != 0).zip(record.index.currency);
            let balance = balance.map_or_else(
                || "—".into_any(),
                |(minor, currency)| view! { <Amount money=Money::new(minor, currency)/> }.into_any(),
            );
            let organisation = customer
                .organisation
                .map_or_else(|| "—".into_any(), |id| view! { <Id text=id short=true/> }.into_any());
            let state = if customer.delinquent {
                view! { <Badge label="Delinquent" tone=Tone::Warn icon=Icon::TriangleAlert/> }.into_any()
            } else {
                view! { <Badge label="Good standing" tone=Tone::Good icon=Icon::CircleCheck/> }.into_any()
            };
            view! {
                <Row>
                    <LinkCell label="Name" href=href>{name}</LinkCell>
                    <Cell label="E-mail">{or_dash(customer.email)}</Cell>
                    <Cell label="State">{state}</Cell>
                    <Cell label="Organisation">{organisation}</Cell>
                    <Cell label="Country">{or_dash(customer.country)}</Cell>
                    <Cell label="Balance" end=true>{balance}</Cell>
                    <Cell label="Since"><Time at=customer.created_at now=now/></Cell>
                </Row>
            }
        })
        .collect_view();
    view! { <Table caption="Customers, newest first" head=head>{rows}</Table> }
}

#[component]
pub fn ExactOrDash(at: Option<Timestamp>) -> impl IntoView {
    at.map_or_else(|| "—".into_any(), |at| view! { <ExactTime at=at/> }.into_any())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_good_until_its_last_month_is_over() {
        let card = PaymentMethod { exp_month: Some(11), exp_year: Some(2026), ..PaymentMethod::default() };
        let at = |text| Timestamp::parse_rfc3339(text).unwrap();
        assert!(!is_expired(&card, at("2026-11-30T23:59:59Z")));
        assert!(is_expired(&card, at("2026-12-01T00:00:00Z")));
    }

    #[test]
    fn a_cancelled_subscription_ends_instead_of_renewing() {
        let mut running = Subscription { current_period_end: Some(Timestamp(5)), ..Subscription::default() };
        assert_eq!(period_end(&running), Some(("Renews", Timestamp(5))));
        running.cancel_at_period_end = true;
        assert_eq!(period_end(&running), Some(("Ends", Timestamp(5))));
    }
}
