//! Videos, whichever provider hosts them.

use crate::{Index, Kind, RecordBody, Timestamp};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    pub id: String,
    pub title: Option<String>,
    /// `preparing`, `ready` or `errored`; other words are kept as they come.
    pub status: String,
    /// Share of the processing that is done, 0 to 100, while it runs.
    pub progress_percent: Option<f64>,
    pub duration_seconds: Option<f64>,
    pub aspect_ratio: Option<String>,
    pub resolution_tier: Option<String>,
    pub max_frame_rate: Option<f64>,
    pub quality: Option<String>,
    pub playback_ids: Vec<PlaybackId>,
    pub tracks: Vec<Track>,
    pub errors: Vec<String>,
    pub passthrough: Option<String>,
    pub created_at: Timestamp,
    /// Marked as a test at the provider: watermarked and short-lived.
    pub test: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaybackId {
    pub id: String,
    /// `public`, `signed` or `drm`.
    pub policy: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Track {
    pub id: Option<String>,
    /// `video`, `audio` or `text`.
    pub kind: String,
    pub duration_seconds: Option<f64>,
    pub max_width: Option<i64>,
    pub max_height: Option<i64>,
}

impl RecordBody for Asset {
    const KIND: Kind = Kind::new("asset");

    fn id(&self) -> &str {
        &self.id
    }

    fn index(&self) -> Index {
        Index {
            title: self.title.clone().or_else(|| self.passthrough.clone()).unwrap_or_default(),
            subtitle: self.passthrough.clone().unwrap_or_default(),
            status: self.status.clone(),
            facet: self.quality.clone(),
            created_at: self.created_at,
            ..Index::default()
        }
    }
}
