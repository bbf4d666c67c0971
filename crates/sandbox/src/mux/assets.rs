//! Requests about assets, and what other requests have in common with them.

use super::{
    MuxSandbox,
    model::{Added, Asset, Kind, Meta, NewAsset, NewRendition, Origin, PlaybackId, Status, new_id, tier},
    params::{Params, Refusal},
    seed,
    state::Position,
};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

/// What can be said of an asset that does not exist yet.
pub(super) const SETTINGS: [&str; 8] = [
    "playback_policies",
    "playback_policy",
    "passthrough",
    "video_quality",
    "max_resolution_tier",
    "meta",
    "static_renditions",
    "test",
];
const RESOLUTIONS: [&str; 10] =
    ["highest", "audio-only", "2160p", "1440p", "1080p", "720p", "540p", "480p", "360p", "270p"];
/// How long tracks and files take to be made, in microseconds.
const MAKING: i64 = 3_000_000;

/// `{"data": …}`
pub(super) fn wrapped(status: StatusCode, data: Value) -> Response {
    (status, Json(Map::from_iter([("data".to_owned(), data)]))).into_response()
}

/// The page that `limit` and `page` ask for.
pub(super) fn page<'a, T: 'a>(
    asked: &Params,
    all: impl Iterator<Item = &'a T>,
) -> Result<impl Iterator<Item = &'a T>, Refusal> {
    let (limit, skip) = span(asked)?;
    Ok(all.skip(skip).take(limit))
}

fn span(asked: &Params) -> Result<(usize, usize), Refusal> {
    let whole = |number: i64| usize::try_from(number).unwrap_or_default();
    let limit = whole(asked.number("limit", 1..=100)?.unwrap_or(25));
    let page = whole(asked.number("page", 1..=i64::MAX)?.unwrap_or(1));
    Ok((limit, (page - 1).saturating_mul(limit)))
}

/// Newest first, by cursor or by page.
pub(super) async fn list(State(mux): State<MuxSandbox>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let asked = Params::of_query(query.as_deref());
    asked.only(&["limit", "page", "cursor", "live_stream_id", "upload_id"])?;
    let (limit, skip) = span(&asked)?;
    let position = match asked.text("cursor")?.map(read_cursor) {
        Some(None) => return Err(Refusal::invalid("cursor is not one that this list gave out.")),
        Some(position) => position,
        None => None,
    };
    let origins = [("live_stream_id", Origin::LiveStream as fn(String) -> Origin), ("upload_id", Origin::Upload)];
    let mut wanted = Vec::new();
    for (name, origin) in origins {
        wanted.extend(asked.text(name)?.map(|id| origin(id.to_owned())));
    }
    mux.bring_up_to_date();
    let state = mux.state();
    let fits = state.page(position.as_ref()).filter(|asset| wanted.iter().all(|origin| asset.origin == *origin));
    let mut rest = fits.skip(skip);
    let page: Vec<&Asset> = rest.by_ref().take(limit).collect();
    let next_cursor = rest.next().and(page.last()).map(|last| write_cursor(last));
    let data: Vec<Value> = page.into_iter().map(Asset::render).collect();
    Ok(Json(json!({"data": data, "next_cursor": next_cursor})).into_response())
}

fn write_cursor(last: &Asset) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{}", last.created_at, last.id))
}

fn read_cursor(cursor: &str) -> Option<Position> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (at, id) = text.split_once(':')?;
    Some((at.parse().ok()?, id.to_owned()))
}

fn find(mux: &MuxSandbox, id: &str) -> Result<Asset, Refusal> {
    mux.bring_up_to_date();
    mux.state().get(id).cloned().ok_or_else(Refusal::not_found)
}

pub(super) async fn read(State(mux): State<MuxSandbox>, Path(id): Path<String>) -> Result<Response, Refusal> {
    Ok(wrapped(StatusCode::OK, find(&mux, &id)?.render()))
}

pub(super) async fn delete(State(mux): State<MuxSandbox>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let now = mux.now();
    if mux.state().delete(&id, now) { Ok(StatusCode::NO_CONTENT.into_response()) } else { Err(Refusal::not_found()) }
}

pub(super) async fn create(State(mux): State<MuxSandbox>, body: Bytes) -> Result<Response, Refusal> {
    let asked = Params::of_body(&body)?;
    asked.only(&[&SETTINGS[..], &["inputs", "input"]].concat())?;
    let url = input(&asked)?;
    let new = settings(&asked)?;
    let mut random = rand::rng();
    let input = seed::input(&mut random, &url);
    let asset = Asset::new(&mut random, new, input, Origin::Address, mux.now());
    let answer = wrapped(StatusCode::CREATED, asset.render());
    mux.create(asset);
    Ok(answer)
}

/// The one file of a request: in the current spelling, or as older clients have it.
fn input(asked: &Params) -> Result<String, Refusal> {
    let name = if asked.has("inputs") { "inputs" } else { "input" };
    if let Ok([one]) = asked.texts(name).as_deref() {
        return Params::of_text(name, one).address(name).map(str::to_owned);
    }
    match asked.objects(name)?.as_slice() {
        [one] => {
            one.only(&["url", "type"])?;
            one.word("type", &["video"])?;
            one.address("url").map(str::to_owned)
        }
        [] => Err(Refusal::invalid("inputs must name a file by its http or https url.")),
        _ => Err(Refusal::invalid("inputs must be one file here.")),
    }
}

/// What is said of an asset, in the current spellings and the older ones that Mux still accepts.
pub(super) fn settings(asked: &Params) -> Result<NewAsset, Refusal> {
    let meta = match asked.object("meta")? {
        Some(meta) => meta_of(&meta)?,
        None => Meta::default(),
    };
    Ok(NewAsset {
        meta,
        passthrough: asked.passthrough()?,
        quality: asked.word("video_quality", &["basic", "plus", "premium"])?.unwrap_or("basic").to_owned(),
        policies: policies(asked)?,
        max_tier: asked.word("max_resolution_tier", &["1080p", "1440p", "2160p"])?.unwrap_or("1080p").to_owned(),
        renditions: asked.objects("static_renditions")?.iter().map(new_rendition).collect::<Result<_, _>>()?,
        test: asked.truth("test")?.unwrap_or(false),
    })
}

fn meta_of(asked: &Params) -> Result<Meta, Refusal> {
    asked.only(&["title", "creator_id", "external_id"])?;
    let text = |name: &str| asked.text(name).map(|text| text.map(str::to_owned));
    Ok(Meta { title: text("title")?, creator_id: text("creator_id")?, external_id: text("external_id")? })
}

fn new_rendition(asked: &Params) -> Result<NewRendition, Refusal> {
    asked.only(&["resolution", "passthrough"])?;
    asked.need("resolution")?;
    let resolution = asked.word("resolution", &RESOLUTIONS)?.unwrap_or_default().to_owned();
    Ok(NewRendition { resolution, passthrough: asked.passthrough()? })
}

/// Without any, there is no playback id, as at Mux.
pub(super) fn policies(asked: &Params) -> Result<Vec<String>, Refusal> {
    let name = if asked.has("playback_policies") { "playback_policies" } else { "playback_policy" };
    let policies = asked.texts(name)?;
    match policies.iter().find(|policy| !matches!(policy.as_str(), "public" | "signed")) {
        Some(_) => Err(Refusal::invalid(format!("{name} must be public or signed here."))),
        None => Ok(policies),
    }
}

pub(super) async fn update(
    State(mux): State<MuxSandbox>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let asked = Params::of_body(&body)?;
    asked.only(&["passthrough", "meta"])?;
    find(&mux, &id)?;
    let passthrough = asked.passthrough()?;
    let meta = asked.object("meta")?.map(|meta| meta_of(&meta)).transpose()?;
    let asset = mux.change(&id, "video.asset.updated", |asset| {
        if passthrough.is_some() {
            asset.new.passthrough = passthrough;
        }
        if let Some(meta) = meta {
            asset.new.meta = meta;
        }
    });
    asset.map(|asset| wrapped(StatusCode::OK, asset.render())).ok_or_else(Refusal::not_found)
}

pub(super) async fn input_info(State(mux): State<MuxSandbox>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let asset = find(&mux, &id)?;
    let input = &asset.input;
    let tracks = json!([
        {"type": "video", "duration": input.duration, "encoding": "h264", "width": input.width, "height": input.height,
            "frame_rate": input.frame_rate},
        {"type": "audio", "duration": input.duration, "encoding": "aac", "channels": 2, "sample_rate": 48_000},
    ]);
    let settings = if input.url.is_empty() { json!({}) } else { json!({"url": input.url}) };
    let one = json!({"settings": settings, "file": {"container_format": "mov,mp4,m4a,3gp,3g2,mj2", "tracks": tracks}});
    Ok(wrapped(StatusCode::OK, json!([one])))
}

pub(super) fn new_playback_id(body: &[u8]) -> Result<PlaybackId, Refusal> {
    let asked = Params::of_body(body)?;
    asked.only(&["policy"])?;
    let policy = asked.word("policy", &["public", "signed"])?.unwrap_or("public").to_owned();
    Ok(PlaybackId { id: new_id(&mut rand::rng()), policy })
}

pub(super) async fn add_playback_id(
    State(mux): State<MuxSandbox>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    find(&mux, &id)?;
    let added = new_playback_id(&body)?;
    mux.change(&id, "video.asset.updated", |asset| asset.playback_ids.push(added.clone()));
    Ok(wrapped(StatusCode::CREATED, json!(added)))
}

pub(super) async fn read_playback_id(
    State(mux): State<MuxSandbox>,
    Path((id, playback_id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let asset = find(&mux, &id)?;
    let found = asset.playback_ids.iter().find(|one| one.id == playback_id);
    found.map(|one| wrapped(StatusCode::OK, json!(one))).ok_or_else(Refusal::not_found)
}

pub(super) async fn delete_playback_id(
    State(mux): State<MuxSandbox>,
    Path((id, playback_id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    if !find(&mux, &id)?.playback_ids.iter().any(|one| one.id == playback_id) {
        return Err(Refusal::not_found());
    }
    mux.change(&id, "video.asset.updated", |asset| asset.playback_ids.retain(|one| one.id != playback_id));
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /video/v1/playback-ids/{id}`: what it plays.
pub(super) async fn resolve_playback_id(
    State(mux): State<MuxSandbox>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let state = mux.state();
    let named = |ids: &[PlaybackId]| ids.iter().find(|one| one.id == id).map(|one| one.policy.clone());
    let asset = state.by_playback_id(&id).and_then(|one| Some((one.id.clone(), "asset", named(&one.playback_ids)?)));
    let stream =
        || state.streams.iter().find_map(|one| Some((one.id.clone(), "live_stream", named(&one.playback_ids)?)));
    let (object, kind, policy) = asset.or_else(stream).ok_or_else(Refusal::not_found)?;
    Ok(wrapped(StatusCode::OK, json!({"id": id, "policy": policy, "object": {"id": object, "type": kind}})))
}

/// Adds something that takes a moment to be made.
fn add(mux: &MuxSandbox, id: &str, kind: Kind, then: &str, shown: Value) -> Response {
    let shown = if let Value::Object(shown) = shown { shown } else { Map::new() };
    let added = Added {
        id: new_id(&mut rand::rng()),
        kind,
        status: "preparing".to_owned(),
        ready_at: mux.now() + MAKING,
        then: then.to_owned(),
        shown,
    };
    let answer = wrapped(StatusCode::CREATED, added.render());
    mux.state().add(id, &added, mux.now());
    answer
}

/// Text and audio beside the file's own.
pub(super) async fn add_track(
    State(mux): State<MuxSandbox>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let asked = Params::of_body(&body)?;
    asked.only(&["url", "type", "text_type", "language_code", "name", "closed_captions", "passthrough"])?;
    let asset = find(&mux, &id)?;
    asked.need("type")?;
    let text = asked.word("type", &["text", "audio"])? == Some("text");
    let language = asked.need("language_code")?;
    let url = asked.address("url")?;
    let mut shown = json!({"type": if text { "text" } else { "audio" }, "language_code": language});
    if let Some(kind) = asked.word("text_type", &["subtitles"])?.or(text.then_some("subtitles")) {
        shown["text_type"] = kind.into();
        shown["text_source"] = "uploaded".into();
    }
    let name = asked.text("name")?.unwrap_or(language);
    shown["name"] = name.into();
    shown["closed_captions"] = asked.truth("closed_captions")?.unwrap_or(false).into();
    if let Some(passthrough) = asked.passthrough()? {
        shown["passthrough"] = passthrough.into();
    }
    if asset.status == Status::Errored {
        return Err(Refusal::invalid("The asset has failed; nothing can be added to it."));
    }
    if asset.of(Kind::Track).any(|one| one.shown["name"] == name && one.shown["type"] == shown["type"]) {
        return Err(Refusal::invalid(format!("name must be unique; there is a track {name} already.")));
    }
    let then = if url.contains("fail") { "errored" } else { "ready" };
    Ok(add(&mux, &id, Kind::Track, then, shown))
}

pub(super) async fn delete_track(
    State(mux): State<MuxSandbox>,
    Path((id, track)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    remove(&mux, &id, Kind::Track, &track)
}

/// An MP4 or M4A file. One that would be larger than the video is skipped.
pub(super) async fn add_rendition(
    State(mux): State<MuxSandbox>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let new = new_rendition(&Params::of_body(&body)?)?;
    let asset = find(&mux, &id)?;
    if asset.of(Kind::StaticRendition).any(|one| one.shown["resolution"] == new.resolution.as_str()) {
        return Err(Refusal::invalid(format!("resolution: there is a rendition {} already.", new.resolution)));
    }
    let (then, shown) = rendition(&asset, &new);
    Ok(add(&mux, &id, Kind::StaticRendition, then, shown))
}

/// What becomes of a rendition, and its members.
pub(super) fn rendition(asset: &Asset, new: &NewRendition) -> (&'static str, Value) {
    let audio = new.resolution == "audio-only";
    let ext = if audio { "m4a" } else { "mp4" };
    let name = if audio { "audio.m4a".to_owned() } else { format!("{}.{ext}", new.resolution) };
    let standard = matches!(new.resolution.as_str(), "highest" | "audio-only");
    let mut shown = json!({
        "resolution": new.resolution, "name": name, "ext": ext, "type": if standard { "standard" } else { "advanced" },
    });
    if let Some(passthrough) = &new.passthrough {
        shown["passthrough"] = passthrough.clone().into();
    }
    let Some((width, height)) = asset.rendition(&new.resolution) else { return ("skipped", shown) };
    if audio {
        shown["bitrate"] = 128_000.into();
        shown["resolution_tier"] = "audio-only".into();
    } else {
        shown["width"] = width.into();
        shown["height"] = height.into();
        shown["bitrate"] = (height * 3_000).into();
        shown["resolution_tier"] = tier(height).into();
    }
    ("ready", shown)
}

pub(super) async fn delete_rendition(
    State(mux): State<MuxSandbox>,
    Path((id, rendition)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    remove(&mux, &id, Kind::StaticRendition, &rendition)
}

fn remove(mux: &MuxSandbox, asset: &str, kind: Kind, id: &str) -> Result<Response, Refusal> {
    let found = find(mux, asset)?;
    if !found.of(kind).any(|one| one.id == id) {
        return Err(Refusal::not_found());
    }
    mux.state().take(asset, id, mux.now());
    Ok(StatusCode::NO_CONTENT.into_response())
}
