//! Who is asking: the session token of the identity provider, from its cookie or an `Authorization` header.
//!
//! Tokens live for a minute. What becomes of a request with one that is over: `ARCHITECTURE.md`, "Signing in".

use super::{
    AppState,
    client_address::ClientAddress,
    handshake, interrupted,
    rates::{self, Class},
    site::Site,
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use futures::StreamExt;
use patchbay_app::{context::RequestContext, cookies};
use patchbay_domain::Timestamp;
use patchbay_providers::clerk::{SessionClaims, SessionVerifier};
use std::time::Duration;

/// The cookies' names are Clerk's. This one holds the session token.
const SESSION_COOKIE: &str = "__session";
/// When this browser's sign-in last changed, in unix seconds; 0 while nobody is signed in.
const CLIENT_UAT_COOKIE: &str = "__client_uat";
/// An open page may go on reading for so long after its token ended. Nothing is ever done with such a token.
const READING_GOES_ON: Duration = Duration::from_mins(10);

/// How a request stands.
enum Standing {
    SignedIn(SessionClaims),
    /// The token is genuine, but over; or the browser knows that the sign-in changed after it was made.
    Outdated(SessionClaims),
    Nobody,
}

/// Puts a [`RequestContext`] into the request. Nobody without a session gets further than the sign-in page, and nobody further
/// than the limit of their requests.
pub async fn identify(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let standing = match &state.verifier {
        Some(verifier) => standing(verifier, request.headers()).await,
        None => Standing::Nobody,
    };
    let verdict = match &standing {
        Standing::SignedIn(claims) | Standing::Outdated(claims) => {
            state.rates.take(rates::class_of(&request), &claims.user_id).await
        }
        Standing::Nobody => state.rates.take(Class::Visits, &rates::address_key(&request)).await,
    };
    if let Some(verdict) = verdict.filter(|verdict| verdict.is_refused()) {
        return verdict.refusal();
    }
    let mut response = answer(&state, standing, request, next).await;
    if let Some(verdict) = verdict {
        verdict.write(response.headers_mut());
    }
    response
}

async fn answer(state: &AppState, standing: Standing, mut request: Request, next: Next) -> Response {
    let Some(verifier) = state.verifier.clone() else { return signed_out(state, &request) };
    let claims = match standing {
        Standing::SignedIn(claims) => claims,
        Standing::Outdated(_) if is_visit(&request) => {
            return handshake::renew(state, &verifier, request.headers(), request.uri(), true).await;
        }
        Standing::Nobody if is_visit(&request) => {
            let signed_in_elsewhere = client_uat(request.headers()).is_some_and(|at| at > 0);
            return handshake::renew(state, &verifier, request.headers(), request.uri(), signed_in_elsewhere).await;
        }
        Standing::Outdated(claims) if may_go_on_reading(state, &claims, &request) => claims,
        Standing::Outdated(claims) if request.method() == Method::POST => {
            return interrupted::keep(state, &claims, request).await;
        }
        Standing::Outdated(_) | Standing::Nobody => return signed_out(state, &request),
    };
    let principal = verifier.principal(&claims);
    if principal.is_none() {
        return signed_out(state, &request);
    }
    let mut context = RequestContext::read(request.headers(), request.uri(), state.site.cookies, principal);
    context.address = request.extensions().get::<ClientAddress>().map(|client| client.0.to_string());
    let shows_flash = context.flash.is_some() && is_page_view(&request);
    let streams = request.uri().path() == "/live";
    request.extensions_mut().insert(context);
    let mut response = next.run(request).await;
    if shows_flash
        && !response.status().is_redirection()
        && let Some(shown_once) = state.site.cookies.remove(cookies::FLASH)
    {
        response.headers_mut().append(header::SET_COOKIE, shown_once);
    }
    if streams {
        let end = claims.expires_at.plus(READING_GOES_ON);
        return cut_after(response, end.since(state.engine.clock().now()));
    }
    response
}

async fn standing(verifier: &SessionVerifier, headers: &HeaderMap) -> Standing {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
    let claims = match (bearer, cookies::read(headers, SESSION_COOKIE)) {
        // A program fetches its own next token.
        (Some(token), _) => verifier.verify(token).await,
        (None, Some(token)) => verifier.read(&token).await,
        (None, None) => return Standing::Nobody,
    };
    match claims {
        Ok(claims) if bearer.is_some() => Standing::SignedIn(claims),
        Ok(claims) if verifier.is_over(&claims) || is_overtaken(&claims, headers) => Standing::Outdated(claims),
        Ok(claims) => Standing::SignedIn(claims),
        Err(error) => {
            tracing::debug!(%error, "a session token was refused");
            Standing::Nobody
        }
    }
}

/// Whether the browser's sign-in changed after the token was made.
fn is_overtaken(claims: &SessionClaims, headers: &HeaderMap) -> bool {
    let issued_at = claims.issued_at.map_or(i64::MAX, Timestamp::seconds);
    client_uat(headers).is_some_and(|at| at == 0 || at > issued_at)
}

fn client_uat(headers: &HeaderMap) -> Option<i64> {
    cookies::read(headers, CLIENT_UAT_COOKIE)?.parse().ok()
}

/// For what an open page asks by itself, and cannot be led through a handshake.
fn may_go_on_reading(state: &AppState, claims: &SessionClaims, request: &Request) -> bool {
    let headers = request.headers();
    let now = state.engine.clock().now();
    matches!(*request.method(), Method::GET | Method::HEAD)
        && !is_ahead_of_a_click(headers)
        && !is_overtaken(claims, headers)
        && now < claims.expires_at.plus(READING_GOES_ON)
}

/// A page that somebody goes to, as far as the browser tells: not a form, a script's request or a page fetched ahead.
fn is_visit(request: &Request) -> bool {
    let headers = request.headers();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_document = match text("sec-fetch-dest") {
        Some(destination) => destination == "document",
        None => text("accept").is_some_and(|accept| accept.starts_with("text/html")),
    };
    request.method() == Method::GET && is_document && !is_ahead_of_a_click(headers)
}

fn is_ahead_of_a_click(headers: &HeaderMap) -> bool {
    headers.contains_key("sec-purpose")
}

/// A page somebody sees: not a form, not a page fetched ahead of a click or to refresh a part of the one they see.
fn is_page_view(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::GET && !is_ahead_of_a_click(headers) && !headers.contains_key("x-patchbay-refresh")
}

/// Ends a stream when its token does not even allow reading any more; the browser comes again by itself.
fn cut_after(response: Response, time: Duration) -> Response {
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(tokio::time::sleep(time))))
}

/// `Set-Cookie` values that take the session's cookies away, so that no visit renews it.
pub fn session_cookies_removed(site: &Site) -> Vec<HeaderValue> {
    let names = [SESSION_COOKIE, CLIENT_UAT_COOKIE];
    names.iter().flat_map(|name| cookies::removed_everywhere(name, site.public_url.domains())).collect()
}

/// Pages lead to the sign-in page and back; everything else is a plain 401.
pub fn signed_out(state: &AppState, request: &Request) -> Response {
    let headers = request.headers();
    let wants_page = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_none_or(|accept| accept.contains("text/html") || accept == "*/*");
    let is_script = headers.get("sec-fetch-dest").is_some_and(|destination| destination != "document");
    let leads = wants_page && !is_script && !is_ahead_of_a_click(headers) && request.uri().path() != "/live";
    if request.method() == Method::GET && leads {
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
    let separator = if sign_in.contains('?') { '&' } else { '?' };
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("redirect_url", &way_back(state, sign_in, path))
        .finish();
    Redirect::to(&format!("{sign_in}{separator}{query}")).into_response()
}

/// The address of `path` for somebody at `place`: a path where both are on this very site.
pub fn way_back(state: &AppState, place: &str, path: &str) -> String {
    if place.starts_with('/') { path.to_owned() } else { format!("{}{path}", state.app.public_url) }
}
