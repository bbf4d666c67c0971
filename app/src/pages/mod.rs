//! One file per address. Pages are made on the server; none of this becomes WASM.

mod audit;
mod audit_entry;
mod call;
mod calls;
mod connection_state;
mod connections;
mod dead_letters;
mod event;
pub(crate) mod event_query;
mod event_table;
mod events;
pub(crate) mod links;
mod overview;
mod page;
mod rejections;
mod replay;
mod search;
mod stored;

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
            </Routes>
        </Router>
    }
}
