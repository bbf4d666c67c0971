//! The part of Mux's API that the product and a curious person use.

use super::{
    MuxSandbox, TOKEN_ID, TOKEN_SECRET,
    model::{Asset, NewAsset, Status},
    picture, seed,
    state::Position,
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde::Deserialize;
use serde_json::{Value, json};

const DEFAULT_LIMIT: usize = 25;
const MAX_LIMIT: usize = 100;
/// Mux's own limit.
const MAX_PASSTHROUGH: usize = 255;

pub(super) fn router(mux: MuxSandbox) -> Router {
    Router::new()
        .route("/video/v1/assets", get(list).post(create))
        .route("/video/v1/assets/{id}", get(read).delete(delete))
        .route("/system/v1/whoami", get(who_am_i))
        // What is above asks for the token; what is below does not.
        .route_layer(middleware::from_fn(authorize))
        .route("/image/{playback_id}/{file}", get(thumbnail))
        .fallback(async || not_found())
        .with_state(mux)
}

/// HTTP Basic with the one token there is.
async fn authorize(request: Request, next: Next) -> Response {
    let expected = format!("Basic {}", STANDARD.encode(format!("{TOKEN_ID}:{TOKEN_SECRET}")));
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given != Some(expected.as_str()) {
        return error(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized request");
    }
    next.run(request).await
}

#[derive(Deserialize)]
struct PageAsked {
    limit: Option<usize>,
    /// Counted from 1.
    page: Option<usize>,
    cursor: Option<String>,
}

/// Newest first, by cursor or by page.
async fn list(State(mux): State<MuxSandbox>, Query(asked): Query<PageAsked>) -> Response {
    let limit = asked.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let position = match asked.cursor.as_deref().filter(|cursor| !cursor.is_empty()).map(read_cursor) {
        Some(None) => return invalid("The cursor is not one that this list gave out."),
        Some(position) => position,
        None => None,
    };
    let skip = asked.page.unwrap_or(1).saturating_sub(1).saturating_mul(limit);
    mux.bring_up_to_date();
    let state = mux.state();
    let mut rest = state.page(position.as_ref()).skip(skip);
    let page: Vec<&Asset> = rest.by_ref().take(limit).collect();
    let next_cursor = rest.next().and(page.last()).map(|last| write_cursor(last));
    let data: Vec<Value> = page.into_iter().map(Asset::render).collect();
    Json(json!({"data": data, "next_cursor": next_cursor})).into_response()
}

async fn read(State(mux): State<MuxSandbox>, Path(id): Path<String>) -> Response {
    mux.bring_up_to_date();
    mux.state().get(&id).map_or_else(not_found, |asset| Json(json!({"data": asset.render()})).into_response())
}

async fn delete(State(mux): State<MuxSandbox>, Path(id): Path<String>) -> Response {
    let now = mux.now();
    if mux.state().delete(&id, now) { StatusCode::NO_CONTENT.into_response() } else { not_found() }
}

async fn create(State(mux): State<MuxSandbox>, body: Bytes) -> Response {
    let new =
        match serde_json::from_slice(&body).map_err(|_| "The body is not JSON.").and_then(|asked| new_asset(&asked)) {
            Ok(new) => new,
            Err(message) => return invalid(message),
        };
    let now = mux.now();
    let asset = mux.state().create(new, now);
    (StatusCode::CREATED, Json(json!({"data": asset.render()}))).into_response()
}

/// Reads the current spellings and the older ones that Mux still accepts.
fn new_asset(asked: &Value) -> Result<NewAsset, &'static str> {
    let input =
        ["inputs", "input"].into_iter().map(|name| &asked[name]).find(|value| !value.is_null()).unwrap_or(&Value::Null);
    let url = input.as_str().or_else(|| input[0]["url"].as_str()).or_else(|| input[0].as_str()).unwrap_or_default();
    if !url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        return Err("inputs must name at least one file by its http or https url.");
    }
    let policies =
        ["playback_policies", "playback_policy"].into_iter().map(|name| &asked[name]).find(|value| !value.is_null());
    let policy = policies.and_then(|list| list.as_str().or_else(|| list[0].as_str())).unwrap_or("public");
    if !matches!(policy, "public" | "signed") {
        return Err("playback_policies must be public or signed here.");
    }
    let quality = asked["video_quality"].as_str().unwrap_or("basic");
    if !matches!(quality, "basic" | "plus" | "premium") {
        return Err("video_quality must be basic, plus or premium.");
    }
    let passthrough = asked["passthrough"].as_str();
    if passthrough.is_some_and(|text| text.chars().count() > MAX_PASSTHROUGH) {
        return Err("passthrough must have at most 255 characters.");
    }
    Ok(NewAsset {
        title: asked["meta"]["title"].as_str().map(str::to_owned),
        passthrough: passthrough.map(str::to_owned),
        quality: quality.to_owned(),
        policy: policy.to_owned(),
        test: asked["test"].as_bool().unwrap_or(false),
        input: seed::input(&mut rand::rng(), url),
    })
}

async fn who_am_i() -> Json<Value> {
    Json(json!({"data": {
        "access_token_name": "Sandbox token",
        "environment_id": "sandbox",
        "environment_name": "Sandbox",
        "environment_type": "development",
        "organization_id": "sandbox-organization",
        "organization_name": "Patchbay",
        "permissions": ["video:read", "video:write", "system:read"],
    }}))
}

#[derive(Deserialize)]
struct PictureAsked {
    width: Option<u32>,
}

/// A still picture. The real host keeps to the ending of the name; here everything is a PNG, which browsers find out.
async fn thumbnail(
    State(mux): State<MuxSandbox>,
    Path((playback_id, file)): Path<(String, String)>,
    Query(asked): Query<PictureAsked>,
) -> Response {
    if !matches!(file.as_str(), "thumbnail.png" | "thumbnail.jpg" | "thumbnail.webp") {
        return not_found();
    }
    let found = mux.state().by_playback_id(&playback_id).map(|asset| (asset.status, asset.new.policy == "public"));
    match found {
        None => not_found(),
        Some((_, false)) => error(StatusCode::FORBIDDEN, "forbidden", "A signed playback ID needs a token."),
        Some((Status::Ready, true)) => {
            let headers = [(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, "public, max-age=86400")];
            let Ok(png) = picture::png(&playback_id, asked.width) else {
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            };
            (headers, png).into_response()
        }
        Some(_) => error(StatusCode::PRECONDITION_FAILED, "invalid_parameters", "The asset is not ready."),
    }
}

fn write_cursor(last: &Asset) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{}", last.created_at, last.id))
}

fn read_cursor(cursor: &str) -> Option<Position> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (at, id) = text.split_once(':')?;
    Some((at.parse().ok()?, id.to_owned()))
}

fn invalid(message: &str) -> Response {
    error(StatusCode::BAD_REQUEST, "invalid_parameters", message)
}

fn not_found() -> Response {
    let message = "The requested resource either doesn't exist or you don't have access to it.";
    error(StatusCode::NOT_FOUND, "not_found", message)
}

/// An error in Mux's shape.
pub(super) fn error(status: StatusCode, error_type: &str, message: &str) -> Response {
    (status, Json(json!({"error": {"type": error_type, "messages": [message]}}))).into_response()
}
