//! Previous and next page of a keyset-paged list.

use super::{Glyph, Icon, Size, Variant, button::button_class, url};
use leptos::prelude::*;

#[component]
pub fn Pager(
    #[prop(into)] path: String,
    /// The list's filters, without `before` and `after`.
    query: Vec<(String, String)>,
    /// Cursors as the store gave them.
    prev: Option<String>,
    next: Option<String>,
    /// Such as `50 per page, newest first`.
    #[prop(optional, into)]
    note: Option<String>,
) -> impl IntoView {
    let link = |key: &str, cursor: Option<String>| {
        cursor.map(|cursor| {
            let pairs = query.iter().cloned().chain([(key.to_owned(), cursor)]);
            url::with_query(&path, pairs)
        })
    };
    let (before, after) = (link("before", prev), link("after", next));
    if before.is_none() && after.is_none() && note.is_none() {
        return ().into_any();
    }
    let class = button_class(Variant::Secondary, Size::Small);
    view! {
        <nav aria-label="Pages" class="flex items-center gap-2 px-4 py-2.5 text-xs text-ink-soft">
            <span class="mr-auto">{note}</span>
            {before
                .map(|href| {
                    view! {
                        <a href=href rel="prev" class=class.clone()>
                            <Glyph icon=Icon::ChevronLeft class="size-3.5"/>
                            "Previous"
                        </a>
                    }
                })}
            {after
                .map(|href| {
                    view! {
                        <a href=href rel="next" class=class.clone()>
                            "Next"
                            <Glyph icon=Icon::ChevronRight class="size-3.5"/>
                        </a>
                    }
                })}
        </nav>
    }
    .into_any()
}
