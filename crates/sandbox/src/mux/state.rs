//! The assets of one environment and the events that are not sent yet.

use super::{
    OutgoingEvent,
    model::{Asset, NewAsset, Status, new_id},
};
use crate::journal::{self, Entry};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;

/// The name of its lines in the state file.
pub(crate) const KIND: &str = "mux";

/// Progress is announced at these, in per cent.
const STEPS: [i64; 4] = [25, 50, 75, 90];
/// A file that will fail does so here, in per cent.
const FAILS_AT: i64 = 40;

/// A line of the state file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    /// An asset as it now is.
    Asset(Box<Asset>),
    /// The id of an asset that was deleted.
    Gone(String),
    /// [`State::last_event_at`]; there from the first day, so that an environment without assets is not taken for a new one.
    LastEventAt(i64),
}

pub(crate) struct State {
    /// Oldest first.
    pub(super) assets: Vec<Asset>,
    events: Vec<OutgoingEvent>,
    /// Of the last event, in milliseconds: no two events carry the same time, so their order can be told.
    last_event_at: i64,
    /// Ids of the assets that changed since the last lines.
    changed: BTreeSet<String>,
}

/// Where a page starts: after the asset that was made then and has this id.
pub(super) type Position = (i64, String);

impl State {
    pub(super) fn empty() -> Self {
        Self { assets: Vec::new(), events: Vec::new(), last_event_at: 0, changed: BTreeSet::new() }
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
            Row::Gone(id) => state.assets.retain(|asset| asset.id != id),
            Row::LastEventAt(at) => state.last_event_at = at,
        }
    }

    /// The lines of everything changed since the last time.
    pub(crate) fn changed_lines(&mut self) -> Vec<String> {
        let changed = std::mem::take(&mut self.changed);
        if changed.is_empty() {
            return Vec::new();
        }
        let rows = changed.into_iter().map(|id| match self.get(&id) {
            Some(asset) => Row::Asset(Box::new(asset.clone())),
            None => Row::Gone(id),
        });
        rows.chain([Row::LastEventAt(self.last_event_at)]).filter_map(|row| journal::line(KIND, &row)).collect()
    }

    /// The lines of everything.
    pub(crate) fn all_lines(&self) -> Vec<String> {
        let assets = self.assets.iter().map(|asset| Row::Asset(Box::new(asset.clone())));
        assets.chain([Row::LastEventAt(self.last_event_at)]).filter_map(|row| journal::line(KIND, &row)).collect()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.id == id)
    }

    pub(super) fn by_playback_id(&self, id: &str) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.playback_id == id)
    }

    /// Newest first, after `position`.
    pub(super) fn page(&self, position: Option<&Position>) -> impl Iterator<Item = &Asset> {
        self.assets.iter().rev().filter(move |asset| {
            position.is_none_or(|(at, id)| (asset.created_at, asset.id.as_str()) < (*at, id.as_str()))
        })
    }

    /// A new asset; its processing begins at once.
    pub(super) fn create(&mut self, new: NewAsset, now: i64) -> Asset {
        let mut random = rand::rng();
        let asset = Asset {
            id: new_id(&mut random),
            playback_id: new_id(&mut random),
            new,
            status: Status::Preparing,
            progress: 0,
            created_at: now,
        };
        self.insert(asset.clone());
        self.changed.insert(asset.id.clone());
        self.announce("video.asset.created", &asset, now);
        asset
    }

    /// Keeps the order that pages rely on.
    pub(super) fn insert(&mut self, asset: Asset) {
        let at = self.assets.partition_point(|other| (other.created_at, &other.id) < (asset.created_at, &asset.id));
        self.assets.insert(at, asset);
    }

    /// Whether there was such an asset.
    pub(super) fn delete(&mut self, id: &str, now: i64) -> bool {
        let Some(at) = self.assets.iter().position(|asset| asset.id == id) else { return false };
        let asset = self.assets.remove(at);
        self.changed.insert(asset.id.clone());
        self.announce("video.asset.deleted", &asset, now);
        true
    }

    /// Processes what is in preparation, up to `now`; announces every step that was taken.
    pub(crate) fn advance(&mut self, now: i64) {
        let mut announced = Vec::new();
        for asset in self.assets.iter_mut().filter(|asset| asset.status == Status::Preparing) {
            let total = asset.new.input.processing_seconds.max(1).saturating_mul(1_000_000);
            let elapsed = now.saturating_sub(asset.created_at).clamp(0, total);
            let progress = (elapsed / (total / 100).max(1)).min(100).max(asset.progress);
            let passed = STEPS.iter().any(|step| asset.progress < *step && progress >= *step);
            asset.progress = progress;
            if asset.new.input.fault.is_some() && progress >= FAILS_AT {
                asset.status = Status::Errored;
                announced.push(("video.asset.errored", asset.clone()));
            } else if progress == 100 {
                asset.status = Status::Ready;
                announced.push(("video.asset.ready", asset.clone()));
            } else if passed {
                announced.push(("video.asset.updated", asset.clone()));
            }
        }
        for (event_type, asset) in announced {
            // Between two steps, the time tells how far it is.
            self.changed.insert(asset.id.clone());
            self.announce(event_type, &asset, now);
        }
    }

    pub(crate) fn take_events(&mut self) -> Vec<OutgoingEvent> {
        std::mem::take(&mut self.events)
    }

    fn announce(&mut self, event_type: &'static str, asset: &Asset, now: i64) {
        let at = now.div_euclid(1_000).max(self.last_event_at + 1);
        self.last_event_at = at;
        let id = uuid(rand::random());
        let body = json!({
            "type": event_type,
            "object": {"type": "asset", "id": asset.id},
            "id": id,
            "environment": {"name": "Sandbox", "id": "sandbox"},
            "data": asset.render(),
            "created_at": iso(at),
            "accessor_source": null,
            "accessor": null,
            "request_id": null,
        });
        self.events.push(OutgoingEvent { id, object: asset.id.clone(), body });
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
