//! One file per address. Pages are made on the server; none of this becomes WASM.

mod audit;
mod audit_entry;
mod awaited_parts;
mod billing;
mod billing_tables;
mod call;
mod calls;
pub(crate) mod cancel_parts;
mod connection_parts;
mod connection_state;
mod connections;
mod customer;
mod customers;
mod dead_letters;
mod event;
pub(crate) mod event_query;
mod event_table;
mod events;
pub mod export;
mod invoice;
mod invoice_parts;
mod invoices;
pub(crate) mod links;
mod outlook;
mod overview;
mod page;
mod plan_parts;
mod record_timeline;
mod records;
mod rejections;
mod replay;
mod search;
mod standing;
mod stored;
mod subscription;
mod subscription_cancel;
mod subscription_plan;
mod subscriptions;
mod video;
mod video_parts;
mod videos;
mod whose;

pub use page::page;

use leptos::prelude::*;
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    path,
};

/// All addresses. `SsrMode::Async`: the page is whole when it is sent, so it works without any script.
#[component]
pub fn App() -> impl IntoView {
    view! {
        <Router>
            <Routes fallback=page::NotFound>
                <Route path=path!("/") view=overview::OverviewPage ssr=SsrMode::Async/>
                <Route path=path!("/events") view=events::EventsPage ssr=SsrMode::Async/>
                <Route path=path!("/events/replay") view=replay::ReplayPage ssr=SsrMode::Async/>
                <Route path=path!("/events/:id") view=event::EventPage ssr=SsrMode::Async/>
                <Route path=path!("/dead-letters") view=dead_letters::DeadLettersPage ssr=SsrMode::Async/>
                <Route path=path!("/rejections") view=rejections::RejectionsPage ssr=SsrMode::Async/>
                <Route path=path!("/calls") view=calls::CallsPage ssr=SsrMode::Async/>
                <Route path=path!("/calls/:id") view=call::CallPage ssr=SsrMode::Async/>
                <Route path=path!("/connections") view=connections::ConnectionsPage ssr=SsrMode::Async/>
                <Route path=path!("/audit") view=audit::AuditPage ssr=SsrMode::Async/>
                <Route path=path!("/audit/:id") view=audit_entry::AuditEntryPage ssr=SsrMode::Async/>
                <Route path=path!("/search") view=search::SearchPage ssr=SsrMode::Async/>
                <Route path=path!("/customers") view=customers::CustomersPage ssr=SsrMode::Async/>
                <Route path=path!("/customers/:connection/:id") view=customer::CustomerPage ssr=SsrMode::Async/>
                <Route path=path!("/subscriptions") view=subscriptions::SubscriptionsPage ssr=SsrMode::Async/>
                <Route path=path!("/subscriptions/:connection/:id") view=subscription::SubscriptionPage ssr=SsrMode::Async/>
                <Route path=path!("/subscriptions/:connection/:id/plan") view=subscription_plan::SubscriptionPlanPage ssr=SsrMode::Async/>
                <Route path=path!("/subscriptions/:connection/:id/cancel") view=subscription_cancel::SubscriptionCancelPage ssr=SsrMode::Async/>
                <Route path=path!("/invoices") view=invoices::InvoicesPage ssr=SsrMode::Async/>
                <Route path=path!("/invoices/:connection/:id") view=invoice::InvoicePage ssr=SsrMode::Async/>
                <Route path=path!("/videos") view=videos::VideosPage ssr=SsrMode::Async/>
                <Route path=path!("/videos/:connection/:id") view=video::VideoPage ssr=SsrMode::Async/>
                <Route path=path!("/billing") view=billing::BillingHomePage ssr=SsrMode::Async/>
                <Route path=path!("/billing/plans") view=billing::BillingPlansPage ssr=SsrMode::Async/>
                <Route path=path!("/billing/plans/:price") view=billing::BillingPlanChangePage ssr=SsrMode::Async/>
                <Route path=path!("/billing/cancel") view=billing::BillingCancelPage ssr=SsrMode::Async/>
                <Route path=path!("/billing/payment-methods") view=billing::BillingPaymentMethodsPage ssr=SsrMode::Async/>
                <Route path=path!("/billing/invoices") view=billing::BillingInvoicesPage ssr=SsrMode::Async/>
                <Route path=path!("/billing/invoices/:id") view=billing::BillingInvoicePage ssr=SsrMode::Async/>
            </Routes>
        </Router>
    }
}
