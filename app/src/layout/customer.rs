//! The quiet frame of a customer's own pages.

use super::{Impersonation, SandboxBadge, SkipLink, menu::AccountMenu};
use crate::{
    components::{Breadcrumbs, Flash, FlashBanner, Tab, Tabs, WindowTitle},
    islands::{LiveRegion, RelativeTimes},
};
use leptos::prelude::*;
use patchbay_domain::Principal;

const PAGES: [(&str, &str); 3] =
    [("Plan", "/billing"), ("Payment methods", "/billing/payment-methods"), ("Invoices", "/billing/invoices")];

#[component]
pub fn CustomerFrame(
    principal: Principal,
    sandbox: bool,
    path: String,
    crumbs: Vec<(String, Option<String>)>,
    title: String,
    flash: Option<Flash>,
    #[prop(optional, into)] live: Option<String>,
    children: Children,
) -> impl IntoView {
    // A build for production has none of it.
    let sandbox = sandbox && cfg!(feature = "sandbox");
    let organisation = principal
        .organisation
        .as_ref()
        .map_or_else(|| principal.name.clone(), |organisation| organisation.name.clone());
    let here = current(&path);
    let tabs = PAGES.iter().map(|(label, href)| Tab::new(*label, *href, *href == here)).collect();
    let initial: String = organisation.chars().take(1).collect();
    // One crumb only repeats the tab.
    let crumbs = (crumbs.len() > 1).then(|| view! { <div class="mb-4"><Breadcrumbs crumbs=crumbs/></div> });
    view! {
        <WindowTitle text=format!("{title} · {organisation}")/>
        <SkipLink/>
        <Impersonation principal=principal.clone()/>
        {sandbox.then(|| view! { <div class="sandbox-stripe" aria-hidden="true"></div> })}
        <header class="border-b border-line bg-surface">
            <div class="mx-auto flex h-16 max-w-4xl items-center gap-3 px-4 sm:px-6">
                <a href="/billing" class="flex min-w-0 flex-1 items-center gap-3 rounded-md">
                    <span class="flex size-8 shrink-0 items-center justify-center rounded-md bg-accent-solid font-semibold text-on-accent" aria-hidden="true">
                        {initial}
                    </span>
                    <span class="min-w-0 leading-tight">
                        <span class="block truncate font-semibold"><bdi>{organisation}</bdi></span>
                        <span class="block text-xs text-ink-soft">"Plan and billing"</span>
                    </span>
                </a>
                {live.filter(|topics| !topics.is_empty()).map(|topics| view! { <LiveRegion topics=topics/> })}
                {sandbox.then(|| view! { <SandboxBadge/> })}
                <AccountMenu principal=principal path=path/>
            </div>
            <div class="mx-auto -mb-px max-w-4xl px-4 sm:px-6 [&_nav]:mb-0 [&_nav]:border-0"><Tabs label="Account" items=tabs/></div>
        </header>
        <main id="main" tabindex="-1" class="mx-auto w-full max-w-4xl px-4 py-6 outline-none sm:px-6">
            {flash.map(|flash| view! { <FlashBanner flash=flash/> })}
            {crumbs}
            {children()}
        </main>
        <RelativeTimes/>
    }
}

/// The tab a path belongs to: the longest that it begins with.
fn current(path: &str) -> &'static str {
    let path = path.split('?').next().unwrap_or_default();
    let fits =
        PAGES.iter().map(|(_, href)| *href).filter(|href| path == *href || path.starts_with(&format!("{href}/")));
    fits.max_by_key(|href| href.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_deepest_tab_is_the_current_one() {
        assert_eq!(super::current("/billing/invoices/in_1"), "/billing/invoices");
        assert_eq!(super::current("/billing/plans"), "/billing");
        assert_eq!(super::current("/other"), "");
    }
}
