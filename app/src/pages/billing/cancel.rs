//! `/billing/cancel`: what cancelling means, and why.

use super::{KeepForm, LookOnly, NoPlan, crumbs, day, running};
use crate::{
    components::{Button, Card, EmptyState, Glyph, Icon, LinkButton, PageHeader, Variant},
    context::{customer, form_id},
    pages::{
        billing_tables::ends_at,
        cancel_parts::ReasonFields,
        page::{customer_frame, page},
    },
};
use leptos::prelude::*;

#[component]
pub fn BillingCancelPage() -> impl IntoView {
    page(async move {
        let (desk, form_id) = (customer().await?, form_id());
        let Some(subscription) = running(desk.subscription().await?) else {
            return Ok(customer_frame("Cancel plan", crumbs("Cancel plan"), view! { <NoPlan/> }.into_any()));
        };
        if let (Some(reason), None) = (desk.look_only(), ends_at(&subscription)) {
            let content = view! { <PageHeader title="Cancel plan"/> <LookOnly reason=Some(reason)/> };
            return Ok(customer_frame("Cancel plan", crumbs("Cancel plan"), content.into_any()));
        }
        if subscription.schedule.is_some() && ends_at(&subscription).is_none() {
            let content = view! {
                <Card padded=false>
                    <EmptyState title="Your plan follows a schedule" icon=Icon::Calendar>
                        <p>"When it ends is part of what was agreed with you, so it cannot be canceled here. Write to support to change it."</p>
                        <LinkButton href="/billing">"Back to billing"</LinkButton>
                    </EmptyState>
                </Card>
            };
            return Ok(customer_frame("Cancel plan", crumbs("Cancel plan"), content.into_any()));
        }
        if let Some(at) = ends_at(&subscription) {
            let keep = match desk.look_only() {
                Some(reason) => view! { <p>{reason}</p> }.into_any(),
                None if subscription.schedule.is_some() => {
                    view! { <p>"A schedule says so: write to support to change it."</p> }.into_any()
                }
                None => view! { <div class="flex justify-center"><KeepForm form_id=form_id/></div> }.into_any(),
            };
            let content = view! {
                <Card padded=false>
                    <EmptyState title=format!("Your plan ends on {}", day(at)) icon=Icon::Calendar>
                        <p>"It is canceled already. Everything works until then, and it can still be taken back."</p>
                        {keep}
                    </EmptyState>
                </Card>
            };
            return Ok(customer_frame("Cancel plan", crumbs("Cancel plan"), content.into_any()));
        }
        let until = subscription.current_period_end.map_or_else(|| "the end of the period".to_owned(), day);
        let facts = [
            format!("Everything works as now until {until}."),
            "Nothing more is charged, and nothing is refunded for the current period.".to_owned(),
            format!("Until {until} you can change your mind with one click on the billing page."),
            "Your invoices stay here for you.".to_owned(),
        ]
        .map(|text| view! { <li class="flex gap-2"><Glyph icon=Icon::Check class="mt-0.5 size-4 shrink-0 text-ink-soft"/>{text}</li> })
        .into_iter()
        .collect_view();
        let content = view! {
            <div class="mx-auto max-w-xl">
                <PageHeader title="Cancel your plan?" subtitle="What happens then:"/>
                <ul class="mb-5 grid gap-1.5 text-sm">{facts}</ul>
                <form method="post" action="/actions/billing/cancel" class="rounded-lg border border-line bg-surface">
                    <div class="grid gap-4 p-5">
                        <input type="hidden" name="form_id" value=form_id/>
                        <ReasonFields hint="Optional. It tells us what to do better."/>
                    </div>
                    <div class="flex flex-wrap items-center justify-end gap-2 rounded-b-lg border-t border-line bg-canvas px-5 py-3">
                        <LinkButton href="/billing" variant=Variant::Ghost>"Keep my plan"</LinkButton>
                        <Button variant=Variant::Danger>"Cancel my plan"</Button>
                    </div>
                </form>
            </div>
        };
        Ok(customer_frame("Cancel plan", crumbs("Cancel plan"), content.into_any()))
    })
}
