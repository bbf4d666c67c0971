//! `/subscriptions/{connection}/{id}/cancel`: when it ends and why, before it does.

use super::{
    billing_tables::{ends_at, plan_name},
    cancel_parts::ReasonFields,
    links::{addressed, record_href},
    page::{Crumbs, page, staff_frame},
    records::decoded,
    subscriptions::{customer_name, products_of},
};
use crate::{
    components::{Button, Icon, LinkButton, PageHeader, Variant},
    context::{form_id, operator, request, staff},
};
use leptos::prelude::*;
use patchbay_domain::{
    RecordRef, Timestamp, UserError,
    billing::{SUBSCRIPTION, Subscription},
    error::Reason,
};

#[component]
pub fn SubscriptionCancelPage() -> impl IntoView {
    let record = addressed(&SUBSCRIPTION);
    page(async move {
        let (record, staff, form_id) = (record?, staff()?, form_id());
        // Only those who may cancel get to the question.
        operator()?;
        let page = staff.record(&record).await?;
        let subscription: Subscription = decoded(&page.record)?;
        if subscription.ended_at.is_some() {
            return Err(UserError::new(
                Reason::Conflict,
                "This subscription has ended already. There is nothing to cancel.",
            ));
        }
        let name = customer_name(page.owner.as_ref(), &subscription);
        let products = products_of(&staff, &[(page.record.clone(), subscription.clone())]).await?;
        let plan = plan_name(&products, &page.record.connection, &subscription);
        let amount = subscription.charges().label();
        let href = record_href(&record);
        let crumbs: Crumbs = vec![
            ("Subscriptions".to_owned(), Some("/subscriptions".to_owned())),
            (name.clone(), Some(href.clone())),
            ("Cancel".to_owned(), None),
        ];
        let content = view! {
            <div class="mx-auto max-w-xl">
                <PageHeader title=format!("Cancel the subscription of {name}?") subtitle=format!("{plan}, {amount}")/>
                <CancelForm record=record subscription=subscription back=href form_id=form_id/>
            </div>
        };
        Ok(staff_frame("Cancel", crumbs, "", content.into_any()))
    })
}

#[component]
fn CancelForm(record: RecordRef, subscription: Subscription, back: String, form_id: String) -> impl IntoView {
    let scheduled = ends_at(&subscription);
    let end = subscription.current_period_end;
    let now_chosen =
        scheduled.is_some() || subscription.schedule.is_some() || request().draft("when").as_deref() == Some("now");
    // A cancellation that is scheduled already can only be brought forward.
    let managed = subscription.schedule.is_some();
    let why = managed.then(|| {
        view! {
            <p class="text-sm text-ink-soft">
                "A schedule decides when it ends, and the provider accepts no other date beside it. To end it later than now, change or release the schedule at the provider."
            </p>
        }
    });
    let at_end = (scheduled.is_none() && !managed).then(|| {
        view! { <When value="period_end" checked=!now_chosen title=at_end_title(end) text="It works until then and is not renewed. No further charge. Until then it can be kept with one click."/> }
    });
    view! {
        <form method="post" action="/actions/cancel-subscription" class="rounded-lg border border-line bg-surface">
            <div class="grid gap-5 p-5">
                <input type="hidden" name="record" value=record.path()/>
                <input type="hidden" name="form_id" value=form_id/>
                <fieldset class="grid gap-2">
                    <legend class="mb-2 text-sm font-medium">"When"</legend>
                    {why}
                    {at_end}
                    <When value="now" checked=now_chosen title="Now".to_owned() text="Access ends at once. Nothing is refunded for the rest of the period, and it cannot be undone: a new subscription would have to be started."/>
                </fieldset>
                <ReasonFields hint="Optional. Kept with the subscription at the provider."/>
            </div>
            <div class="flex flex-wrap items-center justify-end gap-2 rounded-b-lg border-t border-line bg-canvas px-5 py-3">
                <LinkButton href=back variant=Variant::Ghost>"Go back"</LinkButton>
                <Button variant=Variant::Danger icon=Icon::Ban>"Cancel the subscription"</Button>
            </div>
        </form>
    }
}

fn at_end_title(end: Option<Timestamp>) -> String {
    end.map_or_else(
        || "At the end of the period".to_owned(),
        |end| format!("At the end of the period, on {}", end.date()),
    )
}

#[component]
fn When(value: &'static str, checked: bool, title: String, text: &'static str) -> impl IntoView {
    let (id, hint) = (format!("when-{value}"), format!("when-{value}-hint"));
    view! {
        <div class="relative flex gap-3 rounded-md border border-line-strong p-3 has-checked:border-accent-mark has-checked:bg-canvas">
            <input type="radio" id=id.clone() name="when" value=value checked=checked aria-describedby=hint.clone() class="mt-0.5 size-4 shrink-0 cursor-pointer accent-accent-solid"/>
            <div class="min-w-0 text-sm">
                <label for=id class="cursor-pointer font-medium after:absolute after:inset-0">{title}</label>
                <p id=hint class="mt-0.5 text-ink-soft">{text}</p>
            </div>
        </div>
    }
}
