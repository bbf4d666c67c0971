//! The way to other machines: whom TLS trusts, the one HTTP client, proxies, and sentences for what goes wrong.

mod client;
mod fault;
mod proxies;
#[cfg(feature = "testing")]
pub mod testing;
mod trust;

pub use client::{ClientError, client_config, http_client, http_client_within};
pub use fault::{Errand, explain, no_connection};
pub use proxies::{Proxies, ProxyError};
pub use trust::{Trust, TrustError, TrustSettings};

use url::{Host, Url};

/// Makes aws-lc-rs the one implementation of cryptography of this process. Doing it again changes nothing.
pub fn install_crypto() {
    // An error only says that it is done already.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
}

/// Whether an address stays on this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
