//! What this server is called, and what follows from it: which hosts and origins are its own.

use crate::config::{Config, PublicUrl};
use axum::{extract::Request, http::header};
use patchbay_app::cookies::Cookies;
use patchbay_providers::registry::PROVIDERS;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv6Addr},
};
use url::{Host, Url};

/// Bytes. A host's name has 253 at most, and a port follows it.
const LONGEST_HOST: usize = 260;
/// Sign-in pages and the Frontend API of the identity provider, where forms end up whose session is over.
const SIGN_IN: [&str; 4] = ["CLERK_SIGN_IN_URL", "CLERK_SIGN_OUT_URL", "CLERK_FAPI", "CLERK_ISSUER"];

pub struct Site {
    pub public_url: PublicUrl,
    /// Where the server listens.
    listens: IpAddr,
    pub cookies: Cookies,
    /// Where forms may lead, for the content policy.
    pub form_action: String,
}

/// The request names no host, or one that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoHost;

impl Site {
    pub fn new(config: &Config, frontend_api: Option<&str>) -> Self {
        let providers = PROVIDERS.iter().flat_map(|entry| entry.manifest.hosted_pages).map(|page| (*page).to_owned());
        let sign_in = SIGN_IN.iter().filter_map(|name| config.variable("clerk", name));
        let sign_in = sign_in.chain(frontend_api.map(str::to_owned)).filter_map(|page| origin(&page));
        let pages: BTreeSet<String> = providers.chain(sign_in).chain(config.limits.hosted_pages.clone()).collect();
        let form_action = pages.iter().fold("'self'".to_owned(), |all, page| all + " " + page);
        let public_url = config.public_url.clone();
        let cookies = Cookies::new(public_url.is_https());
        Self { public_url, listens: config.addr.ip(), cookies, form_action }
    }

    /// Whom the request is for, without the port. Over HTTP/2 and in absolute requests the address says so itself.
    /// `through_proxy`: it came from a trusted one, which may have put its own name there.
    pub fn host_of(request: &Request, through_proxy: bool) -> Result<&str, NoHost> {
        let headers = request.headers();
        let mut lines = headers.get_all(header::HOST).iter();
        let line = lines.next().map(|line| line.to_str().map_err(|_| NoHost)).transpose()?;
        if lines.next().is_some() {
            return Err(NoHost);
        }
        let authority = request.uri().authority().map(axum::http::uri::Authority::as_str);
        if let (Some(authority), Some(line)) = (authority, line)
            && !authority.eq_ignore_ascii_case(line)
        {
            return Err(NoHost);
        }
        let forwarded = through_proxy.then(|| headers.get_all("x-forwarded-host").iter().next_back()).flatten();
        let forwarded = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next()).map(str::trim);
        name(forwarded.filter(|host| !host.is_empty()).or(authority).or(line).ok_or(NoHost)?)
    }

    /// Whether `host` is ours. Names of this machine, and its address where it listens on all of them, are nobody else's: no
    /// foreign page can make a browser ask for those.
    pub fn is_for(&self, host: &str) -> bool {
        if self.is_public(host) || is_this_machine(host) {
            return true;
        }
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        address.is_ok_and(|address| self.listens.is_unspecified() || address == self.listens)
    }

    /// Whether a page of `origin` is one of ours, for a request to `host`.
    pub fn is_own_origin(&self, origin: &str, host: &str) -> bool {
        if origin.eq_ignore_ascii_case(self.public_url.as_str()) {
            return true;
        }
        // Somebody who went around the proxy to the server itself.
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        !self.is_public(host) && self.is_for(host) && name(authority) == Ok(host)
    }

    /// Whether nobody else is meant to come here.
    pub fn is_this_machines(&self) -> bool {
        is_this_machine(&self.public_url.host().to_string())
    }

    fn is_public(&self, host: &str) -> bool {
        match self.public_url.host() {
            Host::Domain(name) => name.eq_ignore_ascii_case(host),
            Host::Ipv4(address) => host.parse() == Ok(*address),
            Host::Ipv6(address) => {
                let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
                inner.and_then(|text| text.parse::<Ipv6Addr>().ok()) == Some(*address)
            }
        }
    }
}

/// A name or an address that leads nowhere but to the machine that asks.
pub fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    is_localhost(host) || address.is_ok_and(|address| address.is_loopback())
}

fn is_localhost(host: &str) -> bool {
    let ends = host.len().checked_sub("localhost".len()).and_then(|at| host.get(at..).zip(host.get(..at)));
    ends.is_some_and(|(end, rest)| end.eq_ignore_ascii_case("localhost") && (rest.is_empty() || rest.ends_with('.')))
}

/// The host of `host[:port]`.
fn name(authority: &str) -> Result<&str, NoHost> {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_name = !name.is_empty() && name.bytes().all(plain);
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_address = inner.is_some_and(|text| text.parse::<Ipv6Addr>().is_ok());
    if authority.len() <= LONGEST_HOST && (is_name || is_address) { Ok(name) } else { Err(NoHost) }
}

/// None where it is a path of this very site.
fn origin(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    url.has_host().then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Variables;
    use axum::body::Body;

    fn site(pairs: &[(&str, &str)]) -> Site {
        let environment = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Site::new(&Config::of_environment(Variables::new(environment)).unwrap(), None)
    }

    fn public() -> Site {
        site(&[("PATCHBAY_PUBLIC_URL", "https://patchbay.example.com")])
    }

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request {
        let request = headers.iter().fold(Request::get(uri), |request, (name, value)| request.header(*name, *value));
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn requests_are_for_the_public_host_or_for_this_very_machine() {
        let site = public();
        for host in ["patchbay.example.com", "PATCHBAY.example.com", "localhost", "a.localhost", "127.0.0.1", "[::1]"] {
            assert!(site.is_for(host), "{host}");
        }
        for host in
            ["example.com", "xpatchbay.example.com", "patchbay.example.com.evil.example", "10.0.0.7", "notlocalhost"]
        {
            assert!(!site.is_for(host), "{host}");
        }
        let everywhere = super::tests::site(&[("PATCHBAY_ADDR", "0.0.0.0:3000")]);
        assert!(everywhere.is_for("10.0.0.7") && !everywhere.is_for("rebound.example"));
    }

    #[test]
    fn the_host_is_read_from_one_place_and_must_be_one() {
        let host =
            |uri: &str, headers: &[(&str, &str)]| Site::host_of(&request(uri, headers), false).map(str::to_owned);
        assert_eq!(host("/", &[("host", "patchbay.example.com:8443")]).as_deref(), Ok("patchbay.example.com"));
        assert_eq!(host("/", &[("host", "[::1]:3000")]).as_deref(), Ok("[::1]"));
        assert_eq!(host("https://a.example/", &[]).as_deref(), Ok("a.example"));
        assert_eq!(host("https://a.example/", &[("host", "A.example")]).as_deref(), Ok("a.example"));
        let long = "a.".repeat(4_000);
        for headers in [
            &[][..],
            &[("host", "")],
            &[("host", "a.example"), ("host", "b.example")],
            &[("host", "user@a.example")],
            &[("host", "a.example/b")],
            &[("host", "a b")],
            &[("host", "[::1")],
            &[("host", &long)],
        ] {
            assert_eq!(host("/", headers), Err(NoHost), "{headers:?}");
        }
        assert_eq!(host("https://a.example/", &[("host", "b.example")]), Err(NoHost));
    }

    #[test]
    fn a_forwarded_host_counts_from_a_trusted_proxy_alone() {
        let headers = [("host", "upstream:3000"), ("x-forwarded-host", "evil.example, patchbay.example.com")];
        assert_eq!(Site::host_of(&request("/", &headers), true), Ok("patchbay.example.com"));
        assert_eq!(Site::host_of(&request("/", &headers), false), Ok("upstream"));
    }

    #[test]
    fn an_origin_is_ours_as_the_public_url_also_where_the_proxy_changes_the_host() {
        let site = public();
        for host in ["patchbay.example.com", "127.0.0.1"] {
            assert!(site.is_own_origin("https://patchbay.example.com", host), "{host}");
            for origin in [
                "https://evil.example",
                "null",
                "",
                "http://patchbay.example.com",
                "https://patchbay.example.com.evil.example",
            ] {
                assert!(!site.is_own_origin(origin, host), "{origin} for {host}");
            }
        }
        assert!(site.is_own_origin("http://127.0.0.1:3000", "127.0.0.1"));
        assert!(site.is_own_origin("http://localhost:8080", "localhost"));
        assert!(!site.is_own_origin("http://localhost:8080", "127.0.0.1"));
        assert!(!site.is_own_origin("https://evil.example", "evil.example"));
    }

    #[test]
    fn forms_lead_to_the_pages_of_stripe_and_clerk_and_nowhere_else() {
        let site = site(&[
            ("CLERK_SIGN_IN_URL", "https://accounts.example.com/sign-in"),
            ("CLERK_ISSUER", "https://clerk.example.com"),
            ("CLERK_SIGN_OUT_URL", "/goodbye"),
            ("PATCHBAY_HOSTED_PAGES", "https://pay.example.com/"),
        ]);
        assert_eq!(
            site.form_action,
            "'self' https://accounts.example.com https://billing.stripe.com https://checkout.stripe.com \
             https://clerk.example.com https://pay.example.com"
        );
    }
}
