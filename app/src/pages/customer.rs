//! `/customers/{connection}/{id}`: one customer with everything that is theirs.

use super::{
    billing_tables::{InvoiceTable, MethodList, PaymentTable, SubscriptionTable},
    links::{addressed, list_href},
    page::{page, staff_frame},
    record_timeline::RecordTimeline,
    records::{
        DeletedNotice, OfAccount, PART_ROWS, Related, StoredRecord, crumbs, decoded, first_rows, or_dash, spaced,
    },
    stored::stored,
    subscriptions::products_of,
};
use crate::{
    components::{
        Amount, Badge, Card, EmptyState, ExactTime, Icon, Id, KeyValue, KeyValues, LinkButton, Live, PageHeader, Size,
        Tone, Variant,
    },
    context::{now, staff},
};
use leptos::prelude::*;
use patchbay_domain::{
    Kind, Money, RecordBody, RecordRef, Timestamp, UserError,
    billing::{
        CUSTOMER, Customer, INVOICE, Invoice, PAYMENT_INTENT, PAYMENT_METHOD, PaymentIntent, PaymentMethod,
        SUBSCRIPTION, Subscription,
    },
    money::group_thousands,
};
use patchbay_engine::{RecordPage, Staff};
use patchbay_store::{Record, RecordFilter};

struct Shown {
    page: RecordPage,
    customer: Customer,
    subscriptions: Vec<(Record, Subscription)>,
    products: Related,
    invoices: Vec<(Record, Invoice)>,
    methods: Vec<PaymentMethod>,
    payments: Vec<PaymentIntent>,
    now: Timestamp,
}

#[component]
pub fn CustomerPage() -> impl IntoView {
    let record = addressed(&CUSTOMER);
    page(async move {
        let (record, staff, now) = (record?, staff()?, now());
        let page = staff.record(&record).await?;
        let customer: Customer = decoded(&page.record)?;
        let subscriptions = theirs(&staff, &page.record, SUBSCRIPTION).await?;
        let products = products_of(&staff, &subscriptions).await?;
        let invoices = theirs(&staff, &page.record, INVOICE).await?;
        let methods = bodies(theirs(&staff, &page.record, PAYMENT_METHOD).await?);
        let payments = bodies(theirs(&staff, &page.record, PAYMENT_INTENT).await?);
        let title = page.record.index.title.clone();
        let title = if title.is_empty() { record.key.id.clone() } else { title };
        let shown = Shown { page, customer, subscriptions, products, invoices, methods, payments, now };
        let content = body(&title, shown);
        let kinds = [SUBSCRIPTION, INVOICE, PAYMENT_METHOD, PAYMENT_INTENT].map(|kind| format!("records:{kind}"));
        let topics = format!("{},{}", record.topic(), kinds.join(","));
        Ok(staff_frame(&title, crumbs("Customers", "/customers", &title), &topics, content))
    })
}

/// The newest records of a kind that belong to the customer.
async fn theirs<B: RecordBody>(staff: &Staff, customer: &Record, kind: Kind) -> Result<Vec<(Record, B)>, UserError> {
    let filter = RecordFilter {
        connection: Some(customer.connection.clone()),
        owner: Some(customer.key.id.clone()),
        ..RecordFilter::of(kind)
    };
    let found = stored(staff.store().list_records(&filter, &first_rows(PART_ROWS)).await)?.items;
    Ok(found.into_iter().filter_map(|record| record.decode().ok().map(|body| (record, body))).collect())
}

fn bodies<B>(rows: Vec<(Record, B)>) -> Vec<B> {
    rows.into_iter().map(|(_, body)| body).collect()
}

fn body(title: &str, shown: Shown) -> AnyView {
    let Shown { page, customer, subscriptions, products, invoices, methods, payments, now } = shown;
    let connection = page.record.connection.clone();
    let (title, id) = (title.to_owned(), customer.id.clone());
    let delinquent =
        customer.delinquent.then(|| view! { <Badge label="Delinquent" tone=Tone::Warn icon=Icon::TriangleAlert/> });
    let default_method = customer.paid_with().map(str::to_owned);
    view! {
        <Live name="customer">
            <PageHeader title=title subtitle=customer.email.clone().unwrap_or_default() id=id><OfAccount connection=connection/> {delinquent}</PageHeader>
            <div class="grid gap-4">
                <DeletedNotice record=page.record.clone()/>
                <div class="grid items-start gap-4 xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
                    <div class="grid min-w-0 gap-4">
                        <Subscriptions rows=subscriptions products=products of=page.record.reference() now=now/>
                        <Invoices rows=invoices of=page.record.reference() now=now/>
                        <Payments payments=payments now=now/>
                        <RecordTimeline entries=page.timeline now=now/>
                    </div>
                    <div class="grid min-w-0 gap-4">
                        <Contact customer=customer.clone()/>
                        <Usage usage=customer.usage/>
                        <Methods methods=methods default_method=default_method now=now/>
                        <StoredRecord record=page.record/>
                    </div>
                </div>
            </div>
        </Live>
    }
    .into_any()
}

#[component]
fn Contact(customer: Customer) -> impl IntoView {
    let email = customer.email.map_or_else(
        || "—".into_any(),
        |email| view! { <a href=format!("mailto:{email}") class="break-all text-accent hover:underline">{email.clone()}</a> }.into_any(),
    );
    let currency = customer.currency.clone().unwrap_or_else(|| "usd".to_owned());
    let balance = match customer.balance {
        0 => "None".into_any(),
        minor => {
            let word = if minor < 0 { " of credit" } else { " to be added to the next invoice" };
            view! { <Amount money=Money::new(minor.saturating_abs(), currency)/> <span class="text-ink-soft">{word}</span> }.into_any()
        }
    };
    let organisation =
        customer.organisation.map_or_else(|| "Not linked".into_any(), |id| view! { <Id text=id/> }.into_any());
    view! {
        <Card title="Contact">
            <KeyValues>
                <KeyValue label="Name">{or_dash(customer.name)}</KeyValue>
                <KeyValue label="Email">{email}</KeyValue>
                <KeyValue label="Phone">{or_dash(customer.phone)}</KeyValue>
                <KeyValue label="Country">{or_dash(customer.country)}</KeyValue>
                <KeyValue label="Organization">{organisation}</KeyValue>
                <KeyValue label="Balance">{balance}</KeyValue>
                <KeyValue label="Currency">{or_dash(customer.currency.map(|code| code.to_uppercase()))}</KeyValue>
                <KeyValue label="Customer since"><ExactTime at=customer.created_at/></KeyValue>
            </KeyValues>
        </Card>
    }
}

#[component]
fn Usage(usage: Vec<(String, i64)>) -> impl IntoView {
    if usage.is_empty() {
        return ().into_any();
    }
    let rows = usage
        .into_iter()
        .map(|(meter, used)| view! { <KeyValue label=spaced(&meter)>{group_thousands(used.unsigned_abs())}</KeyValue> })
        .collect_view();
    view! { <Card title="Used in this period"><KeyValues>{rows}</KeyValues></Card> }.into_any()
}

/// A link to the whole list, where a card shows only its newest rows.
fn all_link(shown: usize, list: &str, of: &RecordRef, words: &'static str) -> AnyView {
    let full = shown >= usize::try_from(PART_ROWS).unwrap_or(usize::MAX);
    full.then(|| {
        let href = list_href(list, of, "customer");
        view! { <LinkButton href=href variant=Variant::Ghost size=Size::Small>{words}</LinkButton> }
    })
    .into_any()
}

#[component]
fn Subscriptions(rows: Vec<(Record, Subscription)>, products: Related, of: RecordRef, now: Timestamp) -> impl IntoView {
    let content = if rows.is_empty() {
        view! { <EmptyState title="No subscription" icon=Icon::Repeat><p>"This customer never had one."</p></EmptyState> }.into_any()
    } else {
        view! {
            <SubscriptionTable caption="Subscriptions of the customer, newest first" rows=rows.clone() customers=Related::default() products=products with_customer=false now=now/>
        }
        .into_any()
    };
    let all = all_link(rows.len(), "/subscriptions", &of, "All subscriptions");
    view! { <Card title="Subscriptions" actions=all padded=false>{content}</Card> }
}

#[component]
fn Invoices(rows: Vec<(Record, Invoice)>, of: RecordRef, now: Timestamp) -> impl IntoView {
    let all = all_link(rows.len(), "/invoices", &of, "All invoices");
    let content = if rows.is_empty() {
        view! { <EmptyState title="No invoice yet" icon=Icon::Receipt><p>"The first one is made when a subscription starts."</p></EmptyState> }.into_any()
    } else {
        view! { <InvoiceTable caption="Invoices of the customer, newest first" rows=rows with_customer=false now=now/> }
            .into_any()
    };
    view! { <Card title="Invoices" actions=all padded=false>{content}</Card> }
}

#[component]
fn Payments(payments: Vec<PaymentIntent>, now: Timestamp) -> impl IntoView {
    (!payments.is_empty()).then(|| {
        view! { <Card title="Newest payments" padded=false><PaymentTable payments=payments now=now/></Card> }
    })
}

#[component]
fn Methods(methods: Vec<PaymentMethod>, default_method: Option<String>, now: Timestamp) -> impl IntoView {
    let content = if methods.is_empty() {
        view! { <p class="p-4 text-sm text-ink-soft">"None. The next invoice can only be paid by its link."</p> }
            .into_any()
    } else {
        view! { <MethodList methods=methods default=default_method now=now/> }.into_any()
    };
    view! { <Card title="Payment methods" padded=false>{content}</Card> }
}
