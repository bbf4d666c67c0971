//! `/videos/{connection}/{id}`: one video, what it is made of, and what happened to it.

use super::{
    links::addressed,
    page::{page, staff_frame},
    record_timeline::RecordTimeline,
    records::{DeletedNotice, StoredRecord, clock_time, crumbs, decoded, or_dash, spaced},
    video_parts::{Preparing, Thumbnail, thumbnail, track_words, video_title},
};
use crate::{
    components::{
        Badge, Button, Card, Cell, Column, ConfirmDialog, Effect, EmptyState, ExactTime, Icon, Id, KeyValue, KeyValues,
        Live, Notice, PageHeader, Row, StatusBadge, Table, Tone, Variant,
    },
    context::{form_id, now, staff},
};
use leptos::prelude::*;
use patchbay_domain::{
    RecordBody,
    video::{Asset, PlaybackId, Track},
};

#[component]
pub fn VideoPage() -> impl IntoView {
    let record = addressed(&Asset::KIND);
    page(async move {
        let (record, staff, now, form_id) = (record?, staff()?, now(), form_id());
        let page = staff.record(&record).await?;
        let asset: Asset = decoded(&page.record)?;
        let title = video_title(&asset);
        let src = thumbnail(&staff, &page.record, &asset, 640);
        let may_delete = staff.principal().may_act() && !page.record.deleted;
        let delete =
            may_delete.then(|| view! { <DeleteDialog record=record.path() asset=asset.clone() form_id=form_id/> });
        let status = if page.record.deleted { "deleted".to_owned() } else { asset.status.clone() };
        let errors = asset.errors.clone();
        let errors = (!errors.is_empty()).then(|| {
            let items = errors.into_iter().map(|text| view! { <li>{text}</li> }).collect_view();
            view! { <Notice tone=Tone::Bad title="The provider could not prepare it"><ul>{items}</ul></Notice> }
        });
        let content = view! {
            <PageHeader title=title.clone() id=asset.id.clone()>
                <Live name="state"><StatusBadge status=status/></Live>
                {delete}
            </PageHeader>
            <Live name="video">
                <div class="grid gap-4">
                    <DeletedNotice record=page.record.clone()/>
                    {errors}
                    <div class="grid items-start gap-4 xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
                        <div class="grid min-w-0 gap-4">
                            <div class="overflow-hidden rounded-lg border border-line bg-surface">
                                <Thumbnail src=src asset=asset.clone()/>
                                <div class="px-4 py-3 empty:hidden"><Preparing asset=asset.clone()/></div>
                            </div>
                            <Tracks tracks=asset.tracks.clone()/>
                            <RecordTimeline entries=page.timeline now=now/>
                        </div>
                        <div class="grid min-w-0 gap-4">
                            <Facts asset=asset.clone()/>
                            <Playback ids=asset.playback_ids/>
                            <StoredRecord record=page.record/>
                        </div>
                    </div>
                </div>
            </Live>
        };
        Ok(staff_frame(&title, crumbs("Videos", "/videos", &title), &record.topic(), content.into_any()))
    })
}

#[component]
fn DeleteDialog(record: String, asset: Asset, form_id: String) -> impl IntoView {
    let mut effects = vec![
        Effect::new("Video", video_title(&asset)),
        Effect::new("Playback ids that stop working", asset.playback_ids.len().to_string()),
    ];
    if let Some(seconds) = asset.duration_seconds {
        effects.push(Effect::new("Length", clock_time(seconds)));
    }
    view! {
        <ConfirmDialog
            id="delete-video"
            trigger="Delete"
            title="Delete this video?"
            lead="The provider deletes the video and all its renditions at once. Players that show it stop, and nobody can bring it back."
            effects=effects
            variant=Variant::Danger
            icon=Icon::Trash2
        >
            <form method="post" action="/actions/delete-asset">
                <input type="hidden" name="record" value=record/>
                <input type="hidden" name="form_id" value=form_id/>
                <Button variant=Variant::Danger icon=Icon::Trash2>"Delete the video"</Button>
            </form>
        </ConfirmDialog>
    }
}

#[component]
fn Tracks(tracks: Vec<Track>) -> impl IntoView {
    if tracks.is_empty() {
        return view! {
            <Card title="Tracks" padded=false>
                <EmptyState title="No tracks yet" icon=Icon::Clapperboard><p>"They are known once the video is prepared."</p></EmptyState>
            </Card>
        }
        .into_any();
    }
    let head = vec![Column::text("Track"), Column::end("Length"), Column::text("Id")];
    let rows = tracks
        .into_iter()
        .map(|track| {
            let id =
                track.id.clone().map_or_else(|| "—".into_any(), |id| view! { <Id text=id short=true/> }.into_any());
            let (words, length) = (track_words(&track), or_dash(track.duration_seconds.map(clock_time)));
            view! {
                <Row>
                    <Cell label="Track"><span class="font-medium">{words}</span></Cell>
                    <Cell label="Length" end=true>{length}</Cell>
                    <Cell label="Id">{id}</Cell>
                </Row>
            }
        })
        .collect_view();
    view! { <Card title="Tracks" padded=false><Table caption="Tracks of the video" head=head>{rows}</Table></Card> }
        .into_any()
}

#[component]
fn Facts(asset: Asset) -> impl IntoView {
    let rate = asset.max_frame_rate.map(|rate| format!("{rate:.0} per second"));
    let test = asset.test.then(|| {
        view! { <KeyValue label="Test"><Badge label="Watermarked and short-lived" tone=Tone::Neutral icon=Icon::FlaskConical/></KeyValue> }
    });
    view! {
        <Card title="Facts">
            <KeyValues>
                <KeyValue label="Length">{or_dash(asset.duration_seconds.map(clock_time))}</KeyValue>
                <KeyValue label="Aspect ratio">{or_dash(asset.aspect_ratio)}</KeyValue>
                <KeyValue label="Resolution">{or_dash(asset.resolution_tier)}</KeyValue>
                <KeyValue label="Frames">{or_dash(rate)}</KeyValue>
                <KeyValue label="Quality">{or_dash(asset.quality.as_deref().map(spaced))}</KeyValue>
                <KeyValue label="Passthrough">{or_dash(asset.passthrough)}</KeyValue>
                <KeyValue label="Created"><ExactTime at=asset.created_at/></KeyValue>
                {test}
            </KeyValues>
        </Card>
    }
}

#[component]
fn Playback(ids: Vec<PlaybackId>) -> impl IntoView {
    let content = if ids.is_empty() {
        view! { <p class="p-4 text-sm text-ink-soft">"None: nothing can play it."</p> }.into_any()
    } else {
        let rows = ids
            .into_iter()
            .map(|playback| {
                view! {
                    <li class="flex flex-wrap items-center justify-between gap-x-3 gap-y-1 px-4 py-2.5 text-sm">
                        <Id text=playback.id/>
                        <Badge label=spaced(&playback.policy)/>
                    </li>
                }
            })
            .collect_view();
        view! { <ul class="divide-y divide-line">{rows}</ul> }.into_any()
    };
    view! { <Card title="Playback ids" padded=false>{content}</Card> }
}
