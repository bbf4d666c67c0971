//! The keyboard: jumps, moving through lists, and a page that shows them all.

use super::{Command, dom};
use leptos::{ev, html::Dialog, prelude::*};
use std::time::Duration;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, KeyboardEvent};

/// How long after `g` the second key of a jump may come.
const PREFIX: Duration = Duration::from_millis(1_500);

/// Each jump's `hint` holds its keys, such as `g e`.
#[island]
pub fn Shortcuts(jumps: Vec<Command>) -> impl IntoView {
    let help = NodeRef::<Dialog>::new();
    let prefixed = StoredValue::new(false);
    let rows = jumps.iter().map(|jump| line(&jump.hint, &format!("Go to {}", jump.title))).collect_view();
    let jumps = StoredValue::new(jumps);
    let on_key = move |event: KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() || dom::is_typing() {
            return;
        }
        let key = event.key();
        if prefixed.get_value() {
            prefixed.set_value(false);
            let keys = format!("g {key}");
            let jump = jumps.with_value(|jumps| jumps.iter().find(|jump| jump.hint == keys).cloned());
            if let Some(jump) = jump {
                event.prevent_default();
                dom::go(&jump.href);
            }
            return;
        }
        let handled = match key.as_str() {
            "g" => {
                prefixed.set_value(true);
                set_timeout(move || prefixed.set_value(false), PREFIX);
                true
            }
            "j" => move_row(1),
            "k" => move_row(-1),
            "x" => toggle_row(),
            "/" => dom::focus("[data-filter] input:not([type=hidden])") || dom::focus("#search"),
            "?" => help.get_untracked().is_some_and(|dialog| dialog.show_modal().is_ok()),
            _ => false,
        };
        if handled {
            event.prevent_default();
        }
    };
    Effect::new(move |_| {
        let listener = window_event_listener(ev::keydown, on_key);
        on_cleanup(move || listener.remove());
    });
    view! {
        <dialog node_ref=help class="dialog" aria-labelledby="shortcuts-title">
            <div class="p-5">
                <h2 id="shortcuts-title" class="mb-3 text-base font-semibold">"Keyboard"</h2>
                <dl class="grid grid-cols-[auto_1fr] items-center gap-x-4 gap-y-1.5 text-sm">
                    {line("Ctrl K", "Find a page, a record or an action")} {line("j", "Next row")} {line("k", "Previous row")}
                    {line("Enter", "Open the row")} {line("x", "Select the row")} {line("/", "Filter or search")}
                    {line("?", "This list")} {rows}
                </dl>
                <form method="dialog" class="mt-4 text-right">
                    <button class="h-8 cursor-pointer rounded-md border border-line-strong px-3 text-sm hover:bg-sunken">"Close"</button>
                </form>
            </div>
        </dialog>
    }
}

fn line(keys: &str, what: &str) -> impl IntoView + use<> {
    let caps = keys.split(' ').map(|key| view! { <kbd>{key.to_owned()}</kbd> }).collect_view();
    let what = what.to_owned();
    view! {
        <dt class="flex gap-1">{caps}</dt>
        <dd>{what}</dd>
    }
}

/// Moves the focus to the next row's link, so that Enter opens it as it opens any link.
fn move_row(by: isize) -> bool {
    let links = dom::all("[data-row] .row-link");
    let active = document().active_element();
    let current = active.and_then(|active| {
        let row = active.closest("[data-row]").ok().flatten()?;
        links.iter().position(|link| row.contains(Some(link)))
    });
    let next = match current {
        Some(index) => index.saturating_add_signed(by).min(links.len().saturating_sub(1)),
        None => 0,
    };
    let link = links.get(next).and_then(|link| link.dyn_ref::<HtmlElement>());
    link.is_some_and(|link| link.focus().is_ok())
}

fn toggle_row() -> bool {
    let row = document().active_element().and_then(|active| active.closest("[data-row]").ok().flatten());
    let check_box = row.and_then(|row| row.query_selector("input[type=checkbox]").ok().flatten());
    let check_box = check_box.and_then(|element| element.dyn_into::<HtmlElement>().ok());
    check_box.inspect(HtmlElement::click).is_some()
}
