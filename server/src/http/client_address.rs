//! Who really asks: the other end of the connection, or whom a trusted proxy names.

use super::listener::Remote;
use crate::config::limits::TrustedProxies;
use axum::{
    extract::{ConnectInfo, Request},
    http::{HeaderMap, HeaderName, header},
};
use std::net::{IpAddr, SocketAddr};

/// Extension of every request whose connection is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Proxies in one row. Whoever claims more is the last of them.
const MOST_HOPS: usize = 16;

/// Headers that only a proxy writes: whoever sends one is not alone on its side of the connection.
pub const OF_PROXIES: [HeaderName; 6] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// The other end of the request's connection.
pub fn peer(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<Remote>>().map(|remote| remote.0.0.ip().to_canonical())
}

/// From the connection backwards, as long as each hop is one that we trust: what stands further left was written by
/// somebody we do not, or by the client itself.
pub fn of(peer: IpAddr, headers: &HeaderMap, proxies: &TrustedProxies) -> IpAddr {
    let mut client = peer;
    if !proxies.contains(client) {
        return client;
    }
    let name = proxies.header(headers);
    let lines = headers.get_all(&name).iter().rev().map(|line| line.to_str().unwrap_or_default());
    let is_forwarded = name == header::FORWARDED;
    for hop in lines.flat_map(|line| line.rsplit(',')).take(MOST_HOPS) {
        let named = if is_forwarded { node(hop) } else { address(hop) };
        // A hop that hides itself or cannot be read: we know no better than the proxy that told us.
        let Some(named) = named else { return client };
        client = named;
        if !proxies.contains(client) {
            return client;
        }
    }
    client
}

/// `for=…` of one element of `Forwarded` (RFC 7239).
fn node(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(node)
}

/// `203.0.113.7`, `203.0.113.7:4711`, `2001:db8::1` or `[2001:db8::1]:4711`, also in quotes.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let parsed = inner.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    parsed.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Variables};
    use axum::http::HeaderValue;

    fn proxies(header: &str) -> TrustedProxies {
        let pairs = [("PATCHBAY_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8"), ("PATCHBAY_CLIENT_ADDRESS_HEADER", header)];
        let set = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let environment = set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Config::of_environment(Variables::new(environment)).unwrap().limits.trusted_proxies
    }

    fn client(peer: &str, header: &'static str, lines: &[&str]) -> String {
        let name = HeaderName::from_static(header);
        let headers = lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap())).collect();
        of(peer.parse().unwrap(), &headers, &proxies(header)).to_string()
    }

    #[test]
    fn the_client_is_the_last_hop_that_no_trusted_proxy_stands_behind() {
        let of = |peer, lines: &[&str]| client(peer, "x-forwarded-for", lines);
        assert_eq!(of("127.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(of("127.0.0.1", &["198.51.100.1, 203.0.113.7, 10.0.0.3"]), "203.0.113.7", "what a client made up");
        assert_eq!(of("127.0.0.1", &["198.51.100.1", "203.0.113.7", "10.1.1.1,10.0.0.3"]), "203.0.113.7");
        assert_eq!(of("127.0.0.1", &["10.0.0.9"]), "10.0.0.9", "a client inside of the trusted network");
        assert_eq!(of("127.0.0.1", &["203.0.113.7:4711"]), "203.0.113.7");
        assert_eq!(of("127.0.0.1", &["[2001:db8::1]:4711, 10.0.0.1:80"]), "2001:db8::1");
        assert_eq!(of("127.0.0.1", &["::ffff:203.0.113.7"]), "203.0.113.7");
    }

    #[test]
    fn a_header_of_somebody_who_is_not_trusted_says_nothing() {
        for lines in [&["203.0.113.7"][..], &["127.0.0.1"], &["10.0.0.1, 127.0.0.1"]] {
            assert_eq!(client("192.0.2.1", "x-forwarded-for", lines), "192.0.2.1");
        }
        assert_eq!(client("127.0.0.1", "x-forwarded-for", &[]), "127.0.0.1");
        for unreadable in ["unknown", "", "203.0.113.7, _hidden, 10.0.0.1", "a, 10.0.0.1"] {
            let client = client("127.0.0.1", "x-forwarded-for", &[unreadable]);
            assert!(["127.0.0.1", "10.0.0.1"].contains(&client.as_str()), "{unreadable}: {client}");
        }
    }

    #[test]
    fn the_standard_s_header_is_read_where_the_proxies_write_it() {
        let of = |lines: &[&str]| client("127.0.0.1", "forwarded", lines);
        assert_eq!(of(&["for=192.0.2.60;proto=http;by=203.0.113.43"]), "192.0.2.60");
        assert_eq!(of(&[r#"for=1.1.1.1, For="[2001:db8:cafe::17]:4711", for=10.0.0.2;host=a"#]), "2001:db8:cafe::17");
        assert_eq!(of(&["for=unknown"]), "127.0.0.1");
    }

    #[test]
    fn the_header_that_a_client_can_make_up_beside_the_proxy_s_own_is_not_believed() {
        let both = HeaderMap::from_iter([
            (HeaderName::from_static("x-forwarded-for"), HeaderValue::from_static("203.0.113.7")),
            (header::FORWARDED, HeaderValue::from_static("for=198.51.100.1")),
        ]);
        let seen = |header| of("127.0.0.1".parse().unwrap(), &both, &proxies(header)).to_string();
        assert_eq!(seen(""), "203.0.113.7");
        assert_eq!(seen("X-Forwarded-For"), "203.0.113.7");
        assert_eq!(seen("Forwarded"), "198.51.100.1");
        let standard = HeaderMap::from_iter([(header::FORWARDED, HeaderValue::from_static("for=198.51.100.1"))]);
        assert_eq!(of("127.0.0.1".parse().unwrap(), &standard, &proxies("")).to_string(), "198.51.100.1");
    }

    #[test]
    fn a_row_of_proxies_without_end_costs_nothing() {
        let endless = vec!["10.0.0.1"; 10_000].join(",");
        assert_eq!(client("127.0.0.1", "x-forwarded-for", &[&endless]), "10.0.0.1");
    }
}
