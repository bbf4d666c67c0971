//! `/billing`: what customers see and do themselves. Every page reads through the desk of their own organisation.

mod cancel;
mod home;
mod invoice;
mod invoices;
mod payment_methods;
mod plan_change;
mod plans;
mod trouble;

pub use cancel::BillingCancelPage;
pub use home::BillingHomePage;
pub use invoice::BillingInvoicePage;
pub use invoices::BillingInvoicesPage;
pub use payment_methods::BillingPaymentMethodsPage;
pub use plan_change::BillingPlanChangePage;
pub use plans::BillingPlansPage;

use super::page::Crumbs;
use crate::components::{Button, Card, EmptyState, Icon, LinkButton, Notice, Tone, Variant};
use http::{HeaderName, HeaderValue};
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use patchbay_domain::{
    Timestamp,
    billing::{Customer, Subscription},
};

/// `Plan > Title`.
fn crumbs(title: &str) -> Crumbs {
    vec![("Plan".to_owned(), Some("/billing".to_owned())), (title.to_owned(), None)]
}

/// The subscription, unless it is over.
fn running(subscription: Option<Subscription>) -> Option<Subscription> {
    subscription.filter(Subscription::is_running)
}

/// The id of the method that pays the next invoice: the subscription's own one goes first.
fn default_method(customer: Option<&Customer>, subscription: Option<&Subscription>) -> Option<String> {
    let chosen = subscription.and_then(Subscription::paid_with);
    chosen.or_else(|| customer.and_then(Customer::paid_with)).map(str::to_owned)
}

/// `20 Nov 2026`, for sentences.
fn day(at: Timestamp) -> String {
    at.date()
}

/// The browser looks again in a few seconds by itself. Live news can come while a page is still being opened, and there is
/// none without scripts.
fn look_again(to: &str) {
    if let (Some(response), Ok(value)) =
        (use_context::<ResponseOptions>(), HeaderValue::from_str(&format!("4; url={to}")))
    {
        response.insert_header(HeaderName::from_static("refresh"), value);
    }
}

/// Why nothing can be changed just now.
#[component]
fn Paused(reason: Option<String>) -> impl IntoView {
    reason.map(|text| {
        view! {
            <div class="mb-4">
                <Notice tone=Tone::Warn title="Changes are paused"><p>{text}</p></Notice>
            </div>
        }
    })
}

/// Who may change what this page shows, for somebody who may not.
#[component]
fn LookOnly(reason: Option<String>) -> impl IntoView {
    reason.map(|text| {
        view! {
            <div class="mb-4">
                <Notice tone=Tone::Info title="View only"><p>{text}</p></Notice>
            </div>
        }
    })
}

/// Takes a cancellation back.
#[component]
fn KeepForm(form_id: String) -> impl IntoView {
    view! {
        <form method="post" action="/actions/billing/keep">
            <input type="hidden" name="form_id" value=form_id/>
            <Button variant=Variant::Primary icon=Icon::Undo2>"Keep my plan"</Button>
        </form>
    }
}

/// For pages that make sense with a plan only.
#[component]
fn NoPlan() -> impl IntoView {
    view! {
        <Card padded=false>
            <EmptyState title="You have no running plan" icon=Icon::Package>
                <p>"Choose one first. It starts as soon as it is paid."</p>
                <LinkButton href="/billing" variant=Variant::Primary>"See the plans"</LinkButton>
            </EmptyState>
        </Card>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subscriptions_own_method_pays_first() {
        let customer = Customer { default_payment_method: Some("pm_1".to_owned()), ..Customer::default() };
        let subscription = Subscription { default_payment_method: Some("pm_2".to_owned()), ..Subscription::default() };
        assert_eq!(default_method(Some(&customer), Some(&subscription)).as_deref(), Some("pm_2"));
        assert_eq!(default_method(Some(&customer), None).as_deref(), Some("pm_1"));
    }
}
