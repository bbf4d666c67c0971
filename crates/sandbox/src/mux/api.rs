//! The part of Mux's API that the product and a curious person use.

use super::{MuxSandbox, TOKEN_ID, TOKEN_SECRET, assets, live, model::Status, params::Refusal, picture, uploads};
use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::{Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, delete, get, post, put},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn router(mux: MuxSandbox) -> Router {
    let asset = "/video/v1/assets/{id}";
    let stream = "/video/v1/live-streams/{id}";
    Router::new()
        .route("/video/v1/assets", get(assets::list).post(assets::create))
        .route(asset, get(assets::read).patch(assets::update).delete(assets::delete))
        .route(&format!("{asset}/input-info"), get(assets::input_info))
        .route(&format!("{asset}/playback-ids"), post(assets::add_playback_id))
        .route(
            &format!("{asset}/playback-ids/{{playback_id}}"),
            get(assets::read_playback_id).delete(assets::delete_playback_id),
        )
        .route(&format!("{asset}/tracks"), post(assets::add_track))
        .route(&format!("{asset}/tracks/{{track}}"), delete(assets::delete_track))
        .route(&format!("{asset}/static-renditions"), post(assets::add_rendition))
        .route(&format!("{asset}/static-renditions/{{rendition}}"), delete(assets::delete_rendition))
        .route("/video/v1/playback-ids/{id}", get(assets::resolve_playback_id))
        .route("/video/v1/uploads", get(uploads::list).post(uploads::create))
        .route("/video/v1/uploads/{id}", get(uploads::read))
        .route("/video/v1/uploads/{id}/cancel", put(uploads::cancel))
        .route("/video/v1/live-streams", get(live::list).post(live::create))
        .route(stream, get(live::read).patch(live::update).delete(live::delete))
        .route(&format!("{stream}/reset-stream-key"), post(live::reset_key))
        .route(&format!("{stream}/playback-ids"), post(live::add_playback_id))
        .route(
            &format!("{stream}/playback-ids/{{playback_id}}"),
            get(live::read_playback_id).delete(live::delete_playback_id),
        )
        .route(&format!("{stream}/{{word}}"), put(live::switch))
        .route("/system/v1/whoami", get(who_am_i))
        .method_not_allowed_fallback(nothing_here)
        // What is above asks for the token; what is below does not.
        .route_layer(middleware::from_fn(authorize))
        .route("/upload/{id}", put(uploads::receive))
        .route("/image/{playback_id}/{file}", get(thumbnail))
        // A fallback would be lost where this is nested.
        .route("/{*rest}", any(nothing_here))
        .with_state(mux)
}

/// What the stand-in does not have is named, never led to the product's own pages.
async fn nothing_here(method: Method, uri: Uri) -> Response {
    let message = format!("The sandbox's Mux has nothing at {method} {}.", uri.path());
    error(StatusCode::NOT_FOUND, "not_found", &message)
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
) -> Result<Response, Refusal> {
    if !matches!(file.as_str(), "thumbnail.png" | "thumbnail.jpg" | "thumbnail.webp") {
        return Err(Refusal::not_found());
    }
    let found = mux.state().by_playback_id(&playback_id).and_then(|asset| {
        let policy = &asset.playback_ids.iter().find(|one| one.id == playback_id)?.policy;
        Some((asset.status, policy == "public"))
    });
    match found {
        None => Err(Refusal::not_found()),
        Some((_, false)) => {
            Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden", "A signed playback ID needs a token."))
        }
        Some((Status::Ready, true)) => {
            let headers = [(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, "public, max-age=86400")];
            Ok(match picture::png(&playback_id, asked.width) {
                Ok(png) => (headers, png).into_response(),
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            })
        }
        Some(_) => Err(Refusal::new(StatusCode::PRECONDITION_FAILED, "invalid_parameters", "The asset is not ready.")),
    }
}

/// An error in Mux's shape.
pub(super) fn error(status: StatusCode, error_type: &str, message: &str) -> Response {
    (status, Json(json!({"error": {"type": error_type, "messages": [message]}}))).into_response()
}
