//! The inside of an invoice: the same for staff and customers.

use super::records::or_dash;
use crate::components::{Amount, Cell, Column, Row, Table};
use leptos::prelude::*;
use patchbay_domain::{Money, billing::Invoice};

#[component]
pub fn InvoiceLines(invoice: Invoice) -> impl IntoView {
    let head =
        vec![Column::text("Description"), Column::text("Period"), Column::end("Quantity"), Column::end("Amount")];
    let currency = invoice.currency;
    let money = |minor: i64| Money::new(minor, currency.clone());
    let rows = invoice
        .lines
        .into_iter()
        .map(|line| {
            let amount = money(line.amount);
            let period = line.period_start.zip(line.period_end);
            let period = period.map(|(from, to)| format!("{} – {}", from.date(), to.date()));
            view! {
                <Row>
                    <Cell label="Description" wide=true>{line.description}</Cell>
                    <Cell label="Period">{or_dash(period)}</Cell>
                    <Cell label="Quantity" end=true>{line.quantity}</Cell>
                    <Cell label="Amount" end=true><Amount money=amount/></Cell>
                </Row>
            }
        })
        .collect_view();
    let from_balance = invoice.total.max(0) - invoice.amount_due;
    let mut totals = Vec::new();
    if invoice.subtotal != invoice.total {
        totals.push(("Subtotal", invoice.subtotal, false));
    }
    if invoice.tax != 0 {
        totals.push(("Tax", invoice.tax, false));
    }
    totals.push(("Total", invoice.total, true));
    if from_balance > 0 {
        totals.push(("From the credit balance", -from_balance, false));
    }
    totals.push(("Paid", invoice.amount_paid, false));
    totals.push(("Still due", invoice.amount_remaining, true));
    let totals = totals
        .into_iter()
        .map(|(label, minor, strong)| {
            let amount = money(minor);
            view! {
                <div class="flex items-baseline justify-between gap-6 py-1.5">
                    <dt class=if strong { "font-semibold" } else { "text-ink-soft" }>{label}</dt>
                    <dd><Amount money=amount strong=strong/></dd>
                </div>
            }
        })
        .collect_view();
    view! {
        <Table caption="Lines of the invoice" head=head>{rows}</Table>
        <div class="flex justify-end border-t border-line px-4 py-3">
            <dl class="w-full max-w-xs text-sm">{totals}</dl>
        </div>
    }
}
