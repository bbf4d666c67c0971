//! Keeps "2 min ago" true while a page stays open.

use super::dom;
use leptos::prelude::*;
use patchbay_domain::Timestamp;
use std::time::Duration;

#[island]
pub fn RelativeTimes() -> impl IntoView {
    Effect::new(move |_| {
        let Ok(interval) = set_interval_with_handle(update, Duration::from_secs(30)) else { return };
        on_cleanup(move || interval.clear());
    });
}

fn update() {
    let now = Timestamp::from_millis(dom::now_millis());
    for element in dom::all("time[data-relative]") {
        let micros = element.get_attribute("data-relative").and_then(|text| text.parse().ok());
        if let Some(micros) = micros {
            element.set_text_content(Some(&Timestamp(micros).relative_to(now)));
        }
    }
}
