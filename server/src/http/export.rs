//! `GET /events.csv?…` and its siblings: a filtered list as a file, sent while it is read.

use super::AppState;
use axum::{
    Extension, Router,
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures::{StreamExt as _, stream};
use patchbay_app::{
    context::RequestContext,
    pages::export::{Export, List, path},
};
use patchbay_domain::UserError;

pub fn router() -> Router<AppState> {
    List::ALL.into_iter().fold(Router::new(), |router, list| {
        router.route(&path(list), get(move |state, request| send(list, state, request)))
    })
}

async fn send(list: List, State(state): State<AppState>, Extension(request): Extension<RequestContext>) -> Response {
    match open(list, &state, &request).await {
        Ok(response) => response,
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, error.message).into_response()
        }
    }
}

/// The first part is read before anything is answered, so that what is wrong from the start has its own status. A failure
/// later on breaks the transfer off: browsers show a failed download instead of keeping half a list.
async fn open(list: List, state: &AppState, request: &RequestContext) -> Result<Response, UserError> {
    let mut export = Export::open(&state.app, request, list).await?;
    let name = format!("attachment; filename=\"{}\"", export.file_name());
    let first = export.next().await?.unwrap_or_default();
    let rest = stream::unfold(Some(export), |export| async move {
        let mut export = export?;
        match export.next().await {
            Ok(Some(part)) => Some((Ok(part), Some(export))),
            Ok(None) => None,
            Err(error) => Some((Err(std::io::Error::other(error.message)), None)),
        }
    });
    // Compression asks once more after the end, which an unfused stream answers with a panic.
    let parts = stream::once(async { Ok(first) }).chain(rest).fuse();
    let mut response = Body::from_stream(parts).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment")),
    );
    Ok(response)
}
