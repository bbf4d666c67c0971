//! Filters live in the address, so that a list as somebody sees it can be sent to somebody else.

use super::{Button, Glyph, Icon, LinkButton, Size, Variant};
use leptos::prelude::*;

/// On a phone the fields fold behind one line that says how many filters are set.
#[component]
pub fn FilterBar(
    /// The list's own path, without a query.
    #[prop(into)]
    action: String,
    /// How many filters are set now.
    #[prop(optional)]
    filters: usize,
    /// The filtered list as CSV.
    #[prop(optional, into)]
    export_href: Option<String>,
    /// Compact fields.
    children: Children,
) -> impl IntoView {
    let clear = (filters > 0).then(|| {
        let href = action.clone();
        view! { <LinkButton href=href variant=Variant::Ghost icon=Icon::X>"Clear"</LinkButton> }
    });
    let summary = if filters > 0 { format!("Filters ({filters})") } else { "Filters".to_owned() };
    let export = export_href.map(|href| {
        view! {
            <div class="filter-export">
                <LinkButton href=href variant=Variant::Ghost size=Size::Small icon=Icon::Download>"Export CSV"</LinkButton>
            </div>
        }
    });
    view! {
        <div class="filter-bar">
            <details class="filter-fold">
                <summary>
                    <Glyph icon=Icon::ListFilter/>
                    {summary}
                </summary>
                <form method="get" action=action role="search" aria-label="Filter" data-filter="" class="flex flex-wrap items-end gap-2">
                    {children()}
                    <div class="flex items-center gap-1 [&>*]:h-8">
                        <Button icon=Icon::ListFilter>"Filter"</Button>
                        {clear}
                    </div>
                </form>
            </details>
            {export}
        </div>
    }
}
