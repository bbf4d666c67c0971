//! The app's pages and its server functions, with what they need around them.

use super::AppState;
use axum::{
    Extension, Router,
    extract::{Query, Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use leptos::prelude::*;
use leptos_axum::{LeptosRoutes, generate_route_list, handle_server_fns_with_context};
use patchbay_app::{
    App,
    context::{AppContext, RequestContext},
    shell::shell,
};
use serde::Deserialize;

pub fn router(state: &AppState) -> Router<AppState> {
    let routes = generate_route_list(App);
    let options = state.leptos.clone();
    let app = state.app.clone();
    Router::new()
        .route("/actions/{*function}", post(act))
        .route("/search.json", get(search))
        .leptos_routes_with_context(state, routes, move || provide_context(app.clone()), move || shell(options.clone(), || view! { <App/> }.into_any()))
        .fallback(not_found)
}

async fn act(State(state): State<AppState>, request: Request) -> impl IntoResponse {
    let app = state.app.clone();
    handle_server_fns_with_context(move || provide_context(app.clone()), request).await
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    q: String,
}

/// Records for the command palette.
async fn search(
    State(state): State<AppState>,
    Extension(request): Extension<RequestContext>,
    Query(search): Query<Search>,
) -> Response {
    match patchbay_app::search::find(&state.app, &request, &search.q).await {
        Ok(found) => axum::Json(found).into_response(),
        Err(error) => {
            let status = axum::http::StatusCode::from_u16(error.status()).unwrap_or_default();
            (status, error.message).into_response()
        }
    }
}

/// Unknown addresses are pages too: the app draws them with status 404.
async fn not_found(State(state): State<AppState>, request: Request) -> Response {
    let (app, options): (AppContext, _) = (state.app.clone(), state.leptos.clone());
    let render = leptos_axum::render_app_async_with_context(move || provide_context(app.clone()), move || shell(options.clone(), || view! { <App/> }.into_any()));
    let mut response = render(request).await.into_response();
    *response.status_mut() = axum::http::StatusCode::NOT_FOUND;
    response
}
