//! How a video looks in a card and on its own page.

use super::records::{clock_time, spaced};
use crate::components::{Glyph, Icon};
use leptos::prelude::*;
use patchbay_domain::video::{Asset, Track};
use patchbay_engine::Staff;
use patchbay_store::Record;

/// What a person calls it.
pub fn video_title(asset: &Asset) -> String {
    let title = asset.title.clone().or_else(|| asset.passthrough.clone());
    title.filter(|title| !title.is_empty()).unwrap_or_else(|| asset.id.clone())
}

/// The address of a still picture; none while there is nothing to see, or nothing that may be seen without a signature.
pub fn thumbnail(staff: &Staff, record: &Record, asset: &Asset, width: u32) -> Option<String> {
    if record.deleted || asset.status != "ready" {
        return None;
    }
    let public = asset.playback_ids.iter().find(|playback| playback.policy == "public")?;
    Some(staff.engine().connection(&record.connection)?.video()?.thumbnail_url(&public.id, width))
}

#[component]
pub fn Thumbnail(src: Option<String>, asset: Asset) -> impl IntoView {
    let length = asset.duration_seconds.map(|seconds| {
        view! { <span class="absolute right-2 bottom-2 rounded-sm bg-black/75 px-1.5 py-0.5 text-xs font-medium text-white tabular-nums">{clock_time(seconds)}</span> }
    });
    let picture = if let Some(src) = src {
        let alt = format!("Still picture of {}", video_title(&asset));
        view! { <img src=src alt=alt loading="lazy" decoding="async" width="640" height="360" class="size-full object-cover"/> }.into_any()
    } else {
        let why = match asset.status.as_str() {
            "preparing" => "No picture yet",
            "errored" => "Nothing to show",
            _ => "No public picture",
        };
        view! {
            <div class="flex size-full flex-col items-center justify-center gap-2 text-ink-soft">
                <Glyph icon=Icon::Clapperboard class="size-7"/>
                <span class="text-xs">{why}</span>
            </div>
        }
        .into_any()
    };
    view! {
        <div class="relative aspect-video w-full overflow-hidden bg-sunken">
            {picture}
            {length}
        </div>
    }
}

/// How far the provider is with it.
#[component]
pub fn Preparing(asset: Asset) -> impl IntoView {
    (asset.status == "preparing").then(|| {
        let percent = asset.progress_percent.map(|percent| format!("{:.0}", percent.clamp(0.0, 100.0)));
        let words = percent.as_ref().map_or_else(|| "Being prepared".to_owned(), |percent| format!("{percent}% prepared"));
        view! {
            <div>
                <progress class="progress" aria-label=format!("Preparing {}", video_title(&asset)) value=percent max="100"></progress>
                <p class="mt-1 text-xs text-ink-soft tabular-nums">{words}</p>
            </div>
        }
    })
}

/// `Video, 1920 × 1080`.
pub fn track_words(track: &Track) -> String {
    let kind = spaced(&track.kind);
    match (track.max_width, track.max_height) {
        (Some(width), Some(height)) => format!("{kind}, {width} × {height}"),
        _ => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_without_a_title_has_another_name() {
        let mut asset = Asset { id: "a1".to_owned(), passthrough: Some("lesson-1".to_owned()), ..Asset::default() };
        assert_eq!(video_title(&asset), "lesson-1");
        asset.passthrough = None;
        assert_eq!(video_title(&asset), "a1");
    }
}
