//! Where the page is, from the section down. The last crumb is the page itself.

use super::{Glyph, Icon};
use leptos::prelude::*;

#[component]
pub fn Breadcrumbs(crumbs: Vec<(String, Option<String>)>) -> impl IntoView {
    let last = crumbs.len().saturating_sub(1);
    let items = crumbs
        .into_iter()
        .enumerate()
        .map(|(index, (label, href))| {
            let current = (index == last).then_some("page");
            view! {
                <li class="flex min-w-0 items-center gap-1 last:font-medium last:text-ink max-sm:not-last:hidden">
                    {(index > 0)
                        .then(|| view! { <Glyph icon=Icon::ChevronRight class="size-3.5 shrink-0 text-ink-faint max-sm:hidden"/> })}
                    {match href {
                        Some(href) => {
                            view! {
                                <a href=href aria-current=current class="truncate rounded-sm hover:text-accent hover:underline">
                                    <bdi>{label}</bdi>
                                </a>
                            }
                            .into_any()
                        }
                        None => view! { <span class="truncate" aria-current=current><bdi>{label}</bdi></span> }.into_any(),
                    }}
                </li>
            }
        })
        .collect_view();
    view! {
        <nav aria-label="Breadcrumbs" class="min-w-0">
            <ol class="flex min-w-0 items-center gap-1 text-sm text-ink-soft">{items}</ol>
        </nav>
    }
}
