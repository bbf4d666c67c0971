//! Direct uploads: an address that a browser sends a file to, which becomes an asset.

use super::{
    MuxSandbox,
    assets::{self, wrapped},
    model::{Asset, NewAsset, Origin, new_id},
    params::{Params, Refusal},
    seed,
};
use axum::{
    body::Body,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Seconds; Mux's own.
const TIMEOUT: i64 = 3_600;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) id: String,
    pub(super) cors_origin: String,
    pub(super) timeout: i64,
    /// `waiting`, `asset_created`, `errored`, `cancelled` or `timed_out`.
    pub(super) status: String,
    pub(super) asset_id: Option<String>,
    error: Option<String>,
    new: NewAsset,
    /// The settings as they were given.
    settings: Value,
    test: bool,
    /// How much of the file is there.
    received: u64,
    /// Microseconds.
    pub(super) created_at: i64,
}

impl Upload {
    pub(super) fn render(&self, base: &str) -> Value {
        let mut upload = json!({
            "id": self.id, "cors_origin": self.cors_origin, "timeout": self.timeout, "status": self.status,
            "new_asset_settings": self.settings,
        });
        if self.status == "waiting" {
            upload["url"] = format!("{base}/upload/{}", self.id).into();
        }
        if let Some(asset) = &self.asset_id {
            upload["asset_id"] = asset.clone().into();
        }
        if let Some(message) = &self.error {
            upload["error"] = json!({"type": "invalid_input", "message": message});
        }
        if self.test {
            upload["test"] = true.into();
        }
        upload
    }

    /// Whether nobody used it in time.
    pub(super) fn is_over(&self, now: i64) -> bool {
        self.status == "waiting" && self.created_at + self.timeout * 1_000_000 <= now
    }
}

pub(super) async fn create(State(mux): State<MuxSandbox>, body: axum::body::Bytes) -> Result<Response, Refusal> {
    let asked = Params::of_body(&body)?;
    asked.only(&["cors_origin", "new_asset_settings", "timeout", "test"])?;
    let settings = asked.object("new_asset_settings")?.unwrap_or_default();
    settings.only(&assets::SETTINGS)?;
    let test = asked.truth("test")?.unwrap_or(false);
    let mut new = assets::settings(&settings)?;
    new.test |= test;
    let upload = Upload {
        id: new_id(&mut rand::rng()),
        cors_origin: asked.need("cors_origin")?.to_owned(),
        timeout: asked.number("timeout", 60..=604_800)?.unwrap_or(TIMEOUT),
        status: "waiting".to_owned(),
        asset_id: None,
        error: None,
        new,
        settings: settings.into_value(),
        test,
        received: 0,
        created_at: mux.now(),
    };
    let answer = wrapped(StatusCode::CREATED, upload.render(mux.base()));
    mux.put_upload(upload, Some("video.upload.created"));
    Ok(answer)
}

pub(super) async fn list(State(mux): State<MuxSandbox>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let asked = Params::of_query(query.as_deref());
    asked.only(&["limit", "page"])?;
    mux.bring_up_to_date();
    let state = mux.state();
    let page = assets::page(&asked, state.uploads.iter().rev())?;
    Ok(wrapped(StatusCode::OK, page.map(|upload| upload.render(mux.base())).collect()))
}

pub(super) async fn read(State(mux): State<MuxSandbox>, Path(id): Path<String>) -> Result<Response, Refusal> {
    mux.bring_up_to_date();
    let found = mux.state().upload(&id).map(|upload| upload.render(mux.base()));
    found.map(|upload| wrapped(StatusCode::OK, upload)).ok_or_else(Refusal::not_found)
}

pub(super) async fn cancel(State(mux): State<MuxSandbox>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let mut upload = waiting(&mux, &id)?;
    "cancelled".clone_into(&mut upload.status);
    let answer = wrapped(StatusCode::OK, upload.render(mux.base()));
    mux.put_upload(upload, Some("video.upload.cancelled"));
    Ok(answer)
}

fn waiting(mux: &MuxSandbox, id: &str) -> Result<Upload, Refusal> {
    mux.bring_up_to_date();
    let upload = mux.state().upload(id).cloned().ok_or_else(Refusal::not_found)?;
    if upload.status == "waiting" {
        Ok(upload)
    } else {
        Err(Refusal::invalid(format!("The upload is not waiting: it is {}.", upload.status)))
    }
}

/// Where a `Content-Range` puts the bytes of a request, and how long the whole is: `bytes 0-999/2000`.
fn range(headers: &HeaderMap) -> Option<(u64, u64)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (span, whole) = text.split_once('/')?;
    Some((span.split_once('-')?.0.parse().ok()?, whole.parse().ok()?))
}

/// `PUT` of the file, whole or in pieces. Who knows the address may send; the file is counted, not kept.
pub(super) async fn receive(
    State(mux): State<MuxSandbox>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    waiting(&mux, &id)?;
    let mut length = 0;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Refusal::invalid("The file did not arrive whole."))?;
        length += u64::try_from(piece.len()).unwrap_or_default();
    }
    let mut upload = waiting(&mux, &id)?;
    if let Some((from, whole)) = range(&headers) {
        if from != upload.received {
            let message = format!("The piece begins at {from}; {} bytes are here.", upload.received);
            return Err(Refusal::invalid(message));
        }
        upload.received += length;
        if upload.received < whole {
            let there = format!("bytes=0-{}", upload.received.saturating_sub(1));
            mux.put_upload(upload, None);
            return Ok((StatusCode::PERMANENT_REDIRECT, [(header::RANGE, there)]).into_response());
        }
    } else {
        upload.received = length;
    }
    if upload.received == 0 {
        "errored".clone_into(&mut upload.status);
        upload.error = Some("The file is empty.".to_owned());
        mux.put_upload(upload, Some("video.upload.errored"));
        return Ok(StatusCode::OK.into_response());
    }
    let mut random = rand::rng();
    let input = seed::input(&mut random, "");
    let asset = Asset::new(&mut random, upload.new.clone(), input, Origin::Upload(id), mux.now());
    "asset_created".clone_into(&mut upload.status);
    upload.asset_id = Some(asset.id.clone());
    mux.create(asset);
    mux.put_upload(upload, Some("video.upload.asset_created"));
    Ok(StatusCode::OK.into_response())
}
