//! `/subscriptions/{connection}/{id}/plan`: choose a plan, see what changing to it costs, agree.

use super::{
    billing_tables::plan_name,
    links::{addressed, record_href},
    page::{Crumbs, page, staff_frame},
    plan_parts::{Choice, ItemChoice, PlanCards, WaitsAlready, effects_of, lead_of},
    records::decoded,
    subscriptions::{customer_name, products_of},
};
use crate::{
    components::{
        Button, Card, ConfirmCard, EmptyState, Icon, LinkButton, Notice, PageHeader, Size, Tone, Variant, url::encode,
    },
    context::{form_id, operator, request, staff},
};
use leptos::prelude::*;
use patchbay_domain::{
    RecordRef, UserError,
    billing::{SUBSCRIPTION, Subscription},
};
use patchbay_engine::PlanChangePreview;

#[component]
pub fn SubscriptionPlanPage() -> impl IntoView {
    let record = addressed(&SUBSCRIPTION);
    page(async move {
        let (record, staff, operator, request, form_id) = (record?, staff()?, operator()?, request(), form_id());
        let page = staff.record(&record).await?;
        let subscription: Subscription = decoded(&page.record)?;
        let name = customer_name(page.owner.as_ref(), &subscription);
        let products = products_of(&staff, &[(page.record.clone(), subscription.clone())]).await?;
        let amount = subscription.charges().label();
        let now = format!("{}, {amount}", plan_name(&products, &page.record.connection, &subscription));
        let href = record_href(&record);
        let crumbs: Crumbs = vec![
            ("Subscriptions".to_owned(), Some("/subscriptions".to_owned())),
            (name.clone(), Some(href.clone())),
            ("Change plan".to_owned(), None),
        ];
        let waits = request.param("price").is_some_and(|price| subscription.awaits_price(price));
        let content = if waits {
            let lead = "This change was asked for already. The plan changes when its payment is made.";
            view! { <WaitsAlready lead=lead href=href label="Back to the subscription"/> }.into_any()
        } else if let Some(price) = request.param("price") {
            let (item, back) = (request.param("item"), format!("{href}/plan"));
            let items = if item.is_none() { operator.plan_items(&record, price).await? } else { Vec::new() };
            if items.is_empty() {
                let preview = operator.preview_item_change(&record, price, item).await?;
                confirm(&record, &preview, item, &now, &form_id)
            } else {
                let before = format!("{back}?price={}&item=", encode(price));
                let options = operator.plan_options(&record).await?;
                let label = options.iter().find(|option| option.price.id == price).map(|option| option.price.label());
                view! { <ItemChoice items=items price=label.unwrap_or_default() before=before back=back/> }.into_any()
            }
        } else {
            let options = operator.plan_options(&record).await?;
            let choice = Choice::Preview(format!("{href}/plan?price="));
            let list = if options.iter().all(|option| option.current) {
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

fn confirm(record: &RecordRef, preview: &PlanChangePreview, item: Option<&str>, now: &str, form_id: &str) -> AnyView {
    let title = format!("Change to {}?", preview.price.nickname.clone().unwrap_or_else(|| preview.price.label()));
    let lead = format!("From {now}, to {}. {}", preview.price.label(), lead_of(preview));
    let hidden = (!preview.on_offer).then(|| {
        view! {
            <div class="mx-auto mb-4 max-w-xl">
                <Notice tone=Tone::Warn title="Not on offer to customers">
                    <p>"Customers cannot choose this price themselves. You can move them to it; once they leave it, they cannot come back by themselves."</p>
                </Notice>
            </div>
        }
    });
    let (back, record, price) = (format!("{}/plan", record_href(record)), record.path(), preview.price.id.clone());
    let (quote, form_id) = (preview.quote.clone(), form_id.to_owned());
    let item = item.map(str::to_owned).map(|item| view! { <input type="hidden" name="item" value=item/> });
    view! {
        {hidden}
        <ConfirmCard title=title lead=lead effects=effects_of(preview) cancel_href=back>
            <form method="post" action="/actions/change-plan">
                <input type="hidden" name="record" value=record/>
                <input type="hidden" name="price" value=price/>
                {item}
                <input type="hidden" name="quote" value=quote/>
                <input type="hidden" name="form_id" value=form_id/>
                <Button variant=Variant::Primary icon=Icon::Check>"Change the plan"</Button>
            </form>
        </ConfirmCard>
        <p class="mx-auto mt-3 max-w-xl px-1 text-xs text-ink-soft">
            "These amounts hold for a quarter of an hour. If the payment is declined, or the customer's bank asks them to confirm it, the plan stays as it is until it is paid."
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
