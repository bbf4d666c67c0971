//! `/videos`: what is hosted, newest first.

use super::{
    export::{List, records_href},
    links::record_href,
    page::{page, staff_frame},
    records::ListQuery,
    stored::stored,
    video_parts::{Preparing, Thumbnail, thumbnail, video_title},
    whose::{Whose, WhoseField},
};
use crate::{
    components::{
        Badge, Card, EmptyState, FilterBar, Icon, LinkButton, Live, PageHeader, Pager, Size, StatusBadge, Tabs,
        TextField, Time, Tone,
    },
    context::{RequestContext, now, request, staff},
};
use leptos::prelude::*;
use patchbay_domain::{RecordBody, Timestamp, video::Asset};
use patchbay_store::RecordFilter;

const PATH: &str = "/videos";

#[component]
pub fn VideosPage() -> impl IntoView {
    page(async move {
        let (staff, request, now) = (staff()?, request(), now());
        let query = query(&request);
        let found = stored(staff.store().list_records(&filter(&query), &request.page()).await)?;
        let whose = Whose::read(&staff, &Asset::KIND, &query).await?;
        let counts = stored(staff.store().status_counts(&Asset::KIND, whose.chosen()).await)?;
        let differs = whose.differs();
        let cards: Vec<_> = found
            .items
            .into_iter()
            .filter_map(|record| {
                let asset: Asset = record.decode().ok()?;
                let src = thumbnail(&staff, &record, &asset, 320);
                let (href, of) = (record_href(&record.reference()), differs.then_some(record.connection));
                Some(view! { <VideoCard href=href asset=asset src=src of=of now=now/> })
            })
            .collect();
        let list = if cards.is_empty() {
            let nothing = nothing(&query);
            view! { <Card padded=false>{nothing}</Card> }.into_any()
        } else {
            view! {
                <ul class="grid gap-4 sm:grid-cols-2 lg:grid-cols-3 2xl:grid-cols-4">{cards}</ul>
                <Pager path=PATH query=query.pairs.clone() prev=found.prev next=found.next note="50 per page, newest first"/>
            }
            .into_any()
        };
        let (tabs, filters) = (query.status_tabs(&counts), query.count());
        let export = records_href(List::Videos, &query);
        let (status, text) = (query.text("status"), query.text("text"));
        let content = view! {
            <PageHeader title="Videos" subtitle="Mirrored from the video provider, current within seconds."/>
            <Live name="counts"><Tabs label="Status" items=tabs/></Live>
            <FilterBar action=PATH filters=filters export_href=export>
                <input type="hidden" name="status" value=status/>
                <TextField label="Title, passthrough or id" name="text" kind="search" compact=true value=text/>
                <WhoseField whose=whose/>
            </FilterBar>
            <Live name="videos">{list}</Live>
        };
        let crumbs = vec![("Videos".to_owned(), None)];
        Ok(staff_frame("Videos", crumbs, "records:asset", content.into_any()))
    })
}

pub fn query(request: &RequestContext) -> ListQuery {
    ListQuery::read(PATH, request, &["status", "text", "connection"])
}

pub fn filter(query: &ListQuery) -> RecordFilter {
    RecordFilter {
        status: query.get("status"),
        text: query.get("text"),
        connection: query.get("connection"),
        ..RecordFilter::of(Asset::KIND)
    }
}

#[component]
fn VideoCard(
    href: String,
    asset: Asset,
    src: Option<String>,
    /// Its connection, where others have videos, too.
    of: Option<String>,
    now: Timestamp,
) -> impl IntoView {
    let title = video_title(&asset);
    let test = asset.test.then(|| view! { <Badge label="Test" tone=Tone::Neutral icon=Icon::FlaskConical/> });
    let error = asset.errors.first().cloned().map(|text| view! { <p class="text-xs break-words text-bad">{text}</p> });
    view! {
        <li data-row="" class="relative flex min-w-0 flex-col overflow-hidden rounded-lg border border-line bg-surface hover:border-line-strong">
            <Thumbnail src=src asset=asset.clone()/>
            <div class="flex flex-1 flex-col gap-2 p-3">
                <a href=href class="line-clamp-2 text-sm font-medium break-words after:absolute after:inset-0 hover:text-accent">{title}</a>
                <Preparing asset=asset.clone()/>
                {error}
                {of.map(|of| view! { <p class="text-xs break-all text-ink-soft">{of}</p> })}
                <div class="mt-auto flex flex-wrap items-center gap-2">
                    <StatusBadge status=asset.status/>
                    {test}
                    <span class="relative ml-auto text-xs text-ink-soft"><Time at=asset.created_at now=now/></span>
                </div>
            </div>
        </li>
    }
}

fn nothing(query: &ListQuery) -> AnyView {
    if query.is_empty() {
        return view! {
            <EmptyState title="No videos yet" icon=Icon::Clapperboard>
                <p>"They appear here as soon as a video provider is connected and synced."</p>
                <LinkButton href="/connections" size=Size::Small>"See the connections"</LinkButton>
            </EmptyState>
        }
        .into_any();
    }
    view! {
        <EmptyState title="No video matches" icon=Icon::ListFilter>
            <p>"Widen the filter. Text is looked for in titles, passthrough values and ids."</p>
            <LinkButton href=PATH size=Size::Small>"Show all videos"</LinkButton>
        </EmptyState>
    }
    .into_any()
}
