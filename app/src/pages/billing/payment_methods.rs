//! `/billing/payment-methods`: what their invoices are paid with.

use super::{LookOnly, Paused, default_method, look_again, running};
use crate::{
    components::{
        Badge, Button, Card, ConfirmDialog, EmptyState, Glyph, Icon, Live, Notice, PageHeader, Size, Tone, Variant,
    },
    context::{customer, form_id, now, request},
    pages::{
        billing_tables::{is_expired, method_expiry, method_name},
        page::{customer_frame, page},
    },
};
use leptos::prelude::*;
use patchbay_domain::{Timestamp, billing::PaymentMethod};

#[component]
pub fn BillingPaymentMethodsPage() -> impl IntoView {
    page(async move {
        let (desk, request, form_id, now) = (customer().await?, request(), form_id(), now());
        let home = desk.home().await?;
        let may_act = home.look_only.is_none();
        let default = default_method(home.customer.as_ref(), running(home.subscription).as_ref());
        let added = (request.param("checkout") == Some("done")).then(|| {
            look_again("/billing/payment-methods");
            view! {
                <div class="mb-4">
                    <Notice tone=Tone::Info title="Thank you">
                        <p>"Your payment method appears here as soon as the payment provider confirms it."</p>
                    </Notice>
                </div>
            }
        });
        let list = if home.methods.is_empty() {
            view! {
                <EmptyState title="No payment method yet" icon=Icon::CreditCard>
                    <p>"A card or a bank account is added here. Its details go to our payment provider, never to us."</p>
                </EmptyState>
            }
            .into_any()
        } else {
            let rows = home
                .methods
                .into_iter()
                .map(|method| {
                    let is_default = default.as_deref() == Some(method.id.as_str());
                    let form_id = format!("{form_id}-{}", method.id);
                    view! { <Method method=method is_default=is_default may_act=may_act form_id=form_id now=now/> }
                })
                .collect_view();
            view! { <ul class="divide-y divide-line">{rows}</ul> }.into_any()
        };
        let add = may_act.then(|| {
            view! {
                <form method="post" action="/actions/billing/add-payment-method">
                    <input type="hidden" name="form_id" value=form_id/>
                    <Button variant=Variant::Primary icon=Icon::Plus>"Add a payment method"</Button>
                </form>
            }
        });
        let content = view! {
            <PageHeader title="Payment methods" subtitle="The default one pays your next invoices.">
                {add}
            </PageHeader>
            <LookOnly reason=home.look_only/>
            <Paused reason=home.paused/>
            {added}
            <Live name="methods"><Card padded=false>{list}</Card></Live>
        };
        let crumbs = vec![("Payment methods".to_owned(), None)];
        Ok(customer_frame("Payment methods", crumbs, content.into_any()))
    })
}

#[component]
fn Method(method: PaymentMethod, is_default: bool, may_act: bool, form_id: String, now: Timestamp) -> impl IntoView {
    let name = method_name(&method);
    let expired =
        is_expired(&method, now).then(|| view! { <Badge label="Expired" tone=Tone::Warn icon=Icon::TriangleAlert/> });
    let id = method.id.clone();
    let actions = if is_default {
        view! { <span class="text-xs text-ink-soft">"Pays your next invoices"</span> }.into_any()
    } else if !may_act {
        ().into_any()
    } else {
        let lead = format!("{name} is not used again. You can add it once more at any time.");
        view! {
            <form method="post" action="/actions/billing/set-default-payment-method">
                <input type="hidden" name="method" value=id.clone()/>
                <input type="hidden" name="form_id" value=form_id.clone()/>
                <Button size=Size::Small>"Make default"</Button>
            </form>
            <ConfirmDialog id=format!("remove-{id}") trigger="Remove" title="Remove this payment method?" lead=lead variant=Variant::Ghost size=Size::Small icon=Icon::Trash2>
                <form method="post" action="/actions/billing/remove-payment-method">
                    <input type="hidden" name="method" value=id/>
                    <input type="hidden" name="form_id" value=form_id/>
                    <Button variant=Variant::Danger>"Remove it"</Button>
                </form>
            </ConfirmDialog>
        }
        .into_any()
    };
    view! {
        <li class="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
            <Glyph icon=Icon::CreditCard class="size-5 shrink-0 text-ink-soft"/>
            <div class="min-w-0 flex-1 basis-48">
                <p class="flex flex-wrap items-center gap-2 text-sm">
                    <span class="font-medium">{name}</span>
                    {is_default.then(|| view! { <Badge label="Default" tone=Tone::Info icon=Icon::Check/> })}
                    {expired}
                </p>
                <p class="text-xs text-ink-soft">{method_expiry(&method).map(|expiry| format!("Expires {expiry}"))}</p>
            </div>
            <div class="flex flex-wrap items-center gap-2">{actions}</div>
        </li>
    }
}
