//! `/search?q=`: any id, name or e-mail address. What is found exactly opens at once.

use super::{
    page::{page, staff_frame},
    records::or_dash,
};
use crate::{
    components::{Button, Card, Cell, Code, Column, EmptyState, Icon, LinkCell, PageHeader, Row, Table},
    context::{app, request, staff},
    search::{Hit, find},
};
use leptos::prelude::*;

#[component]
pub fn SearchPage() -> impl IntoView {
    page(async move {
        staff()?;
        let (app, request) = (app(), request());
        let text = request.param("q").unwrap_or_default().trim().to_owned();
        let hits = find(&app, &request, &text).await?;
        if let Some(href) = exact(&hits, &text) {
            leptos_axum::redirect(href);
        }
        let results = if text.is_empty() {
            nothing_asked()
        } else if hits.is_empty() {
            nothing_found(&text)
        } else {
            view! { <Results hits=hits/> }.into_any()
        };
        let content = view! {
            <PageHeader title="Search"/>
            <form method="get" action="/search" role="search" aria-label="Search again" class="mb-4 flex max-w-2xl gap-2">
                <input
                    type="search"
                    name="q"
                    value=text
                    aria-label="Any id, email address or name"
                    placeholder="Any id, email or name"
                    autocomplete="off"
                    spellcheck="false"
                    class="h-9 min-w-0 flex-1 rounded-md border border-line-strong bg-field px-3 text-sm placeholder:text-ink-faint"
                />
                <Button icon=Icon::Search>"Search"</Button>
            </form>
            {results}
        };
        Ok(staff_frame("Search", vec![("Search".to_owned(), None)], "", content.into_any()))
    })
}

/// Where to go at once: the only thing whose id is exactly what was asked for.
fn exact<'a>(hits: &'a [Hit], text: &str) -> Option<&'a str> {
    let mut same = hits.iter().filter(|hit| !text.is_empty() && hit.hint.split_whitespace().next_back() == Some(text));
    let only = same.next()?;
    same.next().is_none().then_some(only.href.as_str())
}

#[component]
fn Results(hits: Vec<Hit>) -> impl IntoView {
    let rows = hits
        .into_iter()
        .map(|hit| {
            let (kind, id) = hit
                .hint
                .rsplit_once(' ')
                .map_or((String::new(), hit.hint.clone()), |(kind, id)| (kind.to_owned(), id.to_owned()));
            view! {
                <Row>
                    <LinkCell label="Found" href=hit.href>{hit.title}</LinkCell>
                    <Cell label="Detail">{or_dash(Some(hit.detail))}</Cell>
                    <Cell label="What">{super::events::capitalised(&kind)}</Cell>
                    <Cell label="Id"><code class="font-mono text-xs break-all">{id}</code></Cell>
                </Row>
            }
        })
        .collect_view();
    let head = ["Found", "Detail", "What", "Id"].map(Column::text).to_vec();
    view! { <Card padded=false><Table caption="What was found" head=head>{rows}</Table></Card> }
}

fn nothing_asked() -> AnyView {
    view! {
        <Card padded=false>
            <EmptyState title="Search everything" icon=Icon::Search>
                <p>
                    "Paste an id (" <Code>"evt_…"</Code> ", " <Code>"sub_…"</Code> ", " <Code>"cus_…"</Code>
                    "), or type an email address or the start of a name. An exact id opens its page at once."
                </p>
            </EmptyState>
        </Card>
    }
    .into_any()
}

fn nothing_found(text: &str) -> AnyView {
    let inside = crate::components::url::with_query("/events", [("text".to_owned(), text.to_owned())]);
    view! {
        <Card padded=false>
            <EmptyState title="Nothing found" icon=Icon::Search>
                <p>"No event, customer, subscription, invoice or video has this id or name. It may not be synced yet."</p>
                <p><a href=inside>"Look for it inside the events' payloads"</a></p>
            </EmptyState>
        </Card>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(hint: &str) -> Hit {
        Hit { title: "Northwind".to_owned(), href: format!("/{hint}"), hint: hint.to_owned(), detail: String::new() }
    }

    #[test]
    fn only_one_exact_id_opens_at_once() {
        assert_eq!(exact(&[hit("customer cus_1"), hit("subscription sub_1")], "sub_1"), Some("/subscription sub_1"));
        assert_eq!(exact(&[hit("customer cus_1"), hit("customer cus_1")], "cus_1"), None, "two connections have it");
        assert_eq!(exact(&[hit("customer cus_1")], "cus"), None);
        assert_eq!(exact(&[], ""), None);
    }
}
