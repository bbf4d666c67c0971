//! What every page answer carries, and which form posts are taken.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Larger bodies are refused with 413. Providers' events are far smaller.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Scripts come from this server alone. WASM needs `wasm-unsafe-eval`; the loader's inline module carries a nonce.
pub async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Refuses form posts that another site's page sent with the person's cookie.
///
/// Browsers say where a request comes from in `Sec-Fetch-Site`, older ones in `Origin`. A request with a session cookie
/// and neither header is refused too: no browser we support sends that. Without a cookie there is nothing to abuse.
pub async fn same_origin_posts(request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || comes_from_here(request.headers()) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "This form was sent from another site. Open the page here and send it again.")
        .into_response()
}

fn comes_from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, authority)| authority == host),
        _ => !headers.contains_key(header::COOKIE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_post_from_another_site_is_refused() {
        assert!(!comes_from_here(&headers(&[("sec-fetch-site", "cross-site")])));
        assert!(!comes_from_here(&headers(&[("sec-fetch-site", "same-site")])));
        assert!(!comes_from_here(&headers(&[("origin", "https://evil.example"), ("host", "127.0.0.1:3000")])));
    }

    #[test]
    fn a_post_from_our_own_page_is_taken() {
        assert!(comes_from_here(&headers(&[("sec-fetch-site", "same-origin"), ("cookie", "a=b")])));
        assert!(comes_from_here(&headers(&[("origin", "http://127.0.0.1:3000"), ("host", "127.0.0.1:3000")])));
    }

    #[test]
    fn a_cookie_without_any_origin_is_refused_and_a_machine_without_cookie_is_taken() {
        assert!(!comes_from_here(&headers(&[("cookie", "__session=x")])));
        assert!(comes_from_here(&headers(&[("host", "127.0.0.1:3000")])));
    }
}
