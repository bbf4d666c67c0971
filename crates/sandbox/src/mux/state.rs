//! The assets of one environment and the events that are not sent yet.

use super::{
    OutgoingEvent,
    model::{Asset, NewAsset, Status, new_id},
};
use serde_json::json;

/// Progress is announced at these, in per cent.
const STEPS: [i64; 4] = [25, 50, 75, 90];
/// A file that will fail does so here, in per cent.
const FAILS_AT: i64 = 40;

#[derive(Default)]
pub(super) struct State {
    /// Oldest first.
    pub(super) assets: Vec<Asset>,
    events: Vec<OutgoingEvent>,
    /// Of the last event, in milliseconds: no two events carry the same time, so their order can be told.
    last_event_at: i64,
}

/// Where a page starts: after the asset that was made then and has this id.
pub(super) type Position = (i64, String);

impl State {
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
        self.announce("video.asset.deleted", &asset, now);
        true
    }

    /// Processes what is in preparation, up to `now`; announces every step that was taken.
    pub(super) fn advance(&mut self, now: i64) {
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
            self.announce(event_type, &asset, now);
        }
    }

    pub(super) fn take_events(&mut self) -> Vec<OutgoingEvent> {
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
