//! From Mux's words to ours: events and assets become changes. Pure.

use super::{
    client::{PROVIDER, unreadable},
    types::{AssetPointer, EventWith, Origin, Wire, WireTrack},
};
use crate::{
    error::{ErrorKind, ProviderError},
    identity::named,
    project::Projection,
};
use patchbay_domain::{
    Change, ObjectKey, RecordBody, Timestamp, Version,
    video::{Asset, PlaybackId, Track},
};
use serde::de::DeserializeOwned;

/// The event types that [`event`] reads.
pub(super) const EVENT_TYPES: &[&str] = &[
    "video.asset.created",
    "video.asset.ready",
    "video.asset.errored",
    "video.asset.updated",
    "video.asset.deleted",
    "video.asset.warning",
    "video.asset.non_standard_input_detected",
    "video.asset.live_stream_completed",
    "video.asset.track.created",
    "video.asset.track.ready",
    "video.asset.track.errored",
    "video.asset.track.deleted",
    "video.asset.static_rendition.created",
    "video.asset.static_rendition.ready",
    "video.asset.static_rendition.errored",
    "video.asset.static_rendition.deleted",
    "video.asset.static_rendition.skipped",
    "video.asset.static_renditions.preparing",
    "video.asset.static_renditions.ready",
    "video.asset.static_renditions.errored",
    "video.asset.static_renditions.deleted",
    "video.asset.master.preparing",
    "video.asset.master.ready",
    "video.asset.master.errored",
    "video.asset.master.deleted",
    "video.upload.asset_created",
];

/// What a stored event means to the environment `own`, which may not be known yet.
pub(super) fn event(own: Option<&str>, event_type: &str, body: &[u8]) -> Result<Projection, ProviderError> {
    if !is_read(event_type) {
        return Ok(Projection::Skipped);
    }
    let origin: Origin = read(event_type, body)?;
    let environment = origin.environment.and_then(|environment| environment.id);
    match (environment, own) {
        (Some(environment), Some(own)) if environment != own => {
            let environment = named("environment", &environment);
            let why = format!("It belongs to {environment}; this connection's own environment is {own}.");
            Ok(Projection::SetAside(why))
        }
        _ if origin.data.is_none() => {
            Ok(Projection::SetAside("It carries no data, so it cannot be told what it is about.".to_owned()))
        }
        (Some(_), None) => meaning(event_type, body).map(|ours| Projection::Undecided(Box::new(ours))),
        _ => meaning(event_type, body),
    }
}

fn is_read(event_type: &str) -> bool {
    let families = ["video.asset.track.", "video.asset.static_rendition.", "video.asset.master."];
    EVENT_TYPES.contains(&event_type) || families.iter().any(|family| event_type.starts_with(family))
}

fn meaning(event_type: &str, body: &[u8]) -> Result<Projection, ProviderError> {
    match event_type {
        "video.upload.asset_created" => pointer(event_type, body, |data| data.asset_id),
        // It names the asset and the warning, and leaves out the rest.
        "video.asset.warning" => pointer(event_type, body, |data| data.id),
        "video.asset.deleted" => {
            let event: EventWith<AssetPointer> = read(event_type, body)?;
            let id = event.data.id.ok_or_else(|| names_no_asset(event_type))?;
            Ok(Projection::Changes(vec![Change::deleted(key(id), event.created_at)]))
        }
        "video.asset.created"
        | "video.asset.ready"
        | "video.asset.errored"
        | "video.asset.updated"
        | "video.asset.non_standard_input_detected"
        | "video.asset.live_stream_completed"
        // The older spelling, with the asset itself in it.
        | "video.asset.static_renditions.preparing"
        | "video.asset.static_renditions.ready"
        | "video.asset.static_renditions.errored"
        | "video.asset.static_renditions.deleted" => {
            let event: EventWith<Wire> = read(event_type, body)?;
            Ok(Projection::Changes(vec![change(event.data, event.created_at)?]))
        }
        _ => match event_type.strip_prefix("video.asset.").and_then(|rest| rest.split_once('.')) {
            Some(("track" | "static_rendition", _)) => pointer(event_type, body, |data| data.asset_id),
            Some(("master", _)) => pointer(event_type, body, |data| data.asset_id.or(data.id)),
            _ => Ok(Projection::Skipped),
        },
    }
}

/// The change that an asset brings, seen at `version`.
pub(super) fn change(wire: Wire, version: impl Into<Version>) -> Result<Change, ProviderError> {
    Change::present(&asset(wire), version).map_err(|error| unreadable("project asset", &error))
}

pub(super) fn key(id: impl Into<String>) -> ObjectKey {
    ObjectKey::new(Asset::KIND, id)
}

/// The asset in the domain's words.
pub(super) fn asset(wire: Wire) -> Asset {
    let status = wire.status.unwrap_or_default();
    let frame_rate = wire.max_stored_frame_rate.or_else(|| fastest(&wire.tracks));
    let progress = wire.progress.and_then(|progress| progress.progress);
    let mut errors = wire.errors.messages;
    if errors.is_empty() {
        errors.extend(wire.errors.error_type);
    }
    Asset {
        id: wire.id,
        title: wire.meta.title.filter(|title| !title.is_empty()),
        progress_percent: progress.filter(|_| status == "preparing").map(|percent| percent.clamp(0.0, 100.0)),
        status,
        duration_seconds: wire.duration,
        aspect_ratio: wire.aspect_ratio,
        resolution_tier: wire.resolution_tier.or(wire.max_stored_resolution),
        // Mux writes -1 where it could not tell.
        max_frame_rate: frame_rate.filter(|rate| *rate > 0.0),
        quality: wire.video_quality.or(wire.encoding_tier),
        playback_ids: wire
            .playback_ids
            .into_iter()
            .map(|one| PlaybackId { id: one.id, policy: one.policy.unwrap_or_default() })
            .collect(),
        tracks: wire.tracks.into_iter().map(track).collect(),
        errors,
        passthrough: wire.passthrough.filter(|text| !text.is_empty()),
        created_at: wire.created_at.unwrap_or(Timestamp(0)),
        test: wire.test,
    }
}

fn track(wire: WireTrack) -> Track {
    Track {
        id: wire.id,
        kind: wire.track_type.unwrap_or_default(),
        duration_seconds: wire.duration,
        max_width: wire.max_width,
        max_height: wire.max_height,
    }
}

fn fastest(tracks: &[WireTrack]) -> Option<f64> {
    tracks.iter().filter_map(|track| track.max_frame_rate).reduce(f64::max)
}

/// The event only says which asset changed: in its data, or by being about the asset itself.
fn pointer(event_type: &str, body: &[u8], id: fn(AssetPointer) -> Option<String>) -> Result<Projection, ProviderError> {
    let event: EventWith<AssetPointer> = read(event_type, body)?;
    let asset = event.object.filter(|object| object.object_type.as_deref() == Some("asset"));
    Ok(match id(event.data).or_else(|| asset?.id) {
        Some(id) => Projection::Refetch(vec![key(id)]),
        // Trying again would find the same.
        None => Projection::SetAside("It names no asset, so there is nothing to read again.".to_owned()),
    })
}

fn read<T: DeserializeOwned>(event_type: &str, body: &[u8]) -> Result<T, ProviderError> {
    serde_json::from_slice(body).map_err(|error| unreadable(format!("project {event_type}"), &error))
}

fn names_no_asset(event_type: &str) -> ProviderError {
    ProviderError::new(PROVIDER, format!("project {event_type}"), ErrorKind::Unreadable, "the event names no asset")
}
