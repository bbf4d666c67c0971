//! `/billing`: what customers see and do themselves. Every page reads through the desk of their own organisation.

mod cancel;
mod home;
mod invoice;
mod invoices;
mod payment_methods;
mod plan_change;
mod plans;

pub use cancel::BillingCancelPage;
pub use home::BillingHomePage;
pub use invoice::BillingInvoicePage;
pub use invoices::BillingInvoicesPage;
pub use payment_methods::BillingPaymentMethodsPage;
pub use plan_change::BillingPlanChangePage;
pub use plans::BillingPlansPage;

use super::page::Crumbs;
use crate::components::{Notice, Tone};
use leptos::prelude::*;
use patchbay_domain::{Timestamp, billing::Subscription};

/// `Billing > Title`.
fn crumbs(title: &str) -> Crumbs {
    vec![("Billing".to_owned(), Some("/billing".to_owned())), (title.to_owned(), None)]
}

/// The subscription, unless it is over.
fn running(subscription: Option<Subscription>) -> Option<Subscription> {
    subscription.filter(|subscription| subscription.ended_at.is_none() && subscription.status != "incomplete_expired")
}

/// `20 Nov 2026`, for sentences.
fn day(at: Timestamp) -> String {
    at.date()
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
