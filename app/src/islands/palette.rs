//! Ctrl/⌘ K: pages, actions and records by a few letters.

use super::{Command, dom};
use leptos::{ev, html, prelude::*, task::spawn_local};
use std::time::Duration;
use web_sys::KeyboardEvent;

const DEBOUNCE: Duration = Duration::from_millis(150);
const MOST: usize = 12;

#[island]
pub fn CommandPalette(commands: Vec<Command>) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let input = NodeRef::<html::Input>::new();
    let ready = RwSignal::new(false);
    let query = RwSignal::new(String::new());
    let records = RwSignal::new(Vec::<Command>::new());
    let chosen = RwSignal::new(0_usize);
    let commands = StoredValue::new(commands);
    let found = Memo::new(move |_| {
        let mut found = commands.with_value(|commands| matching(commands, &query.get()));
        found.extend(records.get());
        found.truncate(MOST);
        found
    });

    let open = move || {
        query.set(String::new());
        records.set(Vec::new());
        chosen.set(0);
        if let (Some(dialog), Some(input)) = (dialog.get_untracked(), input.get_untracked()) {
            input.set_value("");
            // Already open is fine.
            let _ = dialog.show_modal();
        }
    };
    Effect::new(move |_| {
        ready.set(true);
        let listener = window_event_listener(ev::keydown, move |event| {
            if (event.ctrl_key() || event.meta_key()) && event.key() == "k" {
                event.prevent_default();
                open();
            }
        });
        on_cleanup(move || listener.remove());
    });

    let typed = move |event| {
        let text = event_target_value(&event);
        query.set(text.clone());
        chosen.set(0);
        set_timeout(move || ask(text, query, records), DEBOUNCE);
    };
    let on_key = move |event: KeyboardEvent| {
        let last = found.with(|found| found.len().saturating_sub(1));
        match event.key().as_str() {
            "ArrowDown" => chosen.update(|index| *index = (*index + 1).min(last)),
            "ArrowUp" => chosen.update(|index| *index = index.saturating_sub(1)),
            "Enter" => match found.with(|found| found.get(chosen.get()).cloned()) {
                Some(command) => dom::go(&command.href),
                None => dom::go(&search_page(&query.get())),
            },
            _ => return,
        }
        event.prevent_default();
    };
    let options = move || {
        let list = found.get().into_iter().enumerate().map(|(index, command)| {
            let href = command.href.clone();
            view! {
                <li
                    role="option"
                    id=format!("palette-{index}")
                    class="palette-option"
                    aria-selected=move || if chosen.get() == index { "true" } else { "false" }
                    on:click=move |_| dom::go(&href)
                >
                    <bdi class="truncate">{command.title}</bdi>
                    <bdi class="truncate text-xs text-ink-soft empty:hidden">{command.detail}</bdi>
                    <span class="ml-auto shrink-0 text-xs text-ink-soft">{command.hint}</span>
                </li>
            }
        });
        list.collect_view()
    };
    let none = move || found.with(Vec::is_empty).then_some("Nothing by that name. Enter searches everything.");
    view! {
        <button type="button" class="palette-open" class:invisible=move || !ready.get() aria-label="Ctrl K: open the command palette" on:click=move |_| open()>
            <kbd>"Ctrl"</kbd>
            " "
            <kbd>"K"</kbd>
        </button>
        <dialog node_ref=dialog class="dialog palette" aria-label="Command palette">
            <input
                node_ref=input
                type="text"
                role="combobox"
                aria-label="Find a page, a record or an action"
                aria-expanded="true"
                aria-controls="palette-list"
                aria-autocomplete="list"
                aria-activedescendant=move || format!("palette-{}", chosen.get())
                autocomplete="off"
                spellcheck="false"
                placeholder="A page, an action, an id, an email address …"
                class="h-12 w-full border-b border-line bg-transparent px-4 text-base outline-none"
                on:input=typed
                on:keydown=on_key
            />
            <ul id="palette-list" role="listbox" aria-label="Results" class="max-h-112 overflow-y-auto p-1.5">{options}</ul>
            <p class="px-4 pb-3 text-sm text-ink-soft empty:hidden" role="status">{none}</p>
        </dialog>
    }
}

/// Asks for records, unless the person has typed on meanwhile.
fn ask(text: String, query: RwSignal<String>, records: RwSignal<Vec<Command>>) {
    if query.get_untracked() != text {
        return;
    }
    if text.trim().len() < 2 {
        records.set(Vec::new());
        return;
    }
    spawn_local(async move {
        let url = format!("/search.json?q={}", String::from(js_sys::encode_uri_component(&text)));
        let answer = dom::get(&url).await.and_then(|body| serde_json::from_str(&body).ok());
        if query.get_untracked() == text {
            records.set(answer.unwrap_or_default());
        }
    });
}

fn search_page(query: &str) -> String {
    format!("/search?q={}", String::from(js_sys::encode_uri_component(query)))
}

/// Every word of the query must occur in the title; titles that begin with it come first.
fn matching(commands: &[Command], query: &str) -> Vec<Command> {
    let query = query.trim().to_ascii_lowercase();
    let fits = |command: &&Command| {
        let title = command.title.to_ascii_lowercase();
        query.split_ascii_whitespace().all(|word| title.contains(word))
    };
    let begins = |command: &Command| command.title.to_ascii_lowercase().starts_with(&query);
    let (mut first, others): (Vec<Command>, Vec<Command>) = commands.iter().filter(fits).cloned().partition(begins);
    first.extend(others);
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_that_begin_with_the_query_come_first() {
        let commands = ["Dead letters", "Invoices", "Open invoices"].map(|title| Command::new(title, "/", ""));
        let titles = |query| matching(&commands, query).into_iter().map(|command| command.title).collect::<Vec<_>>();
        assert_eq!(titles("inv"), ["Invoices", "Open invoices"]);
        assert_eq!(titles("letters dead"), ["Dead letters"]);
        assert!(titles("xyz").is_empty());
    }
}
