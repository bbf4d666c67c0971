//! Clerk's handshake: a visit whose session token is over goes to the identity provider and comes back with a new one.
//!
//! It comes back with a signed list of cookies, in the address (development instances, the sandbox) or in a cookie
//! (production). They are set, and the visit is led once more to its clean address.

use super::{
    AppState,
    auth::{sign_in_page, way_back},
    site::Site,
};
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Redirect, Response},
};
use patchbay_app::cookies;
use patchbay_providers::clerk::{Handshake, SessionVerifier};
use std::hash::{DefaultHasher, Hash, Hasher};
use url::form_urlencoded;

/// Query parameter and cookie with the answer.
const ANSWER: &str = "__clerk_handshake";
/// Query parameter and cookie of development instances, which have no cookie of their own domain.
const DEV_BROWSER: &str = "__clerk_db_jwt";
/// What Clerk adds to addresses on the way back.
const CLERKS: [&str; 3] = [ANSWER, DEV_BROWSER, "__clerk_help"];
/// Counts the steps of handshakes; for one page only, see [`steps_cookie`].
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
    let steps = state.site.cookies.read(headers, &steps_cookie(uri)).and_then(|steps| steps.parse().ok()).unwrap_or(0);
    // An answer counts only if we asked: nobody can be signed in as somebody else by a link.
    let answer = query(uri, ANSWER).or_else(|| cookies::read(headers, ANSWER)).filter(|_| steps > 0);
    if !had_session && dev_browser.is_none() && answer.is_none() {
        return sign_in_page(state, &clean(uri));
    }
    if steps >= MOST_STEPS {
        return does_not_hold();
    }
    if let Some(answer) = answer {
        match verifier.handshake(&answer).await {
            Ok(handshake) => return finish(&state.site, &handshake, headers, uri, steps + 1),
            // Anybody can send one: counted, and no line in the log for each.
            Err(error) => {
                metrics::counter!("patchbay_sign_ins_refused_total", "reason" => "handshake").increment(1);
                tracing::debug!(%error, "the answer of a handshake with the identity provider was refused");
            }
        }
    }
    begin(state, &verifier.config().frontend_api, headers, uri, steps + 1)
}

/// To the identity provider.
fn begin(state: &AppState, frontend_api: &str, headers: &HeaderMap, uri: &Uri, steps: u32) -> Response {
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    parameters.append_pair("redirect_url", &way_back(state, frontend_api, &clean(uri)));
    parameters.append_pair("suffixed_cookies", "false");
    if let Some(dev_browser) = query(uri, DEV_BROWSER).or_else(|| cookies::read(headers, DEV_BROWSER)) {
        parameters.append_pair(DEV_BROWSER, &dev_browser);
    }
    let to = format!("{frontend_api}/v1/client/handshake?{}", parameters.finish());
    led(&to, steps_taken(&state.site, uri, steps))
}

/// Sets what the identity provider wants set, and leads to the clean address.
fn finish(site: &Site, handshake: &Handshake, headers: &HeaderMap, uri: &Uri, steps: u32) -> Response {
    let came_in_a_cookie = cookies::read(headers, ANSWER).is_some();
    let used_up = came_in_a_cookie.then(|| cookies::removed_everywhere(ANSWER, site.public_url.domains()));
    let cookies = handshake.cookies.iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok());
    led(&clean(uri), cookies.chain(used_up.into_iter().flatten()).chain(steps_taken(site, uri, steps)))
}

fn led(to: &str, cookies: impl IntoIterator<Item = HeaderValue>) -> Response {
    let mut response = Redirect::temporary(to).into_response();
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The identity provider says signed in, and its tokens do not count here: another round would end the same.
fn does_not_hold() -> Response {
    metrics::counter!("patchbay_sign_ins_refused_total", "reason" => "does_not_hold").increment(1);
    tracing::debug!(
        "a session of the identity provider does not hold here: check the clock, CLERK_AUTHORIZED_PARTIES and that cookies are kept"
    );
    let text = "You are signed in, but your session does not hold here. Reload this page in half a minute. If that does not help, \
        open /sign-in, and tell the people who run this panel.";
    (StatusCode::UNAUTHORIZED, text).into_response()
}

fn steps_taken(site: &Site, uri: &Uri, steps: u32) -> Option<HeaderValue> {
    site.cookies.write(&steps_cookie(uri), &steps.to_string(), STEPS_COUNT_FOR_SECONDS)
}

/// A cookie for each page, so that pages opened side by side do not count together. Not by the cookie's path: that is as long as
/// the request's, and a cookie of this host alone is for all paths.
fn steps_cookie(uri: &Uri) -> String {
    let mut hash = DefaultHasher::new();
    uri.path().hash(&mut hash);
    format!("{STEPS_COOKIE}-{:016x}", hash.finish())
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
