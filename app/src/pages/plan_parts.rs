//! Choosing a plan and seeing what it costs: the same for staff and customers.

use crate::components::{
    Badge, Button, Card, Effect, EmptyState, Glyph, Icon, LinkButton, PageHeader, Size, Tab, Tone, Variant, url::encode,
};
use leptos::prelude::*;
use patchbay_domain::{
    Money, Timestamp,
    billing::{Invoice, Price},
    money::group_thousands,
};
use patchbay_engine::{ItemOption, PlanChangePreview, PlanOption};
use std::collections::BTreeSet;

/// What somebody can do with a plan on offer.
#[derive(Clone, Debug)]
pub enum Choice {
    /// Look at what changing to it costs: the address of the preview, up to the price's id.
    Preview(String),
    /// Start it: the form's id.
    Start { form_id: String },
    /// Nothing.
    Look,
}

/// The plans of one currency, and tabs to the other ones where there are any.
pub fn in_currency(options: Vec<PlanOption>, wanted: Option<&str>, path: &str) -> (Vec<PlanOption>, Vec<Tab>) {
    let all: BTreeSet<String> = options.iter().map(|option| option.price.currency.clone()).collect();
    let chosen = wanted.and_then(|wanted| all.get(wanted)).or_else(|| all.first()).cloned();
    let Some(chosen) = chosen.filter(|_| all.len() > 1) else { return (options, Vec::new()) };
    let tab = |currency: &String| {
        Tab::new(currency.to_uppercase(), format!("{path}?currency={currency}"), *currency == chosen)
    };
    let tabs = all.iter().map(tab).collect();
    (options.into_iter().filter(|option| option.price.currency == chosen).collect(), tabs)
}

/// `Every month`, `Every 3 months`: plans that can be compared at a glance are in one group.
fn group_of(price: &Price) -> (String, String) {
    let unit = price.interval.clone().unwrap_or_default();
    let every = if price.interval_count > 1 { format!("{} {unit}s", price.interval_count) } else { unit };
    (price.currency.clone(), every)
}

/// In place of a preview of what was chosen before.
#[component]
pub fn WaitsAlready(lead: &'static str, #[prop(into)] href: String, label: &'static str) -> impl IntoView {
    view! {
        <div class="mx-auto max-w-xl">
            <Card padded=false>
                <EmptyState title="This change is waiting for its payment" icon=Icon::Clock>
                    <p>{lead}</p>
                    <LinkButton href=href size=Size::Small>{label}</LinkButton>
                </EmptyState>
            </Card>
        </div>
    }
}

#[component]
pub fn PlanCards(options: Vec<PlanOption>, choice: Choice) -> impl IntoView {
    let mut groups: Vec<((String, String), Vec<PlanOption>)> = Vec::new();
    for option in options {
        let group = group_of(&option.price);
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, list)) => list.push(option),
            None => groups.push((group, vec![option])),
        }
    }
    let current = groups.iter().flat_map(|(_, options)| options).filter(|option| option.current).count();
    let has = if current > 1 { "Already included" } else { "Current plan" };
    let currencies = groups.iter().map(|((currency, _), _)| currency).collect::<BTreeSet<_>>().len();
    let groups = groups
        .into_iter()
        .map(|((currency, every), options)| {
            let title = if currencies > 1 {
                format!("Every {every}, in {}", currency.to_uppercase())
            } else {
                format!("Every {every}")
            };
            let cards = options
                .into_iter()
                .map(|option| view! { <PlanCard option=option choice=choice.clone() has=has/> })
                .collect_view();
            view! {
                <section>
                    <h2 class="mb-2 text-sm font-semibold">{title}</h2>
                    <ul class="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">{cards}</ul>
                </section>
            }
        })
        .collect_view();
    view! { <div class="grid gap-6">{groups}</div> }
}

#[component]
fn PlanCard(
    option: PlanOption,
    choice: Choice,
    /// The plan in force, or one of several prices that the subscription has.
    has: &'static str,
) -> impl IntoView {
    let PlanOption { price, product, current, awaited, on_offer } = option;
    let hidden = (!on_offer && !current)
        .then(|| view! { <Badge label="Not on offer to customers" tone=Tone::Warn icon=Icon::TriangleAlert/> });
    let amount = price.amount_label();
    let (_, every) = group_of(&price);
    let limits = product
        .limits
        .into_iter()
        .map(|(meter, limit)| {
            let text = format!("{} {}", group_thousands(limit.unsigned_abs()), meter.replace('_', " "));
            view! { <li class="flex items-center gap-2"><Glyph icon=Icon::Check class="size-4 shrink-0 text-good"/>{text}</li> }
        })
        .collect_view();
    let action = match choice {
        _ if current => view! { <Badge label=has tone=Tone::Good icon=Icon::CircleCheck/> }.into_any(),
        _ if awaited => view! { <Badge label="Waiting for payment" tone=Tone::Warn icon=Icon::Clock/> }.into_any(),
        Choice::Look => ().into_any(),
        Choice::Preview(before) => {
            let href = format!("{before}{}", encode(&price.id));
            let of = format!(" to change to {} every {every}", product.name);
            view! { <LinkButton href=href icon=Icon::ArrowRight>"See what it costs"<span class="sr-only">{of}</span></LinkButton> }.into_any()
        }
        Choice::Start { form_id } => {
            let (start, of) = (format!("Start with {}", product.name), format!(" every {every}"));
            view! {
                <form method="post" action="/actions/billing/start-subscription">
                    <input type="hidden" name="price" value=price.id.clone()/>
                    <input type="hidden" name="form_id" value=format!("{form_id}-{}", price.id)/>
                    <Button variant=Variant::Primary icon=Icon::ArrowRight>{start}<span class="sr-only">{of}</span></Button>
                </form>
            }
            .into_any()
        }
    };
    let frame = if current { "border-accent-mark" } else { "border-line" };
    view! {
        <li class=format!("flex flex-col rounded-lg border bg-surface p-4 {frame}")>
            <h3 class="font-semibold">{product.name}</h3>
            <p class="mt-1 flex flex-wrap items-baseline gap-x-1.5">
                <span class="text-lg font-semibold tabular-nums">{amount}</span>
                <span class="text-xs text-ink-soft">"per " {every}</span>
            </p>
            {hidden.map(|badge| view! { <p class="mt-1">{badge}</p> })}
            {product.description.map(|text| view! { <p class="mt-1 text-sm text-ink-soft">{text}</p> })}
            <ul class="mt-3 mb-4 grid gap-1 text-sm">{limits}</ul>
            <div class="mt-auto">{action}</div>
        </li>
    }
}

/// Which of several items the new price is for.
#[component]
pub fn ItemChoice(
    items: Vec<ItemOption>,
    price: String,
    /// The address of the preview, up to the item's id.
    before: String,
    back: String,
) -> impl IntoView {
    let rows = items
        .into_iter()
        .map(|ItemOption { item, name }| {
            let href = format!("{before}{}", encode(&item.id));
            let quantity = item.quantity.filter(|count| *count != 1).map(|count| format!("{count} × "));
            view! {
                <li class="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 px-4 py-3">
                    <span class="min-w-0 text-sm font-medium">{quantity} <bdi>{name.clone()}</bdi></span>
                    <LinkButton href=href size=Size::Small icon=Icon::ArrowRight>"Replace this one"<span class="sr-only">": " {name}</span></LinkButton>
                </li>
            }
        })
        .collect_view();
    view! {
        <div class="mx-auto max-w-xl">
            <PageHeader title="Which item should it replace?" subtitle=format!("This subscription has several items. {price} replaces one of them; the others stay as they are.")/>
            <Card padded=false><ul class="divide-y divide-line">{rows}</ul></Card>
            <div class="mt-3"><LinkButton href=back variant=Variant::Ghost>"Go back"</LinkButton></div>
        </div>
    }
}

/// What agreeing to it does, line by line.
pub fn effects_of(preview: &PlanChangePreview) -> Vec<Effect> {
    let PlanChangePreview { subscription, price, invoice, .. } = preview;
    // An amount and its currency stay on one line.
    let money = |minor: i64| Money::new(minor, invoice.currency.clone()).to_string().replace(' ', "\u{a0}");
    let mut effects: Vec<Effect> =
        invoice.lines.iter().map(|line| Effect::new(line.description.clone(), money(line.amount))).collect();
    for step in invoice.steps().into_iter().filter(|step| !step.sum && step.label != "Subtotal") {
        let label = if step.label == "From the credit balance" { "Paid from the credit balance" } else { step.label };
        if step.label != "Becomes credit" {
            effects.push(Effect::new(label, money(step.amount)));
        }
    }
    effects.push(Effect::total("Charged today", money(invoice.amount_due)));
    if invoice.total < 0 {
        effects.push(Effect::new("Credit, used up by the next invoices", money(-invoice.total)));
    }
    // What the next invoice comes to is known only where the plan is all that there is, and nothing takes from it.
    let quantity = subscription.item_for(price).and_then(|item| item.quantity).unwrap_or(1);
    let alone = subscription.items.len() == 1 && !subscription.discounted;
    if let (Some(amount), Some(at)) = (price.amount_of(quantity).filter(|_| alone), next_invoice_at(preview)) {
        let credit = if invoice.total < 0 { ", before the credit" } else { "" };
        effects.push(Effect::new(format!("Next invoice, on {}{credit}", at.date()), money(amount)));
    }
    effects
}

/// When the period that the change leads into ends.
fn next_invoice_at(preview: &PlanChangePreview) -> Option<Timestamp> {
    let lines = preview
        .invoice
        .lines
        .iter()
        .filter_map(|line| Some((line.amount > 0, line.period_end?)))
        .max()
        .map(|(_, end)| end);
    lines.or(preview.subscription.current_period_end)
}

/// What the change means, in a sentence or two.
pub fn lead_of(preview: &PlanChangePreview) -> String {
    let lead = lead_of_lines(&preview.invoice, &preview.subscription.status);
    match preview.subscription.schedule {
        Some(_) => format!("{lead} A schedule changes this subscription later, and then replaces this choice, too."),
        None => lead,
    }
}

fn lead_of_lines(invoice: &Invoice, status: &str) -> String {
    if invoice.lines.is_empty() && status == "trialing" {
        return "Nothing is charged now: the trial goes on as before, and the new price starts after it.".to_owned();
    }
    if invoice.total < 0 {
        return "The new plan starts at once. What was paid for the rest of the old one becomes credit.".to_owned();
    }
    "The new plan starts at once. What was paid for the rest of the old one is taken off.".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_domain::{
        Timestamp,
        billing::{InvoiceLine, Subscription, SubscriptionItem},
    };

    fn preview(lines: &[i64], amount_due: i64) -> PlanChangePreview {
        let line =
            |amount: &i64| InvoiceLine { amount: *amount, period_end: Some(Timestamp(9)), ..InvoiceLine::default() };
        PlanChangePreview {
            subscription: Subscription {
                items: vec![SubscriptionItem { quantity: Some(2), ..SubscriptionItem::default() }],
                ..Subscription::default()
            },
            price: Price { unit_amount: Some(500), ..Price::default() },
            invoice: Invoice {
                lines: lines.iter().map(line).collect(),
                subtotal: lines.iter().sum(),
                total: lines.iter().sum(),
                currency: "eur".to_owned(),
                amount_due,
                ..Invoice::default()
            },
            on_offer: true,
            quote: String::new(),
        }
    }

    fn values(preview: &PlanChangePreview) -> Vec<String> {
        effects_of(preview).into_iter().map(|effect| effect.value.replace('\u{a0}', " ")).collect()
    }

    #[test]
    fn an_upgrade_shows_lines_charge_and_next_invoice() {
        assert_eq!(values(&preview(&[-300, 800], 500)), ["−3.00 EUR", "8.00 EUR", "5.00 EUR", "10.00 EUR"]);
    }

    #[test]
    fn credit_that_pays_a_part_has_its_own_line() {
        assert_eq!(values(&preview(&[800], 200)), ["8.00 EUR", "−6.00 EUR", "2.00 EUR", "10.00 EUR"]);
    }

    #[test]
    fn a_downgrade_charges_nothing_and_leaves_credit() {
        assert_eq!(values(&preview(&[-300], 0)), ["−3.00 EUR", "0.00 EUR", "3.00 EUR", "10.00 EUR"]);
    }
}
