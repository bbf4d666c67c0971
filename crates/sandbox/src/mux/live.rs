//! Live streams: what an encoder sends to, what people watch meanwhile, and the asset that is left of it.

use super::{
    MuxSandbox,
    assets::{self, wrapped},
    model::{Asset, Meta, NewAsset, Origin, PlaybackId, Status, new_id},
    params::{Params, Refusal},
    seed,
    state::State,
};
use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State as Shared},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Seconds; Mux's own: twelve hours, and a minute to come back.
const LONGEST: i64 = 43_200;
const RECONNECT: f64 = 60.0;
/// How many assets of a stream are named.
const RECENT: usize = 25;
const LATENCY: [&str; 3] = ["low", "reduced", "standard"];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LiveStream {
    pub(super) id: String,
    pub(super) stream_key: String,
    pub(super) playback_ids: Vec<PlaybackId>,
    /// `idle`, `active` or `disabled`.
    pub(super) status: String,
    latency_mode: String,
    max_continuous_duration: i64,
    reconnect_window: f64,
    title: Option<String>,
    passthrough: Option<String>,
    new: NewAsset,
    settings: Value,
    test: bool,
    pub(super) active_asset: Option<String>,
    recent_assets: Vec<String>,
    /// Microseconds.
    pub(super) created_at: i64,
}

impl LiveStream {
    pub(super) fn render(&self) -> Value {
        let mut stream = json!({
            "id": self.id, "stream_key": self.stream_key, "status": self.status, "playback_ids": self.playback_ids,
            "created_at": self.created_at.div_euclid(1_000_000).to_string(), "latency_mode": self.latency_mode,
            "max_continuous_duration": self.max_continuous_duration, "reconnect_window": self.reconnect_window,
            "new_asset_settings": self.settings,
        });
        for (name, value) in [("passthrough", &self.passthrough), ("active_asset_id", &self.active_asset)] {
            if let Some(value) = value {
                stream[name] = value.clone().into();
            }
        }
        if self.active_asset.is_some() {
            stream["active_ingest_protocol"] = "rtmp".into();
        }
        if let Some(title) = &self.title {
            stream["meta"] = json!({ "title": title });
        }
        if !self.recent_assets.is_empty() {
            stream["recent_asset_ids"] = json!(self.recent_assets);
        }
        if self.test {
            stream["test"] = true.into();
        }
        stream
    }

    /// A stream that somebody has set up and not used yet.
    pub(super) fn sample(now: i64) -> Self {
        let title = "Town hall, live".to_owned();
        let settings = json!({"playback_policies": ["public"], "meta": {"title": title}});
        let meta = Meta { title: Some(title), ..Meta::default() };
        let new = NewAsset { meta, policies: vec!["public".to_owned()], ..NewAsset::default() };
        Self::new(vec!["public".to_owned()], new, settings, now)
    }

    fn new(policies: Vec<String>, new: NewAsset, settings: Value, now: i64) -> Self {
        let mut random = rand::rng();
        Self {
            id: new_id(&mut random),
            stream_key: new_id(&mut random),
            playback_ids: policies.into_iter().map(|policy| PlaybackId { id: new_id(&mut random), policy }).collect(),
            status: "idle".to_owned(),
            latency_mode: "standard".to_owned(),
            max_continuous_duration: LONGEST,
            reconnect_window: RECONNECT,
            title: None,
            passthrough: None,
            new,
            settings,
            test: false,
            active_asset: None,
            recent_assets: Vec::new(),
            created_at: now,
        }
    }

    /// Takes in what of a stream can be set at any time.
    fn fill(&mut self, asked: &Params) -> Result<(), Refusal> {
        if let Some(mode) = asked.word("latency_mode", &LATENCY)? {
            mode.clone_into(&mut self.latency_mode);
        }
        if let Some(seconds) = asked.number("max_continuous_duration", 60..=LONGEST)? {
            self.max_continuous_duration = seconds;
        }
        if let Some(seconds) = asked.number("reconnect_window", 0..=1_800)? {
            self.reconnect_window = f64::from(i32::try_from(seconds).unwrap_or_default());
        }
        if asked.has("passthrough") {
            self.passthrough = asked.passthrough()?;
        }
        if let Some(meta) = asked.object("meta")? {
            meta.only(&["title"])?;
            self.title = meta.text("title")?.map(str::to_owned);
        }
        Ok(())
    }
}

pub(super) async fn create(Shared(mux): Shared<MuxSandbox>, body: Bytes) -> Result<Response, Refusal> {
    let asked = Params::of_body(&body)?;
    asked.only(&[
        "playback_policies",
        "playback_policy",
        "new_asset_settings",
        "latency_mode",
        "max_continuous_duration",
        "reconnect_window",
        "passthrough",
        "meta",
        "test",
    ])?;
    let settings = asked.object("new_asset_settings")?.unwrap_or_default();
    settings.only(&assets::SETTINGS)?;
    let (policies, new) = (assets::policies(&asked)?, assets::settings(&settings)?);
    let mut stream = LiveStream::new(policies, new, settings.into_value(), mux.now());
    stream.test = asked.truth("test")?.unwrap_or(false);
    stream.fill(&asked)?;
    let answer = wrapped(StatusCode::CREATED, stream.render());
    mux.state().put_stream(stream, &["created"], mux.now());
    Ok(answer)
}

pub(super) async fn list(Shared(mux): Shared<MuxSandbox>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let asked = Params::of_query(query.as_deref());
    asked.only(&["limit", "page", "status", "stream_key"])?;
    let status = asked.word("status", &["active", "idle", "disabled"])?;
    let key = asked.text("stream_key")?;
    let state = mux.state();
    let all = state.streams.iter().rev();
    let fits =
        all.filter(|one| status.is_none_or(|word| one.status == word) && key.is_none_or(|key| one.stream_key == key));
    Ok(wrapped(StatusCode::OK, assets::page(&asked, fits)?.map(LiveStream::render).collect()))
}

fn find(mux: &MuxSandbox, id: &str) -> Result<LiveStream, Refusal> {
    mux.state().stream(id).cloned().ok_or_else(Refusal::not_found)
}

pub(super) async fn read(Shared(mux): Shared<MuxSandbox>, Path(id): Path<String>) -> Result<Response, Refusal> {
    Ok(wrapped(StatusCode::OK, find(&mux, &id)?.render()))
}

pub(super) async fn update(
    Shared(mux): Shared<MuxSandbox>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let asked = Params::of_body(&body)?;
    asked.only(&["latency_mode", "max_continuous_duration", "reconnect_window", "passthrough", "meta"])?;
    let mut stream = find(&mux, &id)?;
    stream.fill(&asked)?;
    let answer = wrapped(StatusCode::OK, stream.render());
    mux.state().put_stream(stream, &["updated"], mux.now());
    Ok(answer)
}

pub(super) async fn delete(Shared(mux): Shared<MuxSandbox>, Path(id): Path<String>) -> Result<Response, Refusal> {
    find(&mux, &id)?;
    let mut state = mux.state();
    end(&mut state, &id, mux.now());
    state.remove_stream(&id, mux.now());
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn reset_key(Shared(mux): Shared<MuxSandbox>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let mut stream = find(&mux, &id)?;
    stream.stream_key = new_id(&mut rand::rng());
    let answer = wrapped(StatusCode::CREATED, stream.render());
    mux.state().put_stream(stream, &["updated"], mux.now());
    Ok(answer)
}

/// `PUT …/complete`, `…/enable`, `…/disable`.
pub(super) async fn switch(
    Shared(mux): Shared<MuxSandbox>,
    Path((id, word)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let mut stream = find(&mux, &id)?;
    let now = mux.now();
    let mut state = mux.state();
    match word.as_str() {
        "complete" => end(&mut state, &id, now),
        "enable" if stream.status == "disabled" => {
            "idle".clone_into(&mut stream.status);
            state.put_stream(stream, &["enabled"], now);
        }
        "disable" if stream.status != "disabled" => {
            end(&mut state, &id, now);
            let mut stream = state.stream(&id).cloned().ok_or_else(Refusal::not_found)?;
            "disabled".clone_into(&mut stream.status);
            state.put_stream(stream, &["disabled"], now);
        }
        "enable" | "disable" => {}
        _ => return Err(Refusal::not_found()),
    }
    Ok(axum::Json(json!({})).into_response())
}

pub(super) async fn add_playback_id(
    Shared(mux): Shared<MuxSandbox>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let mut stream = find(&mux, &id)?;
    let added = assets::new_playback_id(&body)?;
    stream.playback_ids.push(added.clone());
    mux.state().put_stream(stream, &["updated"], mux.now());
    Ok(wrapped(StatusCode::CREATED, json!(added)))
}

pub(super) async fn read_playback_id(
    Shared(mux): Shared<MuxSandbox>,
    Path((id, playback_id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let stream = find(&mux, &id)?;
    let found = stream.playback_ids.iter().find(|one| one.id == playback_id);
    found.map(|one| wrapped(StatusCode::OK, json!(one))).ok_or_else(Refusal::not_found)
}

pub(super) async fn delete_playback_id(
    Shared(mux): Shared<MuxSandbox>,
    Path((id, playback_id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let mut stream = find(&mux, &id)?;
    let before = stream.playback_ids.len();
    stream.playback_ids.retain(|one| one.id != playback_id);
    if stream.playback_ids.len() == before {
        return Err(Refusal::not_found());
    }
    mux.state().put_stream(stream, &["updated"], mux.now());
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// An encoder connects to an idle stream, and a recording begins. Answers whether there was one.
pub(super) fn begin(state: &mut State, now: i64) -> bool {
    let Some(mut stream) = state.streams.iter().rev().find(|one| one.status == "idle").cloned() else { return false };
    let mut random = rand::rng();
    let input = seed::input(&mut random, "");
    let mut asset = Asset::new(&mut random, stream.new.clone(), input, Origin::LiveStream(stream.id.clone()), now);
    asset.is_live = true;
    asset.input.duration = 0.0;
    asset.new.passthrough = asset.new.passthrough.or_else(|| stream.passthrough.clone());
    let id = asset.id.clone();
    stream.active_asset = Some(id.clone());
    stream.recent_assets.push(id.clone());
    if stream.recent_assets.len() > RECENT {
        stream.recent_assets.remove(0);
    }
    state.put_stream(stream.clone(), &["connected", "recording"], now);
    state.create(asset, now);
    "active".clone_into(&mut stream.status);
    state.put_stream(stream, &["active"], now);
    state.change(&id, "video.asset.ready", now, |asset| {
        asset.status = Status::Ready;
        asset.progress = 100;
    });
    true
}

/// The encoder is gone: the stream is idle again, and its recording is complete.
pub(super) fn end(state: &mut State, id: &str, now: i64) {
    let Some(mut stream) = state.stream(id).cloned() else { return };
    let Some(asset) = stream.active_asset.take() else { return };
    state.put_stream(stream.clone(), &["disconnected"], now);
    "idle".clone_into(&mut stream.status);
    state.put_stream(stream, &["idle"], now);
    state.change(&asset, "video.asset.live_stream_completed", now, |asset| {
        asset.is_live = false;
        let millis = (now - asset.created_at).div_euclid(1_000).max(1_000);
        asset.input.duration = f64::from(i32::try_from(millis).unwrap_or(i32::MAX)) / 1_000.0;
    });
}
