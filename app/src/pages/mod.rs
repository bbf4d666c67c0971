//! One file per address. Pages are made on the server; none of this becomes WASM.

mod page;

pub use page::page;

use leptos::prelude::*;
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    path,
};

/// All addresses. `SsrMode::Async`: the page is whole when it is sent, so it works without any script.
#[component]
pub fn App() -> impl IntoView {
    view! {
        <Router>
            <Routes fallback=page::NotFound>
                <Route path=path!("/") view=page::NotFound ssr=SsrMode::Async/>
            </Routes>
        </Router>
    }
}
