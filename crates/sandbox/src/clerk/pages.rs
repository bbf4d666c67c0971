//! The page where one picks who to be, and the cookie that comes of it.

use super::{ClerkSandbox, MOUNT, PEOPLE, Person, SESSION_COOKIE, token::LIFETIME_SECONDS};
use crate::html;
use axum::{
    Form,
    extract::{Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Asked {
    redirect_url: Option<String>,
}

/// Four buttons.
pub(super) async fn choose(Query(asked): Query<Asked>) -> Response {
    let back = asked.redirect_url.as_deref().filter(|path| is_local_path(path));
    uncached(html::page("Sign in", &form(back)))
}

#[derive(Deserialize)]
pub(super) struct Choice {
    person: String,
    redirect_url: Option<String>,
}

/// Sets the session's cookie and leads on.
pub(super) async fn sign_in(State(clerk): State<ClerkSandbox>, Form(choice): Form<Choice>) -> Response {
    let Some(person) = Person::by_key(&choice.person) else {
        let body = html! {
            p { "There is nobody of that name here." }
            p { a href={ (MOUNT) "/sign-in" } { "Choose again" } }
        };
        return (StatusCode::BAD_REQUEST, uncached(html::page("Nobody to sign in as", &body))).into_response();
    };
    let Ok(token) = clerk.token(person) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    // The front page is for staff; a customer who came by it is better off at home.
    let to = choice.redirect_url.as_deref().filter(|path| is_local_path(path) && *path != "/").unwrap_or(person.home());
    with_cookie(&clerk, &token, LIFETIME_SECONDS, to)
}

/// Takes the session's cookie away.
pub(super) async fn sign_out(State(clerk): State<ClerkSandbox>) -> Response {
    with_cookie(&clerk, "", 0, &format!("{MOUNT}/sign-in"))
}

/// Where the product leads after it ended the session itself. A mere visit changes nothing.
pub(super) async fn signed_out() -> Redirect {
    Redirect::to(&format!("{MOUNT}/sign-in"))
}

fn with_cookie(clerk: &ClerkSandbox, token: &str, max_age: i64, to: &str) -> Response {
    let secure = if clerk.is_secure() { "; Secure" } else { "" };
    let cookie = format!("{SESSION_COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}");
    let Ok(cookie) = HeaderValue::from_str(&cookie) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    ([(header::SET_COOKIE, cookie)], Redirect::to(to)).into_response()
}

/// A path on this very site. Browsers read `//host` and `/\host` as another site and drop tabs and line breaks on the way.
fn is_local_path(text: &str) -> bool {
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
            p class="soft" { "See the billing of their own organisation. Northwind Traders has a plan; Umbra Labs has none yet." }
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
