//! The console: grouped navigation at the left, search and account at the top.

use super::{Brand, Impersonation, SandboxBadge, SkipLink, menu::AccountMenu};
use crate::{
    components::{Breadcrumbs, Button, Flash, FlashBanner, Glyph, Icon, Notice, Size, Time, Tone, WindowTitle},
    context::AppContext,
    islands::{Command, CommandPalette, LiveRegion, RelativeTimes, Shortcuts},
};
use leptos::prelude::*;
use patchbay_domain::Principal;

struct Entry {
    label: &'static str,
    href: &'static str,
    icon: Icon,
    keys: &'static str,
}

const fn entry(label: &'static str, href: &'static str, icon: Icon, keys: &'static str) -> Entry {
    Entry { label, href, icon, keys }
}

const GROUPS: [(&str, &[Entry]); 5] = [
    ("", &[entry("Overview", "/", Icon::LayoutDashboard, "g o")]),
    (
        "Activity",
        &[
            entry("Events", "/events", Icon::Webhook, "g e"),
            entry("Dead letters", "/dead-letters", Icon::MailX, "g d"),
            entry("Rejections", "/rejections", Icon::ShieldX, "g r"),
            entry("Calls", "/calls", Icon::ArrowLeftRight, "g a"),
        ],
    ),
    (
        "Billing",
        &[
            entry("Subscriptions", "/subscriptions", Icon::Repeat, "g s"),
            entry("Customers", "/customers", Icon::Users, "g c"),
            entry("Invoices", "/invoices", Icon::Receipt, "g i"),
        ],
    ),
    ("Video", &[entry("Videos", "/videos", Icon::Clapperboard, "g v")]),
    (
        "Settings",
        &[
            entry("Connections", "/connections", Icon::Plug, "g n"),
            entry("Audit log", "/audit", Icon::ScrollText, "g l"),
        ],
    ),
];

const SANDBOX: Entry = entry("Sandbox", "/sandbox", Icon::FlaskConical, "g x");

#[component]
pub fn StaffFrame(
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
    view! {
        <WindowTitle text=format!("{title} · Patchbay")/>
        <SkipLink/>
        <Impersonation principal=principal.clone()/>
        {sandbox.then(|| view! { <div class="sandbox-stripe" aria-hidden="true"></div> })}
        <div class="min-h-dvh lg:grid lg:grid-cols-[14rem_minmax(0,1fr)]">
            <Navigation path=path.clone() sandbox=sandbox/>
            <div class="flex min-w-0 flex-col">
                <header class="topbar">
                    <button type="button" popovertarget="navigation" class="icon-button lg:hidden" aria-label="Navigation">
                        <Glyph icon=Icon::Menu class="size-5"/>
                    </button>
                    <div class="min-w-0 flex-1"><Breadcrumbs crumbs=crumbs/></div>
                    {live.filter(|topics| !topics.is_empty()).map(|topics| view! { <LiveRegion topics=topics/> })}
                    <SearchBox commands=jumps(sandbox)/>
                    {sandbox.then(|| view! { <SandboxBadge link=true/> })}
                    <AccountMenu principal=principal path=path/>
                </header>
                <main id="main" tabindex="-1" class="mx-auto w-full max-w-[100rem] flex-1 px-4 py-5 outline-none sm:px-6">
                    {flash.map(|flash| view! { <FlashBanner flash=flash/> })}
                    <DatabaseAway/>
                    <Gaps/>
                    {children()}
                </main>
            </div>
        </div>
        <Keyboard sandbox=sandbox/>
        <RelativeTimes/>
    }
}

/// Deliveries go on while `PostgreSQL` is away, and nobody should learn that from empty pages.
#[component]
fn DatabaseAway() -> impl IntoView {
    let since = use_context::<AppContext>().and_then(|app| app.engine.database_away_since());
    since.map(|since| {
        view! {
            <div class="mb-5">
                <Notice tone=Tone::Bad title="The database does not answer">
                    <p>
                        "It stopped answering " <Time at=since now=crate::context::now()/>
                        ". Deliveries are acknowledged all the same: they are kept on this server and become events, in order, when the database is back."
                    </p>
                </Notice>
            </div>
        }
    })
}

/// Nobody can see from a list that something is missing in it.
#[component]
fn Gaps() -> impl IntoView {
    // The gallery draws frames without an application.
    let engine = use_context::<AppContext>().map(|app| app.engine)?;
    let now = engine.clock().now();
    let notices = engine
        .gaps()
        .into_iter()
        .map(|(found, gap)| {
            view! {
                <div class="mb-5">
                    <Notice tone=Tone::Bad title=format!("Deliveries of {} are missing", gap.connection)>
                        <p>
                            "The database is older than the inbox's file, as after a restore. Deliveries "
                            {gap.from.map(|from| view! { "from " <Time at=from now=now/> " " })}
                            "until " <Time at=gap.until now=now/>
                            " were acknowledged and are in neither. A sync was begun, which reads the records again (found "
                            <Time at=found now=now/>
                            "). To have the events too, ask the provider to send those of that time again."
                        </p>
                    </Notice>
                </div>
            }
        })
        .collect_view();
    Some(notices)
}

/// The shortcuts and the dialog that lists them.
#[component]
fn Keyboard(sandbox: bool) -> impl IntoView {
    let own = [
        ("Ctrl K", "Find a page, a record or an action"),
        ("j", "Next row"),
        ("k", "Previous row"),
        ("Enter", "Open the row"),
        ("x", "Select the row"),
        ("/", "Filter or search"),
        ("?", "This list"),
    ];
    let own = own.map(|(keys, what)| (keys.to_owned(), what.to_owned()));
    let jumps = jumps(sandbox).into_iter().map(|jump| (jump.hint, format!("Go to {}", jump.title)));
    let lines = own
        .into_iter()
        .chain(jumps)
        .map(|(keys, what)| {
            let caps = keys.split(' ').map(|key| view! { <kbd>{key.to_owned()}</kbd> }).collect_view();
            view! {
                <dt class="flex gap-1">{caps}</dt>
                <dd>{what}</dd>
            }
        })
        .collect_view();
    view! {
        <Shortcuts>
            <div class="p-5">
                <h2 id="shortcuts-title" class="mb-3 text-base font-semibold">"Keyboard"</h2>
                <dl class="grid grid-cols-[auto_1fr] items-center gap-x-4 gap-y-1.5 text-sm sm:grid-cols-[auto_1fr_auto_1fr]">{lines}</dl>
                <form method="dialog" class="mt-4 text-right">
                    <Button size=Size::Small>"Close"</Button>
                </form>
            </div>
        </Shortcuts>
    }
}

#[component]
fn SearchBox(commands: Vec<Command>) -> impl IntoView {
    view! {
        <a href="/search" class="icon-button md:hidden" aria-label="Search">
            <Glyph icon=Icon::Search class="size-5"/>
        </a>
        <div class="relative hidden w-56 md:block xl:w-80">
            <form method="get" action="/search" role="search" aria-label="Everything">
                <Glyph icon=Icon::Search class="pointer-events-none absolute top-2.5 left-2.5 size-4 text-ink-faint"/>
                <input
                    id="search"
                    type="search"
                    name="q"
                    aria-label="Search any id, email address or name"
                    placeholder="Any id, email or name"
                    autocomplete="off"
                    spellcheck="false"
                    class="h-9 w-full rounded-md border border-line-strong bg-field pr-18 pl-8.5 text-sm placeholder:text-ink-faint"
                />
            </form>
            <CommandPalette commands=commands/>
        </div>
    }
}

#[component]
fn Navigation(path: String, sandbox: bool) -> impl IntoView {
    let groups = GROUPS
        .iter()
        .map(|(name, entries)| {
            let extra = (sandbox && *name == "Settings").then_some(&SANDBOX);
            let links = entries
                .iter()
                .chain(extra)
                .map(|entry| view! { <NavLink entry=entry path=path.clone()/> })
                .collect_view();
            let id = format!("navigation-{}", name.to_lowercase());
            if name.is_empty() {
                view! { <ul class="grid gap-0.5">{links}</ul> }.into_any()
            } else {
                view! {
                    <div>
                        <p id=id.clone() class="mb-1 px-2.5 text-xs font-medium text-ink-soft">{*name}</p>
                        <ul class="grid gap-0.5" aria-labelledby=id>{links}</ul>
                    </div>
                }
                .into_any()
            }
        })
        .collect_view();
    view! {
        <nav id="navigation" popover="auto" aria-label="Main" class="navigation">
            <div class="flex h-14 shrink-0 items-center px-2.5"><Brand href="/"/></div>
            <div class="grid gap-5 pt-2 pb-6">{groups}</div>
            <p class="mt-auto hidden items-center gap-1.5 px-2.5 pb-3 text-xs text-ink-soft lg:flex">
                <kbd>"?"</kbd>
                "shows the keys"
            </p>
        </nav>
    }
}

#[component]
fn NavLink(entry: &'static Entry, path: String) -> impl IntoView {
    let current = is_current(&path, entry.href).then_some("page");
    view! {
        <li>
            <a href=entry.href aria-current=current data-keys=entry.keys class="nav-link">
                <Glyph icon=entry.icon/>
                {entry.label}
            </a>
        </li>
    }
}

fn is_current(path: &str, href: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    match path.strip_prefix(href) {
        Some("") => true,
        Some(rest) => href != "/" && rest.starts_with('/'),
        None => false,
    }
}

fn jumps(sandbox: bool) -> Vec<Command> {
    let extra = sandbox.then_some(&SANDBOX);
    let entries = GROUPS.iter().flat_map(|(_, entries)| entries.iter()).chain(extra);
    entries.map(|entry| Command::new(entry.label, entry.href, entry.keys)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_page_belongs_to_its_list() {
        assert!(is_current("/events/evt_1?tab=raw", "/events"));
        assert!(!is_current("/events-old", "/events"));
        assert!(is_current("/", "/") && !is_current("/events", "/"));
    }

    #[test]
    fn no_two_jumps_share_their_keys() {
        let mut keys: Vec<String> = jumps(true).into_iter().map(|jump| jump.hint).collect();
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}
