//! `/subscriptions/{id}`: what somebody pays for, how it came to that, and what can be done about it.

use super::{
    billing_tables::{ExactOrDash, InvoiceTable, SubscriptionStatus, ends_at, per_period, period_end, plan_name},
    links::object_href,
    page::{page, staff_frame},
    record_timeline::RecordTimeline,
    records::{DeletedNotice, PART_ROWS, Related, StoredRecord, crumbs, decoded, first_rows, or_dash, spaced},
    stored::stored,
    subscriptions::{customer_name, products_of},
};
use crate::{
    components::{
        Amount, Badge, Button, Card, Cell, Column, EmptyState, ExactTime, Icon, Id, KeyValue, KeyValues, LinkButton,
        Live, Notice, PageHeader, Row, Size, Table, Time, Tone, Variant, url,
    },
    context::{form_id, now, request, staff},
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use patchbay_domain::{
    Money, Timestamp, UserError,
    billing::{Customer, INVOICE, Invoice, SUBSCRIPTION, Subscription},
};
use patchbay_engine::{RecordPage, Staff};
use patchbay_store::{Record, RecordFilter};

struct Shown {
    page: RecordPage,
    subscription: Subscription,
    products: Related,
    invoices: Vec<(Record, Invoice)>,
    may_act: bool,
    form_id: String,
    now: Timestamp,
}

#[component]
pub fn SubscriptionPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    page(async move {
        let (staff, now, form_id, request_id) = (staff()?, now(), form_id(), request().request_id);
        tracing::debug!(subscription = id, request_id, "a subscription is read");
        let page = staff.record(&SUBSCRIPTION, &id).await?;
        let subscription: Subscription = decoded(&page.record)?;
        let products = products_of(&staff, &[(page.record.clone(), subscription.clone())]).await?;
        let invoices = invoices_of(&staff, &page.record).await?;
        let may_act = staff.principal().may_act();
        let title = customer_name(page.owner.as_ref(), &subscription);
        let content = body(Shown { page, subscription, products, invoices, may_act, form_id, now });
        let topics = format!("record:{id},records:invoice");
        Ok(staff_frame(&title, crumbs("Subscriptions", "/subscriptions", &title), &topics, content))
    })
}

async fn invoices_of(staff: &Staff, record: &Record) -> Result<Vec<(Record, Invoice)>, UserError> {
    let filter = RecordFilter {
        connection: Some(record.connection.clone()),
        parent: Some(record.key.id.clone()),
        ..RecordFilter::of(INVOICE)
    };
    let found = stored(staff.store().list_records(&filter, &first_rows(PART_ROWS)).await)?.items;
    Ok(found.into_iter().filter_map(|record| record.decode().ok().map(|body| (record, body))).collect())
}

fn body(shown: Shown) -> AnyView {
    let Shown { page, subscription, products, invoices, may_act, form_id, now } = shown;
    let title = customer_name(page.owner.as_ref(), &subscription);
    let plan = plan_name(&products, &page.record.connection, &subscription);
    let (amount, period) = per_period(&subscription);
    let subtitle = format!("{plan} · {amount} {period}");
    let actions = (may_act && !page.record.deleted)
        .then(|| view! { <Actions subscription=subscription.clone() form_id=form_id/> });
    let email =
        page.owner.as_ref().and_then(|owner| owner.decode::<Customer>().ok()).and_then(|customer| customer.email);
    let (id, status) = (subscription.id.clone(), subscription.clone());
    let header = view! {
        <PageHeader title=title subtitle=subtitle id=id>
            <SubscriptionStatus subscription=status/>
            {actions}
        </PageHeader>
    }
    .into_any();
    view! {
        <Live name="subscription">
            {header}
            <div class="grid gap-4">
                <DeletedNotice record=page.record.clone()/>
                <State subscription=subscription.clone() email=email now=now/>
                <div class="grid items-start gap-4 xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
                    <div class="grid min-w-0 gap-4">
                        <Items subscription=subscription.clone() products=products connection=page.record.connection.clone()/>
                        <Invoices rows=invoices now=now/>
                        <RecordTimeline entries=page.timeline now=now/>
                    </div>
                    <div class="grid min-w-0 gap-4">
                        <Facts subscription=subscription now=now/>
                        <CustomerCard owner=page.owner/>
                        <StoredRecord record=page.record/>
                    </div>
                </div>
            </div>
        </Live>
    }
    .into_any()
}

#[component]
fn Actions(subscription: Subscription, form_id: String) -> impl IntoView {
    if subscription.ended_at.is_some() {
        return ().into_any();
    }
    let href = object_href("subscription", &subscription.id);
    let (plan, cancel) = (format!("{href}/plan"), format!("{href}/cancel"));
    if ends_at(&subscription).is_some() {
        return view! {
            <LinkButton href=cancel variant=Variant::Ghost>"End now"</LinkButton>
            <LinkButton href=plan icon=Icon::Repeat>"Change plan"</LinkButton>
            <form method="post" action="/actions/keep-subscription">
                <input type="hidden" name="id" value=subscription.id/>
                <input type="hidden" name="form_id" value=form_id/>
                <Button variant=Variant::Primary icon=Icon::Undo2>"Keep it"</Button>
            </form>
        }
        .into_any();
    }
    view! {
        <LinkButton href=cancel icon=Icon::Ban>"Cancel"</LinkButton>
        <LinkButton href=plan variant=Variant::Primary icon=Icon::Repeat>"Change plan"</LinkButton>
    }
    .into_any()
}

/// What is unusual about it, in a sentence that can be said on the phone.
#[component]
fn State(subscription: Subscription, email: Option<String>, now: Timestamp) -> impl IntoView {
    if let Some(at) = ends_at(&subscription) {
        let title = format!("Ends on {}", at.date());
        let reason =
            subscription.cancellation_reason.as_deref().map(|reason| format!(" Reason given: {}.", spaced(reason)));
        return view! {
            <Notice tone=Tone::Warn title=title>
                <p>"It was cancelled " {subscription.canceled_at.map(|at| view! { <Time at=at now=now/> })} " and works until then. It can still be kept."{reason}</p>
            </Notice>
        }
        .into_any();
    }
    let latest = subscription.latest_invoice.clone().map(|id| {
        let href = object_href("invoice", &id);
        view! { " " <a href=href class="font-medium text-accent underline">"Look at the latest invoice"</a> }
    });
    let (title, text) = match subscription.status.as_str() {
        "past_due" => (
            "The last payment failed",
            "The provider tries again by itself; the customer can pay the open invoice or change the payment method.",
        ),
        "unpaid" => (
            "It was given up collecting",
            "Invoices stay as drafts until the customer pays or the subscription is cancelled.",
        ),
        "incomplete" => (
            "The first payment is missing",
            "It starts when the first invoice is paid, and expires after 23 hours otherwise.",
        ),
        "paused" => ("It is paused", "No invoices are made until it is resumed at the provider."),
        _ => return ().into_any(),
    };
    let write_to = email.map(|email| view! { " " <a href=format!("mailto:{email}") class="font-medium text-accent underline">"Write to the customer"</a> });
    view! { <Notice tone=Tone::Warn title=title><p>{text} {latest} {write_to}</p></Notice> }.into_any()
}

#[component]
fn Items(subscription: Subscription, products: Related, connection: String) -> impl IntoView {
    let head = vec![
        Column::text("Product"),
        Column::text("Price"),
        Column::end("Quantity"),
        Column::end("Amount"),
        Column::text("Current period"),
    ];
    let currency = subscription.currency.clone();
    let rows = subscription
        .items
        .into_iter()
        .map(|item| {
            let product = products.title(&connection, &item.price.product);
            let amount = item.price.unit_amount.map(|unit| Money::new(unit * item.quantity, currency.clone()));
            let amount = amount.map_or_else(|| "—".into_any(), |money| view! { <Amount money=money/> }.into_any());
            let period = item.current_period_start.zip(item.current_period_end);
            let period = period.map(|(from, to)| format!("{} – {}", from.date(), to.date()));
            view! {
                <Row>
                    <Cell label="Product"><span class="font-medium">{product}</span></Cell>
                    <Cell label="Price">{item.price.label()}</Cell>
                    <Cell label="Quantity" end=true>{item.quantity}</Cell>
                    <Cell label="Amount" end=true>{amount}</Cell>
                    <Cell label="Current period">{or_dash(period)}</Cell>
                </Row>
            }
        })
        .collect_view();
    view! { <Card title="Items" padded=false><Table caption="Items of the subscription" head=head>{rows}</Table></Card> }
}

#[component]
fn Invoices(rows: Vec<(Record, Invoice)>, now: Timestamp) -> impl IntoView {
    if rows.is_empty() {
        return view! {
            <Card title="Invoices" padded=false>
                <EmptyState title="No invoice yet" icon=Icon::Receipt><p>"The first one is made when the first period starts."</p></EmptyState>
            </Card>
        }
        .into_any();
    }
    let full = rows.len() >= usize::try_from(PART_ROWS).unwrap_or(usize::MAX);
    let parent = rows.first().and_then(|(record, _)| record.index.parent.clone()).unwrap_or_default();
    let all = full.then(|| {
        let href = url::with_query("/invoices", [("subscription".to_owned(), parent)]);
        view! { <LinkButton href=href variant=Variant::Ghost size=Size::Small>"All invoices"</LinkButton> }
    });
    view! {
        <Card title="Invoices" actions=all.into_any() padded=false>
            <InvoiceTable caption="Invoices of the subscription, newest first" rows=rows with_customer=false now=now/>
        </Card>
    }
    .into_any()
}

#[component]
fn Facts(subscription: Subscription, now: Timestamp) -> impl IntoView {
    let end = period_end(&subscription).map(|(word, at)| {
        view! { <KeyValue label=word><ExactTime at=at/> <span class="text-ink-soft">" (" <Time at=at now=now/> ")"</span></KeyValue> }
    });
    let trial = subscription.trial_end.map(|at| view! { <KeyValue label="Trial until"><ExactTime at=at/></KeyValue> });
    let cancelled =
        subscription.canceled_at.map(|at| view! { <KeyValue label="Cancelled"><ExactTime at=at/></KeyValue> });
    let reason =
        subscription.cancellation_reason.map(|reason| view! { <KeyValue label="Reason">{spaced(&reason)}</KeyValue> });
    let latest = subscription.latest_invoice.map(|id| {
        let href = object_href("invoice", &id);
        view! { <KeyValue label="Latest invoice"><Id text=id href=href short=true/></KeyValue> }
    });
    view! {
        <Card title="Facts">
            <KeyValues>
                {end}
                {trial}
                <KeyValue label="Period began"><ExactOrDash at=subscription.current_period_start/></KeyValue>
                <KeyValue label="Started"><ExactTime at=subscription.started_at/></KeyValue>
                {cancelled}
                {reason}
                <KeyValue label="Collected">{or_dash(subscription.collection_method.as_deref().map(spaced))}</KeyValue>
                {latest}
            </KeyValues>
        </Card>
    }
}

/// Whom it belongs to.
#[component]
pub fn CustomerCard(owner: Option<Record>) -> impl IntoView {
    let owner = owner?;
    let customer: Customer = owner.decode().ok()?;
    let href = object_href("customer", &customer.id);
    let open = view! { <LinkButton href=href size=Size::Small variant=Variant::Ghost icon=Icon::ArrowRight>"Open"</LinkButton> }.into_any();
    let balance = Money::new(customer.balance, customer.currency.clone().unwrap_or_else(|| "usd".to_owned()));
    let balance = (customer.balance != 0).then(|| {
        let word = if customer.balance < 0 { "Credit" } else { "Owes" };
        view! { <KeyValue label=word><Amount money=Money::new(balance.minor.abs(), balance.currency)/></KeyValue> }
    });
    Some(view! {
        <Card title="Customer" actions=open>
            <KeyValues>
                <KeyValue label="Name">
                    {or_dash(customer.name)} " "
                    {customer.delinquent.then(|| view! { <Badge label="Delinquent" tone=Tone::Warn icon=Icon::TriangleAlert/> })}
                </KeyValue>
                <KeyValue label="E-mail">{customer.email.map_or_else(|| "—".into_any(), |email| view! { <Id text=email/> }.into_any())}</KeyValue>
                {customer.organisation.map(|id| view! { <KeyValue label="Organisation"><Id text=id short=true/></KeyValue> })}
                {balance}
                <KeyValue label="Id"><Id text=customer.id short=true/></KeyValue>
            </KeyValues>
        </Card>
    })
}
