//! `/billing/plans`: choose another plan.

use super::{LookOnly, NoPlan, crumbs, running};
use crate::{
    components::{Card, EmptyState, Icon, LinkButton, PageHeader, Size},
    context::customer,
    pages::{
        page::{customer_frame, page},
        plan_parts::{Choice, PlanCards},
    },
};
use leptos::prelude::*;

#[component]
pub fn BillingPlansPage() -> impl IntoView {
    page(async move {
        let desk = customer().await?;
        let Some(subscription) = running(desk.subscription().await?) else {
            return Ok(customer_frame("Change plan", crumbs("Change plan"), view! { <NoPlan/> }.into_any()));
        };
        let options = desk.plans().await?;
        let amount = subscription.charges().label();
        let list = if options.iter().all(|option| option.current) {
            view! {
                <Card padded=false>
                    <EmptyState title="No other plan is on offer" icon=Icon::Package>
                        <p>"Write to support if yours does not fit any more."</p>
                        <LinkButton href="/billing" size=Size::Small>"Back to billing"</LinkButton>
                    </EmptyState>
                </Card>
            }
            .into_any()
        } else {
            view! { <PlanCards options=options choice=Choice::Preview("/billing/plans/".to_owned())/> }.into_any()
        };
        let content = view! {
            <PageHeader title="Change plan" subtitle=format!("You pay {amount} now. You see every line of the change before you agree to it.")/>
            <LookOnly reason=desk.look_only()/>
            {list}
        };
        Ok(customer_frame("Change plan", crumbs("Change plan"), content.into_any()))
    })
}
