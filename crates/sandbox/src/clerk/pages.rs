//! The page where one picks who to be, and the cookie that comes of it.

use super::{CLIENT_COOKIE, ClerkSandbox, MOUNT, PEOPLE, Person, sessions::LIFETIME_SECONDS};
use crate::html;
use axum::{
    Form,
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Asked {
    redirect_url: Option<String>,
}

/// A button for each.
pub(super) async fn choose(Query(asked): Query<Asked>) -> Response {
    let back = asked.redirect_url.as_deref().filter(|path| is_local_path(path));
    uncached(html::page("Sign in", &form(back)))
}

#[derive(Deserialize)]
pub(super) struct Choice {
    person: String,
    redirect_url: Option<String>,
}

/// Begins a session and leads on.
pub(super) async fn sign_in(State(clerk): State<ClerkSandbox>, Form(choice): Form<Choice>) -> Response {
    let Some(person) = Person::by_key(&choice.person) else {
        let body = html! {
            p { "There is nobody of that name here." }
            p { a href={ (MOUNT) "/sign-in" } { "Choose again" } }
        };
        return (StatusCode::BAD_REQUEST, uncached(html::page("Nobody to sign in as", &body))).into_response();
    };
    let session = clerk.sign_in(person);
    let Ok(mut cookies) = clerk.cookies(Some(&session)) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    cookies.push(clerk.cookie(CLIENT_COOKIE, &session.client, MOUNT, LIFETIME_SECONDS));
    // The front page is for staff; a customer who came by it is better off at home.
    let to = choice.redirect_url.as_deref().filter(|path| is_local_path(path) && *path != "/").unwrap_or(person.home());
    with_cookies(cookies, to)
}

/// Ends the browser's session and takes its cookies away.
pub(super) async fn sign_out(State(clerk): State<ClerkSandbox>, headers: HeaderMap) -> Response {
    if let Some(client) = cookie(&headers, CLIENT_COOKIE) {
        clerk.sign_out(&client);
    }
    let Ok(mut cookies) = clerk.cookies(None) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    cookies.push(clerk.cookie(CLIENT_COOKIE, "", MOUNT, 0));
    with_cookies(cookies, &format!("{MOUNT}/sign-in"))
}

/// Where the product leads when somebody signs out of it: the session here ends too. A visit that comes from elsewhere, or
/// from nowhere, changes nothing.
pub(super) async fn signed_out(clerk: State<ClerkSandbox>, headers: HeaderMap) -> Response {
    let from_here = headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
    if from_here { sign_out(clerk, headers).await } else { Redirect::to(&format!("{MOUNT}/sign-in")).into_response() }
}

fn with_cookies(cookies: Vec<String>, to: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    for cookie in cookies {
        let Ok(cookie) = HeaderValue::from_str(&cookie) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The value of a cookie of the request.
pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// A path on this very site. Browsers read `//host` and `/\host` as another site and drop tabs and line breaks on the way.
pub(super) fn is_local_path(text: &str) -> bool {
    text.starts_with('/')
        && !text.starts_with("//")
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

fn form(back: Option<&str>) -> Markup {
    let (staff, customers): (Vec<_>, Vec<_>) = PEOPLE.iter().partition(|person| person.is_staff());
    html! {
        p { "This page stands in for Clerk. Nobody is asked for a password: choose who you want to be." }
        form method="post" action={ (MOUNT) "/sign-in" } {
            @if let Some(back) = back {
                input type="hidden" name="redirect_url" value=(back);
            }
            h2 { "Staff" }
            p class="soft" { "See every connection, event and customer. Only the admin can change things." }
            (buttons(&staff))
            h2 { "Customers" }
            p class="soft" { "See the billing of their own organization; its admins may change it. Northwind Traders has a plan; Umbra Labs has none yet." }
            (buttons(&customers))
        }
    }
}

fn buttons(people: &[&Person]) -> Markup {
    html! {
        div class="row" {
            @for person in people {
                button class="main" type="submit" name="person" value=(person.key) { (person.name) " — " (person.is) }
            }
        }
    }
}

fn uncached(page: Markup) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], page).into_response()
}

#[cfg(test)]
mod tests {
    use super::is_local_path;

    #[test]
    fn only_paths_of_this_site_are_led_to() {
        for path in ["/", "/billing", "/events?state=dead&after=a%2Fb#x", "/a//b"] {
            assert!(is_local_path(path), "{path}");
        }
        for path in [
            "",
            "billing",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "https://evil.example",
            "/a\r\nSet-Cookie: x",
            "/ä",
        ] {
            assert!(!is_local_path(path), "{path}");
        }
    }
}
