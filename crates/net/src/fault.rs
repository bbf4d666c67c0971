//! Sentences for what goes wrong on the way to another machine: what it is, and what to do.

use patchbay_domain::Timestamp;
use rustls::{AlertDescription, CertificateError, Error as TlsError, pki_types::UnixTime};
use std::{error::Error, io};

/// What somebody wanted at the other machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    Http,
    Database,
    Redis,
}

impl Errand {
    /// Where the certificate of a private authority goes.
    fn ca_file(self) -> &'static str {
        match self {
            Self::Http | Self::Redis => "PATCHBAY_CA_FILE",
            Self::Database => "the file that sslrootcert names, or into PATCHBAY_CA_FILE",
        }
    }

    fn or_a_proxy(self) -> &'static str {
        match self {
            Self::Http => ", and whether it needs a proxy (HTTPS_PROXY)",
            Self::Database | Self::Redis => "",
        }
    }
}

/// How hyper says that the other side went away, which is all it says.
const CUT_SHORT: [&str; 3] = [
    "connection closed before message completed",
    "connection error: connection closed",
    "end of file before message length reached",
];

/// What `error` means for somebody who wanted to reach `peer` (`host:port`); nothing when it is not about the way there.
///
/// Nothing of what was sent or received is in it.
pub fn explain(error: &(dyn Error + 'static), peer: &str, errand: Errand) -> Option<String> {
    let mut proxied = false;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<TlsError>() {
            return Some(explain_tls(tls, peer, errand));
        }
        let text = error.to_string();
        if let Some(problem) = text.strip_prefix("tunnel error: ") {
            proxied = true;
            if let Some(sentence) = explain_tunnel(problem, peer) {
                return Some(sentence);
            }
        }
        if let Some(io) = error.downcast_ref::<io::Error>() {
            // The error inside is not its source: its source is what that one's source is.
            if let Some(sentence) = io.get_ref().and_then(|inner| explain(inner, peer, errand)) {
                return Some(sentence);
            }
            let peer = if proxied { format!("the proxy on the way to {peer} (HTTPS_PROXY)") } else { peer.to_owned() };
            return Some(explain_io(io, &peer, errand));
        }
        if CUT_SHORT.iter().any(|known| text.starts_with(known)) {
            return Some(explain_io(&io::ErrorKind::UnexpectedEof.into(), peer, errand));
        }
        next = error.source();
    }
    None
}

fn explain_tunnel(problem: &str, peer: &str) -> Option<String> {
    let what = match problem {
        "proxy authorization required" => {
            "wants a user and a password; write them into it, as in HTTPS_PROXY=http://user:password@proxy:3128"
        }
        "unsuccessful" => "refused to connect; allow that address on the proxy, or add it to NO_PROXY",
        "unexpected end of file" | "io error establishing tunnel" | "proxy response headers too long" => {
            "did not answer as a proxy does; check the address in HTTPS_PROXY"
        }
        _ => return None,
    };
    Some(format!("the proxy on the way to {peer} (HTTPS_PROXY) {what}"))
}

fn explain_io(error: &io::Error, peer: &str, errand: Errand) -> String {
    let text = error.to_string();
    // Names that do not resolve have no kind of their own.
    if text.contains("lookup address information") || text.contains("could not resolve to any address") {
        let cause = text.rsplit(": ").next().unwrap_or_default().to_lowercase();
        return format!(
            "the name of {peer} cannot be resolved ({cause}). Check how it is written, and this machine's DNS"
        );
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!(
                "{peer} refuses the connection: nothing listens there, or a firewall is in between. Check host and port"
            )
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => {
            format!(
                "{peer} closed the connection before it had answered. If that goes on, look for a proxy or firewall in between"
            )
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
            format!("there is no way to {peer} from here. Check this machine's network{}", errand.or_a_proxy())
        }
        io::ErrorKind::TimedOut => no_connection(peer, errand),
        io::ErrorKind::NotFound => format!("{peer} does not exist here"),
        io::ErrorKind::PermissionDenied => format!("this machine does not allow connections to {peer}"),
        _ => format!("the connection to {peer} failed: {text}"),
    }
}

/// For a connection that did not come about in time.
pub fn no_connection(peer: &str, errand: Errand) -> String {
    format!("{peer} took no connection in time. Check host and port, this machine's firewalls{}", errand.or_a_proxy())
}

fn explain_tls(error: &TlsError, peer: &str, errand: Errand) -> String {
    match error {
        TlsError::InvalidCertificate(problem) => explain_certificate(problem, peer, errand),
        TlsError::InvalidMessage(_)
        | TlsError::InappropriateMessage { .. }
        | TlsError::InappropriateHandshakeMessage { .. } => {
            format!("{peer} does not speak TLS there. Check scheme and port")
        }
        TlsError::PeerIncompatible(_) => {
            format!("{peer} speaks no TLS that is safe: 1.2 or 1.3 is needed. Its operator must bring it up to date")
        }
        TlsError::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure) => {
            format!(
                "{peer} refused the TLS handshake: it wants another version or other ciphers than the safe ones of TLS 1.2 and 1.3"
            )
        }
        TlsError::AlertReceived(AlertDescription::CertificateRequired) => {
            format!("{peer} wants a certificate of ours, which this connection does not have")
        }
        TlsError::AlertReceived(AlertDescription::UnrecognisedName) => {
            format!("{peer} knows no site of that name. Check the host name")
        }
        TlsError::AlertReceived(alert) => format!("{peer} refused the TLS handshake ({alert:?})"),
        other => format!("TLS with {peer} failed: {other}"),
    }
}

fn explain_certificate(problem: &CertificateError, peer: &str, errand: Errand) -> String {
    match problem {
        CertificateError::UnknownIssuer => format!(
            "{peer} has a certificate of an authority that is not trusted here. If the authority is yours (a company's own, or \
             a proxy that reads along), put its certificate into {}; if not, somebody may be listening in",
            errand.ca_file()
        ),
        CertificateError::NotValidForName => {
            format!(
                "{peer} has a certificate for another name. Check the host name, or have the certificate made for it"
            )
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<&str> = presented.iter().take(5).map(|name| bare(name)).collect();
            let names = if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
            format!(
                "{peer} has a certificate for {names}, not for this name. Check the host name, or have the certificate made for it"
            )
        }
        CertificateError::Expired => format!("the certificate of {peer} has expired. Its operator must renew it"),
        CertificateError::ExpiredContext { not_after, time } => format!(
            "the certificate of {peer} expired at {}. Its operator must renew it; or this machine's clock, which says {}, is wrong",
            at(*not_after),
            at(*time)
        ),
        CertificateError::NotValidYet => {
            format!("the certificate of {peer} is not valid yet. Check this machine's clock")
        }
        CertificateError::NotValidYetContext { not_before, time } => format!(
            "the certificate of {peer} is valid from {} on, and this machine's clock says {}. Check the clock",
            at(*not_before),
            at(*time)
        ),
        CertificateError::Revoked => format!("the certificate of {peer} was revoked. Do not use it; ask its operator"),
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => format!(
            "{peer} has a certificate that signed itself. Give it one of an authority, and put the authority's certificate into {}",
            errand.ca_file()
        ),
        other => format!("the certificate of {peer} is not accepted: {other}"),
    }
}

/// `DnsName("example.com")` as `example.com`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, rest)| rest.trim_end_matches(')'));
    inner.trim_matches('"')
}

fn at(time: UnixTime) -> Timestamp {
    Timestamp::from_seconds(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}
