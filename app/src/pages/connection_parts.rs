//! What `/connections` says of a connection's keys and syncs.

use super::{
    connection_state::SyncProgress,
    events::capitalised,
    links::{between, count, counted},
};
use crate::components::{
    Badge, Button, Card, Cell, Column, EmptyState, Icon, LinkButton, Pager, Row, Size, StatusBadge, Table, Time, Tone,
    Variant,
};
use leptos::prelude::*;
use patchbay_domain::{Kind, Timestamp, error::Problem};
use patchbay_engine::Access;
use patchbay_store::{Page, SyncRun, SyncState};

/// Which kinds the keys can read, since when that is known, and the button to ask again.
#[component]
pub fn AccessPanel(
    name: String,
    access: Option<Access>,
    left_out: Option<&'static str>,
    may_act: bool,
    now: Timestamp,
) -> impl IntoView {
    let (head, problems) = match access {
        None => {
            let head =
                view! { <span class="text-ink-soft">"Not checked yet. They are checked after each sync."</span> };
            (head.into_any(), Vec::new())
        }
        Some(access) => readable(access, now),
    };
    let left_out = left_out.map(|text| view! { <p class="mt-2 text-xs text-ink-soft">{text}</p> });
    let button = may_act.then(
        || view! { <PanelForm action="/actions/check-connection" name=name label="Check now" icon=Icon::Check/> },
    );
    view! {
        <Panel title="Keys can read" head=head button=button.into_any()>
            <Problems problems=problems/>
            {left_out}
        </Panel>
    }
}

fn readable(access: Access, now: Timestamp) -> (AnyView, Vec<(String, Problem)>) {
    let (some, all) = (access.readable.len(), access.readable.len() + access.unreadable.len());
    let badge = if some == all {
        view! { <Badge label="Everything" tone=Tone::Good icon=Icon::CircleCheck/> }.into_any()
    } else if some == 0 {
        view! { <Badge label="Nothing" tone=Tone::Bad icon=Icon::CircleX/> }.into_any()
    } else {
        view! { <Badge label=format!("{some} of {all} kinds") tone=Tone::Warn icon=Icon::TriangleAlert/> }.into_any()
    };
    let head = view! { {badge} <span class="text-ink-soft">"checked " <Time at=access.at now=now/></span> };
    let title = |kind: Option<Kind>| kind.map_or_else(|| "account".to_owned(), |kind| kind.plural());
    let problems = access.unreadable.into_iter().map(|one| (title(one.kind), one.problem)).collect();
    (head.into_any(), problems)
}

/// What the last sync did, or how far the running one is, and the button for it.
#[component]
pub fn SyncPanel(
    name: String,
    run: Option<SyncRun>,
    kinds: usize,
    /// What is said of the keys above: a reason stands on the page once.
    said: Vec<Problem>,
    may_act: bool,
    now: Timestamp,
) -> impl IntoView {
    let running = run.as_ref().is_some_and(SyncRun::is_running);
    let cancelling = run.as_ref().is_some_and(|run| run.cancel_requested);
    let check_missing = (may_act && !running && run.as_ref().is_some_and(SyncRun::awaits_word)).then(|| {
        view! {
            <form method="post" action="/actions/start-sync" class="mt-2">
                <input type="hidden" name="connection" value=name.clone()/>
                <input type="hidden" name="thorough" value="true"/>
                <Button size=Size::Small variant=Variant::Secondary icon=Icon::RefreshCw>"Sync and check every missing record"</Button>
            </form>
        }
    });
    let button = may_act.then(|| {
        let (action, label, icon) = match (running, cancelling) {
            (true, true) => ("/actions/cancel-sync", "Canceling", Icon::X),
            (true, false) => ("/actions/cancel-sync", "Cancel", Icon::X),
            (false, _) => ("/actions/start-sync", "Sync now", Icon::RefreshCw),
        };
        view! { <PanelForm action=action name=name label=label icon=icon disabled=cancelling && running/> }
    });
    let button = button.into_any();
    match run {
        None => {
            let head = view! { <span class="text-ink-soft">"Never. A sync reads everything the provider has, page by page."</span> };
            view! { <Panel title="Last sync" head=head.into_any() button=button/> }.into_any()
        }
        Some(run) if running => {
            let head = view! { <div class="min-w-0 flex-1"><SyncProgress run=run kinds=kinds now=now/></div> };
            view! { <Panel head=head.into_any() button=button/> }.into_any()
        }
        Some(run) => {
            let at = run.finished_at.unwrap_or(run.heartbeat_at);
            let words = format!("{} read, {} changed", count(run.done), count(run.changed));
            let head = view! {
                <StatusBadge status=run.state.as_str()/>
                <span class="text-ink-soft">{words} ", " <Time at=at now=now/></span>
            };
            let again = run.retry_at.map(|at| {
                let times = if run.attempts == 1 { "once".to_owned() } else { counted(run.attempts, "time", "times") };
                view! { <p class="mt-2 text-sm text-ink-soft">{format!("Tried {times}. What is missing is read again ")}<Time at=at now=now/>"."</p> }
            });
            view! {
                <Panel title="Last sync" head=head.into_any() button=button>
                    <Missing run=run said=said/>
                    {check_missing}
                    {again}
                </Panel>
            }
            .into_any()
        }
    }
}

/// What a sync could not read, and what to do. Where nothing could be read, the one reason for all.
#[component]
fn Missing(run: SyncRun, said: Vec<Problem>) -> impl IntoView {
    if run.state == SyncState::Failed {
        let first = run.missing().next().map(|(_, problem)| problem.to_string());
        let text = first.or(run.error);
        return text
            .map(|text| view! { <p class="mt-1 text-sm break-words text-bad"><bdi>{text}</bdi></p> })
            .into_any();
    }
    let missing = run.missing().map(|(kind, problem)| (kind.plural(), problem.clone()));
    let (above, here): (Vec<_>, Vec<_>) = missing.partition(|(_, problem)| said.contains(problem));
    let above: Vec<String> = above.into_iter().map(|(title, _)| title).collect();
    let above = (!above.is_empty()).then(|| {
        let text = format!("Not read, for the reasons above: {}.", above.join(", "));
        view! { <p class="mt-1 text-sm break-words">{text}</p> }
    });
    view! {
        {above}
        <Problems problems=here/>
    }
    .into_any()
}

#[component]
fn Problems(problems: Vec<(String, Problem)>) -> impl IntoView {
    let items = problems.into_iter().map(|(title, problem)| {
        view! {
            <li>
                <p class="font-medium text-warn">{capitalised(&title)}</p>
                <p class="break-words"><bdi>{problem.why}</bdi></p>
                <p class="text-ink-soft">{problem.what_to_do}</p>
            </li>
        }
    });
    let items: Vec<_> = items.collect();
    (!items.is_empty()).then(|| view! { <ul class="mt-2 grid gap-2 text-sm">{items}</ul> })
}

/// A line with its button, and under both, in the whole width, what there is to read.
#[component]
fn Panel(
    #[prop(optional)] title: &'static str,
    head: AnyView,
    button: AnyView,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let title = (!title.is_empty()).then(|| view! { <span class="font-medium">{title}</span> });
    view! {
        <div class="mt-4 rounded-md bg-canvas px-3 py-2.5">
            <div class="flex items-start gap-4">
                <div class="flex min-h-8 min-w-0 flex-1 flex-wrap items-center gap-x-2 gap-y-1 text-sm">{title} {head}</div>
                {button}
            </div>
            {children.map(|children| children())}
        </div>
    }
}

#[component]
fn PanelForm(
    action: &'static str,
    name: String,
    label: &'static str,
    icon: Icon,
    #[prop(optional)] disabled: bool,
) -> impl IntoView {
    view! {
        <form method="post" action=action>
            <input type="hidden" name="connection" value=name/>
            <Button size=Size::Small variant=Variant::Secondary icon=icon disabled=disabled>{label}</Button>
        </form>
    }
}

#[component]
pub fn Syncs(path: &'static str, syncs: Page<SyncRun>, now: Timestamp) -> impl IntoView {
    if syncs.items.is_empty() {
        return view! {
            <Card title="Syncs" padded=false>
                <EmptyState title="No sync yet" icon=Icon::RefreshCw>
                    <p>"A connection's first sync starts by itself; start later ones above."</p>
                    <LinkButton href="/events" size=Size::Small>"See what webhooks brought"</LinkButton>
                </EmptyState>
            </Card>
        }
        .into_any();
    }
    let head = vec![
        Column::text("Started"),
        Column::text("Connection"),
        Column::text("State"),
        Column::end("Read"),
        Column::end("Changed"),
        Column::end("Took"),
        Column::text("Missing"),
    ];
    let rows = syncs
        .items
        .into_iter()
        .map(|run| {
            let took = between(run.started_at, run.finished_at.unwrap_or(now));
            let missing = in_short(&run);
            view! {
                <Row>
                    <Cell label="Started"><Time at=run.started_at now=now/></Cell>
                    <Cell label="Connection">{run.connection}</Cell>
                    <Cell label="State"><StatusBadge status=run.state.as_str()/></Cell>
                    <Cell label="Read" end=true>{count(run.done)}</Cell>
                    <Cell label="Changed" end=true>{count(run.changed)}</Cell>
                    <Cell label="Took" end=true>{took}</Cell>
                    <Cell label="Missing" wide=true>{missing}</Cell>
                </Row>
            }
        })
        .collect_view();
    let note = format!("{} per page, newest first", counted(i64::from(crate::context::PAGE_ROWS), "sync", "syncs"));
    view! {
        <Card title="Syncs" padded=false>
            <Table caption="Syncs, newest first" head=head>{rows}</Table>
            <Pager path=path query=Vec::new() prev=syncs.prev next=syncs.next note=note/>
        </Card>
    }
    .into_any()
}

/// Which kinds a sync did not read, or why it failed.
fn in_short(run: &SyncRun) -> String {
    if let Some(error) = &run.error {
        return error.clone();
    }
    let kinds: Vec<String> = run.missing().map(|(kind, _)| kind.plural()).collect();
    if kinds.is_empty() { "—".to_owned() } else { capitalised(&kinds.join(", ")) }
}
