//! What every page answer carries, and which form posts are taken.

use super::{front::ThroughProxy, site::Site};
use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// Larger bodies are refused with 413. Providers' events are far smaller.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Scripts come from this server alone. WASM needs `wasm-unsafe-eval`; the loader's inline module carries a nonce.
pub async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Refuses form posts that another site's page sent with the person's cookie.
///
/// Browsers say where a request comes from in `Sec-Fetch-Site`, older ones and those that speak plain http in `Origin`. A
/// request with a cookie and neither header is refused too: no browser we support sends that. Without a cookie there is nothing
/// to abuse.
pub async fn same_origin_posts(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || comes_from_here(&site, &request) {
        return next.run(request).await;
    }
    let text = format!(
        "This form was sent from another site than {}. Open the page there and send it again. If that is not where you are, \
         PATCHBAY_PUBLIC_URL has to be set to the address that you use.",
        site.public_url
    );
    (StatusCode::FORBIDDEN, text).into_response()
}

fn comes_from_here(site: &Site, request: &Request) -> bool {
    let headers = request.headers();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match headers.get(header::ORIGIN) {
        None => !headers.contains_key(header::COOKIE),
        Some(origin) => {
            let host = Site::host_of(request, request.extensions().get::<ThroughProxy>().is_some());
            origin.to_str().is_ok_and(|origin| host.is_ok_and(|host| site.is_own_origin(origin, host)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Variables};
    use axum::body::Body;

    fn is_taken(headers: &[(&str, &str)]) -> bool {
        let environment = [("PATCHBAY_PUBLIC_URL".to_owned(), "https://patchbay.example.com".to_owned())];
        let site = Site::new(&Config::of_environment(Variables::new(environment.into())).unwrap(), None);
        let request = headers.iter().fold(Request::post("/"), |request, (name, value)| request.header(*name, *value));
        comes_from_here(&site, &request.body(Body::empty()).unwrap())
    }

    #[test]
    fn a_post_from_another_site_is_refused() {
        for site in ["cross-site", "same-site", ""] {
            assert!(!is_taken(&[
                ("sec-fetch-site", site),
                ("origin", "https://patchbay.example.com"),
                ("host", "localhost")
            ]));
        }
        assert!(!is_taken(&[("origin", "https://evil.example"), ("host", "127.0.0.1:3000")]));
        assert!(!is_taken(&[("origin", "https://evil.example"), ("host", "evil.example")]));
        assert!(!is_taken(&[("origin", "null"), ("host", "127.0.0.1:3000")]));
    }

    #[test]
    fn a_post_from_our_own_page_is_taken_whatever_host_the_proxy_asks_for() {
        assert!(is_taken(&[("sec-fetch-site", "same-origin"), ("cookie", "a=b")]));
        for host in ["patchbay.example.com", "127.0.0.1:3000"] {
            assert!(is_taken(&[("origin", "https://patchbay.example.com"), ("host", host), ("cookie", "a=b")]));
        }
        assert!(is_taken(&[("origin", "http://127.0.0.1:3000"), ("host", "127.0.0.1:3000")]));
    }

    #[test]
    fn a_cookie_without_any_origin_is_refused_and_a_machine_without_cookie_is_taken() {
        assert!(!is_taken(&[("cookie", "__session=x"), ("host", "127.0.0.1:3000")]));
        assert!(is_taken(&[("host", "127.0.0.1:3000")]));
    }
}
