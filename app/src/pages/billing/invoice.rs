//! `/billing/invoices/{id}`: one of their own invoices.

use super::LookOnly;
use crate::{
    components::{Card, Icon, LinkButton, Live, Notice, PageHeader, Tone, Variant},
    context::customer,
    pages::{
        billing_tables::invoice_name,
        invoice_parts::InvoiceLines,
        page::{Crumbs, customer_frame, page},
    },
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use patchbay_domain::{Money, billing::Invoice};
use patchbay_engine::OwnInvoice;

#[component]
pub fn BillingInvoicePage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    page(async move {
        let desk = customer().await?;
        let (OwnInvoice { invoice, under_way }, look_only) = (desk.invoice(&id).await?, desk.look_only());
        let may_act = look_only.is_none();
        let title = format!("Invoice {}", invoice_name(&invoice));
        let when = invoice.paid_at.map_or_else(
            || format!("Made on {}", invoice.created_at.date()),
            |paid| format!("Made on {}, paid on {}", invoice.created_at.date(), paid.date()),
        );
        let heading = title.clone();
        let crumbs: Crumbs = vec![("Invoices".to_owned(), Some("/billing/invoices".to_owned())), (title.clone(), None)];
        let (files, due) = (invoice.clone(), invoice.clone());
        let status = invoice.status.clone();
        let content = view! {
            <Live name="invoice">
                <PageHeader title=heading status=status subtitle=when>
                    <Files invoice=files may_act=may_act under_way=under_way/>
                </PageHeader>
                <LookOnly reason=look_only.filter(|_| due.status == "open" && !under_way)/>
                <div class="grid gap-4">
                    <Due invoice=due may_act=may_act under_way=under_way/>
                    <Card padded=false><InvoiceLines invoice=invoice/></Card>
                </div>
            </Live>
        };
        Ok(customer_frame(&title, crumbs, content.into_any()))
    })
}

#[component]
fn Files(invoice: Invoice, may_act: bool, under_way: bool) -> impl IntoView {
    let is_open = invoice.status == "open" && !under_way;
    let (label, variant) = if is_open { ("Pay", Variant::Primary) } else { ("View online", Variant::Secondary) };
    // Of an open invoice it is the page to pay at.
    let page = invoice.hosted_invoice_url.filter(|_| may_act || !is_open);
    view! {
        {invoice.invoice_pdf.map(|href| view! { <LinkButton href=href icon=Icon::Download>"PDF"</LinkButton> })}
        {page.map(|href| view! { <LinkButton href=href variant=variant icon=Icon::ExternalLink>{label}</LinkButton> })}
    }
}

#[component]
fn Due(invoice: Invoice, may_act: bool, under_way: bool) -> impl IntoView {
    if invoice.status != "open" {
        return ().into_any();
    }
    let rest = Money::new(invoice.amount_remaining, invoice.currency);
    if under_way {
        return view! {
            <Notice tone=Tone::Info title="Your payment is being processed">
                <p>{format!("Your bank is processing {rest}; that can take some days. You don't need to do anything.")}</p>
            </Notice>
        }
        .into_any();
    }
    let until = invoice.due_at.map(|at| format!("Please pay it by {}. ", at.date()));
    view! {
        <Notice tone=Tone::Warn title=format!("{rest} is still to be paid")>
            <p>{until} {may_act.then_some("The payment page takes any payment method and needs no account.")}</p>
        </Notice>
    }
    .into_any()
}
