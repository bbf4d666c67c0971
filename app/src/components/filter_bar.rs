//! Filters live in the address, so that a list as somebody sees it can be sent to somebody else.

use super::{Button, Icon, LinkButton, Size, Variant};
use leptos::prelude::*;

#[component]
pub fn FilterBar(
    /// The list's own path, without a query.
    #[prop(into)]
    action: String,
    /// Whether anything is filtered now.
    #[prop(optional)]
    active: bool,
    /// The filtered list as CSV.
    #[prop(optional, into)]
    export_href: Option<String>,
    /// Compact fields.
    children: Children,
) -> impl IntoView {
    let clear = active.then(|| {
        let href = action.clone();
        view! { <LinkButton href=href variant=Variant::Ghost icon=Icon::X>"Clear"</LinkButton> }
    });
    view! {
        <form method="get" action=action role="search" aria-label="Filter" data-filter="" class="mb-3 flex flex-wrap items-end gap-2">
            {children()}
            <div class="flex items-center gap-1 [&>*]:h-8">
                <Button icon=Icon::ListFilter>"Filter"</Button>
                {clear}
            </div>
            {export_href
                .map(|href| {
                    view! {
                        <div class="ml-auto">
                            <LinkButton href=href variant=Variant::Ghost size=Size::Small icon=Icon::Download>"CSV"</LinkButton>
                        </div>
                    }
                })}
        </form>
    }
}
