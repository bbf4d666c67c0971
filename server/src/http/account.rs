//! Signing in and out, and the theme: small forms of every page's frame.

use super::{AppState, auth};
use axum::{
    Form, Router,
    extract::State,
    http::header,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use patchbay_app::cookies;
use serde::Deserialize;

/// A year.
const THEME_SECONDS: u32 = 31_536_000;

pub fn router() -> Router<AppState> {
    Router::new().route("/sign-in", get(sign_in)).route("/sign-out", post(sign_out)).route("/theme", post(set_theme))
}

async fn sign_in(State(state): State<AppState>) -> Response {
    auth::sign_in_page(&state, "/")
}

/// Takes the session away here, so that no visit renews it; the identity provider's page ends its own session.
async fn sign_out(State(state): State<AppState>) -> Response {
    let to = state.app.sign_out_url.or(state.app.sign_in_url).unwrap_or_else(|| "/sign-in".to_owned());
    let mut response = Redirect::to(&to).into_response();
    for cookie in auth::session_cookies_removed(&state.site) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[derive(Deserialize)]
struct ThemeForm {
    theme: String,
    #[serde(default)]
    next: String,
}

async fn set_theme(State(state): State<AppState>, Form(form): Form<ThemeForm>) -> Response {
    let theme = if matches!(form.theme.as_str(), "light" | "dark") { form.theme.as_str() } else { "system" };
    let cookie = state.site.cookies.write(cookies::THEME, theme, THEME_SECONDS);
    (cookie.map(|cookie| [(header::SET_COOKIE, cookie)]), Redirect::to(local_path(&form.next))).into_response()
}

/// Only a path of ours: `//host` and `/\host` lead elsewhere in a browser.
fn local_path(path: &str) -> &str {
    let local =
        path.starts_with('/') && !path.starts_with("//") && !path.contains('\\') && !path.contains(char::is_control);
    if local { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_to_another_site_leads_home_instead() {
        for path in ["https://evil.example", "//evil.example", "/\\evil.example", "", "javascript:alert(1)"] {
            assert_eq!(local_path(path), "/");
        }
        assert_eq!(local_path("/events?state=dead"), "/events?state=dead");
    }
}
