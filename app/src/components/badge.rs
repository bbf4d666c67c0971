//! States as word, icon and colour together, so that none of them has to be seen alone.

use super::{Glyph, Icon};
use leptos::prelude::*;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    Good,
    /// Under way or worth knowing.
    Info,
    /// Needs a look, not yet broken.
    Warn,
    Bad,
    #[default]
    Neutral,
}

impl Tone {
    /// Text and background of a badge or banner.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Good => "bg-good-soft text-good",
            Self::Info => "bg-info-soft text-info",
            Self::Warn => "bg-warn-soft text-warn",
            Self::Bad => "bg-bad-soft text-bad",
            Self::Neutral => "bg-neutral-soft text-ink-soft",
        }
    }

    /// Text alone.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Good => "text-good",
            Self::Info => "text-info",
            Self::Warn => "text-warn",
            Self::Bad => "text-bad",
            Self::Neutral => "text-ink-soft",
        }
    }

    /// Fill of a shape in a chart.
    pub const fn fill(self) -> &'static str {
        match self {
            Self::Good => "fill-good-mark",
            Self::Info => "fill-accent-mark",
            Self::Warn => "fill-warn-mark",
            Self::Bad => "fill-bad-mark",
            Self::Neutral => "fill-neutral-mark",
        }
    }
}

#[component]
pub fn Badge(
    #[prop(into)] label: String,
    #[prop(optional)] tone: Tone,
    #[prop(optional)] icon: Option<Icon>,
) -> impl IntoView {
    let class = format!(
        "inline-flex h-5.5 items-center gap-1 rounded-full px-2 text-xs font-medium whitespace-nowrap {}",
        tone.class()
    );
    view! {
        <span class=class>
            {icon.map(|icon| view! { <Glyph icon=icon class="size-3.5 shrink-0"/> })}
            {label}
        </span>
    }
}

/// Any status word, the provider's or ours. Unknown words show as they come.
#[component]
pub fn StatusBadge(#[prop(into)] status: String) -> impl IntoView {
    let (tone, icon) = look_of(&status);
    (!status.is_empty()).then(|| view! { <Badge label=words(&status) tone=tone icon=icon/> })
}

/// `past_due` as `Past due`.
pub(super) fn words(status: &str) -> String {
    // Stripe's word for what our own syncs write with two l: a page has one spelling.
    let status = if status == "cancelled" { "canceled" } else { status };
    let spaced = status.replace(['_', '-'], " ");
    let mut letters = spaced.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

pub(super) fn look_of(status: &str) -> (Tone, Icon) {
    match status.to_ascii_lowercase().as_str() {
        "active" | "paid" | "ready" | "processed" | "succeeded" | "complete" | "completed" | "done" | "ok" | "up"
        | "healthy" | "connected" | "closed" | "live" | "allowed" | "created" => (Tone::Good, Icon::CircleCheck),
        "open" | "issued" | "updated" | "scheduled" => (Tone::Info, Icon::CircleDot),
        "trialing" | "trial" | "pending" | "queued" | "waiting" => (Tone::Info, Icon::Clock),
        "preparing" | "processing" | "running" | "started" | "syncing" | "retrying" | "in_progress" => {
            (Tone::Info, Icon::Loader)
        }
        "past_due"
        | "unpaid"
        | "delinquent"
        | "incomplete"
        | "requires_payment_method"
        | "requires_action"
        | "requires_confirmation"
        | "degraded"
        | "half_open"
        | "canceling"
        | "stale"
        | "slow"
        | "not_configured"
        | "unknown"
        | "tie" => (Tone::Warn, Icon::TriangleAlert),
        "paused" => (Tone::Warn, Icon::CirclePause),
        "errored" | "error" | "failed" | "dead" | "down" | "broken" | "rejected" | "uncollectible"
        | "incomplete_expired" | "denied" => (Tone::Bad, Icon::CircleX),
        "canceled" | "cancelled" | "void" | "voided" | "ended" | "expired" | "deleted" | "archived" => {
            (Tone::Neutral, Icon::Ban)
        }
        "skipped" | "ignored" | "unchanged" => (Tone::Neutral, Icon::CircleSlash),
        "draft" => (Tone::Neutral, Icon::CircleDashed),
        _ => (Tone::Neutral, Icon::CircleDot),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_as_words() {
        assert_eq!(words("past_due"), "Past due");
        assert_eq!(words(""), "");
        assert_eq!(words("cancelled"), words("canceled"));
    }

    #[test]
    fn trouble_and_success_never_look_alike() {
        assert_eq!(look_of("past_due").0, Tone::Warn);
        assert_eq!(look_of("dead").0, Tone::Bad);
        assert_eq!(look_of("Paid").0, Tone::Good);
        assert_eq!(look_of("never_heard_of").0, Tone::Neutral);
    }
}
