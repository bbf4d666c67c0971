//! Views of the same thing, as links.

use leptos::prelude::*;
use patchbay_domain::money::group_thousands;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tab {
    pub label: String,
    pub href: String,
    pub current: bool,
    pub count: Option<i64>,
}

impl Tab {
    pub fn new(label: impl Into<String>, href: impl Into<String>, current: bool) -> Self {
        Self { label: label.into(), href: href.into(), current, count: None }
    }

    #[must_use]
    pub fn count(self, count: i64) -> Self {
        Self { count: Some(count), ..self }
    }
}

#[component]
pub fn Tabs(
    /// What the tabs switch between.
    #[prop(into)]
    label: String,
    items: Vec<Tab>,
) -> impl IntoView {
    let links = items
        .into_iter()
        .map(|tab| {
            view! {
                <li>
                    <a href=tab.href aria-current=tab.current.then_some("page") class="tab">
                        {tab.label}
                        {tab.count
                            .map(|count| {
                                view! { <span class="rounded-full bg-neutral-soft px-1.5 text-xs text-ink-soft tabular-nums">{group_thousands(count.unsigned_abs())}</span> }
                            })}
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <nav aria-label=label class="mb-4 overflow-x-auto border-b border-line">
            <ul class="flex gap-1">{links}</ul>
        </nav>
    }
}
