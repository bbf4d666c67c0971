//! The app's pages and its server functions, with what they need around them.

use super::{AppState, site::Site};
use axum::{
    Extension, Router,
    extract::{Query, Request, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use leptos::{nonce::use_nonce, prelude::*};
use leptos_axum::{LeptosRoutes, ResponseOptions, generate_route_list, handle_server_fns_with_context};
use patchbay_app::{
    context::{AppContext, RequestContext},
    pages::App,
    shell::shell,
};
use serde::Deserialize;

pub fn router(state: &AppState) -> Router<AppState> {
    let routes = generate_route_list(App);
    let options = state.leptos.clone();
    let app = state.app.clone();
    let site = state.site.clone();
    let around = move || surround(&app, &site);
    Router::new()
        .route("/actions/{*function}", post(act))
        .route("/search.json", get(search))
        .leptos_routes_with_context(state, routes, around, move || {
            shell(options.clone(), || view! { <App/> }.into_any())
        })
        .fallback(not_found)
}

/// What every page finds around it: the application, and a content policy that fits its nonce.
fn surround(app: &AppContext, site: &Site) {
    provide_context(app.clone());
    let nonce = use_nonce().map(|nonce| format!(" 'nonce-{nonce}'")).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self'{nonce} 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: https:; \
         font-src 'self'; connect-src 'self'; form-action {}; frame-ancestors 'none'; base-uri 'none'",
        site.form_action
    );
    if let (Some(response), Ok(policy)) = (use_context::<ResponseOptions>(), HeaderValue::from_str(&policy)) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
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
    let (app, options, site): (AppContext, _, _) = (state.app.clone(), state.leptos.clone(), state.site.clone());
    let render = leptos_axum::render_app_async_with_context(
        move || surround(&app, &site),
        move || shell(options.clone(), || view! { <App/> }.into_any()),
    );
    let mut response = render(request).await.into_response();
    *response.status_mut() = axum::http::StatusCode::NOT_FOUND;
    response
}
