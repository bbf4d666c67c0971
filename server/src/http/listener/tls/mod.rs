//! HTTPS: the certificate that is served, and where it comes from.

mod acme;
mod files;
mod pair;

use crate::config::TlsSource;
use acme::Acme;
use files::Files;
use patchbay_domain::Clock;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    collections::HashMap,
    fmt,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};
use tokio_rustls::TlsAcceptor;

pub use pair::{Pair, PairError};

pub const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";
/// A certificate authority looks whether we own the name (RFC 8737).
pub const CHALLENGE: &[u8] = b"acme-tls/1";

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("HTTPS cannot be served: {0}")]
    Pair(#[from] PairError),
    #[error("HTTPS cannot be served: {0}")]
    Rustls(#[from] rustls::Error),
    #[error("the folder of ACME certificates cannot be used: {path}: {source}")]
    Folder { path: std::path::PathBuf, source: std::io::Error },
}

pub struct Tls {
    pub acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
    source: Source,
    #[cfg(test)]
    pub fault: super::fault::Fault,
}

enum Source {
    Files(Files),
    Acme(Box<Acme>),
}

impl Tls {
    /// With files, they must be usable now. With ACME the first certificate may come later.
    pub fn open(source: &TlsSource, clock: Clock, http: &reqwest::Client) -> Result<Self, TlsError> {
        let certificates = Arc::new(Certificates::default());
        let mut protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
        let source = match source {
            TlsSource::Files { certificate, key } => {
                Source::Files(Files::open(certificate, key, clock, &certificates)?)
            }
            TlsSource::Acme(account) => {
                protocols.push(CHALLENGE.to_vec());
                Source::Acme(Box::new(Acme::open(account, clock, http.clone(), certificates.clone())?))
            }
        };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(certificates.clone());
        config.alpn_protocols = protocols;
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificates,
            source,
            #[cfg(test)]
            fault: super::fault::Fault::default(),
        })
    }

    /// For ever: looks for new files, or renews.
    pub async fn keep_fresh(self: Arc<Self>) {
        #[cfg(test)]
        self.fault.meet();
        match &self.source {
            Source::Files(files) => files.watch(&self.certificates).await,
            Source::Acme(acme) => acme.run().await,
        }
    }
}

/// What these files hold, without serving it.
pub fn examine(certificate: &Path, key: &Path) -> Result<Pair, PairError> {
    files::read(certificate, key)?.1
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// What handshakes are answered with.
#[derive(Default)]
struct Certificates {
    served: RwLock<Option<Arc<CertifiedKey>>>,
    /// By name, while a certificate authority looks.
    challenges: RwLock<HashMap<String, Arc<CertifiedKey>>>,
}

impl Certificates {
    fn serve(&self, pair: &Pair) {
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = Some(pair.key.clone());
    }

    fn challenge(&self, name: String, key: CertifiedKey) {
        self.challenges.write().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::new(key));
    }

    fn end_challenges(&self) {
        self.challenges.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Certificates").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let is_challenge = hello.alpn().is_some_and(|mut protocols| protocols.any(|protocol| protocol == CHALLENGE));
        if is_challenge {
            let name = hello.server_name()?;
            return self.challenges.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        }
        self.served.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
