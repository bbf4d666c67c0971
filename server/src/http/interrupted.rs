//! `/interrupted`: a form that was sent when the session token was over. What was typed waits in the browser while the visit
//! to this page renews the session, and is sent on from here.

use super::{AppState, auth::signed_out};
use axum::{
    Extension, Router,
    body::to_bytes,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use leptos::prelude::*;
use patchbay_app::{context::RequestContext, cookies::Cookies};
use patchbay_domain::Principal;
use patchbay_providers::clerk::SessionClaims;
use url::form_urlencoded;

const PAGE: &str = "/interrupted";
/// When, whose and where to: `<unix seconds>.<user id>.<path>`.
const FORM_COOKIE: &str = "interrupted";
/// The fields, as the browser sent them.
const FIELDS_COOKIE: &str = "interrupted_fields";
/// Browsers keep no larger cookie than 4 KiB with its name and attributes.
const LARGEST: usize = 3_800;
/// How long a form waits for somebody who has to sign in again.
const WAITS_SECONDS: u32 = 600;
/// A renewal takes no time worth asking about; after this, the person is asked whether they still want it.
const SENT_ON_WITHIN_SECONDS: i64 = 30;
const SCRIPT: &str = "document.forms[0].requestSubmit();";
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; \
    frame-ancestors 'none'; base-uri 'none'; form-action ";

/// The page, for people who are signed in.
pub fn router() -> Router<AppState> {
    Router::new().route(PAGE, get(show))
}

/// Its script, a file like any other.
pub async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

/// Keeps a form in the browser and leads to the page. What cannot be kept is refused, and the browser's way back has it.
pub async fn keep(state: &AppState, claims: &SessionClaims, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let is_form = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let form =
        Form { at: state.engine.clock().now().seconds(), user: claims.user_id.clone(), action: parts.uri.to_string() };
    let fields = to_bytes(body, LARGEST).await.ok().and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
    match fields {
        Some(fields) if is_form && form.can_be_kept() && is_cookie_safe(&fields) => {
            let kept = [(FORM_COOKIE, form.write()), (FIELDS_COOKIE, fields)];
            with_cookies(state.site.cookies, Redirect::to(PAGE).into_response(), kept, WAITS_SECONDS)
        }
        _ => signed_out(state, &Request::from_parts(parts, axum::body::Body::empty())),
    }
}

async fn show(
    State(state): State<AppState>,
    Extension(request): Extension<RequestContext>,
    headers: HeaderMap,
) -> Response {
    let cookies = state.site.cookies;
    let form = cookies.read(&headers, FORM_COOKIE).and_then(|text| Form::read(&text)).filter(Form::can_be_kept);
    let form = form.filter(|form| is_of(form, request.principal.as_ref()));
    // Shown once: a reload must not send it again.
    let gone = [(FORM_COOKIE, String::new()), (FIELDS_COOKIE, String::new())];
    let (Some(form), Some(fields)) = (form, cookies.read(&headers, FIELDS_COOKIE)) else {
        return with_cookies(cookies, Redirect::to("/").into_response(), gone, 0);
    };
    let age = state.engine.clock().now().seconds().saturating_sub(form.at);
    let html = page(&state, &form.action, &fields, (0..=SENT_ON_WITHIN_SECONDS).contains(&age));
    let policy: [(HeaderName, String); 1] =
        [(header::CONTENT_SECURITY_POLICY, format!("{POLICY}{}", state.site.form_action))];
    with_cookies(cookies, (policy, Html(html)).into_response(), gone, 0)
}

/// Somebody else who signs in at the same browser does not send it.
fn is_of(form: &Form, principal: Option<&Principal>) -> bool {
    principal.is_some_and(|principal| principal.user_id == form.user)
}

fn page(state: &AppState, action: &str, fields: &str, at_once: bool) -> String {
    let inputs: Vec<_> = form_urlencoded::parse(fields.as_bytes())
        .map(|(name, value)| view! { <input type="hidden" name=name.into_owned() value=value.into_owned()/> })
        .collect();
    let stylesheet = format!("/{}/{}.css", state.leptos.site_pkg_dir, state.leptos.output_name);
    let script = at_once.then(|| view! { <script src="/interrupted.js" defer=true></script> });
    let page = view! {
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <title>"Send it now? · Patchbay"</title>
                <link rel="stylesheet" href=stylesheet/>
            </head>
            <body>
                <main class="mx-auto grid max-w-xl gap-4 p-6">
                    <h1 class="text-xl font-semibold">"Send it now?"</h1>
                    <p>
                        "The page stood open for a while, so your sign-in was checked again. What you entered is kept; nothing was changed yet."
                    </p>
                    <form method="post" action=action.to_owned() class="flex items-center gap-4">
                        {inputs}
                        <patchbay_app::components::Button>"Send it now"</patchbay_app::components::Button>
                        <a href="/">"Leave it"</a>
                    </form>
                </main>
                {script}
            </body>
        </html>
    };
    format!("<!DOCTYPE html>{}", page.to_html())
}

/// Which form was interrupted.
#[derive(Debug, PartialEq, Eq)]
struct Form {
    /// Unix seconds.
    at: i64,
    user: String,
    action: String,
}

impl Form {
    fn write(&self) -> String {
        format!("{}.{}.{}", self.at, self.user, self.action)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let (at, user, action) = (parts.next()?.parse().ok()?, parts.next()?.to_owned(), parts.next()?.to_owned());
        Some(Self { at, user, action })
    }

    /// Actions of the product alone.
    fn can_be_kept(&self) -> bool {
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-/".contains(&byte));
        self.action.starts_with("/actions/") && plain(&self.action) && plain(&self.user) && self.action.len() < 200
    }
}

/// What a cookie's value may hold; form fields as browsers write them always fit.
fn is_cookie_safe(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte))
}

fn with_cookies<const N: usize>(
    cookies: Cookies,
    mut response: Response,
    values: [(&str, String); N],
    seconds: u32,
) -> Response {
    for (name, value) in values {
        if let Some(cookie) = cookies.write(name, &value, seconds) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_actions_of_the_product_are_kept() {
        let form = |action: &str| Form { at: 1, user: "user_2abc".to_owned(), action: action.to_owned() };
        let kept = form("/actions/cancel-subscription");
        assert!(kept.can_be_kept());
        assert_eq!(Form::read(&kept.write()), Some(kept));
        for action in
            ["//evil.example", "https://evil.example", "/sign-out", "/actions/a?b", "/actions/../x", "/actions/a;b"]
        {
            assert!(!form(action).can_be_kept(), "{action}");
        }
    }
}
