//! Who is asking: the session token of the identity provider, from its cookie or an `Authorization` header.
//!
//! Tokens live for a minute. What becomes of a request with one that is over: `ARCHITECTURE.md`, "Signing in".

use super::{AppState, handshake, interrupted};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use futures::StreamExt;
use patchbay_app::context::RequestContext;
use patchbay_domain::Timestamp;
use patchbay_providers::clerk::{SessionClaims, SessionVerifier};
use std::time::Duration;

/// The cookies' names are Clerk's. This one holds the session token.
const SESSION_COOKIE: &str = "__session";
/// When this browser's sign-in last changed, in unix seconds; 0 while nobody is signed in.
const CLIENT_UAT_COOKIE: &str = "__client_uat";
/// An open page may go on reading for so long after its token ended. Nothing is ever done with such a token.
const READING_GOES_ON: Duration = Duration::from_mins(10);
/// A message is shown once.
const FLASH_IS_SHOWN: HeaderValue = HeaderValue::from_static("flash=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");

/// How a request stands.
enum Standing {
    SignedIn(SessionClaims),
    /// The token is genuine, but over; or the browser knows that the sign-in changed after it was made.
    Outdated(SessionClaims),
    Nobody,
}

/// Puts a [`RequestContext`] into the request. Nobody without a session gets further than the sign-in page.
pub async fn identify(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let Some(verifier) = state.verifier.clone() else { return signed_out(&state, &request) };
    let standing = standing(&verifier, request.headers()).await;
    let claims = match standing {
        Standing::SignedIn(claims) => claims,
        Standing::Outdated(_) if is_visit(&request) => {
            return handshake::renew(&state, &verifier, request.headers(), request.uri(), true).await;
        }
        Standing::Nobody if is_visit(&request) => {
            let signed_in_elsewhere = client_uat(request.headers()).is_some_and(|at| at > 0);
            return handshake::renew(&state, &verifier, request.headers(), request.uri(), signed_in_elsewhere).await;
        }
        Standing::Outdated(claims) if may_go_on_reading(&state, &claims, &request) => claims,
        Standing::Outdated(claims) if request.method() == Method::POST => {
            return interrupted::keep(&state, &claims, request).await;
        }
        Standing::Outdated(_) | Standing::Nobody => return signed_out(&state, &request),
    };
    let principal = verifier.principal(&claims);
    if principal.is_none() {
        return signed_out(&state, &request);
    }
    let context = RequestContext::read(request.headers(), request.uri(), principal);
    let shows_flash = context.flash.is_some() && is_page_view(&request);
    let streams = request.uri().path() == "/live";
    request.extensions_mut().insert(context);
    let mut response = next.run(request).await;
    if shows_flash && !response.status().is_redirection() {
        response.headers_mut().append(header::SET_COOKIE, FLASH_IS_SHOWN);
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
    let claims = match (bearer, cookie(headers, SESSION_COOKIE)) {
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
    cookie(headers, CLIENT_UAT_COOKIE)?.parse().ok()
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

/// A cookie of the request.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// `Set-Cookie` values that take the session's cookies away, so that no visit renews it.
pub fn session_cookies_removed(headers: &HeaderMap) -> Vec<String> {
    [SESSION_COOKIE, CLIENT_UAT_COOKIE].iter().flat_map(|name| removed(name, headers)).collect()
}

/// `Set-Cookie` values that take a cookie away, also where Clerk set it for a whole domain: a browser ignores those that
/// name a domain it may not.
pub fn removed(name: &str, headers: &HeaderMap) -> Vec<String> {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        && host.bytes().any(|byte| byte.is_ascii_alphabetic());
    let domains = std::iter::successors(is_name.then_some(host), |domain| Some(domain.split_once('.')?.1));
    let domains = domains.filter(|domain| domain.contains('.')).map(|domain| format!("; Domain={domain}"));
    std::iter::once(String::new())
        .chain(domains)
        .map(|domain| format!("{name}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{domain}"))
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_taken_away_from_every_domain_that_may_hold_it() {
        let domains = |host: &'static str| {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            let removed = removed("a", &headers);
            removed.iter().map(|cookie| cookie.split_once("Max-Age=0").unwrap().1.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(domains("panel.example.com"), ["", "; Domain=panel.example.com", "; Domain=example.com"]);
        assert_eq!(domains("localhost:3000"), [""]);
        assert_eq!(domains("127.0.0.1:3000"), [""]);
        assert_eq!(domains("a.b;x"), [""]);
    }
}
