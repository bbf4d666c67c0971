//! `GET /live?topics=a,b`: what changed, as server-sent events.

use super::{AppState, streams::Full};
use axum::{
    Extension, Router,
    extract::{Query, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use futures::{StreamExt, stream};
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
    let place = match state.streams.take(&principal.user_id) {
        Ok(place) => place,
        Err(full) => return refused(full),
    };
    let subscription = match state.engine.live(principal, &topics).await {
        Ok(subscription) => subscription,
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::FORBIDDEN);
            return (status, error.message).into_response();
        }
    };
    let news = stream::unfold((subscription, place), |(mut subscription, place)| async move {
        let message = subscription.next().await?;
        let data = serde_json::to_string(&message).unwrap_or_default();
        Some((Ok::<_, Infallible>(Event::default().data(data)), (subscription, place)))
    });
    // Some proxies pass nothing on, not even the headers, before the first byte of the body.
    let first = stream::once(async { Ok(Event::default().comment("live")) });
    let mut response = Sse::new(first.chain(news)).keep_alive(KeepAlive::default()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // What nginx gathers by itself, and passes on when there is enough of it.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// The island comes again by itself, later each time.
fn refused(full: Full) -> Response {
    let (status, text, seconds) = match full {
        Full::ForPerson => {
            (StatusCode::TOO_MANY_REQUESTS, "You have too many pages open. This one does not refresh itself.\n", 30)
        }
        Full::ForAll => {
            (StatusCode::SERVICE_UNAVAILABLE, "Too many pages are open. This one does not refresh itself.\n", 10)
        }
    };
    let mut response = (status, text).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}
