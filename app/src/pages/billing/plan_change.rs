//! `/billing/plans/{price}`: exactly what the change costs, before they agree.

use crate::{
    components::{Button, ConfirmCard, Icon, Variant},
    context::{customer, form_id},
    pages::{
        page::{Crumbs, customer_frame, page},
        plan_parts::{effects_of, lead_of},
    },
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use patchbay_domain::Money;

#[component]
pub fn BillingPlanChangePage() -> impl IntoView {
    let price = use_params_map().with_untracked(|params| params.get("price").unwrap_or_default());
    page(async move {
        let (desk, form_id) = (customer().await?, form_id());
        let preview = desk.preview_plan_change(&price).await?;
        let name = preview.price.nickname.clone().unwrap_or_else(|| preview.price.label());
        let lead = format!("{}. {}", preview.price.label(), lead_of(&preview.invoice, &preview.subscription.status));
        let due = Money::new(preview.invoice.amount_due, preview.invoice.currency.clone());
        let agree =
            if preview.invoice.amount_due > 0 { format!("Change and pay {due}") } else { "Change my plan".to_owned() };
        let content = view! {
            <ConfirmCard title=format!("Change to {name}?") lead=lead effects=effects_of(&preview) cancel_href="/billing/plans">
                <form method="post" action="/actions/billing/change-plan">
                    <input type="hidden" name="price" value=preview.price.id.clone()/>
                    <input type="hidden" name="proration_at" value=preview.proration_at.micros().to_string()/>
                    <input type="hidden" name="form_id" value=form_id/>
                    <Button variant=Variant::Primary icon=Icon::Check>{agree}</Button>
                </form>
            </ConfirmCard>
            <p class="mx-auto mt-3 max-w-xl px-1 text-xs text-ink-soft">
                "These amounts hold for an hour. They are charged to your default payment method; if it declines, nothing changes."
            </p>
        };
        let crumbs: Crumbs = vec![
            ("Plan".to_owned(), Some("/billing".to_owned())),
            ("Change plan".to_owned(), Some("/billing/plans".to_owned())),
            (name, None),
        ];
        Ok(customer_frame("Change plan", crumbs, content.into_any()))
    })
}
