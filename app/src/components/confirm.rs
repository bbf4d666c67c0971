//! Asking first, and saying exactly what will happen.

use super::{Glyph, Icon, Size, Variant, button::button_class};
use leptos::prelude::*;

/// One consequence: `Charged today` / `12.40 EUR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    pub label: String,
    pub value: String,
    /// Total lines stand out.
    pub strong: bool,
}

impl Effect {
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into(), strong: false }
    }

    pub fn total(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into(), strong: true }
    }
}

#[component]
pub fn ConfirmCard(
    #[prop(into)] title: String,
    #[prop(into)] lead: String,
    #[prop(optional)] effects: Vec<Effect>,
    #[prop(into)] cancel_href: String,
    #[prop(optional)] danger: bool,
    /// The form with its button.
    children: Children,
) -> impl IntoView {
    let (icon, tone) = if danger { (Icon::TriangleAlert, "text-bad") } else { (Icon::Info, "text-accent") };
    view! {
        <section class="mx-auto max-w-xl rounded-lg border border-line bg-surface">
            <div class="flex gap-3 p-5">
                <Glyph icon=icon class=format!("mt-1 size-5 shrink-0 {tone}")/>
                <div class="min-w-0 flex-1">
                    <h1 class="text-lg font-semibold">{title}</h1>
                    <p class="mt-1 text-sm text-ink-soft">{lead}</p>
                    <EffectList effects=effects/>
                </div>
            </div>
            <div class="flex flex-wrap items-center justify-end gap-2 rounded-b-lg border-t border-line bg-canvas px-5 py-3">
                <a href=cancel_href class=button_class(Variant::Ghost, Size::Medium)>"Go back"</a>
                {children()}
            </div>
        </section>
    }
}

/// A button whose question opens in place. It uses the browser's own pop-over, so it works without WASM.
#[component]
pub fn ConfirmDialog(
    /// Unique on the page.
    #[prop(into)]
    id: String,
    /// What the opening button says.
    #[prop(into)]
    trigger: String,
    #[prop(into)] title: String,
    #[prop(into)] lead: String,
    #[prop(optional)] effects: Vec<Effect>,
    #[prop(optional)] variant: Variant,
    #[prop(optional)] size: Size,
    #[prop(optional)] icon: Option<Icon>,
    /// The form with its button.
    children: Children,
) -> impl IntoView {
    let heading = format!("{id}-title");
    let (target, title_id) = (id.clone(), heading.clone());
    view! {
        <button type="button" popovertarget=target.clone() class=button_class(variant, size)>
            {icon.map(|icon| view! { <Glyph icon=icon/> })}
            {trigger}
        </button>
        <div id=id popover="auto" role="dialog" aria-labelledby=heading class="dialog text-left whitespace-normal">
            <div class="p-5">
                <h2 id=title_id class="text-base font-semibold">{title}</h2>
                <p class="mt-1 text-sm text-ink-soft">{lead}</p>
                <EffectList effects=effects/>
            </div>
            <div class="flex flex-wrap items-center justify-end gap-2 border-t border-line bg-canvas px-5 py-3">
                <button type="button" popovertarget=target popovertargetaction="hide" class=button_class(Variant::Ghost, Size::Medium)>
                    "Go back"
                </button>
                {children()}
            </div>
        </div>
    }
}

#[component]
fn EffectList(effects: Vec<Effect>) -> impl IntoView {
    (!effects.is_empty()).then(|| {
        let rows = effects
            .into_iter()
            .map(|effect| {
                let weight = if effect.strong { "font-semibold text-ink" } else { "" };
                view! {
                    <div class=format!("flex items-baseline justify-between gap-4 py-2 {weight}")>
                        <dt class=if effect.strong { "" } else { "text-ink-soft" }>{effect.label}</dt>
                        <dd class="text-right tabular-nums">{effect.value}</dd>
                    </div>
                }
            })
            .collect_view();
        view! { <dl class="mt-4 divide-y divide-line rounded-md border border-line px-3 text-sm">{rows}</dl> }
    })
}
