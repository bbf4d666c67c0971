//! `/billing/invoices`: everything they were charged.

use crate::{
    components::{
        Amount, Badge, Card, Cell, Column, EmptyState, ExactTime, Icon, LinkButton, LinkCell, Live, PageHeader, Pager,
        Row, Size, StatusBadge, Table, Tone, Variant, url::encode,
    },
    context::{customer, request},
    pages::{
        billing_tables::invoice_name,
        page::{customer_frame, page},
    },
};
use leptos::prelude::*;
use patchbay_domain::Money;
use patchbay_engine::OwnInvoice;

const PATH: &str = "/billing/invoices";

#[component]
pub fn BillingInvoicesPage() -> impl IntoView {
    page(async move {
        let (desk, request) = (customer().await?, request());
        let found = desk.invoices(&request.page()).await?;
        let may_act = desk.look_only().is_none();
        let list = if found.items.is_empty() {
            view! { <EmptyState title="No invoices yet" icon=Icon::Receipt><p>"Your first one appears here with its PDF when a plan starts."</p></EmptyState> }
                .into_any()
        } else {
            view! {
                <InvoiceRows invoices=found.items may_act=may_act/>
                <Pager path=PATH query=Vec::new() prev=found.prev next=found.next note="Newest first"/>
            }
            .into_any()
        };
        let content = view! {
            <PageHeader title="Invoices" subtitle="With PDF, for your accounts."/>
            <Live name="invoices"><Card padded=false>{list}</Card></Live>
        };
        Ok(customer_frame("Invoices", vec![("Invoices".to_owned(), None)], content.into_any()))
    })
}

#[component]
pub fn InvoiceRows(
    invoices: Vec<OwnInvoice>,
    /// Whoever may not is not led to a payment either.
    may_act: bool,
) -> impl IntoView {
    let head = vec![
        Column::text("Invoice"),
        Column::text("Date"),
        Column::text("Status"),
        Column::end("Total"),
        Column::hidden("Files"),
    ];
    let rows = invoices
        .into_iter()
        .map(|OwnInvoice { invoice, under_way }| {
            let name = invoice_name(&invoice);
            let total = Money::new(invoice.total, invoice.currency.clone());
            let pdf = invoice.invoice_pdf.map(|href| {
                let of = format!(" of invoice {name}");
                view! { <LinkButton href=href size=Size::Small variant=Variant::Ghost icon=Icon::Download>"PDF"<span class="sr-only">{of}</span></LinkButton> }
            });
            let pay = invoice.hosted_invoice_url.filter(|_| may_act && invoice.status == "open" && !under_way).map(|href| {
                view! { <LinkButton href=href size=Size::Small icon=Icon::ExternalLink>"Pay"</LinkButton> }
            });
            let status = if under_way {
                view! { <Badge label="Payment processing" tone=Tone::Info icon=Icon::Clock/> }.into_any()
            } else {
                view! { <StatusBadge status=invoice.status/> }.into_any()
            };
            view! {
                <Row>
                    <LinkCell label="Invoice" href=format!("{PATH}/{}", encode(&invoice.id))>{name}</LinkCell>
                    <Cell label="Date"><ExactTime at=invoice.created_at date_only=true/></Cell>
                    <Cell label="Status">{status}</Cell>
                    <Cell label="Total" end=true><Amount money=total/></Cell>
                    <Cell label="" end=true>{pay} " " {pdf}</Cell>
                </Row>
            }
        })
        .collect_view();
    view! { <Table caption="Invoices, newest first" head=head>{rows}</Table> }
}
