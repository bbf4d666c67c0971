//! Who is asking: the session token of the identity provider, from its cookie or an `Authorization` header.

use super::AppState;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use patchbay_app::context::RequestContext;
use patchbay_domain::Principal;

/// The cookie's name is Clerk's.
const SESSION_COOKIE: &str = "__session";
/// A message is shown once.
const FLASH_IS_SHOWN: HeaderValue = HeaderValue::from_static("flash=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");

/// Puts a [`RequestContext`] into the request. Nobody without a session gets further than the sign-in page.
pub async fn identify(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let principal = match token(request.headers()) {
        Some(token) => verify(&state, &token).await,
        None => None,
    };
    if principal.is_none() {
        return signed_out(&state, &request);
    }
    let context = RequestContext::read(request.headers(), request.uri(), principal);
    let shows_flash = context.flash.is_some() && is_page_view(&request);
    request.extensions_mut().insert(context);
    let mut response = next.run(request).await;
    if shows_flash && !response.status().is_redirection() {
        response.headers_mut().append(header::SET_COOKIE, FLASH_IS_SHOWN);
    }
    response
}

/// A page somebody sees: not a form, not a page fetched ahead of a click or to refresh a part of the one they see.
fn is_page_view(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::GET
        && !headers.contains_key("sec-purpose")
        && !headers.contains_key("x-patchbay-refresh")
}

async fn verify(state: &AppState, token: &str) -> Option<Principal> {
    let verifier = state.verifier.as_ref()?;
    match verifier.verify(token).await {
        Ok(claims) => verifier.principal(&claims),
        Err(error) => {
            tracing::debug!(%error, "a session token was refused");
            None
        }
    }
}

fn token(headers: &HeaderMap) -> Option<String> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(token) = bearer.and_then(|value| value.strip_prefix("Bearer ")) {
        return Some(token.to_owned());
    }
    cookie(headers, SESSION_COOKIE)
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

/// Pages lead to the sign-in page and back; everything else is a plain 401.
fn signed_out(state: &AppState, request: &Request) -> Response {
    let wants_page = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_none_or(|accept| accept.contains("text/html") || accept == "*/*");
    if request.method() == Method::GET && wants_page && request.uri().path() != "/live" {
        return sign_in_page(state, request.uri().path_and_query().map_or("/", |path| path.as_str()));
    }
    (StatusCode::UNAUTHORIZED, "Your session is over. Sign in again; nothing was changed.").into_response()
}

/// To the identity provider's page, and back to `path` from there.
pub fn sign_in_page(state: &AppState, path: &str) -> Response {
    let Some(sign_in) = state.app.sign_in_url.as_deref() else {
        let text = "Nobody can sign in yet: set CLERK_ISSUER, CLERK_SIGN_IN_URL and PATCHBAY_STAFF_ORGANISATION, then run `patchbay doctor`.";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let back = if sign_in.starts_with('/') { path.to_owned() } else { format!("{}{path}", state.app.public_url) };
    let separator = if sign_in.contains('?') { '&' } else { '?' };
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("redirect_url", &back).finish();
    Redirect::to(&format!("{sign_in}{separator}{query}")).into_response()
}
