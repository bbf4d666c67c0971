//! Sections of a page: its header, its cards, and the parts that are kept current.

use super::{Id, StatusBadge};
use leptos::prelude::*;

#[component]
pub fn Card(
    #[prop(optional, into)] title: Option<String>,
    /// Links or buttons at the right of the title.
    #[prop(optional)]
    actions: Option<AnyView>,
    /// Off for tables and lists that reach the edges.
    #[prop(default = true)]
    padded: bool,
    children: Children,
) -> impl IntoView {
    let header = (title.is_some() || actions.is_some()).then(|| {
        view! {
            <div class="flex min-h-11 flex-wrap items-center gap-2 border-b border-line px-4 py-1.5">
                {title.map(|title| view! { <h2 class="mr-auto text-sm font-semibold">{title}</h2> })}
                {actions}
            </div>
        }
    });
    view! {
        <section class="min-w-0 rounded-lg border border-line bg-surface">
            {header} <div class=if padded { "p-4" } else { "" }>{children()}</div>
        </section>
    }
}

#[component]
pub fn PageHeader(
    #[prop(into)] title: String,
    #[prop(optional, into)] status: Option<String>,
    #[prop(optional, into)] subtitle: Option<String>,
    /// The provider's or our id, copyable.
    #[prop(optional, into)]
    id: Option<String>,
    /// The primary action and its companions.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <header class="mb-4 flex flex-wrap items-start gap-x-4 gap-y-3">
            <div class="min-w-0 flex-1 basis-64">
                <div class="flex flex-wrap items-center gap-x-3 gap-y-1">
                    <h1 class="text-xl font-semibold tracking-tight text-balance break-words"><bdi>{title}</bdi></h1>
                    {status.map(|status| view! { <StatusBadge status=status/> })}
                </div>
                {subtitle.map(|text| view! { <p class="mt-0.5 text-sm text-ink-soft"><bdi>{text}</bdi></p> })}
                {id.map(|id| view! { <div class="mt-1 text-ink-soft"><Id text=id/></div> })}
            </div>
            {children.map(|children| view! { <div class="flex flex-wrap items-center gap-2">{children()}</div> })}
        </header>
    }
}

/// A part of the page that is read again when something changes on the server.
#[component]
pub fn Live(
    /// Unique on the page.
    #[prop(into)]
    name: String,
    /// Say "3 new, show" instead of moving what the person reads.
    #[prop(optional)]
    announce: bool,
    children: Children,
) -> impl IntoView {
    view! {
        <div data-live=name data-live-mode=announce.then_some("announce")>
            {children()}
        </div>
    }
}
