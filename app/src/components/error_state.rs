//! Errors for people: what happened, whose fault it is, what to do next.

use super::{Glyph, Icon, LinkButton, Tone};
use leptos::prelude::*;
use patchbay_domain::error::{Reason, UserError};

#[component]
pub fn ErrorState(
    error: UserError,
    #[prop(optional, into)] request_id: Option<String>,
    /// Where "Try again" leads; shown where trying again can help.
    #[prop(optional, into)]
    retry_href: Option<String>,
) -> impl IntoView {
    let words = words_of(error.reason);
    let retry = retry_href.filter(|_| words.retry);
    view! {
        <section class="mx-auto max-w-xl rounded-lg border border-line bg-surface p-6" role="alert">
            <div class="flex gap-3">
                <Glyph icon=words.icon class=format!("mt-0.5 size-6 shrink-0 {}", words.tone.text())/>
                <div class="min-w-0">
                    <h1 class="text-lg font-semibold">{words.title}</h1>
                    <p class="mt-1 text-sm">{error.message}</p>
                    <dl class="mt-4 grid gap-x-4 gap-y-2 text-sm sm:grid-cols-[auto_1fr]">
                        <dt class="text-ink-soft">"Whose side"</dt>
                        <dd>{words.fault}</dd>
                        <dt class="text-ink-soft">"What next"</dt>
                        <dd>{words.next}</dd>
                        {request_id
                            .map(|id| {
                                view! {
                                    <dt class="text-ink-soft">"Request id"</dt>
                                    <dd class="font-mono text-xs leading-5 break-all select-all">{id}</dd>
                                }
                            })}
                    </dl>
                    <div class="mt-5 flex flex-wrap gap-2">
                        {retry.map(|href| view! { <LinkButton href=href icon=Icon::RotateCw>"Try again"</LinkButton> })}
                        {(error.reason == Reason::SignedOut)
                            .then(|| view! { <LinkButton href="/sign-in">"Sign in"</LinkButton> })}
                    </div>
                </div>
            </div>
        </section>
    }
}

/// A standing remark: something is off, and what that means for this page.
#[component]
pub fn Notice(#[prop(optional)] tone: Tone, #[prop(into)] title: String, children: Children) -> impl IntoView {
    let icon = match tone {
        Tone::Good => Icon::CircleCheck,
        Tone::Info | Tone::Neutral => Icon::Info,
        Tone::Warn => Icon::TriangleAlert,
        Tone::Bad => Icon::CircleX,
    };
    view! {
        <div class=format!("flex gap-3 rounded-lg px-4 py-3 text-sm {}", tone.class())>
            <Glyph icon=icon class="mt-0.5 size-4 shrink-0"/>
            <div class="min-w-0">
                <p class="font-semibold">{title}</p>
                <div class="mt-0.5 text-ink">{children()}</div>
            </div>
        </div>
    }
}

struct Words {
    title: &'static str,
    fault: &'static str,
    next: &'static str,
    icon: Icon,
    tone: Tone,
    retry: bool,
}

fn words_of(reason: Reason) -> Words {
    let (title, fault, next, icon, tone, retry) = match reason {
        Reason::SignedOut => (
            "Sign in to go on",
            "Nobody's: your session ended or never began.",
            "Sign in; you come back to this page.",
            Icon::User,
            Tone::Info,
            false,
        ),
        Reason::Forbidden => (
            "Not with your role",
            "Nobody's: your role does not include this.",
            "Ask an admin of your team.",
            Icon::Ban,
            Tone::Warn,
            false,
        ),
        Reason::NotFound => (
            "Nothing here",
            "Most often an old or mistyped link.",
            "Search for its id, or start from the list.",
            Icon::Search,
            Tone::Neutral,
            false,
        ),
        Reason::Invalid => (
            "That cannot be used",
            "The input's: nothing was changed.",
            "Go back, change what the message names, and send it again.",
            Icon::TriangleAlert,
            Tone::Warn,
            false,
        ),
        Reason::Conflict => (
            "It changed meanwhile",
            "Nobody's: the state moved before your action arrived. Nothing was changed.",
            "Look at the current state, then decide again.",
            Icon::TriangleAlert,
            Tone::Warn,
            true,
        ),
        Reason::Provider => (
            "The provider did not answer as it should",
            "The provider's. Our own copy of the data is unharmed.",
            "Try again in a minute. What we already know stays readable.",
            Icon::Plug,
            Tone::Warn,
            true,
        ),
        Reason::Busy => (
            "Too busy just now",
            "Ours: more is asked than we can do at once.",
            "Try again in a few seconds.",
            Icon::Clock,
            Tone::Warn,
            true,
        ),
        Reason::Internal => (
            "Something went wrong",
            "Ours.",
            "Try again; if it stays, give support the request id.",
            Icon::CircleX,
            Tone::Bad,
            true,
        ),
    };
    Words { title, fault, next, icon, tone, retry }
}
