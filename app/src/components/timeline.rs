//! What happened to one thing, whoever did it, on one axis.

use super::{Glyph, Icon, StatusBadge, Time, Tone};
use leptos::prelude::*;
use patchbay_domain::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimelineSource {
    /// A webhook event.
    Event,
    /// A call to a provider.
    Call,
    /// A change of our record.
    Change,
    /// Something a person of staff did.
    Staff,
    /// Something the customer did.
    Customer,
    /// A sync that read the provider's list.
    Sync,
}

impl TimelineSource {
    const fn look(self) -> (Icon, Tone, &'static str) {
        match self {
            Self::Event => (Icon::Webhook, Tone::Info, "Webhook"),
            Self::Call => (Icon::ArrowLeftRight, Tone::Neutral, "Call"),
            Self::Change => (Icon::Pencil, Tone::Good, "Change"),
            Self::Staff => (Icon::User, Tone::Warn, "Staff"),
            Self::Customer => (Icon::User, Tone::Info, "Customer"),
            Self::Sync => (Icon::RefreshCw, Tone::Neutral, "Sync"),
        }
    }
}

#[component]
pub fn Timeline(children: Children) -> impl IntoView {
    view! { <ol class="timeline">{children()}</ol> }
}

#[component]
pub fn TimelineEntry(
    source: TimelineSource,
    #[prop(into)] title: String,
    at: Timestamp,
    now: Timestamp,
    #[prop(optional, into)] href: Option<String>,
    /// Who or what did it.
    #[prop(optional, into)]
    by: Option<String>,
    #[prop(optional, into)] status: Option<String>,
    /// More about it: a sentence, a diff in a `<details>`.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let (icon, tone, word) = source.look();
    let title = match href {
        Some(href) => {
            view! { <a href=href class="font-medium break-words hover:text-accent hover:underline"><bdi>{title}</bdi></a> }
                .into_any()
        }
        None => view! { <span class="font-medium break-words"><bdi>{title}</bdi></span> }.into_any(),
    };
    view! {
        <li class="relative flex gap-3 pb-5 last:pb-0">
            <span class=format!("z-1 flex size-7 shrink-0 items-center justify-center rounded-full ring-4 ring-surface {}", tone.class())>
                <Glyph icon=icon class="size-3.5"/>
            </span>
            <div class="min-w-0 flex-1 pt-0.5">
                <div class="flex flex-wrap items-center gap-x-2 gap-y-1 text-sm">
                    {title} {status.map(|status| view! { <StatusBadge status=status/> })}
                </div>
                <p class="mt-0.5 text-xs text-ink-soft">
                    {word} {by.map(|by| view! { " · " <bdi>{by}</bdi> })} " · " <Time at=at now=now/>
                </p>
                {children.map(|children| view! { <div class="mt-2 text-sm text-ink-soft">{children()}</div> })}
            </div>
        </li>
    }
}
