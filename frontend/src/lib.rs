//! The browser's entry point: wakes the islands that the server's HTML contains.

// Without this the linker drops the islands: nothing here calls them by name.
extern crate patchbay_app as app;

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
