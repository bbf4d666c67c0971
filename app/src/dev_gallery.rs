//! Every component once, with made-up data: shows that they render, and what they look like.
//!
//! `PATCHBAY_GALLERY=<folder> cargo test -p patchbay-app --features ssr gallery` writes the pages there as files.

use crate::{components::Effect, components::*, layout::*, shell::shell};
use axum::body::{Body, to_bytes};
use leptos::prelude::*;
use patchbay_domain::{Money, Principal, Role, Timestamp, UserError, error::Reason, principal::Organisation};
use serde_json::json;
use std::{fs, path::PathBuf, time::Duration};

type App = fn() -> AnyView;

const NOW: Timestamp = Timestamp::from_seconds(1_795_200_000);

fn ago(minutes: u64) -> Timestamp {
    NOW.minus(Duration::from_secs(minutes * 60))
}

fn principal(role: Role) -> Principal {
    let organisation = Organisation { id: "org_sandbox_northwind".to_owned(), name: "Northwind Research".to_owned() };
    let principal = Principal::new("user_1", "Ada Lovelace", role);
    Principal { organisation: (!principal.is_staff()).then_some(organisation), ..principal }
}

fn crumbs(parts: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    parts.iter().map(|(label, href)| ((*label).to_owned(), href.map(str::to_owned))).collect()
}

/// The page as the server sends it.
async fn page(app: App) -> String {
    let options = LeptosOptions::builder().output_name("patchbay").site_pkg_dir("pkg").build();
    let answer = leptos_axum::render_app_async(move || shell(options.clone(), app));
    let request = http::Request::builder().body(Body::empty()).expect("a request without anything is valid");
    let body = answer(request).await.into_body();
    let bytes = to_bytes(body, usize::MAX).await.expect("the page arrives whole");
    String::from_utf8(bytes.to_vec()).expect("HTML is UTF-8")
}

fn staff(path: &str, parts: &[(&str, Option<&str>)], flash: Option<Flash>, inside: AnyView) -> AnyView {
    view! {
        <StaffFrame
            principal=principal(Role::StaffAdmin)
            sandbox=true
            path=path.to_owned()
            crumbs=crumbs(parts)
            title="Gallery".to_owned()
            flash=flash
            live="events"
        >
            {inside}
        </StaffFrame>
    }
    .into_any()
}

fn overview() -> AnyView {
    let hours: Vec<String> = (0..24).map(|hour| format!("{hour:02}:00")).collect();
    let wave = |scale: f64, shift: f64| -> Vec<f64> {
        (0..24).map(|hour| (scale * (1.0 + (f64::from(hour) / 3.0 + shift).sin())).round()).collect()
    };
    let failures = wave(4.0, 2.0);
    let same_hours = hours.clone();
    let bars = vec![
        Series::new("Processed", Tone::Info, wave(120.0, 0.0)),
        Series::new("Skipped", Tone::Neutral, wave(20.0, 1.0)),
        Series::new("Dead", Tone::Bad, failures.clone()),
    ];
    let lines =
        vec![Series::new("p95", Tone::Info, wave(90.0, 1.0)), Series::new("p50", Tone::Neutral, wave(30.0, 0.5))];
    let change = |now, before, direction| Change { now, before, direction, period: "the day before" };
    view! {
        <PageHeader title="Overview" subtitle="The last 24 hours, all connections">
            <Button icon=Icon::RefreshCw>"Sync now"</Button>
        </PageHeader>
        <div class="mb-4 grid grid-cols-1 gap-3 sm:grid-cols-2 xl:grid-cols-4">
            <StatTile label="Events received" value="18,204" points=wave(90.0, 0.0) change=change(18_204.0, 16_100.0, Direction::Neither) href="/events"/>
            <StatTile label="Dead letters" value="12" points=failures change=change(12.0, 4.0, Direction::DownIsGood) href="/dead-letters" status="errored"/>
            <StatTile label="Processed within a second" value="99.7 %" points=wave(2.0, 1.0) change=change(99.7, 99.1, Direction::UpIsGood)/>
            <StatTile label="Recurring revenue" value="4,820.00 EUR" note="per month, 61 active subscriptions" href="/subscriptions"/>
        </div>
        <div class="mb-4 grid gap-4 xl:grid-cols-[2fr_1fr]">
            <Card title="Events by hour"><BarChart title="Events received" labels=same_hours series=bars/></Card>
            <Card title="Answers of Stripe"><AreaChart title="Duration" unit=" ms" labels=hours series=lines/></Card>
        </div>
        <div class="grid gap-4 lg:grid-cols-2">
            <Card title="Backfill of invoices" actions=view! { <Button size=Size::Small variant=Variant::Ghost>"Cancel"</Button> }.into_any()>
                <Progress label="Reading from Stripe" done=1_240 total=Some(3_000) detail="41 per second · 43 s left"/>
                <div class="mt-4"><Progress label="Counting" done=312 total=None/></div>
            </Card>
            <Card title="Connections" padded=false>
                <Table caption="Connections" head=vec![Column::text("Connection"), Column::text("State"), Column::text("Last event")] stack=false>
                    <Row><LinkCell href="/connections/stripe" label="Connection">"Stripe"</LinkCell><Cell label="State"><StatusBadge status="up"/></Cell><Cell label="Last event"><Time at=ago(0) now=NOW/></Cell></Row>
                    <Row><LinkCell href="/connections/mux" label="Connection">"Mux"</LinkCell><Cell label="State"><StatusBadge status="degraded"/></Cell><Cell label="Last event"><Time at=ago(42) now=NOW/></Cell></Row>
                    <Row><LinkCell href="/connections/clerk" label="Connection">"Clerk"</LinkCell><Cell label="State"><StatusBadge status="down"/></Cell><Cell label="Last event"><Time at=ago(900) now=NOW/></Cell></Row>
                </Table>
            </Card>
        </div>
    }
    .into_any()
}

fn list() -> AnyView {
    let states = ["processed", "pending", "dead", "skipped", "processed", "processed"];
    let kinds = ["invoice.payment_failed", "customer.subscription.updated", "video.asset.ready", "charge.refunded"];
    let rows = (0..24_u64)
        .map(|index| {
            let pick = usize::try_from(index).unwrap_or_default();
            let id = format!("evt_1P{index:02}QWk2eZvKYlo2C8Xb4aT{index:02}");
            let href = format!("/events/{id}");
            view! {
                <Row>
                    <SelectCell name="id" value=id.clone() label=format!("Select {id}") form="bulk"/>
                    <LinkCell href=href label="Type">{kinds[pick % kinds.len()]}</LinkCell>
                    <Cell label="State"><StatusBadge status=states[pick % states.len()]/></Cell>
                    <Cell label="Id"><Id text=id short=true/></Cell>
                    <Cell label="Object"><Id text="sub_1PabcNorthwind" href="/subscriptions/sub_1PabcNorthwind"/></Cell>
                    <Cell label="Attempts" end=true>{index % 4}</Cell>
                    <Cell label="Amount" end=true><Amount money=Money::new(123_450, "eur")/></Cell>
                    <Cell label="Received"><Time at=ago(index * 7) now=NOW/></Cell>
                </Row>
            }
        })
        .collect_view();
    let options =
        |words: &[&str]| words.iter().map(|word| ((*word).to_owned(), (*word).to_owned())).collect::<Vec<_>>();
    let head = vec![
        Column::hidden("Select"),
        Column::text("Type"),
        Column::text("State"),
        Column::text("Id"),
        Column::text("Object"),
        Column::end("Attempts"),
        Column::end("Amount"),
        Column::text("Received"),
    ];
    view! {
        <PageHeader title="Events" subtitle="Everything the providers told us"/>
        <Tabs label="State" items=vec![Tab::new("All", "/events", true).count(18_204), Tab::new("Dead letters", "/dead-letters", false).count(12), Tab::new("Rejections", "/rejections", false)]/>
        <FilterBar action="/events" filters=2 export_href="/events.csv?state=dead">
            <TextField label="Type begins with" name="type" value="invoice." compact=true/>
            <SelectField label="State" name="state" options=options(&["any", "pending", "processed", "dead"]) value="dead" compact=true/>
            <TextField label="Since" name="since" kind="date" compact=true/>
        </FilterBar>
        <Live name="rows" announce=true>
            <Card padded=false>
                <form id="bulk" method="post" action="/events/replay" class="flex items-center gap-3 border-b border-line px-4 py-2 text-xs text-ink-soft">
                    <Button size=Size::Small icon=Icon::RotateCw>"Replay selected"</Button>
                </form>
                <Table caption="Events" head=head>{rows}</Table>
                <div class="border-t border-line">
                    <Pager path="/events" query=vec![("state".to_owned(), "dead".to_owned())] prev=Some("a".to_owned()) next=Some("b".to_owned()) note="50 per page, newest first"/>
                </div>
            </Card>
        </Live>
    }
    .into_any()
}

fn detail() -> AnyView {
    let before = json!({"status": "active", "cancel_at_period_end": false, "items": [{"price": "price_small", "quantity": 1}], "trial_end": null});
    let after = json!({"status": "past_due", "cancel_at_period_end": false, "items": [{"price": "price_large", "quantity": 1}], "latest_invoice": "in_1Pq"});
    let payload = json!({
        "id": "evt_1P", "type": "customer.subscription.updated", "livemode": false, "created": 1_795_199_000,
        "data": {"object": {"id": "sub_1Pabc", "status": "past_due", "items": {"data": [{"price": {"id": "price_large", "unit_amount": 9900}}]}, "description": "A very long line of text that the payload carries and that has to wrap somewhere because nobody wants to scroll sideways to read the end of it."}},
        "request": null
    });
    let changes = json_diff(&before, &after);
    let diff = changes.clone();
    view! {
        <PageHeader title="Large plan, monthly" status="past_due" subtitle="Northwind Research · renews 20 Dec 2026" id="sub_1PabcQWk2eZvKYlo2C8Xb4aT">
            <LinkButton href="/change" icon=Icon::Repeat>"Change plan"</LinkButton>
            <ConfirmDialog
                id="cancel"
                trigger="Cancel subscription"
                title="Cancel at the end of the period?"
                lead="The customer keeps everything until then, and can undo this."
                effects=vec![Effect::new("Ends on", "20 Dec 2026"), Effect::total("Charged today", "0.00 EUR")]
                variant=Variant::Danger
            >
                <form method="post" action="/cancel"><Button variant=Variant::Danger>"Cancel it"</Button></form>
            </ConfirmDialog>
        </PageHeader>
        <div class="mb-4"><Notice tone=Tone::Warn title="The last payment failed">"Stripe tries again in 3 days. The card was declined: insufficient funds."</Notice></div>
        <div class="grid items-start gap-4 xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
            <Card title="Timeline">
                <Live name="timeline">
                    <Timeline>
                        <TimelineEntry source=TimelineSource::Event title="customer.subscription.updated" href="/events/evt_1" status="processed" by="Stripe" at=ago(2) now=NOW>
                            <details><summary>"4 changes"</summary><div class="mt-2 rounded-md border border-line"><DiffView rows=diff/></div></details>
                        </TimelineEntry>
                        <TimelineEntry source=TimelineSource::Call title="POST /v1/subscriptions/sub_1Pabc" status="failed" by="HTTP 402 · 312 ms" at=ago(3) now=NOW/>
                        <TimelineEntry source=TimelineSource::Staff title="Changed the plan to Large" by="Ada Lovelace" at=ago(4) now=NOW>"“Asked for on the phone”"</TimelineEntry>
                        <TimelineEntry source=TimelineSource::Change title="Created" at=ago(50_000) now=NOW/>
                        <TimelineEntry source=TimelineSource::Sync title="Read from Stripe" at=ago(50_001) now=NOW/>
                    </Timeline>
                </Live>
            </Card>
            <div class="grid min-w-0 gap-4">
                <Card title="Subscription">
                    <KeyValues>
                        <KeyValue label="Customer"><Id text="cus_Qabc123" href="/customers/cus_Qabc123"/></KeyValue>
                        <KeyValue label="Price"><Amount money=Money::new(9_900, "eur") strong=true/>" per month"</KeyValue>
                        <KeyValue label="Renews"><ExactTime at=NOW date_only=true/></KeyValue>
                        <KeyValue label="Collection"><Code>"charge_automatically"</Code></KeyValue>
                        <KeyValue label="Flags"><Badge label="test" tone=Tone::Neutral/></KeyValue>
                    </KeyValues>
                </Card>
                <Card title="Payload"><JsonView value=payload/></Card>
            </div>
        </div>
        <div class="mt-4"><Card title="Changed by this event" padded=false><DiffView rows=changes/></Card></div>
    }
    .into_any()
}

fn states() -> AnyView {
    let words = [
        "active",
        "trialing",
        "past_due",
        "canceled",
        "paid",
        "open",
        "void",
        "draft",
        "uncollectible",
        "ready",
        "preparing",
        "errored",
        "pending",
        "processed",
        "dead",
        "skipped",
        "ok",
        "down",
        "paused",
        "some_new_word",
    ];
    view! {
        <PageHeader title="States and forms"/>
        <div class="mb-4 flex flex-wrap gap-2">{words.map(|word| view! { <StatusBadge status=word/> }).into_iter().collect_view()}</div>
        <div class="mb-4 flex flex-wrap gap-2">
            <Button variant=Variant::Primary icon=Icon::Plus>"Primary"</Button>
            <Button>"Secondary"</Button>
            <Button variant=Variant::Danger icon=Icon::Trash2>"Danger"</Button>
            <Button variant=Variant::Ghost>"Ghost"</Button>
            <Button disabled=true>"Disabled"</Button>
            <Button size=Size::Small variant=Variant::Primary>"Small"</Button>
        </div>
        <div class="grid items-start gap-4 lg:grid-cols-2">
            <Card title="Endpoint">
                <form class="grid gap-4">
                    <TextField label="Name" name="name" value="Stripe" hint="Shown in lists." required=true/>
                    <TextField label="Secret" name="secret" value="whsec_" mono=true error="A signing secret begins with whsec_ and has 32 letters after it."/>
                    <SelectField label="Region" name="region" options=vec![("eu".to_owned(), "Europe".to_owned())]/>
                    <TextareaField label="Reason" name="reason"/>
                    <CheckField label="Tell the customer" name="tell" checked=true hint="By email, at once."/>
                    <div><Button variant=Variant::Primary>"Save"</Button></div>
                </form>
            </Card>
            <div class="grid gap-4">
                <Card padded=false><EmptyState title="No dead letters">"Events that fail six times come here. "<a href="/events">"Look at all events"</a>"."</EmptyState></Card>
                <ErrorState error=UserError::new(Reason::Provider, "Stripe answered with 503 three times.") request_id="req_01HZX" retry_href="/"/>
                <ConfirmCard title="Change to Large?" lead="Northwind Research pays the difference at once." effects=vec![Effect::new("Unused time on Small", "−14.50 EUR"), Effect::new("Remaining time on Large", "49.50 EUR"), Effect::total("Charged today", "35.00 EUR")] cancel_href="/">
                    <Button variant=Variant::Primary>"Change plan"</Button>
                </ConfirmCard>
            </div>
        </div>
    }
    .into_any()
}

fn customer() -> AnyView {
    view! {
        <CustomerFrame
            principal=principal(Role::CustomerManager)
            sandbox=true
            path="/account".to_owned()
            crumbs=crumbs(&[("Plan", None)])
            title="Plan".to_owned()
            flash=Some(Flash::success("Your plan is now Large."))
        >
            <PageHeader title="Large" status="active" subtitle="99.00 EUR per month, renews on 20 Dec 2026">
                <LinkButton href="/account/change" variant=Variant::Primary>"Change plan"</LinkButton>
            </PageHeader>
            <div class="grid items-start gap-4 sm:grid-cols-2">
                <Card title="Usage this period">
                    <div class="grid gap-4">
                        <Progress label="Responses" done=8_200 total=Some(10_000)/>
                        <Progress label="Video minutes" done=120 total=Some(1_000)/>
                    </div>
                </Card>
                <Card title="Billing details">
                    <KeyValues>
                        <KeyValue label="Pays with">"Visa ···· 4242"</KeyValue>
                        <KeyValue label="Next invoice"><Amount money=Money::new(9_900, "eur")/></KeyValue>
                    </KeyValues>
                </Card>
            </div>
        </CustomerFrame>
    }
    .into_any()
}

fn overview_page() -> AnyView {
    staff("/", &[("Overview", None)], None, overview())
}

fn list_page() -> AnyView {
    let flash = Flash::success("3 events will be worked on again.");
    staff("/events", &[("Activity", None), ("Events", None)], Some(flash), list())
}

fn detail_page() -> AnyView {
    let crumbs = [("Subscriptions", Some("/subscriptions")), ("Large plan, monthly", None)];
    staff("/subscriptions/sub_1", &crumbs, None, detail())
}

fn states_page() -> AnyView {
    staff("/connections", &[("Connections", None)], Some(Flash::error("That did not work.")), states())
}

#[tokio::test]
async fn gallery() {
    // Starts the executor, as the server does when it lists its routes.
    let _ = leptos_axum::generate_route_list(|| ());
    let pages: [(&str, App); 5] = [
        ("overview", overview_page),
        ("list", list_page),
        ("detail", detail_page),
        ("states", states_page),
        ("customer", customer),
    ];
    let folder = std::env::var("PATCHBAY_GALLERY").map(PathBuf::from);
    for (name, app) in pages {
        let html = page(app).await;
        assert!(html.contains("<title>"), "{name} has no title");
        assert!(html.contains("<main id=\"main\""), "{name} has no main landmark");
        assert!(!html.contains(" style="), "{name} has an inline style, which the content policy forbids");
        if let Ok(folder) = &folder {
            fs::write(folder.join(format!("{name}.html")), html).expect("the folder is writable");
        }
    }
}
