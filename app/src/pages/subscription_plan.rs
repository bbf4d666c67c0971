//! `/subscriptions/{id}/plan`: choose a plan, see what changing to it costs, agree.

use super::{
    billing_tables::{per_period, plan_name},
    links::object_href,
    page::{Crumbs, page, staff_frame},
    plan_parts::{Choice, PlanCards, effects_of, lead_of},
    records::decoded,
    subscriptions::{customer_name, products_of},
};
use crate::{
    components::{Button, Card, ConfirmCard, EmptyState, Icon, LinkButton, PageHeader, Size, Variant},
    context::{form_id, operator, request, staff},
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use patchbay_domain::{
    UserError,
    billing::{SUBSCRIPTION, Subscription},
};
use patchbay_engine::PlanChangePreview;

#[component]
pub fn SubscriptionPlanPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    page(async move {
        let (staff, operator, request, form_id) = (staff()?, operator()?, request(), form_id());
        let page = staff.record(&SUBSCRIPTION, &id).await?;
        let subscription: Subscription = decoded(&page.record)?;
        let name = customer_name(page.owner.as_ref(), &subscription);
        let products = products_of(&staff, &[(page.record.clone(), subscription.clone())]).await?;
        let (amount, period) = per_period(&subscription);
        let now = format!("{}, {amount} {period}", plan_name(&products, &page.record.connection, &subscription));
        let href = object_href("subscription", &id);
        let crumbs: Crumbs = vec![
            ("Subscriptions".to_owned(), Some("/subscriptions".to_owned())),
            (name.clone(), Some(href.clone())),
            ("Change plan".to_owned(), None),
        ];
        let content = if let Some(price) = request.param("price") {
            let preview = operator.preview_plan_change(&id, price).await?;
            confirm(&preview, &now, &format!("{href}/plan"), &form_id)
        } else {
            let options = operator.plan_options(&id).await?;
            let choice = Choice::Preview(format!("{href}/plan?price="));
            let list = if options.is_empty() {
                view! { <NoPlans back=href/> }.into_any()
            } else {
                view! { <PlanCards options=options choice=choice/> }.into_any()
            };
            view! {
                <PageHeader title=format!("Change the plan of {name}") subtitle=format!("Now: {now}. You see every line before anything is charged.")/>
                {list}
            }
            .into_any()
        };
        Ok::<_, UserError>(staff_frame("Change plan", crumbs, "", content))
    })
}

fn confirm(preview: &PlanChangePreview, now: &str, back: &str, form_id: &str) -> AnyView {
    let title = format!("Change to {}?", preview.price.nickname.clone().unwrap_or_else(|| preview.price.label()));
    let lead = format!(
        "From {now}, to {}. {}",
        preview.price.label(),
        lead_of(&preview.invoice, &preview.subscription.status)
    );
    let (id, price) = (preview.subscription.id.clone(), preview.price.id.clone());
    let (moment, form_id) = (preview.proration_at.micros().to_string(), form_id.to_owned());
    view! {
        <ConfirmCard title=title lead=lead effects=effects_of(preview) cancel_href=back.to_owned()>
            <form method="post" action="/actions/change-plan">
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="price" value=price/>
                <input type="hidden" name="proration_at" value=moment/>
                <input type="hidden" name="form_id" value=form_id/>
                <Button variant=Variant::Primary icon=Icon::Check>"Change the plan"</Button>
            </form>
        </ConfirmCard>
        <p class="mx-auto mt-3 max-w-xl px-1 text-xs text-ink-soft">
            "These amounts hold for an hour. If the payment is declined, nothing changes."
        </p>
    }
    .into_any()
}

#[component]
fn NoPlans(back: String) -> impl IntoView {
    view! {
        <Card padded=false>
            <EmptyState title="No plan to change to" icon=Icon::Package>
                <p>"There is no other active price in the currency of this subscription. Make one at the provider; it appears here by itself."</p>
                <LinkButton href=back size=Size::Small>"Back to the subscription"</LinkButton>
            </EmptyState>
        </Card>
    }
}
