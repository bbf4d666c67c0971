//! The keyboard: jumps, moving through lists, and a dialog that shows them all.

use super::dom;
use leptos::{ev, html::Dialog, prelude::*};
use std::time::Duration;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, KeyboardEvent};

/// How long after `g` the second key of a jump may come.
const PREFIX: Duration = Duration::from_millis(1_500);

/// A jump is any link that carries its keys: `data-keys="g e"`. The children are the dialog's content.
#[island]
pub fn Shortcuts(children: Children) -> impl IntoView {
    let help = NodeRef::<Dialog>::new();
    let prefixed = StoredValue::new(false);
    let on_key = move |event: KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() || dom::is_typing() {
            return;
        }
        let key = event.key();
        let handled = if prefixed.get_value() {
            prefixed.set_value(false);
            dom::follow(&format!("a[data-keys=\"g {key}\"]"))
        } else {
            match key.as_str() {
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
            }
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
            {children()}
        </dialog>
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
