//! The assets, uploads and live streams of one environment, and the events that are not sent yet.

use super::{
    OutgoingEvent, assets,
    live::LiveStream,
    model::{Added, Asset, Kind, Status, new_id},
    uploads::Upload,
};
use crate::journal::{self, Entry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The name of its lines in the state file.
pub(crate) const KIND: &str = "mux";

/// Progress is announced at these, in per cent.
const STEPS: [i64; 4] = [25, 50, 75, 90];
/// A file that will fail does so here, in per cent.
const FAILS_AT: i64 = 40;
/// After an asset is ready, its files are made within so many microseconds.
const FILES: i64 = 4_000_000;

/// A line of the state file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    /// An asset as it now is.
    Asset(Box<Asset>),
    Upload(Box<Upload>),
    LiveStream(Box<LiveStream>),
    /// The id of something that was deleted.
    Gone(String),
    /// [`State::last_event_at`]; there from the first day, so that an environment without assets is not taken for a new one.
    LastEventAt(i64),
}

pub(crate) struct State {
    /// Oldest first.
    pub(super) assets: Vec<Asset>,
    pub(super) uploads: Vec<Upload>,
    pub(super) streams: Vec<LiveStream>,
    events: Vec<OutgoingEvent>,
    /// Of the last event, in milliseconds: no two events carry the same time, so their order can be told.
    last_event_at: i64,
    /// Ids of what changed since the last lines.
    changed: BTreeSet<String>,
}

/// Where a page starts: after the asset that was made then and has this id.
pub(super) type Position = (i64, String);

impl State {
    pub(super) fn empty() -> Self {
        Self {
            assets: Vec::new(),
            uploads: Vec::new(),
            streams: Vec::new(),
            events: Vec::new(),
            last_event_at: 0,
            changed: BTreeSet::new(),
        }
    }

    /// Takes in one line of the state file: an environment that an earlier run left begins with the first.
    pub(crate) fn read(kept: &mut Option<Self>, entry: &Entry) {
        let Ok(row) = serde_json::from_str::<Row>(entry.row.get()) else { return };
        let state = kept.get_or_insert_with(Self::empty);
        match row {
            Row::Asset(asset) => {
                state.assets.retain(|other| other.id != asset.id);
                state.insert(*asset);
            }
            Row::Upload(upload) => put(&mut state.uploads, *upload, |one| &one.id),
            Row::LiveStream(stream) => put(&mut state.streams, *stream, |one| &one.id),
            Row::Gone(id) => {
                state.assets.retain(|asset| asset.id != id);
                state.streams.retain(|stream| stream.id != id);
            }
            Row::LastEventAt(at) => state.last_event_at = at,
        }
    }

    /// The lines of everything changed since the last time.
    pub(crate) fn changed_lines(&mut self) -> Vec<String> {
        let changed = std::mem::take(&mut self.changed);
        if changed.is_empty() {
            return Vec::new();
        }
        let rows = changed.into_iter().map(|id| self.row(&id).unwrap_or(Row::Gone(id)));
        rows.chain([Row::LastEventAt(self.last_event_at)]).filter_map(|row| journal::line(KIND, &row)).collect()
    }

    fn row(&self, id: &str) -> Option<Row> {
        let asset = self.get(id).map(|asset| Row::Asset(Box::new(asset.clone())));
        let upload = || self.upload(id).map(|upload| Row::Upload(Box::new(upload.clone())));
        let stream = || self.stream(id).map(|stream| Row::LiveStream(Box::new(stream.clone())));
        asset.or_else(upload).or_else(stream)
    }

    /// The lines of everything.
    pub(crate) fn all_lines(&self) -> Vec<String> {
        let assets = self.assets.iter().map(|asset| Row::Asset(Box::new(asset.clone())));
        let uploads = self.uploads.iter().map(|upload| Row::Upload(Box::new(upload.clone())));
        let streams = self.streams.iter().map(|stream| Row::LiveStream(Box::new(stream.clone())));
        let rows = assets.chain(uploads).chain(streams).chain([Row::LastEventAt(self.last_event_at)]);
        rows.filter_map(|row| journal::line(KIND, &row)).collect()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.id == id)
    }

    pub(super) fn upload(&self, id: &str) -> Option<&Upload> {
        self.uploads.iter().find(|upload| upload.id == id)
    }

    pub(super) fn stream(&self, id: &str) -> Option<&LiveStream> {
        self.streams.iter().find(|stream| stream.id == id)
    }

    pub(super) fn by_playback_id(&self, id: &str) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.playback_ids.iter().any(|one| one.id == id))
    }

    /// Newest first, after `position`.
    pub(super) fn page(&self, position: Option<&Position>) -> impl Iterator<Item = &Asset> {
        self.assets.iter().rev().filter(move |asset| {
            position.is_none_or(|(at, id)| (asset.created_at, asset.id.as_str()) < (*at, id.as_str()))
        })
    }

    /// A new asset; its processing begins at once, and then that of the files that are to be made of it.
    pub(super) fn create(&mut self, asset: Asset, now: i64) {
        let id = asset.id.clone();
        let ready_at = now + asset.input.processing_seconds.saturating_mul(1_000_000) + FILES;
        let renditions: Vec<_> = asset.new.renditions.iter().map(|new| assets::rendition(&asset, new)).collect();
        self.insert(asset);
        self.tell("video.asset.created", &id, now);
        for (then, shown) in renditions {
            let Value::Object(shown) = shown else { continue };
            let (id_of_file, status) = (new_id(&mut rand::rng()), "preparing".to_owned());
            let kind = Kind::StaticRendition;
            let file = Added { id: id_of_file, kind, status, ready_at, then: then.to_owned(), shown };
            self.add(&id, &file, now);
        }
    }

    /// Keeps the order that pages rely on.
    pub(super) fn insert(&mut self, asset: Asset) {
        let at = self.assets.partition_point(|other| (other.created_at, &other.id) < (asset.created_at, &asset.id));
        self.assets.insert(at, asset);
    }

    /// Changes an asset and tells of it. Answers what became of it.
    pub(super) fn change(
        &mut self,
        id: &str,
        event: &'static str,
        now: i64,
        edit: impl FnOnce(&mut Asset),
    ) -> Option<Asset> {
        edit(self.assets.iter_mut().find(|asset| asset.id == id)?);
        self.tell(event, id, now);
        self.get(id).cloned()
    }

    fn tell(&mut self, event: &'static str, id: &str, now: i64) {
        let shown = if event == "video.asset.warning" { Asset::warning } else { Asset::render };
        if let Some(object) = self.get(id).map(shown) {
            self.announce(event, ("asset", id), id, object, now);
        }
    }

    /// Whether there was such an asset.
    pub(super) fn delete(&mut self, id: &str, now: i64) -> bool {
        let Some(at) = self.assets.iter().position(|asset| asset.id == id) else { return false };
        let asset = self.assets.remove(at);
        self.announce("video.asset.deleted", ("asset", id), id, asset.render(), now);
        true
    }

    /// Adds something to an asset, which takes a moment to be made.
    pub(super) fn add(&mut self, asset: &str, added: &Added, now: i64) {
        if let Some(row) = self.assets.iter_mut().find(|row| row.id == asset) {
            row.added.push(added.clone());
        }
        self.tell_of(asset, added, "created", now);
    }

    /// Takes it away again.
    pub(super) fn take(&mut self, asset: &str, id: &str, now: i64) {
        let Some(row) = self.assets.iter_mut().find(|row| row.id == asset) else { return };
        let Some(at) = row.added.iter().position(|one| one.id == id) else { return };
        let taken = row.added.remove(at);
        self.tell_of(asset, &taken, "deleted", now);
    }

    fn tell_of(&mut self, asset: &str, added: &Added, what: &str, now: i64) {
        let kind = added.kind.word();
        let mut data = added.render();
        data["asset_id"] = asset.into();
        self.announce(&format!("video.asset.{kind}.{what}"), (kind, &added.id), asset, data, now);
    }

    /// Keeps an upload and tells of it, if there is something to tell.
    pub(super) fn put_upload(&mut self, upload: Upload, event: Option<&'static str>, base: &str, now: i64) {
        let (id, data) = (upload.id.clone(), upload.render(base));
        // What happens to an upload and to its asset is told in one go.
        let lane = upload.asset_id.clone().unwrap_or_else(|| id.clone());
        put(&mut self.uploads, upload, |one| &one.id);
        self.changed.insert(id.clone());
        if let Some(event) = event {
            self.announce(event, ("upload", &id), &lane, data, now);
        }
    }

    /// Keeps a live stream and tells what happened to it.
    pub(super) fn put_stream(&mut self, stream: LiveStream, events: &[&str], now: i64) {
        let (id, data) = (stream.id.clone(), stream.render());
        put(&mut self.streams, stream, |one| &one.id);
        for event in events {
            self.announce(&format!("video.live_stream.{event}"), ("live", &id), &id, data.clone(), now);
        }
    }

    pub(super) fn remove_stream(&mut self, id: &str, now: i64) {
        let Some(at) = self.streams.iter().position(|stream| stream.id == id) else { return };
        let data = self.streams.remove(at).render();
        self.announce("video.live_stream.deleted", ("live", id), id, data, now);
    }

    /// Processes what is in preparation, up to `now`; announces every step that was taken.
    pub(crate) fn advance(&mut self, now: i64) {
        let mut announced = Vec::new();
        let preparing = |asset: &&mut Asset| asset.status == Status::Preparing && !asset.is_live;
        for asset in self.assets.iter_mut().filter(preparing) {
            let total = asset.input.processing_seconds.max(1).saturating_mul(1_000_000);
            let elapsed = now.saturating_sub(asset.created_at).clamp(0, total);
            let progress = (elapsed / (total / 100).max(1)).min(100).max(asset.progress);
            let passed = STEPS.iter().any(|step| asset.progress < *step && progress >= *step);
            asset.progress = progress;
            if asset.input.fault.is_some() && progress >= FAILS_AT {
                asset.status = Status::Errored;
                announced.push(("video.asset.errored", asset.id.clone()));
            } else if progress == 100 {
                asset.status = Status::Ready;
                if asset.input.is_non_standard {
                    announced.push(("video.asset.non_standard_input_detected", asset.id.clone()));
                }
                if asset.input.has_warning {
                    announced.push(("video.asset.warning", asset.id.clone()));
                }
                announced.push(("video.asset.ready", asset.id.clone()));
            } else if passed {
                announced.push(("video.asset.updated", asset.id.clone()));
            }
        }
        for (event, id) in announced {
            // Between two steps, the time tells how far it is.
            self.tell(event, &id, now);
        }
        self.finish_added(now);
        for upload in self.uploads.iter_mut().filter(|upload| upload.is_over(now)) {
            "timed_out".clone_into(&mut upload.status);
            self.changed.insert(upload.id.clone());
        }
    }

    fn finish_added(&mut self, now: i64) {
        let mut done = Vec::new();
        for asset in self.assets.iter_mut().filter(|asset| asset.status == Status::Ready) {
            for added in asset.added.iter_mut().filter(|added| added.status == "preparing" && added.ready_at <= now) {
                added.status.clone_from(&added.then);
                done.push((asset.id.clone(), added.clone()));
            }
        }
        for (asset, added) in done {
            self.tell_of(&asset, &added, &added.then, now);
        }
    }

    pub(crate) fn take_events(&mut self) -> Vec<OutgoingEvent> {
        std::mem::take(&mut self.events)
    }

    /// Queues an event about `object`: its type and id. Events of one lane leave one after another.
    fn announce(&mut self, event_type: &str, object: (&str, &str), lane: &str, data: Value, now: i64) {
        self.changed.insert(lane.to_owned());
        let at = now.div_euclid(1_000).max(self.last_event_at + 1);
        self.last_event_at = at;
        let id = uuid(rand::random());
        let mut body = json!({
            "type": event_type,
            "object": {"type": object.0, "id": object.1},
            "id": id,
            "environment": {"name": "Sandbox", "id": "sandbox"},
            "created_at": iso(at),
            "accessor_source": null,
            "accessor": null,
            "request_id": null,
        });
        body["data"] = data;
        self.events.push(OutgoingEvent { id, object: lane.to_owned(), body });
    }
}

/// Adds or replaces.
fn put<T>(all: &mut Vec<T>, new: T, id: fn(&T) -> &str) {
    match all.iter().position(|one| id(one) == id(&new)) {
        Some(at) => all[at] = new,
        None => all.push(new),
    }
}

/// `2026-11-20T09:30:00.123Z`
fn iso(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis)
        .map_or_else(|_| String::new(), |at| at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

/// A random UUID, version 4.
fn uuid(bits: u128) -> String {
    let bits = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
