//! Instants: relative to read, exact to check.

use leptos::prelude::*;
use patchbay_domain::Timestamp;

#[component]
pub fn Time(at: Timestamp, now: Timestamp) -> impl IntoView {
    view! {
        <time datetime=at.rfc3339() title=format!("{} UTC", at.date_time()) data-relative=at.micros().to_string() class="whitespace-nowrap tabular-nums">
            {at.relative_to(now)}
        </time>
    }
}

#[component]
pub fn ExactTime(at: Timestamp, #[prop(optional)] date_only: bool) -> impl IntoView {
    let text = if date_only { at.date() } else { format!("{} UTC", at.date_time()) };
    view! { <time datetime=at.rfc3339() title=format!("{} UTC", at.date_time()) class="tabular-nums">{text}</time> }
}
