//! Who is signed in, the theme and the way out. A pop-over of the browser's own.

use crate::{
    components::{Glyph, Icon},
    context::AppContext,
    cookies::THEME,
};
use leptos::prelude::*;
use patchbay_domain::{Principal, Role};

/// Light, dark, or what the person's system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Anything unknown is the system's.
    pub fn parse(text: &str) -> Self {
        match text {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }

    /// Of the request that is being answered; the system's outside of one.
    pub fn of_request() -> Self {
        let cookies = use_context::<AppContext>().map(|app| app.cookies);
        let theme = use_context::<http::request::Parts>().zip(cookies);
        let theme = theme.and_then(|(parts, cookies)| cookies.read(&parts.headers, THEME));
        theme.as_deref().map(Self::parse).unwrap_or_default()
    }
}

#[component]
pub(super) fn AccountMenu(principal: Principal, path: String) -> impl IntoView {
    let role = match principal.role {
        Role::StaffAdmin => "Admin",
        Role::StaffViewer => "Viewer, may look only",
        Role::CustomerManager => "Manages billing",
        Role::CustomerMember => "Member, may look only",
    };
    let initials: String = principal.name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect();
    let organisation = principal.organisation.map(|organisation| organisation.name);
    let theme = Theme::of_request();
    let themes = [
        (Theme::System, "System", Icon::Monitor),
        (Theme::Light, "Light", Icon::Sun),
        (Theme::Dark, "Dark", Icon::Moon),
    ]
    .map(|(choice, label, icon)| {
        let pressed = if choice == theme { "true" } else { "false" };
        view! {
            <button type="submit" name="theme" value=choice.as_str() aria-pressed=pressed class="theme-choice">
                <Glyph icon=icon/>
                {label}
            </button>
        }
    });
    view! {
        <button type="button" popovertarget="account" class="flex h-9 shrink-0 cursor-pointer items-center gap-2 rounded-md px-1.5 text-left hover:bg-sunken">
            <span class="flex size-7 items-center justify-center rounded-full bg-neutral-soft text-xs font-semibold text-ink-soft uppercase" aria-hidden="true">
                {initials}
            </span>
            <span class="max-w-36 min-w-0 text-xs leading-tight max-xl:sr-only">
                <span class="block truncate font-medium"><bdi>{principal.name.clone()}</bdi></span>
                <span class="block truncate text-ink-soft">{role.split(',').next().unwrap_or_default()}</span>
            </span>
            <Glyph icon=Icon::ChevronDown class="size-3.5 shrink-0 text-ink-soft max-sm:hidden"/>
        </button>
        <div id="account" popover="auto" class="account-menu" role="group" aria-label="Account">
            <div class="border-b border-line px-4 py-3 text-sm">
                <p class="font-medium break-words"><bdi>{principal.name}</bdi></p>
                <p class="text-xs text-ink-soft">{role}</p>
                {organisation.map(|name| view! { <p class="text-xs text-ink-soft"><bdi>{name}</bdi></p> })}
            </div>
            <form method="post" action="/theme" class="border-b border-line p-2" aria-label="Theme">
                <input type="hidden" name="next" value=path/>
                <div class="grid grid-cols-3 gap-1">{themes.into_iter().collect_view()}</div>
            </form>
            <form method="post" action="/sign-out" class="p-2">
                <button type="submit" class="flex h-9 w-full cursor-pointer items-center gap-2 rounded-md px-2 text-sm hover:bg-sunken">
                    <Glyph icon=Icon::LogOut/>
                    "Sign out"
                </button>
            </form>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_theme_that_does_not_exist_is_the_system_s() {
        assert_eq!(Theme::parse("dark"), Theme::Dark);
        assert_eq!(Theme::parse("pink"), Theme::System);
    }
}
