//! Clerk's handshake: a visit whose session token is over goes to the identity provider and comes back with a new one.
//!
//! It comes back with a signed list of cookies, in the address (development instances, the sandbox) or in a cookie
//! (production). They are set, and the visit is led once more to its clean address.

use super::{
    AppState,
    auth::{cookie, removed, sign_in_page, way_back},
};
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Redirect, Response},
};
use patchbay_providers::clerk::{Handshake, SessionVerifier};
use url::form_urlencoded;

/// Query parameter and cookie with the answer.
const ANSWER: &str = "__clerk_handshake";
/// Query parameter and cookie of development instances, which have no cookie of their own domain.
const DEV_BROWSER: &str = "__clerk_db_jwt";
/// What Clerk adds to addresses on the way back.
const CLERKS: [&str; 3] = [ANSWER, DEV_BROWSER, "__clerk_help"];
/// Counts the steps of handshakes; for one page only, so that pages opened side by side do not count together.
const STEPS_COOKIE: &str = "handshakes";
/// A handshake takes two steps: there, and the clean address.
const MOST_STEPS: u32 = 6;
/// Long enough for the way there and back; renewals of one page are a minute apart.
const STEPS_COUNT_FOR_SECONDS: u32 = 30;

/// Answers a visit without a valid session. `had_session`: there may still be one at the identity provider.
pub async fn renew(
    state: &AppState,
    verifier: &SessionVerifier,
    headers: &HeaderMap,
    uri: &Uri,
    had_session: bool,
) -> Response {
    let dev_browser = query(uri, DEV_BROWSER);
    let steps = cookie(headers, STEPS_COOKIE).and_then(|steps| steps.parse().ok()).unwrap_or(0);
    // An answer counts only if we asked: nobody can be signed in as somebody else by a link.
    let answer = query(uri, ANSWER).or_else(|| cookie(headers, ANSWER)).filter(|_| steps > 0);
    if !had_session && dev_browser.is_none() && answer.is_none() {
        return sign_in_page(state, &clean(uri));
    }
    if steps >= MOST_STEPS {
        return does_not_hold();
    }
    if let Some(answer) = answer {
        match verifier.handshake(&answer).await {
            Ok(handshake) => return finish(&handshake, headers, uri, steps + 1),
            Err(error) => tracing::warn!(%error, "the answer of a handshake with the identity provider was refused"),
        }
    }
    begin(state, &verifier.config().frontend_api, headers, uri, steps + 1)
}

/// To the identity provider.
fn begin(state: &AppState, frontend_api: &str, headers: &HeaderMap, uri: &Uri, steps: u32) -> Response {
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    parameters.append_pair("redirect_url", &way_back(state, frontend_api, &clean(uri)));
    parameters.append_pair("suffixed_cookies", "false");
    if let Some(dev_browser) = query(uri, DEV_BROWSER).or_else(|| cookie(headers, DEV_BROWSER)) {
        parameters.append_pair(DEV_BROWSER, &dev_browser);
    }
    let to = format!("{frontend_api}/v1/client/handshake?{}", parameters.finish());
    led(&to, [steps_cookie(uri, steps)])
}

/// Sets what the identity provider wants set, and leads to the clean address.
fn finish(handshake: &Handshake, headers: &HeaderMap, uri: &Uri, steps: u32) -> Response {
    let used_up = if cookie(headers, ANSWER).is_some() { removed(ANSWER, headers) } else { Vec::new() };
    let cookies = handshake.cookies.iter().cloned().chain(used_up).chain([steps_cookie(uri, steps)]);
    led(&clean(uri), cookies)
}

fn led(to: &str, cookies: impl IntoIterator<Item = String>) -> Response {
    let mut response = Redirect::temporary(to).into_response();
    for cookie in cookies {
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// The identity provider says signed in, and its tokens do not count here: another round would end the same.
fn does_not_hold() -> Response {
    tracing::warn!(
        "a session of the identity provider does not hold here: check the clock, CLERK_AUTHORIZED_PARTIES and that cookies are kept"
    );
    let text = "You are signed in, but your session does not hold here. Reload this page in half a minute. If that does not help, \
        open /sign-in, and tell the people who run this panel.";
    (StatusCode::UNAUTHORIZED, text).into_response()
}

fn steps_cookie(uri: &Uri, steps: u32) -> String {
    let path = uri.path();
    let path = if path.contains([';', ',']) { "/" } else { path };
    format!("{STEPS_COOKIE}={steps}; Path={path}; HttpOnly; SameSite=Lax; Max-Age={STEPS_COUNT_FOR_SECONDS}")
}

fn query(uri: &Uri, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Path and query without what Clerk added. Always a path of this site: `//host` would lead elsewhere.
fn clean(uri: &Uri) -> String {
    let path = format!("/{}", uri.path().trim_start_matches('/'));
    let is_ours = |pair: &&str| !CLERKS.contains(&pair.split('=').next().unwrap_or_default());
    let pairs: Vec<&str> =
        uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).filter(is_ours).collect();
    if pairs.is_empty() { path } else { format!("{path}?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clean_address_keeps_everything_but_clerks_parameters() {
        for (given, expected) in [
            ("/events?state=dead&__clerk_handshake=a.b.c&q=%26%2F", "/events?state=dead&q=%26%2F"),
            ("/?__clerk_db_jwt=x&__clerk_handshake=y", "/"),
            ("/events", "/events"),
            ("//evil.example/a?b", "/evil.example/a?b"),
        ] {
            assert_eq!(clean(&Uri::from_static(given)), expected);
        }
    }
}
