//! The one table. Its header stays in sight; on a phone each row becomes a card.

use leptos::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub label: String,
    pub end: bool,
    pub hidden: bool,
}

impl Column {
    pub fn text(label: impl Into<String>) -> Self {
        Self { label: label.into(), end: false, hidden: false }
    }

    /// Right-aligned, for numbers.
    pub fn end(label: impl Into<String>) -> Self {
        Self { label: label.into(), end: true, hidden: false }
    }

    /// A column whose name only screen readers need, such as that of the check boxes.
    pub fn hidden(label: impl Into<String>) -> Self {
        Self { label: label.into(), end: false, hidden: true }
    }
}

#[component]
pub fn Table(
    /// What the rows are, for screen readers.
    #[prop(into)]
    caption: String,
    head: Vec<Column>,
    /// Whether rows become cards on a phone; otherwise the table scrolls in its own box.
    #[prop(default = true)]
    stack: bool,
    /// Rows.
    children: Children,
) -> impl IntoView {
    let columns = head
        .into_iter()
        .map(|column| {
            let align = if column.end { "text-right" } else { "text-left" };
            let label = if column.hidden {
                view! { <span class="sr-only">{column.label}</span> }.into_any()
            } else {
                column.label.into_any()
            };
            view! { <th scope="col" class=align>{label}</th> }
        })
        .collect_view();
    view! {
        <div class=if stack { "table-box table-stack" } else { "table-box" }>
            <table class="table">
                <caption class="sr-only">{caption}</caption>
                <thead>
                    <tr>{columns}</tr>
                </thead>
                <tbody>{children()}</tbody>
            </table>
        </div>
    }
}

#[component]
pub fn Row(#[prop(optional)] selected: bool, children: Children) -> impl IntoView {
    view! { <tr data-row="" data-selected=selected.then_some("")>{children()}</tr> }
}

/// The cell that names the row. Its link covers the whole row; other links and buttons of the row stay on top.
#[component]
pub fn LinkCell(#[prop(into)] href: String, #[prop(into)] label: String, children: Children) -> impl IntoView {
    view! {
        <td data-label=label class="lead">
            <a href=href class="row-link"><bdi>{children()}</bdi></a>
        </td>
    }
}

#[component]
pub fn Cell(
    /// The column's name, shown beside the value on phones.
    #[prop(into)]
    label: String,
    /// Right-aligned, for numbers.
    #[prop(optional)]
    end: bool,
    /// May break into lines; other cells do not.
    #[prop(optional)]
    wide: bool,
    children: Children,
) -> impl IntoView {
    let class = match (end, wide) {
        (true, _) => "end",
        (false, true) => "wide",
        (false, false) => "",
    };
    // Whatever is in it keeps its own direction, and does not turn what stands beside it.
    view! { <td data-label=label class=class><bdi>{children()}</bdi></td> }
}

#[component]
pub fn SelectCell(
    #[prop(into)] name: String,
    #[prop(into)] value: String,
    /// What the box selects, such as `Select event evt_1`.
    #[prop(into)]
    label: String,
    /// The id of the form of the bulk action.
    #[prop(optional, into)]
    form: Option<String>,
) -> impl IntoView {
    view! {
        <td class="select">
            <input type="checkbox" name=name value=value form=form aria-label=label class="size-4 cursor-pointer align-middle accent-accent-solid"/>
        </td>
    }
}
