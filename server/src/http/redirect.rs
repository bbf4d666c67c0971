//! Plain HTTP beside HTTPS, for whoever types a name without a scheme: browsers are sent on, and nothing else is taken.
//!
//! A delivery is refused, though it could be redirected: its body has come in the clear by then, and providers do not follow.

use crate::config::PublicUrl;
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use std::sync::Arc;

const NOSNIFF: [(HeaderName, HeaderValue); 1] = [(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))];

pub fn router(public_url: PublicUrl) -> Router {
    Router::new().fallback(answer).with_state(Arc::new(public_url))
}

/// To the public URL alone, whatever the request calls this server.
async fn answer(State(public_url): State<Arc<PublicUrl>>, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/webhooks" || path.starts_with("/webhooks/") {
        let text = format!(
            "Deliveries are taken over HTTPS only, at {public_url}/webhooks/…: change the address at the provider. This \
             one was not taken.\n"
        );
        return (StatusCode::FORBIDDEN, NOSNIFF, text).into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let text = format!("Nothing was done: this is served over HTTPS only, at {public_url}.\n");
        return (StatusCode::METHOD_NOT_ALLOWED, NOSNIFF, [(header::ALLOW, "GET, HEAD")], text).into_response();
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let to = format!("{public_url}/{}", path.trim_start_matches('/'));
    (StatusCode::PERMANENT_REDIRECT, NOSNIFF, [(header::LOCATION, to)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use tower::ServiceExt;

    async fn ask(method: &str, path: &str) -> (u16, String) {
        let router = router(PublicUrl::parse("https://patchbay.example.com").unwrap());
        let request = Request::builder().method(method).uri(path).header("host", "evil.example").body(Body::empty());
        let answer = router.oneshot(request.unwrap()).await.unwrap();
        let location = answer.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), location.unwrap_or_default())
    }

    #[tokio::test]
    async fn browsers_are_sent_to_the_public_address_and_to_no_other() {
        for method in ["GET", "HEAD"] {
            assert_eq!(
                ask(method, "/events?a=b&c").await,
                (308, "https://patchbay.example.com/events?a=b&c".to_owned())
            );
        }
        assert_eq!(ask("GET", "//evil.example/a").await.1, "https://patchbay.example.com/evil.example/a");
        assert_eq!(ask("GET", "http://evil.example/a").await.1, "https://patchbay.example.com/a");
    }

    #[tokio::test]
    async fn what_would_change_something_is_refused() {
        assert_eq!(ask("POST", "/actions/start-sync").await, (405, String::new()));
        for method in ["POST", "GET"] {
            assert_eq!(ask(method, "/webhooks/stripe").await, (403, String::new()));
        }
    }
}
