//! The one HTTP client.

use crate::{Proxies, Trust};
use rustls::ClientConfig;
use std::{sync::Arc, time::Duration};

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("the HTTP client cannot be made: {0}")]
    Http(#[from] reqwest::Error),
}

/// How long name resolution, TCP and TLS may take together.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// TLS 1.2 and 1.3 towards servers that `trust` vouches for.
pub fn client_config(trust: &Trust) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(trust.roots()).with_no_client_auth())
}

/// The client of the product.
pub fn http_client(trust: &Trust, proxies: &Proxies) -> Result<reqwest::Client, ClientError> {
    http_client_within(trust, proxies, CONNECT_LIMIT)
}

/// A client that follows no redirects and has no limit but that of connecting: the gateway has the others.
#[expect(clippy::disallowed_methods, reason = "this is the client that everything else is given")]
pub fn http_client_within(
    trust: &Trust,
    proxies: &Proxies,
    connect_limit: Duration,
) -> Result<reqwest::Client, ClientError> {
    let mut tls = client_config(trust)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        // Nothing from the process's environment: `proxies` is all there is.
        .no_proxy()
        .user_agent(concat!("patchbay/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect_limit)
        // A connection that a firewall forgot is noticed before a call waits on it.
        .tcp_keepalive(Duration::from_secs(30))
        .http2_keep_alive_interval(Duration::from_secs(20))
        .http2_keep_alive_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none());
    for proxy in proxies.of_reqwest()? {
        builder = builder.proxy(proxy);
    }
    Ok(builder.build()?)
}
