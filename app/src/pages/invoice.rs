//! `/invoices/{connection}/{id}`: what was billed, line by line, and whether it was paid.

use super::{
    billing_tables::{ExactOrDash, invoice_name},
    invoice_parts::InvoiceLines,
    links::{addressed, record_href},
    page::{page, staff_frame},
    record_timeline::RecordTimeline,
    records::{
        DeletedNotice, OfAccount, PART_ROWS, StoredRecord, crumbs, decoded, first_rows, isolated, or_dash, spaced,
    },
    stored::stored,
    subscription::CustomerCard,
};
use crate::{
    components::{
        Card, ExactTime, Icon, Id, KeyValue, KeyValues, LinkButton, Live, Notice, PageHeader, Time, Tone, Variant,
    },
    context::{now, staff},
};
use leptos::prelude::*;
use patchbay_domain::{
    Money, RecordRef, Timestamp, UserError,
    billing::{INVOICE, INVOICE_PAYMENT, Invoice, InvoicePayment, SUBSCRIPTION},
};
use patchbay_engine::{RecordPage, Staff};
use patchbay_store::{Record, RecordFilter};

#[component]
pub fn InvoicePage() -> impl IntoView {
    let record = addressed(&INVOICE);
    page(async move {
        let (record, staff, now) = (record?, staff()?, now());
        let page = staff.record(&record).await?;
        let invoice: Invoice = decoded(&page.record)?;
        let payments = payments_of(&staff, &page.record).await?;
        let name = invoice_name(&invoice);
        let content = body(page, invoice, payments, now);
        let topics = format!("{},records:invoice_payment", record.topic());
        Ok(staff_frame(&name, crumbs("Invoices", "/invoices", &name), &topics, content))
    })
}

/// The payments that it was or will be paid by.
async fn payments_of(staff: &Staff, record: &Record) -> Result<Vec<InvoicePayment>, UserError> {
    let filter = RecordFilter {
        connection: Some(record.connection.clone()),
        parent: Some(record.key.id.clone()),
        ..RecordFilter::of(INVOICE_PAYMENT)
    };
    let found = stored(staff.store().list_records(&filter, &first_rows(PART_ROWS)).await)?.items;
    let payments = found.iter().filter_map(|record| record.decode::<InvoicePayment>().ok());
    Ok(payments.filter(|payment| payment.status != "canceled").collect())
}

fn body(page: RecordPage, invoice: Invoice, payments: Vec<InvoicePayment>, now: Timestamp) -> AnyView {
    let title =
        invoice.number.as_ref().map_or_else(|| "Draft invoice".to_owned(), |number| format!("Invoice {number}"));
    let total = Money::new(invoice.total, invoice.currency.clone());
    let customer = page.owner.as_ref().map(|owner| owner.index.title.clone()).filter(|name| !name.is_empty());
    let subtitle = customer.map_or_else(|| total.to_string(), |name| format!("{} · {total}", isolated(&name)));
    let pdf = invoice.invoice_pdf.clone().map(|href| {
        view! { <LinkButton href=href icon=Icon::Download>"PDF"</LinkButton> }
    });
    let hosted = invoice.hosted_invoice_url.clone().map(|href| {
        view! { <LinkButton href=href variant=Variant::Primary icon=Icon::ExternalLink>"Payment page"</LinkButton> }
    });
    let connection = page.record.connection.clone();
    let (status, id, lines, state) = (invoice.status.clone(), invoice.id.clone(), invoice.clone(), invoice.clone());
    view! {
        <Live name="invoice">
            <PageHeader title=title status=status subtitle=subtitle id=id>
                <OfAccount connection=connection/>
                {pdf}
                {hosted}
            </PageHeader>
            <div class="grid gap-4">
                <DeletedNotice record=page.record.clone()/>
                <State invoice=state now=now/>
                <div class="grid items-start gap-4 xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
                    <div class="grid min-w-0 gap-4">
                        <Card title="Lines" padded=false><InvoiceLines invoice=lines/></Card>
                        <RecordTimeline entries=page.timeline now=now/>
                    </div>
                    <div class="grid min-w-0 gap-4">
                        <Facts record=page.record.reference() invoice=invoice payments=payments/>
                        <CustomerCard owner=page.owner/>
                        <StoredRecord record=page.record/>
                    </div>
                </div>
            </div>
        </Live>
    }
    .into_any()
}

/// What stands between it and the money.
#[component]
fn State(invoice: Invoice, now: Timestamp) -> impl IntoView {
    let remaining = Money::new(invoice.amount_remaining, invoice.currency);
    if invoice.status == "uncollectible" {
        let text = format!("{remaining} was written off. It can still be paid on its payment page.");
        return view! { <Notice tone=Tone::Bad title="Given up"><p>{text}</p></Notice> }.into_any();
    }
    if invoice.status != "open" || invoice.amount_remaining <= 0 {
        return ().into_any();
    }
    let (tone, title) = match invoice.attempt_count {
        0 => (Tone::Info, format!("{remaining} to be paid")),
        1 => (Tone::Warn, format!("{remaining} still due after a failed payment")),
        tries => (Tone::Warn, format!("{remaining} still due after {tries} failed payments")),
    };
    let next = match (invoice.next_payment_attempt, invoice.due_at) {
        (Some(at), _) => view! { <p>"The provider tries again " <Time at=at now=now/> "."</p> }.into_any(),
        (None, Some(at)) => view! { <p>"Due on " <ExactTime at=at date_only=true/> "."</p> }.into_any(),
        (None, None) => {
            view! { <p>"No further try is planned: the customer has to pay it on its payment page."</p> }.into_any()
        }
    };
    view! { <Notice tone=tone title=title>{next}</Notice> }.into_any()
}

#[component]
fn Facts(record: RecordRef, invoice: Invoice, payments: Vec<InvoicePayment>) -> impl IntoView {
    let subscription = invoice.subscription.map(|id| {
        let href = record_href(&record.related(SUBSCRIPTION, &*id));
        view! { <KeyValue label="Subscription"><Id text=id href=href short=true/></KeyValue> }
    });
    let paid = invoice.paid_at.map(|at| view! { <KeyValue label="Paid"><ExactTime at=at/></KeyValue> });
    let due = invoice.due_at.map(|at| view! { <KeyValue label="Due"><ExactTime at=at/></KeyValue> });
    let next =
        invoice.next_payment_attempt.map(|at| view! { <KeyValue label="Next try"><ExactTime at=at/></KeyValue> });
    let intents = payments.into_iter().filter_map(|payment| payment.payment_intent);
    let payments: Vec<_> =
        intents.map(|id| view! { <KeyValue label="Payment"><Id text=id short=true/></KeyValue> }).collect();
    let period = invoice.period_start.zip(invoice.period_end);
    let period = period.map(|(from, to)| format!("{} – {}", from.date(), to.date()));
    view! {
        <Card title="Facts">
            <KeyValues>
                {subscription}
                <KeyValue label="Made because of">{or_dash(invoice.billing_reason.as_deref().map(spaced))}</KeyValue>
                <KeyValue label="Period">{or_dash(period)}</KeyValue>
                <KeyValue label="Created"><ExactOrDash at=Some(invoice.created_at)/></KeyValue>
                {due}
                {paid}
                <KeyValue label="Payment tries">{invoice.attempt_count}</KeyValue>
                {next}
                {payments}
            </KeyValues>
        </Card>
    }
}
