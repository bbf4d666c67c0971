//! How browsers and providers reach the product. Addresses that are handed out, cookies and the check of `Host` come from it.

use super::ConfigError;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};
use url::{Host, Url};

const NAME: &str = "PATCHBAY_PUBLIC_URL";

/// Scheme, host and port, as a browser writes an origin: no trailing slash, no port that the scheme implies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    host: Host,
    is_https: bool,
}

impl PublicUrl {
    /// The message says what to write instead.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let text = text.trim();
        Self::of_setting(NAME, text)
    }

    /// An origin that another setting names.
    pub(super) fn of_setting(name: &'static str, text: &str) -> Result<Self, ConfigError> {
        read(text).map_err(|problem| ConfigError::Variable {
            name,
            message: format!("{problem}. Write it like https://patchbay.example.com; it is \"{}\"", shown(text)),
        })
    }

    /// For a server that only listens, as far as it goes: from every address it is reached at this machine's own.
    pub fn of_listener(address: SocketAddr, is_https: bool) -> Self {
        let host = if address.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { address.ip() };
        let host = match host {
            IpAddr::V4(address) => Host::Ipv4(address),
            IpAddr::V6(address) => Host::Ipv6(address),
        };
        let (scheme, implied) = if is_https { ("https", 443) } else { ("http", 80) };
        let port = if address.port() == implied { String::new() } else { format!(":{}", address.port()) };
        Self { origin: format!("{scheme}://{host}{port}"), host, is_https }
    }

    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// Without the port.
    pub fn host(&self) -> &Host {
        &self.host
    }

    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// Only browsers on this machine reach it.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }
    }

    /// Its own name and those above it, down to two labels; none for an address in digits. Cookies may stand on any.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        let name = match &self.host {
            Host::Domain(name) => Some(name.as_str()),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        };
        std::iter::successors(name, |name| Some(name.split_once('.')?.1)).filter(|name| name.contains('.'))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

fn read(text: &str) -> Result<PublicUrl, String> {
    // The parser would drop them silently.
    if text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        return Err("there is white space in it".to_owned());
    }
    let (scheme, rest) = text.split_once("://").ok_or("it does not begin with https:// or http://")?;
    let is_https = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => return Err("only https:// and http:// are spoken here".to_owned()),
    };
    if rest.starts_with(['/', '\\']) || rest.is_empty() {
        return Err("it has no host".to_owned());
    }
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !url.username().is_empty() || url.password().is_some() || rest.contains('@') {
        return Err("it carries a user name or a password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or a fragment".to_owned());
    }
    if !url.path().chars().all(|letter| letter == '/') {
        return Err(format!("it has a path, {}, but the product lives at the root of its host", shown(url.path())));
    }
    let host = url.host().ok_or("it has no host")?.to_owned();
    check(&host)?;
    if url.port() == Some(0) {
        return Err("nothing listens on port 0".to_owned());
    }
    let authority = url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
    let scheme = if is_https { "https" } else { "http" };
    Ok(PublicUrl { origin: format!("{scheme}://{authority}"), host, is_https })
}

fn check(host: &Host) -> Result<(), String> {
    let unspecified = match host {
        Host::Domain(name) => {
            let label = |label: &str| {
                (1..=63).contains(&label.len())
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            };
            return if name.len() <= 253 && name.split('.').all(label) {
                Ok(())
            } else {
                Err("its host is not the name of one".to_owned())
            };
        }
        Host::Ipv4(address) => address.is_unspecified(),
        Host::Ipv6(address) => address.is_unspecified(),
    };
    if unspecified { Err("nobody can go to that address: it means \"every address\"".to_owned()) } else { Ok(()) }
}

/// Short, and without what would break a line of the log.
fn shown(text: &str) -> String {
    // It may carry a password.
    let text = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_host_and_port_are_kept_and_nothing_else() {
        for (text, origin) in [
            ("https://patchbay.example.com", "https://patchbay.example.com"),
            ("  https://Patchbay.Example.com/\n", "https://patchbay.example.com"),
            ("https://patchbay.example.com//", "https://patchbay.example.com"),
            ("HTTPS://patchbay.example.com:443", "https://patchbay.example.com"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("http://[::1]:3000/", "http://[::1]:3000"),
            ("http://patchbay:80", "http://patchbay"),
            ("https://m\u{fc}nchen.example", "https://xn--mnchen-3ya.example"),
        ] {
            assert_eq!(PublicUrl::parse(text).unwrap().as_str(), origin, "{text}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_with_the_setting_s_name_and_what_to_write() {
        let label = "a".repeat(64);
        for text in [
            "x.example",
            "patchbay.example.com:3000",
            "ftp://x.example",
            "javascript://x",
            "https://",
            "https:///x",
            "https:x.example",
            "https://x.example/patchbay",
            "https://x.example/?a=b",
            "https://x.example/#a",
            "https://user@x.example",
            "https://user:secret@x.example",
            "https://x.example, https://y.example",
            "https://x.exa\nmple",
            "https://x.example:99999",
            "https://x.example:0",
            "https://*.example.com",
            "https://x..example",
            "https://0.0.0.0:3000",
            "https://[::]",
            &format!("https://{label}.example"),
            "",
        ] {
            let error = PublicUrl::parse(text).expect_err(text).to_string();
            assert!(error.starts_with(NAME) && error.contains("https://patchbay.example.com"), "{text}: {error}");
            assert!(!error.contains("secret") && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn a_server_without_a_public_url_is_reached_where_it_listens() {
        let of = |address: &str| PublicUrl::of_listener(address.parse().unwrap(), false);
        assert_eq!(of("127.0.0.1:3000").as_str(), "http://127.0.0.1:3000");
        assert_eq!(of("0.0.0.0:80").as_str(), "http://127.0.0.1");
        assert_eq!(of("[::1]:3000").as_str(), "http://[::1]:3000");
        assert!(of("[::]:3000").is_loopback() && !of("10.0.0.1:3000").is_loopback());
    }

    #[test]
    fn cookies_may_stand_on_the_name_and_on_those_above_it() {
        let domains = |text: &str| PublicUrl::parse(text).unwrap().domains().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(domains("https://panel.example.com:8443"), ["panel.example.com", "example.com"]);
        assert!(domains("http://localhost:3000").is_empty() && domains("http://127.0.0.1:3000").is_empty());
    }
}
