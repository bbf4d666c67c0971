//! `/billing`: their plan, what they use of it, and what comes next.

use super::{
    KeepForm, LookOnly, Paused, day, default_method, invoices::InvoiceRows, look_again, running, trouble::Trouble,
};
use crate::{
    components::{
        Badge, Card, EmptyState, Glyph, Icon, LinkButton, Live, Notice, PageHeader, Progress, Size, StatusBadge, Tabs,
        Tone, Variant,
    },
    context::{customer, form_id, now, request},
    pages::{
        billing_tables::{EndBadge, ends_at, is_expired, method_expiry, method_name, names, times},
        outlook::outlook,
        page::{customer_frame, page},
        plan_parts::{Choice, PlanCards, in_currency},
        records::{isolated, spaced},
    },
};
use leptos::prelude::*;
use patchbay_domain::{
    Money, Timestamp,
    billing::{Customer, PaymentMethod, Product, Subscription, SubscriptionItem},
    money::group_thousands,
};
use patchbay_engine::{BillingHome, NextPhase, OwnInvoice, PlanOption};
use std::collections::BTreeMap;

/// How often a browser looks by itself whether a payment is confirmed. Some kinds of payment take days.
const LOOKS: u32 = 8;

/// Why there is no button to cancel.
const SCHEDULED: &str = "Your plan follows a schedule that was agreed with you. When it ends is part of that; to change it, write to support.";

/// What came back from the address and goes into forms.
struct Visit {
    paid: bool,
    currency: Option<String>,
    form_id: String,
    now: Timestamp,
}

#[component]
pub fn BillingHomePage() -> impl IntoView {
    page(async move {
        let (desk, request, form_id, now) = (customer().await?, request(), form_id(), now());
        let visit = Visit {
            paid: request.param("checkout") == Some("done"),
            currency: request.param("currency").map(str::to_owned),
            form_id,
            now,
        };
        let looks: u32 = request.param("looks").and_then(|looks| looks.parse().ok()).unwrap_or(0);
        let home = desk.home().await?;
        if visit.paid && looks < LOOKS && running(home.subscription.clone()).is_none() {
            look_again(&format!("/billing?checkout=done&looks={}", looks + 1));
        }
        let content = match running(home.subscription.clone()) {
            Some(subscription) => with_plan(home, subscription, &visit),
            None => without_plan(home, desk.plans().await?, &visit),
        };
        Ok(customer_frame("Billing", Vec::new(), view! { <Live name="billing">{content}</Live> }.into_any()))
    })
}

fn with_plan(home: BillingHome, subscription: Subscription, visit: &Visit) -> AnyView {
    let thanks = visit.paid.then(|| {
        view! { <Notice tone=Tone::Good title="Thank you"><p>"Your payment is confirmed and your plan is running."</p></Notice> }
    });
    let default = default_method(home.customer.as_ref(), Some(&subscription));
    let credit = home.customer.as_ref().map_or(0, |customer| -customer.balance).max(0);
    let may_act = home.look_only.is_none();
    let next = home.awaited.next.clone();
    view! {
        <PageHeader title="Plan and billing"/>
        <LookOnly reason=home.look_only/>
        <Paused reason=home.paused/>
        <div class="grid gap-4">
            {thanks}
            <Trouble subscription=subscription.clone() awaited=home.awaited may_act=may_act/>
            <Plan subscription=subscription.clone() next=next product=home.product.clone() products=home.products.clone() credit=credit may_act=may_act form_id=visit.form_id.clone()/>
            <div class="grid items-start gap-4 md:grid-cols-2">
                <Usage customer=home.customer product=home.product/>
                <PaysWith methods=home.methods default=default subscription=subscription now=visit.now/>
            </div>
            <Others subscriptions=home.others products=home.products/>
            <Twins customers=home.twins/>
            <Recent invoices=home.invoices may_act=may_act/>
        </div>
    }
    .into_any()
}

#[component]
fn Plan(
    subscription: Subscription,
    next: Option<NextPhase>,
    product: Option<Product>,
    products: BTreeMap<String, Product>,
    /// In the subscription's currency.
    credit: i64,
    may_act: bool,
    form_id: String,
) -> impl IntoView {
    let name = plan_title(&products, &subscription);
    let description = product.and_then(|product| product.description);
    let charges = subscription.charges();
    let amounts: Vec<(String, String)> = match charges.fixed.as_slice() {
        [] => vec![(charges.label(), String::new())],
        fixed => fixed.iter().map(|charge| (charge.money().to_string(), charge.period())).collect(),
    };
    let beside = match (charges.fixed.is_empty(), charges.usage, charges.unknown) {
        (false, true, _) => Some("plus usage"),
        (false, _, true) => Some("plus an amount that depends on the quantity"),
        _ => None,
    };
    let amounts = amounts
        .into_iter()
        .map(|(amount, period)| {
            view! {
                <span class="block text-2xl font-semibold tracking-tight">{amount}</span>
                <span class="block text-sm text-ink-soft">{period}</span>
            }
        })
        .collect_view();
    let paused = subscription.pause.is_some() && subscription.is_in_force();
    let ending = ends_at(&subscription);
    let scheduled = subscription.schedule.is_some();
    let credit = (credit > 0).then(|| {
        let credit = Money::new(credit, subscription.currency.clone());
        view! { <span class="mt-0.5 block text-ink-soft">{format!("Your credit of {credit} pays the next invoices first.")}</span> }
    });
    let badge = if paused && ending.is_none() {
        view! { <Badge label="Collection paused" tone=Tone::Warn icon=Icon::CirclePause/> }.into_any()
    } else if let Some(at) = ending {
        view! { <EndBadge at=at/> }.into_any()
    } else {
        view! { <StatusBadge status=subscription.status.clone()/> }.into_any()
    };
    let actions = if !may_act {
        view! { <LinkButton href="/billing/plans" icon=Icon::Package>"See the plans"</LinkButton> }.into_any()
    } else if ending.is_some() && scheduled {
        view! { <LinkButton href="/billing/plans" icon=Icon::Package>"See the plans"</LinkButton> }.into_any()
    } else if ending.is_some() {
        view! { <KeepForm form_id=form_id/> }.into_any()
    } else {
        view! {
            {(!scheduled).then(|| view! { <LinkButton href="/billing/cancel" variant=Variant::Ghost>"Cancel plan"</LinkButton> })}
            <LinkButton href="/billing/plans" variant=Variant::Primary icon=Icon::Repeat>"Change plan"</LinkButton>
        }
        .into_any()
    };
    view! {
        <section class="rounded-lg border border-line bg-surface p-5" aria-labelledby="plan-name">
            <div class="flex flex-wrap items-start gap-x-6 gap-y-4">
                <div class="min-w-0 flex-1 basis-64">
                    <p class="text-xs text-ink-soft">"Your plan"</p>
                    <div class="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1">
                        <h2 id="plan-name" class="text-2xl font-semibold tracking-tight">{name}</h2>
                        {badge}
                    </div>
                    {description.map(|text| view! { <p class="mt-1 text-sm text-ink-soft">{text}</p> })}
                </div>
                <p class="text-right tabular-nums max-sm:text-left">
                    {amounts}
                    {beside.map(|text| view! { <span class="block text-sm text-ink-soft">{text}</span> })}
                </p>
            </div>
            <div class="mt-5 flex flex-wrap items-center justify-between gap-x-6 gap-y-3 border-t border-line pt-4">
                <p class="flex min-w-0 items-center gap-2 text-sm">
                    <Glyph icon=Icon::Calendar class="size-4 shrink-0 text-ink-soft"/>
                    <span>{outlook(&subscription, next.as_ref())} {credit}</span>
                </p>
                <div class="flex flex-wrap items-center gap-2">{actions}</div>
            </div>
            {(scheduled && may_act).then(|| view! { <p class="mt-3 text-xs text-ink-soft">{SCHEDULED}</p> })}
        </section>
    }
}

/// The plan's name; the names of all items, where they do not say which of them is the plan.
fn plan_title(products: &BTreeMap<String, Product>, subscription: &Subscription) -> String {
    let name_of = |item: &SubscriptionItem| {
        let name = products.get(&item.price.product).map(|product| product.name.clone());
        let name = name.or_else(|| item.price.nickname.clone()).unwrap_or_else(|| "Your plan".to_owned());
        times(item.quantity, isolated(&name))
    };
    match subscription.plan_item() {
        Some(plan) => name_of(plan),
        None if subscription.items.is_empty() => "Your plan".to_owned(),
        None => names(subscription.items_by_period().into_iter().map(name_of).collect()),
    }
}

/// What else is not over: nothing that is paid for is hidden behind the plan.
#[component]
fn Others(subscriptions: Vec<Subscription>, products: BTreeMap<String, Product>) -> impl IntoView {
    if subscriptions.is_empty() {
        return ().into_any();
    }
    let rows = subscriptions
        .into_iter()
        .map(|subscription| {
            let (name, next) = (plan_title(&products, &subscription), outlook(&subscription, None));
            let amount = subscription.charges().label();
            view! {
                <li class="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-3 text-sm">
                    <span class="font-medium"><bdi>{name}</bdi></span>
                    <StatusBadge status=subscription.status/>
                    <span class="text-ink-soft">{amount} ". " {next}</span>
                </li>
            }
        })
        .collect_view();
    view! {
        <Card title="Your other subscriptions" padded=false>
            <ul class="divide-y divide-line">{rows}</ul>
            <p class="border-t border-line px-4 py-2 text-xs text-ink-soft">"To change or cancel one of these, write to support."</p>
        </Card>
    }
    .into_any()
}

/// Credit that lies with another customer account of the organisation.
#[component]
fn Twins(customers: Vec<Customer>) -> impl IntoView {
    let rows: Vec<String> = customers
        .into_iter()
        .filter(|customer| customer.balance != 0)
        .map(|customer| {
            let amount = Money::new(customer.balance.saturating_abs(), customer.currency.unwrap_or_default());
            let name = isolated(&customer.name.or(customer.email).unwrap_or(customer.id));
            let word = if customer.balance < 0 { "a credit of" } else { "an open balance of" };
            format!("Your account {name} has {word} {amount}.")
        })
        .collect();
    (!rows.is_empty()).then(|| {
        let rows = rows.into_iter().map(|text| view! { <p class="text-sm">{text}</p> }).collect_view();
        view! { <Card title="Your other accounts">{rows}</Card> }
    })
}

#[component]
fn Usage(customer: Option<Customer>, product: Option<Product>) -> impl IntoView {
    let limits = product.map(|product| product.limits).unwrap_or_default();
    let usage = customer.map(|customer| customer.usage).unwrap_or_default();
    let meters = meters(&limits, usage);
    let nearly = meters
        .iter()
        .any(|(_, used, limit)| limit.is_some_and(|limit| used.saturating_mul(10) >= limit.saturating_mul(9)));
    let larger = nearly.then(|| {
        view! {
            <p class="flex items-center gap-1.5 text-xs text-warn">
                <Glyph icon=Icon::TriangleAlert class="size-3.5 shrink-0"/>
                <a href="/billing/plans" class="underline">"A larger plan has room for more"</a>
            </p>
        }
    });
    let content = if meters.is_empty() {
        view! { <p class="text-sm text-ink-soft">"Nothing has been counted, and your plan sets no limits."</p> }
            .into_any()
    } else {
        let meters = meters
            .into_iter()
            .map(|(meter, used, limit)| view! { <Meter name=spaced(&meter) used=used limit=limit/> })
            .collect_view();
        view! { <div class="grid gap-4">{meters} {larger}</div> }.into_any()
    };
    view! { <Card title="Usage in this period">{content}</Card> }
}

/// Each meter with what was used and what the plan allows; one that nobody used yet is at zero.
fn meters(limits: &[(String, i64)], usage: Vec<(String, i64)>) -> Vec<(String, i64, Option<i64>)> {
    let limit_of = |meter: &str| limits.iter().find(|(name, _)| name == meter).map(|(_, limit)| *limit);
    let unused = limits.iter().filter(|(name, _)| !usage.iter().any(|(meter, _)| meter == name));
    let unused: Vec<_> = unused.map(|(name, limit)| (name.clone(), 0, Some(*limit))).collect();
    usage.into_iter().map(|(name, used)| (name.clone(), used, limit_of(&name))).chain(unused).collect()
}

#[component]
fn Meter(name: String, used: i64, limit: Option<i64>) -> impl IntoView {
    let Some(limit) = limit else {
        return view! {
            <p class="flex items-baseline justify-between gap-4 text-sm">
                <span class="font-medium">{name}</span>
                <span class="tabular-nums">{group_thousands(used.unsigned_abs())} <span class="text-ink-soft">", no limit"</span></span>
            </p>
        }
        .into_any();
    };
    let left = limit - used;
    let detail = if left >= 0 {
        format!("{} left", group_thousands(left.unsigned_abs()))
    } else {
        format!("{} over the limit", group_thousands(left.unsigned_abs()))
    };
    view! { <Progress label=name done=used total=Some(limit) detail=detail/> }.into_any()
}

#[component]
fn PaysWith(
    methods: Vec<PaymentMethod>,
    default: Option<String>,
    subscription: Subscription,
    now: Timestamp,
) -> impl IntoView {
    let is_ending = ends_at(&subscription).is_some() && !subscription.charges().usage;
    let is_sent = subscription.collection_method.as_deref() == Some("send_invoice");
    let known = default.is_some();
    let all = view! { <LinkButton href="/billing/payment-methods" size=Size::Small variant=Variant::Ghost>"Manage"</LinkButton> }.into_any();
    let method = methods.into_iter().find(|method| default.as_deref() == Some(method.id.as_str()));
    let content = match method {
        Some(method) => {
            let expired = is_expired(&method, now).then(|| view! { <Badge label="Expired" tone=Tone::Warn icon=Icon::TriangleAlert/> });
            view! {
                <div class="flex flex-wrap items-center gap-3 text-sm">
                    <Glyph icon=Icon::CreditCard class="size-5 shrink-0 text-ink-soft"/>
                    <span class="font-medium">{method_name(&method)}</span>
                    <span class="text-ink-soft">{method_expiry(&method).map(|expiry| format!("expires {expiry}"))}</span>
                    {expired}
                </div>
            }
            .into_any()
        }
        None if is_sent => view! {
            <p class="text-sm">"Your invoices are sent to you, and each is paid by its own link."</p>
        }
        .into_any(),
        None if known => view! {
            <p class="text-sm">"A payment method whose details we do not have."</p>
        }
        .into_any(),
        None if is_ending => view! { <p class="text-sm">"No payment method is on file."</p> }.into_any(),
        None => view! {
            <p class="text-sm">"No payment method pays for your plan yet. Add one before the next invoice."</p>
            <div class="mt-3"><LinkButton href="/billing/payment-methods" size=Size::Small icon=Icon::Plus>"Add a payment method"</LinkButton></div>
        }
        .into_any(),
    };
    view! { <Card title="Paid with" actions=all>{content}</Card> }
}

#[component]
fn Recent(invoices: Vec<OwnInvoice>, may_act: bool) -> impl IntoView {
    if invoices.is_empty() {
        return view! {
            <Card title="Recent invoices" padded=false>
                <EmptyState title="No invoice yet" icon=Icon::Receipt><p>"Your first one appears here with its PDF."</p></EmptyState>
            </Card>
        }
        .into_any();
    }
    let all = view! { <LinkButton href="/billing/invoices" size=Size::Small variant=Variant::Ghost>"All invoices"</LinkButton> }.into_any();
    view! { <Card title="Recent invoices" actions=all padded=false><InvoiceRows invoices=invoices may_act=may_act/></Card> }.into_any()
}

fn without_plan(home: BillingHome, options: Vec<PlanOption>, visit: &Visit) -> AnyView {
    let name = home.organisation.name.clone();
    let had = home.subscription.as_ref().and_then(|subscription| subscription.ended_at);
    let subtitle = match had {
        _ if visit.paid => "Your order is with our payment provider.".to_owned(),
        Some(at) => format!("Your last plan ended on {}. Choose one to begin again.", day(at)),
        None => "Choose a plan to begin. You can change or cancel it here whenever you like.".to_owned(),
    };
    let waiting = visit.paid.then(|| {
        view! {
            <div class="mb-4">
                <Notice tone=Tone::Info title="Thank you">
                    <p>"Your plan appears here as soon as the payment is confirmed. That takes a few seconds; you need not pay again."</p>
                </Notice>
            </div>
        }
    });
    // Who has paid before pays in the same currency again.
    let known = home.customer.and_then(|customer| customer.currency);
    let has_known = known.as_ref().is_some_and(|known| options.iter().any(|option| option.price.currency == *known));
    let (options, tabs) = if let Some(known) = known.filter(|_| has_known) {
        (options.into_iter().filter(|option| option.price.currency == known).collect(), Vec::new())
    } else {
        in_currency(options, visit.currency.as_deref(), "/billing")
    };
    let plans = if visit.paid {
        ().into_any()
    } else if options.is_empty() {
        view! {
            <Card padded=false>
                <EmptyState title="No plan is on offer just now" icon=Icon::Package>
                    <p>"Write to support to find out when you can start."</p>
                </EmptyState>
            </Card>
        }
        .into_any()
    } else {
        let switch = (!tabs.is_empty()).then(|| view! { <Tabs label="Currency" items=tabs/> });
        let choice = match &home.look_only {
            None => Choice::Start { form_id: visit.form_id.clone() },
            Some(_) => Choice::Look,
        };
        view! {
            {switch}
            <PlanCards options=options choice=choice/>
            <p class="mt-4 text-xs text-ink-soft">"The next page is our payment provider's. Nothing is charged before you confirm there."</p>
        }
        .into_any()
    };
    let may_act = home.look_only.is_none();
    let recent = (!home.invoices.is_empty())
        .then(|| view! { <div class="mt-6"><Recent invoices=home.invoices may_act=may_act/></div> });
    view! {
        <PageHeader title=format!("Welcome, {name}") subtitle=subtitle/>
        <LookOnly reason=home.look_only/>
        <Paused reason=home.paused/>
        {waiting}
        {plans}
        {recent}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_shows_also_before_anything_is_used() {
        let pair = |name: &str, number| (name.to_owned(), number);
        let shown = meters(&[pair("events", 100), pair("seats", 3)], vec![pair("events", 40), pair("calls", 7)]);
        let shown: Vec<_> = shown.iter().map(|(name, used, limit)| (name.as_str(), *used, *limit)).collect();
        assert_eq!(shown, [("events", 40, Some(100)), ("calls", 7, None), ("seats", 0, Some(3))]);
    }
}
