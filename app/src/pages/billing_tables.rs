//! Billing objects in rows, the same wherever staff see them.

use super::{
    events::capitalised,
    links::record_href,
    records::{Related, isolated, or_dash},
};
use crate::components::{
    Amount, Badge, Cell, Column, ExactTime, Icon, Id, LinkCell, Row, StatusBadge, Table, Time, Tone,
};
use leptos::prelude::*;
use patchbay_domain::{
    Money, Timestamp,
    billing::{Customer, Invoice, PaymentIntent, PaymentMethod, Subscription, SubscriptionItem},
};
use patchbay_store::Record;

/// `Growth`, or the price's own name where the product is not known.
pub fn plan_name(products: &Related, connection: &str, subscription: &Subscription) -> String {
    let name_of = |item: &SubscriptionItem| {
        let name = products.get(connection, &item.price.product).map(|record| record.index.title.clone());
        let name = name.or_else(|| item.price.nickname.clone()).unwrap_or_else(|| item.price.id.clone());
        times(item.quantity, isolated(&name))
    };
    match (subscription.plan_item(), subscription.items.as_slice()) {
        (_, []) => "No plan".to_owned(),
        (Some(plan), [_]) => name_of(plan),
        (Some(plan), items) => format!("{} and {} more", name_of(plan), items.len() - 1),
        // Which of them is the plan, the items do not say.
        (None, _) => names(subscription.items_by_period().into_iter().map(name_of).collect()),
    }
}

/// `Base, Seats, Support`, `Base, Seats and 4 more`.
pub fn names(all: Vec<String>) -> String {
    match all.as_slice() {
        [first, second, rest @ ..] if rest.len() > 1 => format!("{first}, {second} and {} more", rest.len()),
        _ => all.join(", "),
    }
}

/// `3 × Growth`; one, and what has no quantity, go without.
pub fn times(quantity: Option<i64>, name: String) -> String {
    match quantity {
        None | Some(1) => name,
        Some(quantity) => format!("{quantity} × {name}"),
    }
}

/// When the running period ends, and what happens then. Our copy may be older than the end: then nothing is promised of it.
pub fn period_end(subscription: &Subscription, now: Timestamp) -> Option<(&'static str, Timestamp)> {
    if let Some(at) = subscription.ended_at {
        return Some(("Ended", at));
    }
    if let Some(at) = ends_at(subscription) {
        return Some(("Ends", at));
    }
    let at = subscription.current_period_end?;
    let renews = matches!(subscription.status.as_str(), "active" | "past_due") && subscription.pause.is_none();
    let word = match (subscription.status.as_str(), at > now) {
        ("trialing", true) => "Trial ends",
        ("trialing", false) => "Trial ended",
        (_, true) if renews => "Renews",
        (_, true) => "Period ends",
        (_, false) => "Period ended",
    };
    Some((word, at))
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
    let ending = ends_at(&subscription).map(|at| view! { <EndBadge at=at/> });
    let paused = subscription
        .pause
        .as_ref()
        .filter(|_| subscription.is_in_force())
        .map(|_| view! { <Badge label="Collection paused" tone=Tone::Warn icon=Icon::CirclePause/> });
    view! {
        <span class="inline-flex flex-wrap items-center gap-1.5">
            <StatusBadge status=subscription.status/>
            {ending}
            {paused}
        </span>
    }
}

/// That it goes on only until then.
#[component]
pub fn EndBadge(at: Timestamp) -> impl IntoView {
    view! { <Badge label=format!("Ends {}", at.date()) tone=Tone::Warn icon=Icon::Ban/> }
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
    #[prop(optional)] with_connection: bool,
    now: Timestamp,
) -> impl IntoView {
    let mut head = Vec::new();
    if with_customer {
        head.push(Column::text("Customer"));
    }
    head.extend([Column::text("Plan"), Column::text("Status"), Column::end("Amount")]);
    head.extend(["Period end", "Started"].map(Column::text));
    head.extend(with_connection.then(connection_column));
    let rows = rows
        .into_iter()
        .map(|(record, subscription)| {
            let href = record_href(&record.reference());
            let plan = plan_name(&products, &record.connection, &subscription);
            let amount = subscription.charges().label();
            let end = period_end(&subscription, now).map(|(word, at)| {
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
                        {amount}
                    </Cell>
                    <Cell label="Period end">{end}</Cell>
                    <Cell label="Started"><Time at=started now=now/></Cell>
                    {with_connection.then(|| connection_cell(record.connection))}
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
    #[prop(optional)] with_connection: bool,
    now: Timestamp,
) -> impl IntoView {
    let mut head = vec![Column::text("Number")];
    if with_customer {
        head.push(Column::text("Customer"));
    }
    head.extend([Column::text("Status"), Column::end("Total"), Column::end("Still due"), Column::text("Created")]);
    head.extend(with_connection.then(connection_column));
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
            let (href, name) = (record_href(&record.reference()), invoice_name(&invoice));
            view! {
                <Row>
                    <LinkCell label="Number" href=href>{name}</LinkCell>
                    {customer}
                    <Cell label="Status"><StatusBadge status=invoice.status/></Cell>
                    <Cell label="Total" end=true><Amount money=total/></Cell>
                    <Cell label="Still due" end=true>{still}</Cell>
                    <Cell label="Created"><Time at=created now=now/></Cell>
                    {with_connection.then(|| connection_cell(record.connection))}
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
    let label = method.label();
    let kind = method.brand.as_deref().unwrap_or(&method.method_type);
    let rest = label.strip_prefix(&kind.replace('_', " ")).unwrap_or_default();
    let name = format!("{}{rest}", kind_name(kind));
    match method.wallet.as_deref().map(|wallet| wallet.replace('_', " ")) {
        Some(wallet) => format!("{name} in {wallet}"),
        None => name,
    }
}

/// As the brand writes itself.
fn kind_name(kind: &str) -> String {
    let name = match kind {
        "amex" => "American Express",
        "jcb" => "JCB",
        "diners" => "Diners Club",
        "unionpay" => "UnionPay",
        "paypal" => "PayPal",
        "ideal" => "iDEAL",
        "sepa_debit" => "SEPA debit",
        "us_bank_account" => "US bank account",
        "acss_debit" => "ACSS debit",
        "au_becs_debit" => "BECS debit",
        other => return capitalised(&other.replace('_', " ")),
    };
    name.to_owned()
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
pub fn CustomerTable(
    rows: Vec<(Record, Customer)>,
    #[prop(optional)] with_connection: bool,
    now: Timestamp,
) -> impl IntoView {
    let mut head = ["Name", "Email", "State", "Organization", "Country"].map(Column::text).to_vec();
    head.extend([Column::end("Balance"), Column::text("Since")]);
    head.extend(with_connection.then(connection_column));
    let rows = rows
        .into_iter()
        .map(|(record, customer)| {
            let href = record_href(&record.reference());
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
                    <Cell label="Email">{or_dash(customer.email)}</Cell>
                    <Cell label="State">{state}</Cell>
                    <Cell label="Organization">{organisation}</Cell>
                    <Cell label="Country">{or_dash(customer.country)}</Cell>
                    <Cell label="Balance" end=true>{balance}</Cell>
                    <Cell label="Since"><Time at=customer.created_at now=now/></Cell>
                    {with_connection.then(|| connection_cell(record.connection))}
                </Row>
            }
        })
        .collect_view();
    view! { <Table caption="Customers, newest first" head=head>{rows}</Table> }
}

/// Whose each row is, where a list has rows of several connections.
fn connection_column() -> Column {
    Column::text("Connection")
}

fn connection_cell(connection: String) -> impl IntoView {
    view! { <Cell label="Connection">{connection}</Cell> }
}

#[component]
pub fn ExactOrDash(at: Option<Timestamp>) -> impl IntoView {
    at.map_or_else(|| "—".into_any(), |at| view! { <ExactTime at=at/> }.into_any())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brand_is_written_as_it_writes_itself() {
        let method = |brand: Option<&str>, method_type: &str| PaymentMethod {
            brand: brand.map(str::to_owned),
            method_type: method_type.to_owned(),
            last4: Some("0505".to_owned()),
            ..PaymentMethod::default()
        };
        assert_eq!(method_name(&method(Some("jcb"), "card")), "JCB ···· 0505");
        assert_eq!(method_name(&method(Some("visa"), "card")), "Visa ···· 0505");
        assert_eq!(method_name(&method(None, "sepa_debit")), "SEPA debit ···· 0505");
        assert_eq!(method_name(&method(None, "bacs_debit")), "Bacs debit ···· 0505");
    }

    #[test]
    fn a_long_list_of_items_is_cut() {
        let of = |count: usize| names((1..=count).map(|number| number.to_string()).collect());
        assert_eq!([of(1), of(3), of(4), of(12)], ["1", "1, 2, 3", "1, 2 and 2 more", "1, 2 and 10 more"]);
    }

    #[test]
    fn a_card_is_good_until_its_last_month_is_over() {
        let card = PaymentMethod { exp_month: Some(11), exp_year: Some(2026), ..PaymentMethod::default() };
        let at = |text| Timestamp::parse_rfc3339(text).unwrap();
        assert!(!is_expired(&card, at("2026-11-30T23:59:59Z")));
        assert!(is_expired(&card, at("2026-12-01T00:00:00Z")));
    }

    #[test]
    fn a_cancelled_subscription_ends_instead_of_renewing() {
        let end = Timestamp(5);
        let mut running =
            Subscription { status: "active".to_owned(), current_period_end: Some(end), ..Subscription::default() };
        assert_eq!(period_end(&running, Timestamp(1)), Some(("Renews", end)));
        running.cancel_at_period_end = true;
        assert_eq!(period_end(&running, Timestamp(1)), Some(("Ends", end)));
    }

    #[test]
    fn only_what_renews_is_said_to_renew() {
        let end = Timestamp(5);
        let word = |status: &str, now| {
            let subscription =
                Subscription { status: status.to_owned(), current_period_end: Some(end), ..Subscription::default() };
            period_end(&subscription, Timestamp(now)).unwrap().0
        };
        assert_eq!([word("active", 1), word("active", 9)], ["Renews", "Period ended"]);
        assert_eq!([word("paused", 1), word("paused", 9)], ["Period ends", "Period ended"]);
        assert_eq!([word("incomplete", 1), word("unpaid", 9)], ["Period ends", "Period ended"]);
        assert_eq!([word("trialing", 1), word("trialing", 9)], ["Trial ends", "Trial ended"]);
    }
}
