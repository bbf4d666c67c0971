//! Where an API lies. Only what may be called gets past [`Base::parse`].

use patchbay_net::is_loopback;
use url::Url;

/// Scheme, host and an optional path that every path of a call is appended to: https, or plain http where that is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Without a slash at the end.
    text: String,
    /// Host and port, for people.
    peer: String,
    plain: bool,
}

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadBase {
    NoAddress,
    /// Plain http to another machine, which was not allowed.
    Plain,
    /// User, password, query or fragment.
    More,
}

impl Base {
    /// Plain http is taken on this machine alone, or with `allow_plain_http`.
    pub fn parse(text: &str, allow_plain_http: bool) -> Result<Self, BadBase> {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.filter(Url::has_host).ok_or(BadBase::NoAddress)?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(BadBase::More);
        }
        let plain = url.scheme() == "http" && !is_loopback(&url);
        if plain && !allow_plain_http {
            return Err(BadBase::Plain);
        }
        let host = url.host_str().unwrap_or_default();
        let peer = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), peer, plain })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// Whether everything crosses a network unencrypted.
    pub fn is_plain(&self) -> bool {
        self.plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_unless_it_is_allowed() {
        for here in [
            "http://127.0.0.1:3000/sandbox/stripe",
            "http://127.8.9.1",
            "http://[::1]:3000",
            "http://localhost:3000/",
            "http://stripe.localhost",
            "https://api.stripe.com",
        ] {
            assert!(!Base::parse(here, false).unwrap().is_plain(), "{here}");
        }
        for elsewhere in [
            "http://api.stripe.com",
            "http://10.0.0.1:3000",
            "http://0.0.0.0:3000",
            "http://[::ffff:10.0.0.1]",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://notlocalhost",
        ] {
            assert_eq!(Base::parse(elsewhere, false), Err(BadBase::Plain), "{elsewhere}");
            assert!(Base::parse(elsewhere, true).unwrap().is_plain(), "{elsewhere}");
        }
        assert!(!Base::parse("https://api.stripe.com", true).unwrap().is_plain());
    }

    #[test]
    fn what_is_no_address_or_more_than_one_is_refused() {
        for text in ["api.stripe.com", "ftp://api.stripe.com", "https://", "data:text/plain,hello", "/sandbox"] {
            assert_eq!(Base::parse(text, true), Err(BadBase::NoAddress), "{text}");
        }
        for text in [
            "https://ada:hush@api.stripe.com",
            "https://sk_live_1@api.stripe.com",
            "https://a.example/?b=c",
            "https://a.example/#b",
        ] {
            assert_eq!(Base::parse(text, true), Err(BadBase::More), "{text}");
        }
        let base = Base::parse("https://proxy.example:8443/stripe/", false).unwrap();
        assert_eq!((base.as_str(), base.peer()), ("https://proxy.example:8443/stripe", "proxy.example:8443"));
        assert_eq!(Base::parse("https://api.stripe.com", false).unwrap().peer(), "api.stripe.com:443");
    }
}
