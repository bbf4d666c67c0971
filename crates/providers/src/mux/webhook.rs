//! Who sent a delivery, and what it is about.

use super::{
    config::WEBHOOK_SECRET,
    types::{AssetPointer, Event, EventWith},
};
use crate::{
    signature::Stamped,
    webhook::{Malformed, Verified},
};
use patchbay_domain::{ObjectKey, RecordBody, event::Envelope, video::Asset};

pub(super) const SCHEME: Stamped = Stamped { header: "mux-signature", setting: WEBHOOK_SECRET, tolerance_seconds: 300 };

/// Reads the envelope. Events about an asset are named after it, so that they are worked on in order.
pub(super) fn envelope(delivery: &Verified<'_>) -> Result<Envelope, Malformed> {
    let event: Event = serde_json::from_slice(delivery.body())
        .map_err(|error| Malformed(format!("line {} column {}", error.line(), error.column())))?;
    if event.id.is_empty() || event.name.is_empty() {
        return Err(Malformed("id or type is empty".to_owned()));
    }
    Ok(Envelope {
        object: object(&event, delivery.body()),
        external_id: event.id,
        event_type: event.name,
        occurred_at: event.created_at,
    })
}

fn object(event: &Event, body: &[u8]) -> Option<ObjectKey> {
    let object = event.object.as_ref()?;
    let id = object.id.as_deref()?;
    match object.object_type.as_deref()? {
        "asset" => Some(ObjectKey::new(Asset::KIND, id)),
        // A track, a rendition or an upload: what counts is the asset that it belongs to.
        other => {
            let pointed =
                serde_json::from_slice::<EventWith<AssetPointer>>(body).ok().and_then(|event| event.data.asset_id);
            Some(
                pointed
                    .map_or_else(|| ObjectKey::new(other.to_owned().into(), id), |id| ObjectKey::new(Asset::KIND, id)),
            )
        }
    }
}
