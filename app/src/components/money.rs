//! Amounts, aligned by their figures.

use leptos::prelude::*;
use patchbay_domain::Money;

#[component]
pub fn Amount(money: Money, #[prop(optional)] strong: bool) -> impl IntoView {
    let weight = if strong { "font-semibold" } else { "" };
    view! { <span class=format!("whitespace-nowrap tabular-nums {weight}")>{money.to_string()}</span> }
}
