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

#[component]
fn SkipLink() -> impl IntoView {
    view! { <a href="#main" class="skip-link">"Skip to the content"</a> }
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
