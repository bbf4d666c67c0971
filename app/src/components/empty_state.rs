//! A list with nothing in it: what would be here, and how to get it.

use super::{Glyph, Icon};
use leptos::prelude::*;

#[component]
pub fn EmptyState(
    #[prop(into)] title: String,
    #[prop(default = Icon::Inbox)] icon: Icon,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="flex flex-col items-center px-6 py-12 text-center">
            <Glyph icon=icon class="size-8 text-ink-faint"/>
            <p class="mt-3 text-sm font-semibold">{title}</p>
            <div class="prose-links mt-1 max-w-md space-y-3 text-sm text-ink-soft">{children()}</div>
        </div>
    }
}
