//! Facts about one thing.

use leptos::prelude::*;

#[component]
pub fn KeyValues(children: Children) -> impl IntoView {
    view! { <dl class="divide-y divide-line text-sm">{children()}</dl> }
}

#[component]
pub fn KeyValue(#[prop(into)] label: String, children: Children) -> impl IntoView {
    view! {
        <div class="grid grid-cols-[minmax(6.5rem,2fr)_minmax(0,3fr)] items-baseline gap-x-4 py-2 first:pt-0 last:pb-0">
            <dt class="text-ink-soft">{label}</dt>
            <dd class="min-w-0 break-words tabular-nums"><bdi>{children()}</bdi></dd>
        </div>
    }
}
