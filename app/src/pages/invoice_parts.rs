//! The inside of an invoice: the same for staff and customers.

use super::records::or_dash;
use crate::components::{Amount, Cell, Column, Row, Table};
use leptos::prelude::*;
use patchbay_domain::{Money, billing::Invoice};

#[component]
pub fn InvoiceLines(invoice: Invoice) -> impl IntoView {
    let head =
        vec![Column::text("Description"), Column::text("Period"), Column::end("Quantity"), Column::end("Amount")];
    let (missing, more, steps) = (invoice.missing_lines(), invoice.has_more_lines, invoice.steps());
    let (paid, remaining) = (invoice.amount_paid, invoice.amount_remaining);
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
                    <Cell label="Quantity" end=true>{or_dash(line.quantity.map(|quantity| quantity.to_string()))}</Cell>
                    <Cell label="Amount" end=true><Amount money=amount/></Cell>
                </Row>
            }
        })
        .collect_view();
    let mut totals: Vec<(&str, i64, bool)> =
        steps.into_iter().map(|step| (step.label, step.amount, step.sum)).collect();
    totals.push(("Paid", paid, false));
    totals.push(("Still due", remaining, true));
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
    let missing_note = (more || missing != 0).then(|| {
        let text = if missing == 0 {
            "There are more lines than we hold.".to_owned()
        } else {
            format!("These lines and the subtotal differ by {}: there are lines that we do not hold.", money(missing))
        };
        view! { <p class="border-t border-line px-4 py-2 text-sm text-warn">{text}</p> }
    });
    view! {
        <Table caption="Lines of the invoice" head=head>{rows}</Table>
        {missing_note}
        <div class="flex justify-end border-t border-line px-4 py-3">
            <dl class="w-full max-w-xs text-sm">{totals}</dl>
        </div>
    }
}
