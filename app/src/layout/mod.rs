//! The frames around every page. Both take the same properties:
//!
//! `principal: Principal`, `sandbox: bool`, `path: String` (of the request, marks the current entry), `crumbs: Vec<(String,
//! Option<String>)>` (last one is the page, without a link), `title: String` (of the window), `flash: Option<Flash>`,
//! `live: Option<String>` (topics of `/live`, comma-separated; leave it out on pages that never change), children = the page.
//!
//! They post to `/sign-out` and `/theme` (fields `theme` = `light`, `dark` or `system` and `next` = a local path).

mod customer;
mod menu;
mod staff;

pub use customer::CustomerFrame;
pub use menu::Theme;
pub use staff::StaffFrame;

use crate::components::{Glyph, Icon};
use leptos::prelude::*;
use patchbay_domain::Principal;

#[component]
fn SkipLink() -> impl IntoView {
    view! { <a href="#main" class="skip-link">"Skip to the content"</a> }
}

/// Who really sits there, on every page that somebody sees in another's name.
#[component]
fn Impersonation(principal: Principal) -> impl IntoView {
    principal.impersonator.map(|other| {
        view! {
            <div role="status" class="flex items-start gap-2 border-b border-line bg-warn-soft px-4 py-2 text-sm text-ink sm:px-6">
                <Glyph icon=Icon::TriangleAlert class="mt-0.5 size-4 shrink-0 text-warn"/>
                <p class="min-w-0">
                    <code class="font-mono text-xs break-all">{other}</code>
                    " is signed in as "
                    <strong class="font-semibold"><bdi>{principal.name}</bdi></strong>
                    ". Whatever is done here is recorded under both names."
                </p>
            </div>
        }
    })
}

#[component]
fn Brand(href: &'static str) -> impl IntoView {
    view! {
        <a href=href class="flex items-center gap-2 rounded-md font-semibold tracking-tight">
            <svg viewBox="0 0 24 24" class="size-6 shrink-0" aria-hidden="true">
                <rect width="24" height="24" rx="6" class="fill-accent-solid"></rect>
                <path d="M7 8v3a5 5 0 0 0 5 5h5" fill="none" class="stroke-on-accent" stroke-width="2" stroke-linecap="round"></path>
                <circle cx="7" cy="7" r="2" class="fill-on-accent"></circle>
                <circle cx="17" cy="16" r="2" class="fill-on-accent"></circle>
            </svg>
            "Patchbay"
        </a>
    }
}

/// Nobody may mistake the sandbox for the real thing.
#[component]
fn SandboxBadge(#[prop(optional)] link: bool) -> impl IntoView {
    const CLASS: &str = "sandbox-badge";
    let inner = || view! { <Glyph icon=Icon::FlaskConical class="size-3.5 shrink-0"/> "Sandbox" };
    if link {
        view! { <a href="/sandbox" class=CLASS title="Nothing here is real. Open the sandbox's switches.">{inner()}</a> }.into_any()
    } else {
        view! { <span class=CLASS title="Nothing here is real">{inner()}</span> }.into_any()
    }
}
