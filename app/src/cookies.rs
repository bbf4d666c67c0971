//! Every cookie that is read or written here.
//!
//! Our own carry the prefix `__Host-` when the public URL is https: a browser takes those from this very host alone, over
//! https alone, so that neither another site of the same domain nor somebody on the line can plant one. That is also why
//! they are for every path. Those of the identity provider keep its names.

use cookie::{Cookie, SameSite, time::Duration};
use http::{HeaderMap, HeaderValue, header};

/// The outcome of the action before this page, see `context::encode_flash`.
pub const FLASH: &str = "flash";
pub const THEME: &str = "theme";

/// Our own cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookies {
    is_https: bool,
}

impl Cookies {
    /// `is_https`: of the public URL.
    pub const fn new(is_https: bool) -> Self {
        Self { is_https }
    }

    fn name(self, name: &str) -> String {
        if self.is_https { format!("__Host-{name}") } else { name.to_owned() }
    }

    pub fn read(self, headers: &HeaderMap, name: &str) -> Option<String> {
        read(headers, &self.name(name))
    }

    /// The value of `Set-Cookie`; 0 seconds take the cookie away. `None` where `value` has what no cookie can hold.
    pub fn write(self, name: &str, value: &str, seconds: u32) -> Option<HeaderValue> {
        let can_be_kept = value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte));
        let cookie = Cookie::build((self.name(name), value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.is_https)
            .max_age(Duration::seconds(seconds.into()));
        HeaderValue::from_str(&cookie.to_string()).ok().filter(|_| can_be_kept)
    }

    pub fn remove(self, name: &str) -> Option<HeaderValue> {
        self.write(name, "", 0)
    }
}

/// A cookie by its full name; ours are read by [`Cookies::read`].
pub fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = lines.flat_map(Cookie::split_parse).filter_map(Result::ok);
    cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
}

/// `Set-Cookie` values that take a cookie of the identity provider away, also where it was set for a whole domain. `domains` are
/// those of the public URL: nothing here comes from the request, whose `Host` may be as long as it likes.
pub fn removed_everywhere<'a>(name: &str, domains: impl Iterator<Item = &'a str>) -> Vec<HeaderValue> {
    let places = std::iter::once(None).chain(domains.map(Some));
    let removed = |domain: Option<&str>| {
        let mut cookie = Cookie::build((name, "")).path("/").http_only(true).same_site(SameSite::Lax);
        cookie = cookie.max_age(Duration::ZERO);
        if let Some(domain) = domain {
            cookie = cookie.domain(domain);
        }
        HeaderValue::from_str(&cookie.to_string()).ok()
    };
    places.filter_map(removed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn behind_https_our_cookies_are_of_this_host_alone() {
        let written = Cookies::new(true).write(FLASH, "success=Done", 30).unwrap();
        assert_eq!(written, "__Host-flash=success=Done; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=30");
        let planted = headers(&["flash=success=Paid", "a=b; __Host-flash=success=Done"]);
        assert_eq!(Cookies::new(true).read(&planted, FLASH).as_deref(), Some("success=Done"));
        assert_eq!(Cookies::new(true).read(&headers(&["flash=success=Paid"]), FLASH), None);
    }

    #[test]
    fn over_plain_http_they_have_neither_prefix_nor_secure() {
        let written = Cookies::new(false).remove(THEME).unwrap();
        assert_eq!(written, "theme=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0");
        assert_eq!(Cookies::new(false).read(&headers(&["x; theme=dark"]), THEME).as_deref(), Some("dark"));
    }

    #[test]
    fn a_value_that_would_be_more_than_a_value_is_not_written() {
        for value in ["a; Domain=example.com", "a\r\nSet-Cookie: b", "a b", "\u{e4}", "\"a\""] {
            assert_eq!(Cookies::new(true).write(THEME, value, 1), None, "{value}");
        }
    }

    #[test]
    fn the_identity_provider_s_cookies_go_from_every_domain_that_may_hold_them() {
        let removed = removed_everywhere("__session", ["panel.example.com", "example.com"].into_iter());
        let domains: Vec<_> =
            removed.iter().map(|cookie| cookie.to_str().unwrap().split_once("Max-Age=0").unwrap()).collect();
        assert_eq!(domains.len(), 3);
        assert!(removed.iter().all(|cookie| cookie.to_str().unwrap().starts_with("__session=; ")));
    }
}
