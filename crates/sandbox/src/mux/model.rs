//! An asset, and how Mux writes it.

use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What somebody asks for when they make an asset.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct NewAsset {
    pub(super) title: Option<String>,
    pub(super) passthrough: Option<String>,
    pub(super) quality: String,
    /// `public` or `signed`.
    pub(super) policy: String,
    pub(super) test: bool,
    pub(super) input: Input,
}

/// What is in the uploaded file, and how its processing will go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Input {
    pub(super) duration: f64,
    pub(super) width: i64,
    pub(super) height: i64,
    pub(super) frame_rate: f64,
    pub(super) processing_seconds: i64,
    /// Why it will fail, if it will.
    pub(super) fault: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Preparing,
    Ready,
    Errored,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Asset {
    pub(super) id: String,
    pub(super) playback_id: String,
    pub(super) new: NewAsset,
    pub(super) status: Status,
    /// Whole per cent of the processing.
    pub(super) progress: i64,
    /// Microseconds.
    pub(super) created_at: i64,
}

impl Asset {
    /// The asset as it is in answers and in events.
    pub(super) fn render(&self) -> Value {
        let input = &self.new.input;
        let mut asset = json!({
            "id": self.id,
            "status": self.status_word(),
            "progress": {"state": self.stage(), "progress": self.progress},
            // A string of unix seconds, as the API has it.
            "created_at": self.created_at.div_euclid(1_000_000).to_string(),
            "playback_ids": [{"id": self.playback_id, "policy": self.new.policy}],
            "video_quality": self.new.quality,
            "ingest_type": "on_demand_url",
            "encoding_tier": if self.new.quality == "basic" { "baseline" } else { "smart" },
            "max_resolution_tier": "1080p",
            "master_access": "none",
            "mp4_support": "none",
        });
        if let Some(title) = &self.new.title {
            asset["meta"] = json!({"title": title});
        }
        if let Some(passthrough) = &self.new.passthrough {
            asset["passthrough"] = json!(passthrough);
        }
        if self.new.test {
            asset["test"] = json!(true);
        }
        match (self.status, &input.fault) {
            (Status::Errored, Some(fault)) => asset["errors"] = json!({"type": "invalid_input", "messages": [fault]}),
            (Status::Ready, _) => {
                asset["duration"] = json!(input.duration);
                asset["aspect_ratio"] = json!(aspect_ratio(input.width, input.height));
                asset["resolution_tier"] = json!(tier(input.height));
                asset["max_stored_frame_rate"] = json!(input.frame_rate);
                asset["tracks"] = json!([
                    {
                        "id": format!("{}V", self.id),
                        "type": "video",
                        "duration": input.duration,
                        "max_width": input.width,
                        "max_height": input.height,
                        "max_frame_rate": input.frame_rate,
                    },
                    {"id": format!("{}A", self.id), "type": "audio", "duration": input.duration, "max_channels": 2},
                ]);
            }
            _ => {}
        }
        asset
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

fn tier(height: i64) -> &'static str {
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
