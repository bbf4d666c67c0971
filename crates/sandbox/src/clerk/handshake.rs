//! `GET /v1/client/handshake` of the Frontend API: tells the product how this browser's sign-in stands, by way of the browser.
//!
//! As a development instance of Clerk does it: the answer travels in the address, signed like a session token.

use super::{
    CLIENT_COOKIE, CLIENT_UAT_COOKIE, ClerkSandbox, KeyError, Person, SESSION_COOKIE,
    pages::{cookie, is_local_path},
    refusal,
    sessions::{LIFETIME_SECONDS, Session},
};
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

/// The product reads the answer from this query parameter.
const HANDSHAKE: &str = "__clerk_handshake";

#[derive(Deserialize)]
pub(super) struct Asked {
    redirect_url: Option<String>,
}

pub(super) async fn handshake(
    State(clerk): State<ClerkSandbox>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Response {
    // Whoever gets the answer gets the session, so it goes to the product alone.
    let Some(to) = asked.redirect_url.as_deref().and_then(|address| clerk.own_page(address)) else {
        let message = "redirect_url is not a page of this instance's site.";
        return refusal(StatusCode::BAD_REQUEST, "form_param_value_invalid", "is invalid", message);
    };
    let session = cookie(&headers, CLIENT_COOKIE).and_then(|client| clerk.session_of(&client));
    let token = clerk.cookies(session.as_ref()).and_then(|cookies| clerk.shared.signer.handshake(&cookies));
    let Ok(token) = token else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let (page, fragment) = to.split_once('#').map_or((to, ""), |(page, fragment)| (page, fragment));
    let separator = if page.contains('?') { '&' } else { '?' };
    let hash = if fragment.is_empty() { "" } else { "#" };
    let to = format!("{page}{separator}{HANDSHAKE}={token}{hash}{fragment}");
    ([(header::CACHE_CONTROL, "no-store")], Redirect::temporary(&to)).into_response()
}

impl ClerkSandbox {
    /// An address of the product's site: a path, or one that begins with the product's origin.
    fn own_page<'a>(&self, address: &'a str) -> Option<&'a str> {
        let path = address.strip_prefix(self.shared.origin.as_str()).unwrap_or(address);
        is_local_path(path).then_some(address)
    }

    /// The product's cookies for this session, or for nobody.
    pub(super) fn cookies(&self, session: Option<&Session>) -> Result<Vec<String>, KeyError> {
        let signed_in = session.and_then(|session| Some((session, Person::by_key(&session.person)?)));
        let Some((session, person)) = signed_in else {
            return Ok(vec![
                self.cookie(SESSION_COOKIE, "", "/", 0),
                self.cookie(CLIENT_UAT_COOKIE, "0", "/", LIFETIME_SECONDS),
            ]);
        };
        let token = self.token(session, person)?;
        let left = (session.created + LIFETIME_SECONDS).saturating_sub(self.now());
        Ok(vec![
            // The cookie outlives its token: what is in it says that there was a session.
            self.cookie(SESSION_COOKIE, &token, "/", left),
            self.cookie(CLIENT_UAT_COOKIE, &session.created.to_string(), "/", left),
        ])
    }

    /// Browsers keep a `Secure` cookie over https only; some make no exception for one's own machine.
    pub(super) fn cookie(&self, name: &str, value: &str, path: &str, max_age: i64) -> String {
        let secure = if self.shared.origin.starts_with("https://") { "; Secure" } else { "" };
        format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}")
    }
}
