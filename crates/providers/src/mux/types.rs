//! What Mux sends, read leniently: its samples and its SDK differ in how they write times and numbers.

use patchbay_domain::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// `{"data": …}`, the frame of every answer about one thing.
#[derive(Deserialize)]
pub(super) struct Wrapped<T> {
    pub(super) data: T,
}

#[derive(Deserialize)]
pub(super) struct ListAnswer {
    pub(super) data: Vec<Wire>,
    #[serde(default)]
    pub(super) next_cursor: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct WhoAmI {
    pub(super) environment_id: Option<String>,
    pub(super) environment_name: Option<String>,
    /// `production`, `development` or `staging`.
    pub(super) environment_type: Option<String>,
    pub(super) organization_name: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct ErrorAnswer {
    #[serde(default)]
    pub(super) error: ErrorBody,
}

#[derive(Default, Deserialize)]
pub(super) struct ErrorBody {
    #[serde(rename = "type")]
    pub(super) error_type: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) messages: Vec<String>,
}

/// The frame of a webhook event; `data` stays unread until the event is projected.
#[derive(Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    /// `video.asset.ready`
    #[serde(rename = "type")]
    pub(super) name: String,
    #[serde(deserialize_with = "time")]
    pub(super) created_at: Timestamp,
    #[serde(default)]
    pub(super) object: Option<EventObject>,
}

#[derive(Deserialize)]
pub(super) struct EventObject {
    #[serde(rename = "type")]
    pub(super) object_type: Option<String>,
    pub(super) id: Option<String>,
}

/// Where an event is from; read before anything else of it.
#[derive(Deserialize)]
pub(super) struct Origin {
    pub(super) environment: Option<Environment>,
    #[serde(default)]
    pub(super) data: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct Environment {
    pub(super) id: Option<String>,
}

/// What a projection reads of an event whose `data` is a `T`.
#[derive(Deserialize)]
pub(super) struct EventWith<T> {
    #[serde(deserialize_with = "time")]
    pub(super) created_at: Timestamp,
    pub(super) data: T,
    #[serde(default)]
    pub(super) object: Option<EventObject>,
}

/// The `data` of events that only point to an asset.
#[derive(Deserialize)]
pub(super) struct AssetPointer {
    pub(super) id: Option<String>,
    pub(super) asset_id: Option<String>,
}

/// An asset as Mux writes it.
#[derive(Deserialize)]
pub(super) struct Wire {
    pub(super) id: String,
    #[serde(default)]
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) progress: Option<Progress>,
    #[serde(default, deserialize_with = "maybe_time")]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "number")]
    pub(super) duration: Option<f64>,
    #[serde(default)]
    pub(super) aspect_ratio: Option<String>,
    #[serde(default)]
    pub(super) resolution_tier: Option<String>,
    /// The older spelling of `resolution_tier`: `SD`, `HD`, …
    #[serde(default)]
    pub(super) max_stored_resolution: Option<String>,
    #[serde(default, deserialize_with = "number")]
    pub(super) max_stored_frame_rate: Option<f64>,
    #[serde(default)]
    pub(super) video_quality: Option<String>,
    /// The older spelling of `video_quality`: `smart`, `baseline`, …
    #[serde(default)]
    pub(super) encoding_tier: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) playback_ids: Vec<WirePlaybackId>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) tracks: Vec<WireTrack>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) errors: AssetErrors,
    #[serde(default)]
    pub(super) passthrough: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) meta: Meta,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) test: bool,
}

#[derive(Deserialize)]
pub(super) struct Progress {
    #[serde(default, deserialize_with = "number")]
    pub(super) progress: Option<f64>,
}

#[derive(Deserialize)]
pub(super) struct WirePlaybackId {
    pub(super) id: String,
    #[serde(default)]
    pub(super) policy: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct WireTrack {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default, rename = "type")]
    pub(super) track_type: Option<String>,
    #[serde(default, deserialize_with = "number")]
    pub(super) duration: Option<f64>,
    #[serde(default)]
    pub(super) max_width: Option<i64>,
    #[serde(default)]
    pub(super) max_height: Option<i64>,
    #[serde(default, deserialize_with = "number")]
    pub(super) max_frame_rate: Option<f64>,
}

#[derive(Default, Deserialize)]
pub(super) struct AssetErrors {
    #[serde(default, rename = "type")]
    pub(super) error_type: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) messages: Vec<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct Meta {
    #[serde(default)]
    pub(super) title: Option<String>,
}

/// Unix seconds as a string or a number, or an ISO 8601 string.
fn read_time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(seconds) => Some(Timestamp::from_seconds(seconds)),
            None => number.as_f64().and_then(from_fraction),
        },
        Value::String(text) => match text.parse() {
            Ok(seconds) => Some(Timestamp::from_seconds(seconds)),
            Err(_) => Timestamp::parse_rfc3339(text),
        },
        _ => None,
    }
}

fn from_fraction(seconds: f64) -> Option<Timestamp> {
    let micros = std::time::Duration::try_from_secs_f64(seconds).ok()?.as_micros();
    i64::try_from(micros).ok().map(Timestamp::from_micros)
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    read_time(&Value::deserialize(deserializer)?).ok_or_else(|| serde::de::Error::custom("not a time"))
}

fn maybe_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(read_time(&Value::deserialize(deserializer)?))
}

/// A number, or a string that holds one; anything else is as if it were not there.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
    .and_then(exact))
}

/// To a millionth. With more digits a record would not be read from the database as it was written, and the same news again
/// would look like a change; nothing at Mux is larger than this.
fn exact(number: f64) -> Option<f64> {
    const MILLION: f64 = 1_000_000.0;
    (number.abs() < 1_000.0 * MILLION).then(|| (number * MILLION).round() / MILLION)
}

/// Mux writes `null` for what it has nothing of.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_from_its_record_as_it_was_written() {
        for number in
            [0.0, -1.0, 23.889_533_333_333_333, 29.970_029_970_029_97, 59.94, 86_399.999_999_7, 999_999_999.123_456_7]
        {
            let kept = exact(number).unwrap();
            let read: f64 = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
            assert_eq!(read.to_bits(), kept.to_bits(), "{number}");
            assert!((kept - number).abs() <= 0.000_000_6, "{number} became {kept}");
        }
        for number in [1e9, -2e21, f64::INFINITY, f64::NAN] {
            assert_eq!(exact(number), None, "{number}");
        }
    }
}
