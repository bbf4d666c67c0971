//! The one button, as a form's submit button and as a link.

use super::{Glyph, Icon};
use leptos::prelude::*;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// The one thing a page is for.
    Primary,
    #[default]
    Secondary,
    /// Takes something away or costs money.
    Danger,
    /// Quiet, for actions in rows and bars.
    Ghost,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    Small,
    #[default]
    Medium,
}

#[component]
pub fn Button(
    #[prop(optional)] variant: Variant,
    #[prop(optional)] size: Size,
    #[prop(optional)] icon: Option<Icon>,
    #[prop(optional, into)] name: Option<String>,
    #[prop(optional, into)] value: Option<String>,
    /// The id of the form it submits, where it stands outside of it.
    #[prop(optional, into)]
    form: Option<String>,
    #[prop(optional)] disabled: bool,
    #[prop(default = "submit")] kind: &'static str,
    children: Children,
) -> impl IntoView {
    view! {
        <button type=kind name=name value=value form=form disabled=disabled class=button_class(variant, size)>
            {icon.map(|icon| view! { <Glyph icon=icon/> })}
            {children()}
        </button>
    }
}

#[component]
pub fn LinkButton(
    #[prop(into)] href: String,
    #[prop(optional)] variant: Variant,
    #[prop(optional)] size: Size,
    #[prop(optional)] icon: Option<Icon>,
    children: Children,
) -> impl IntoView {
    view! {
        <a href=href class=button_class(variant, size)>
            {icon.map(|icon| view! { <Glyph icon=icon/> })}
            {children()}
        </a>
    }
}

pub(super) fn button_class(variant: Variant, size: Size) -> String {
    let look = match variant {
        Variant::Primary => "border-transparent bg-accent-solid text-on-accent hover:bg-accent-strong",
        Variant::Secondary => "border-line-strong bg-surface text-ink hover:bg-sunken",
        Variant::Danger => "border-transparent bg-bad-solid text-on-accent hover:bg-bad-strong",
        Variant::Ghost => "border-transparent text-ink-soft hover:bg-sunken hover:text-ink",
    };
    let measure = match size {
        Size::Small => "h-7 gap-1.5 px-2.5 text-xs",
        Size::Medium => "h-9 gap-2 px-3.5 text-sm",
    };
    format!(
        "inline-flex shrink-0 cursor-pointer items-center justify-center rounded-md border font-medium whitespace-nowrap \
         transition-colors disabled:cursor-not-allowed disabled:opacity-55 {measure} {look}"
    )
}
