//! Copies a text; invisible until the browser can.

use super::dom;
use leptos::prelude::*;
use std::time::Duration;
use wasm_bindgen_futures::JsFuture;

#[island]
pub fn CopyButton(text: String) -> impl IntoView {
    let ready = RwSignal::new(false);
    let copied = RwSignal::new(false);
    // Browsers offer the clipboard to secure pages only.
    Effect::new(move |_| ready.set(dom::has_clipboard()));
    let label = format!("Copy {text}");
    let copy = move |_| {
        let promise = window().navigator().clipboard().write_text(&text);
        leptos::task::spawn_local(async move {
            if JsFuture::from(promise).await.is_ok() {
                copied.set(true);
                set_timeout(move || copied.set(false), Duration::from_millis(1_500));
            }
        });
    };
    view! {
        <button type="button" class="copy" class:invisible=move || !ready.get() aria-label=label on:click=copy>
            <svg class="size-3.5" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">
                <path d=move || {
                    if copied.get() {
                        "M20 6 9 17l-5-5"
                    } else {
                        "M10 8h10a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H10a2 2 0 0 1-2-2V10a2 2 0 0 1 2-2ZM4 16a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2h10a2 2 0 0 1 2 2"
                    }
                }></path>
            </svg>
            <span class="sr-only" role="status">{move || if copied.get() { "Copied" } else { "" }}</span>
        </button>
    }
}
