//! `/subscriptions/{connection}/{id}`: what somebody pays for, how it came to that, and what can be done about it.

use super::{
    awaited_parts::AwaitedNotice,
    billing_tables::{ExactOrDash, InvoiceTable, SubscriptionStatus, ends_at, period_end, plan_name},
    events::capitalised,
    links::{addressed, list_href, record_href},
    outlook::{outlook, pause_words},
    page::{page, staff_frame},
    record_timeline::RecordTimeline,
    records::{
        DeletedNotice, OfAccount, PART_ROWS, Related, StoredRecord, crumbs, decoded, first_rows, or_dash, spaced,
    },
    stored::stored,
    subscriptions::{customer_name, products_of},
};
use crate::{
    components::{
        Amount, Badge, Button, Card, Cell, Column, EmptyState, ExactTime, Icon, Id, KeyValue, KeyValues, LinkButton,
        Live, Notice, PageHeader, Row, Size, Table, Time, Tone, Variant,
    },
    context::{form_id, now, staff},
};
use leptos::prelude::*;
use patchbay_domain::{
    Money, RecordRef, Timestamp, UserError,
    billing::{Customer, INVOICE, Invoice, SUBSCRIPTION, Subscription},
};
use patchbay_engine::{Awaited, NextPhase, RecordPage, Staff};
use patchbay_store::{Record, RecordFilter};

struct Shown {
    page: RecordPage,
    subscription: Subscription,
    products: Related,
    invoices: Vec<(Record, Invoice)>,
    awaited: Awaited,
    may_act: bool,
    form_id: String,
    now: Timestamp,
}

#[component]
pub fn SubscriptionPage() -> impl IntoView {
    let record = addressed(&SUBSCRIPTION);
    page(async move {
        let (record, staff, now, form_id) = (record?, staff()?, now(), form_id());
        let page = staff.record(&record).await?;
        let subscription: Subscription = decoded(&page.record)?;
        let products = products_of(&staff, &[(page.record.clone(), subscription.clone())]).await?;
        let invoices = invoices_of(&staff, &page.record).await?;
        let awaited = staff.awaited(&page.record, &subscription).await?;
        let may_act = staff.principal().may_act();
        let title = customer_name(page.owner.as_ref(), &subscription);
        let content = body(Shown { page, subscription, products, invoices, awaited, may_act, form_id, now });
        let topics = format!("{},records:invoice", record.topic());
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
    let Shown { page, subscription, products, invoices, awaited, may_act, form_id, now } = shown;
    let title = customer_name(page.owner.as_ref(), &subscription);
    let plan = plan_name(&products, &page.record.connection, &subscription);
    let amount = subscription.charges().label();
    let subtitle = format!("{plan} · {amount}");
    let next = awaited.next.clone();
    let actions = (may_act && !page.record.deleted)
        .then(|| view! { <Actions record=page.record.reference() subscription=subscription.clone() form_id=form_id/> });
    let email =
        page.owner.as_ref().and_then(|owner| owner.decode::<Customer>().ok()).and_then(|customer| customer.email);
    let connection = page.record.connection.clone();
    let (id, status) = (subscription.id.clone(), subscription.clone());
    let header = view! {
        <PageHeader title=title subtitle=subtitle id=id>
            <OfAccount connection=connection/>
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
                <AwaitedNotice subscription=subscription.clone() awaited=awaited email=email.clone()/>
                <State record=page.record.reference() subscription=subscription.clone() email=email now=now/>
                <div class="grid items-start gap-4 xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
                    <div class="grid min-w-0 gap-4">
                        <Items subscription=subscription.clone() products=products connection=page.record.connection.clone()/>
                        <Invoices of=page.record.reference() rows=invoices now=now/>
                        <RecordTimeline entries=page.timeline now=now/>
                    </div>
                    <div class="grid min-w-0 gap-4">
                        <Facts record=page.record.reference() subscription=subscription next=next now=now/>
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
fn Actions(record: RecordRef, subscription: Subscription, form_id: String) -> impl IntoView {
    if subscription.ended_at.is_some() {
        return ().into_any();
    }
    let href = record_href(&record);
    let (plan, cancel) = (format!("{href}/plan"), format!("{href}/cancel"));
    if subscription.schedule.is_some() {
        // The provider takes no cancellation, and none back, beside a schedule.
        return view! {
            <LinkButton href=cancel variant=Variant::Ghost>"End now"</LinkButton>
            <LinkButton href=plan variant=Variant::Primary icon=Icon::Repeat>"Change plan"</LinkButton>
        }
        .into_any();
    }
    if ends_at(&subscription).is_some() {
        return view! {
            <LinkButton href=cancel variant=Variant::Ghost>"End now"</LinkButton>
            <LinkButton href=plan icon=Icon::Repeat>"Change plan"</LinkButton>
            <form method="post" action="/actions/keep-subscription">
                <input type="hidden" name="record" value=record.path()/>
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
fn State(record: RecordRef, subscription: Subscription, email: Option<String>, now: Timestamp) -> impl IntoView {
    let paused = subscription.pause.as_ref().filter(|_| subscription.is_in_force()).map(pause_words);
    let paused = paused.map(|(title, meanwhile)| {
        view! { <Notice tone=Tone::Warn title=title><p>{capitalised(meanwhile)} "."</p></Notice> }
    });
    let trouble = trouble(&record, subscription, email, now);
    view! { {paused} {trouble} }
}

fn trouble(record: &RecordRef, subscription: Subscription, email: Option<String>, now: Timestamp) -> AnyView {
    if let Some(at) = ends_at(&subscription) {
        let title = format!("Ends on {}", at.date());
        let kept = if subscription.schedule.is_some() { "Its schedule ends it." } else { "It can still be kept." };
        let reason =
            subscription.cancellation_reason.as_deref().map(|reason| format!(" Reason given: {}.", spaced(reason)));
        return view! {
            <Notice tone=Tone::Warn title=title>
                <p>"It was canceled " {subscription.canceled_at.map(|at| view! { <Time at=at now=now/> })} " and works until then. " {kept} {reason}</p>
            </Notice>
        }
        .into_any();
    }
    let latest = subscription.latest_invoice.clone().map(|id| {
        let href = record_href(&record.related(INVOICE, &*id));
        view! { " " <a href=href class="font-medium text-accent underline">"See the latest invoice"</a> }
    });
    let (title, text) = match subscription.status.as_str() {
        "past_due" => (
            "The last payment failed",
            "The provider retries automatically; the customer can also pay the open invoice or change the payment method.",
        ),
        "unpaid" => (
            "Collection has stopped",
            "New invoices stay drafts until the customer pays the open ones or the subscription is canceled.",
        ),
        "incomplete" => (
            "The first payment is missing",
            "It starts when the first invoice is paid; otherwise it expires after 23 hours.",
        ),
        "paused" => ("It is paused", "No invoices are made until it is resumed at the provider."),
        _ => return ().into_any(),
    };
    let write_to = email.map(|email| view! { " " <a href=format!("mailto:{email}") class="font-medium text-accent underline">"Email the customer"</a> });
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
    let rows = subscription
        .items
        .into_iter()
        .map(|item| {
            let product = products.title(&connection, &item.price.product);
            let amount = item.amount().map(|minor| Money::new(minor, item.price.currency.clone()));
            let unknown = if item.price.metered { "by usage" } else { "by quantity" };
            let amount = amount.map_or_else(|| unknown.into_any(), |money| view! { <Amount money=money/> }.into_any());
            let quantity = or_dash(item.quantity.map(|quantity| quantity.to_string()));
            let period = item.current_period_start.zip(item.current_period_end);
            let period = period.map(|(from, to)| days(from, to));
            view! {
                <Row>
                    <Cell label="Product"><span class="font-medium">{product}</span></Cell>
                    <Cell label="Price">{item.price.label()}</Cell>
                    <Cell label="Quantity" end=true>{quantity}</Cell>
                    <Cell label="Amount" end=true>{amount}</Cell>
                    <Cell label="Current period">{or_dash(period)}</Cell>
                </Row>
            }
        })
        .collect_view();
    view! { <Card title="Items" padded=false><Table caption="Items of the subscription" head=head>{rows}</Table></Card> }
}

/// `15 Nov – 15 Dec 2026`.
fn days(from: Timestamp, to: Timestamp) -> String {
    let same_year = from.zoned("%Y") == to.zoned("%Y");
    let from = if same_year { from.zoned("%-d %b") } else { from.date() };
    format!("{from} – {}", to.date())
}

#[component]
fn Invoices(of: RecordRef, rows: Vec<(Record, Invoice)>, now: Timestamp) -> impl IntoView {
    if rows.is_empty() {
        return view! {
            <Card title="Invoices" padded=false>
                <EmptyState title="No invoice yet" icon=Icon::Receipt><p>"The first one is made when the first period starts."</p></EmptyState>
            </Card>
        }
        .into_any();
    }
    let full = rows.len() >= usize::try_from(PART_ROWS).unwrap_or(usize::MAX);
    let all = full.then(|| {
        let href = list_href("/invoices", &of, "subscription");
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
fn Facts(record: RecordRef, subscription: Subscription, next: Option<NextPhase>, now: Timestamp) -> impl IntoView {
    let outlook = outlook(&subscription, next.as_ref());
    let schedule = subscription
        .schedule
        .clone()
        .map(|id| view! { <KeyValue label="Schedule"><Id text=id short=true/></KeyValue> });
    let pending = subscription.pending_update.as_ref().and_then(|update| update.expires_at).map(|at| {
        view! { <KeyValue label="Change awaits payment"><span class="text-ink-soft">"until "</span><ExactTime at=at/></KeyValue> }
    });
    let end = period_end(&subscription, now).map(|(word, at)| {
        view! { <KeyValue label=word><ExactTime at=at/> <span class="text-ink-soft">" (" <Time at=at now=now/> ")"</span></KeyValue> }
    });
    let trial = subscription.trial_end.map(|at| view! { <KeyValue label="Trial until"><ExactTime at=at/></KeyValue> });
    let cancelled =
        subscription.canceled_at.map(|at| view! { <KeyValue label="Canceled"><ExactTime at=at/></KeyValue> });
    let reason =
        subscription.cancellation_reason.map(|reason| view! { <KeyValue label="Reason">{spaced(&reason)}</KeyValue> });
    let latest = subscription.latest_invoice.map(|id| {
        let href = record_href(&record.related(INVOICE, &*id));
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
                <KeyValue label="Next">{outlook}</KeyValue>
                {schedule}
                {pending}
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
    let href = record_href(&owner.reference());
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
                <KeyValue label="Email">{customer.email.map_or_else(|| "—".into_any(), |email| view! { <Id text=email/> }.into_any())}</KeyValue>
                {customer.organisation.map(|id| view! { <KeyValue label="Organization"><Id text=id short=true/></KeyValue> })}
                {balance}
                <KeyValue label="Id"><Id text=customer.id short=true/></KeyValue>
            </KeyValues>
        </Card>
    })
}
