//! The certificate that this server shows, if it speaks HTTPS itself.

use super::Findings;
use crate::{
    config::{AcmeAccount, Config, TlsSource},
    http::listener::{Pair, examine},
};
use patchbay_domain::Clock;
use std::{os::unix::fs::PermissionsExt, path::Path};

const ABOUT: &str = "certificate";
const DAY: i64 = 24 * 60 * 60;
const SOON: i64 = 7 * DAY;
/// Where authorities look.
const HTTPS: u16 = 443;

pub fn check(findings: &mut Findings, config: &Config, clock: &Clock) {
    match &config.tls {
        None if config.public_url.is_https() => {
            findings.ok(ABOUT, "something in front of this server speaks HTTPS for it");
        }
        None => {}
        Some(TlsSource::Files { certificate, key }) => {
            match examine(certificate, key) {
                Ok(pair) => check_pair(findings, config, clock, &pair),
                Err(error) => {
                    let files = format!("{} and {}", certificate.display(), key.display());
                    findings.problem(ABOUT, format!("{error} ({files})"));
                }
            }
            check_mode(findings, key);
        }
        Some(TlsSource::Acme(AcmeAccount { domains, directory, .. })) => {
            let text = format!("ordered for {} from {directory}", domains.join(", "));
            let port = config.addr.port();
            if port == HTTPS {
                findings.ok(ABOUT, text);
            } else {
                let text = format!("{text}, which looks at port {HTTPS}: it must lead to port {port} of this server");
                findings.warning(ABOUT, text);
            }
        }
    }
}

fn check_pair(findings: &mut Findings, config: &Config, clock: &Clock, pair: &Pair) {
    let now = clock.now().seconds();
    let host = config.public_url.host().to_string();
    let names = pair.names.join(", ");
    let left = pair.not_after - now;
    if pair.is_over(now) {
        findings.problem(ABOUT, format!("expired on {}; browsers and providers refuse it", pair.expires));
    } else if now < pair.not_before {
        findings.problem(ABOUT, "is not valid yet; is the clock of this machine right?");
    } else if !pair.names.iter().any(|name| covers(name, &host)) {
        let text = format!("is for {names}, not for {host} of PATCHBAY_PUBLIC_URL; browsers and providers refuse it");
        findings.problem(ABOUT, text);
    } else if left < SOON {
        let days = left / DAY;
        findings.warning(ABOUT, format!("for {names} expires on {}, in {days} days; renew it", pair.expires));
    } else {
        findings.ok(ABOUT, format!("for {names}, until {}", pair.expires));
    }
}

/// `*.example.com` is for one label.
fn covers(name: &str, host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    match name.strip_prefix("*.") {
        Some(rest) => host.split_once('.').is_some_and(|(_, parent)| parent.eq_ignore_ascii_case(rest)),
        None => name.eq_ignore_ascii_case(host),
    }
}

fn check_mode(findings: &mut Findings, key: &Path) {
    if let Ok(metadata) = std::fs::metadata(key)
        && metadata.permissions().mode() & 0o007 != 0
    {
        let shown = key.display();
        findings.warning(ABOUT, format!("everybody on this machine may read the private key: chmod o= {shown}"));
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_certificate_covers_its_names_and_one_label_of_a_wildcard() {
        assert!(covers("patchbay.example.com", "Patchbay.example.com"));
        assert!(covers("*.example.com", "patchbay.example.com"));
        assert!(covers("127.0.0.1", "127.0.0.1"));
        assert!(covers("::1", "[::1]"));
        for host in ["example.com", "a.b.example.com", "patchbay.example.org"] {
            assert!(!covers("*.example.com", host), "{host}");
        }
    }
}
