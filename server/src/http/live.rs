//! `GET /live?topics=a,b`: what changed, as server-sent events.

use super::AppState;
use axum::{
    Extension, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use futures::stream;
use patchbay_app::context::RequestContext;
use serde::Deserialize;
use std::convert::Infallible;

/// Topics one page may watch.
const TOPICS: usize = 16;

#[derive(Deserialize)]
struct Watch {
    #[serde(default)]
    topics: String,
}

pub fn router() -> Router<AppState> {
    Router::new().route("/live", get(watch))
}

async fn watch(
    State(state): State<AppState>,
    Extension(request): Extension<RequestContext>,
    Query(watch): Query<Watch>,
) -> Response {
    let topics: Vec<String> = watch.topics.split(',').filter(|topic| !topic.is_empty()).map(str::to_owned).collect();
    if topics.is_empty() || topics.len() > TOPICS {
        return (StatusCode::UNPROCESSABLE_ENTITY, "Name 1 to 16 topics: /live?topics=events,syncs").into_response();
    }
    let Some(principal) = &request.principal else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let subscription = match state.engine.live(principal, &topics).await {
        Ok(subscription) => subscription,
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::FORBIDDEN);
            return (status, error.message).into_response();
        }
    };
    let news = stream::unfold(subscription, |mut subscription| async move {
        let message = subscription.next().await?;
        let data = serde_json::to_string(&message).unwrap_or_default();
        Some((Ok::<_, Infallible>(Event::default().data(data)), subscription))
    });
    Sse::new(news).keep_alive(KeepAlive::default()).into_response()
}
