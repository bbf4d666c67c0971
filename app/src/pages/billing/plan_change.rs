//! `/billing/plans/{price}`: exactly what the change costs, before they agree.

use super::{LookOnly, crumbs};
use crate::{
    components::{Button, ConfirmCard, Icon, Variant, url::encode},
    context::{customer, form_id, request},
    pages::{
        page::{Crumbs, customer_frame, page},
        plan_parts::{ItemChoice, WaitsAlready, effects_of, lead_of},
    },
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use patchbay_domain::Money;

#[component]
pub fn BillingPlanChangePage() -> impl IntoView {
    let price = use_params_map().with_untracked(|params| params.get("price").unwrap_or_default());
    page(async move {
        let (desk, request, form_id) = (customer().await?, request(), form_id());
        let item = request.param("item").map(str::to_owned);
        if desk.subscription().await?.is_some_and(|subscription| subscription.awaits_price(&price)) {
            let content = view! {
                <WaitsAlready lead="You have chosen this plan already. It begins when its payment is made." href="/billing" label="Back to your plan"/>
            };
            return Ok(customer_frame("Change plan", crumbs("Change plan"), content.into_any()));
        }
        let items = if item.is_none() { desk.plan_items(&price).await? } else { Vec::new() };
        if !items.is_empty() {
            let plans = desk.plans().await?;
            let label = plans.iter().find(|plan| plan.price.id == price).map(|plan| plan.price.label());
            let (before, back) = (format!("/billing/plans/{}?item=", encode(&price)), "/billing/plans".to_owned());
            let choice = view! { <ItemChoice items=items price=label.unwrap_or_default() before=before back=back/> };
            return Ok(customer_frame("Change plan", crumbs("Change plan"), choice.into_any()));
        }
        let preview = desk.preview_item_change(&price, item.as_deref()).await?;
        let name = preview.price.nickname.clone().unwrap_or_else(|| preview.price.label());
        let lead = format!("{}. {}", preview.price.label(), lead_of(&preview));
        let due = Money::new(preview.invoice.amount_due, preview.invoice.currency.clone());
        let agree =
            if preview.invoice.amount_due > 0 { format!("Change and pay {due}") } else { "Change my plan".to_owned() };
        let look_only = desk.look_only();
        let may_act = look_only.is_none();
        let form = may_act.then(|| {
            view! {
                <form method="post" action="/actions/billing/change-plan">
                    <input type="hidden" name="price" value=preview.price.id.clone()/>
                    {item.map(|item| view! { <input type="hidden" name="item" value=item/> })}
                    <input type="hidden" name="quote" value=preview.quote.clone()/>
                    <input type="hidden" name="form_id" value=form_id/>
                    <Button variant=Variant::Primary icon=Icon::Check>{agree}</Button>
                </form>
            }
        });
        let remark = may_act.then(|| {
            view! {
                <p class="mx-auto mt-3 max-w-xl px-1 text-xs text-ink-soft">
                    "These amounts hold for a quarter of an hour. They are charged to your default payment method. If your bank asks you to confirm the payment, or it is declined, your plan stays as it is until it is paid."
                </p>
            }
        });
        let content = view! {
            <div class="mx-auto max-w-xl"><LookOnly reason=look_only/></div>
            <ConfirmCard title=format!("Change to {name}?") lead=lead effects=effects_of(&preview) cancel_href="/billing/plans">
                {form}
            </ConfirmCard>
            {remark}
        };
        let crumbs: Crumbs = vec![
            ("Plan".to_owned(), Some("/billing".to_owned())),
            ("Change plan".to_owned(), Some("/billing/plans".to_owned())),
            (name, None),
        ];
        Ok(customer_frame("Change plan", crumbs, content.into_any()))
    })
}
