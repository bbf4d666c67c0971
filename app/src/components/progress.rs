//! Long work: how far it is.

use leptos::prelude::*;
use patchbay_domain::money::group_thousands;

#[component]
pub fn Progress(
    #[prop(into)] label: String,
    done: i64,
    /// None while nobody knows how much there is.
    total: Option<i64>,
    /// Rate and time left, in words. Counts are shown without it.
    #[prop(optional, into)]
    detail: Option<String>,
) -> impl IntoView {
    let count = |number: i64| group_thousands(number.unsigned_abs());
    let counts =
        total.map_or_else(|| format!("{} so far", count(done)), |total| format!("{} of {}", count(done), count(total)));
    let share = total.filter(|total| *total > 0).map(|total| format!("{}%", (done.max(0) * 100 / total).min(100)));
    let name = label.clone();
    view! {
        <div class="text-sm">
            <div class="mb-1.5 flex items-baseline justify-between gap-4">
                <span class="font-medium">{label}</span>
                <span class="text-xs text-ink-soft tabular-nums">{share}</span>
            </div>
            <progress
                class="progress"
                aria-label=name
                value=total.map(|_| done.to_string())
                max=total.map(|total| total.max(1).to_string())
            ></progress>
            <p class="mt-1.5 text-xs text-ink-soft tabular-nums">
                {counts} {detail.map(|detail| format!(" · {detail}"))}
            </p>
        </div>
    }
}
