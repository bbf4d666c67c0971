//! An asset, what belongs to it, and how Mux writes them.

use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What somebody asks for when they make an asset.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct NewAsset {
    pub(super) meta: Meta,
    pub(super) passthrough: Option<String>,
    pub(super) quality: String,
    /// `public` or `signed`, one for each playback id.
    pub(super) policies: Vec<String>,
    pub(super) max_tier: String,
    pub(super) renditions: Vec<NewRendition>,
    pub(super) test: bool,
}

impl Default for NewAsset {
    fn default() -> Self {
        Self {
            meta: Meta::default(),
            passthrough: None,
            quality: "basic".to_owned(),
            policies: Vec::new(),
            max_tier: "1080p".to_owned(),
            renditions: Vec::new(),
            test: false,
        }
    }
}

/// What is called `meta`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) creator_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) external_id: Option<String>,
}

/// A file of one resolution, as it is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct NewRendition {
    pub(super) resolution: String,
    pub(super) passthrough: Option<String>,
}

/// What is in the uploaded file, and how its processing will go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Input {
    pub(super) url: String,
    pub(super) duration: f64,
    pub(super) width: i64,
    pub(super) height: i64,
    pub(super) frame_rate: f64,
    pub(super) processing_seconds: i64,
    /// Why it will fail, if it will.
    pub(super) fault: Option<String>,
    /// It has to be converted, which is told.
    pub(super) is_non_standard: bool,
    /// Something about it is told that is no fault.
    pub(super) has_warning: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Preparing,
    Ready,
    Errored,
}

/// Where an asset comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Origin {
    Address,
    Upload(String),
    /// The live stream that it records.
    LiveStream(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlaybackId {
    pub(super) id: String,
    pub(super) policy: String,
}

/// Something that is added to an asset and takes a moment to be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Added {
    pub(super) id: String,
    pub(super) kind: Kind,
    /// `preparing`, `ready`, `errored` or `skipped`.
    pub(super) status: String,
    /// Microseconds.
    pub(super) ready_at: i64,
    /// The word that `status` will be.
    pub(super) then: String,
    /// Its own members, as they are shown.
    pub(super) shown: serde_json::Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Track,
    StaticRendition,
}

impl Kind {
    /// The word in the types of events.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::StaticRendition => "static_rendition",
        }
    }
}

impl Added {
    pub(super) fn render(&self) -> Value {
        let mut whole = self.shown.clone();
        whole.insert("id".to_owned(), self.id.clone().into());
        whole.insert("status".to_owned(), self.status.clone().into());
        Value::Object(whole)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Asset {
    pub(super) id: String,
    pub(super) playback_ids: Vec<PlaybackId>,
    pub(super) new: NewAsset,
    pub(super) input: Input,
    pub(super) origin: Origin,
    pub(super) status: Status,
    /// It is recorded just now.
    pub(super) is_live: bool,
    /// Whole per cent of the processing.
    pub(super) progress: i64,
    pub(super) added: Vec<Added>,
    /// Microseconds.
    pub(super) created_at: i64,
}

impl Asset {
    /// An asset whose processing begins now.
    pub(super) fn new(random: &mut impl Rng, new: NewAsset, input: Input, origin: Origin, now: i64) -> Self {
        let id = new_id(random);
        let playback_ids =
            new.policies.iter().map(|policy| PlaybackId { id: new_id(random), policy: policy.clone() }).collect();
        Self {
            id,
            playback_ids,
            new,
            input,
            origin,
            status: Status::Preparing,
            is_live: false,
            progress: 0,
            added: Vec::new(),
            created_at: now,
        }
    }

    /// What a warning about it says; it is not the whole asset.
    pub(super) fn warning(&self) -> Value {
        let message = "The input has no audio for a part of its length.";
        let mut data = json!({
            "id": self.id, "status": self.status_word(), "warning": {"type": "partial_audio", "message": message},
        });
        if let Some(passthrough) = &self.new.passthrough {
            data["passthrough"] = passthrough.clone().into();
        }
        if let Origin::Upload(id) = &self.origin {
            data["upload_id"] = id.clone().into();
        }
        data
    }

    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Added> {
        self.added.iter().filter(move |one| one.kind == kind)
    }

    /// The asset as it is in answers and in events.
    pub(super) fn render(&self) -> Value {
        let mut asset = json!({
            "id": self.id,
            "status": self.status_word(),
            "progress": {"state": self.stage(), "progress": self.progress},
            // A string of unix seconds, as the API has it.
            "created_at": self.created_at.div_euclid(1_000_000).to_string(),
            "playback_ids": self.playback_ids,
            "video_quality": self.new.quality,
            "encoding_tier": match self.new.quality.as_str() { "basic" => "baseline", "plus" => "smart", _ => "premium" },
            "max_resolution_tier": self.new.max_tier,
            "master_access": "none",
            "mp4_support": "none",
        });
        match &self.origin {
            Origin::Address => asset["ingest_type"] = "on_demand_url".into(),
            Origin::Upload(id) => {
                asset["ingest_type"] = "on_demand_direct_upload".into();
                asset["upload_id"] = id.clone().into();
            }
            Origin::LiveStream(id) => {
                asset["ingest_type"] = "live_rtmp".into();
                asset["live_stream_id"] = id.clone().into();
            }
        }
        if self.is_live {
            asset["is_live"] = true.into();
        }
        if self.new.meta != Meta::default() {
            asset["meta"] = json!(self.new.meta);
        }
        if let Some(passthrough) = &self.new.passthrough {
            asset["passthrough"] = json!(passthrough);
        }
        if self.new.test {
            asset["test"] = json!(true);
        }
        if self.of(Kind::StaticRendition).next().is_some() {
            asset["static_renditions"] = self.static_renditions();
        }
        match (self.status, &self.input.fault) {
            (Status::Errored, Some(fault)) => asset["errors"] = json!({"type": "invalid_input", "messages": [fault]}),
            (Status::Ready, _) => self.measured(&mut asset),
            _ => {}
        }
        asset
    }

    /// What is known of it once it is ready.
    fn measured(&self, asset: &mut Value) {
        let input = &self.input;
        asset["duration"] = json!(input.duration);
        asset["aspect_ratio"] = json!(aspect_ratio(input.width, input.height));
        asset["resolution_tier"] = json!(tier(input.height));
        asset["max_stored_frame_rate"] = json!(input.frame_rate);
        if input.is_non_standard {
            asset["non_standard_input_reasons"] = json!({"video_codec": "prores"});
        }
        let mut tracks = vec![
            json!({
                "id": format!("{}V", self.id),
                "type": "video",
                "duration": input.duration,
                "max_width": input.width,
                "max_height": input.height,
                "max_frame_rate": input.frame_rate,
            }),
            json!({
                "id": format!("{}A", self.id), "type": "audio", "duration": input.duration, "max_channels": 2,
                "primary": true, "status": "ready",
            }),
        ];
        tracks.extend(self.of(Kind::Track).map(Added::render));
        asset["tracks"] = tracks.into();
    }

    /// Ready as soon as none is in preparation.
    fn static_renditions(&self) -> Value {
        let files: Vec<Value> = self.of(Kind::StaticRendition).map(Added::render).collect();
        let waits = files.iter().any(|file| file["status"] == "preparing");
        json!({"status": if waits { "preparing" } else { "ready" }, "files": files})
    }

    /// What a file of this resolution will be; none where the asset is smaller.
    pub(super) fn rendition(&self, resolution: &str) -> Option<(i64, i64)> {
        let height = match resolution {
            "highest" => return Some((self.input.width, self.input.height)),
            "audio-only" => return Some((0, 0)),
            named => named.trim_end_matches('p').parse::<i64>().ok()?,
        };
        (height <= self.input.height).then(|| (self.input.width * height / self.input.height.max(1), height))
    }

    fn status_word(&self) -> &'static str {
        match self.status {
            Status::Preparing => "preparing",
            Status::Ready => "ready",
            Status::Errored => "errored",
        }
    }

    fn stage(&self) -> &'static str {
        match self.status {
            _ if self.is_live => "live",
            Status::Preparing if self.progress < 25 => "ingesting",
            Status::Preparing => "transcoding",
            Status::Ready => "completed",
            Status::Errored => "errored",
        }
    }
}

/// `16:9`
fn aspect_ratio(width: i64, height: i64) -> String {
    let (mut a, mut b) = (width, height);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    format!("{}:{}", width / a.max(1), height / a.max(1))
}

pub(super) fn tier(height: i64) -> &'static str {
    match height {
        ..=720 => "720p",
        721..=1080 => "1080p",
        1081..=1440 => "1440p",
        _ => "2160p",
    }
}

/// An id as Mux makes them: long, of letters and digits.
pub(super) fn new_id(random: &mut impl Rng) -> String {
    const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    (0..36).map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())])).collect()
}
