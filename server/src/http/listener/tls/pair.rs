//! A certificate with its private key.

use super::provider;
use rustls::{
    InconsistentKeys,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use std::{io, path::PathBuf, sync::Arc};
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

pub struct Pair {
    pub key: Arc<CertifiedKey>,
    /// Host names and addresses it is good for.
    pub names: Vec<String>,
    /// Seconds since 1970.
    pub not_before: i64,
    pub not_after: i64,
    /// The latter for people.
    pub expires: String,
}

#[derive(Debug, thiserror::Error)]
pub enum PairError {
    #[error("{path} cannot be read: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "the certificate file holds no certificate. It must be PEM: the server's own first, then those that signed it"
    )]
    NoCertificate,
    /// Without the library's own words, which quote the file: it may be the key's.
    #[error("the certificate file is damaged: {0}")]
    Damaged(&'static str),
    #[error("the key file holds no private key. It must be PEM, without a password")]
    NoKey,
    #[error("the private key cannot be used: {0}")]
    Key(rustls::Error),
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    #[error("the certificate expired on {0}")]
    Expired(String),
}

impl Pair {
    pub fn parse(certificates: &[u8], key: &[u8]) -> Result<Self, PairError> {
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| PairError::Damaged("it is no PEM, or ends too soon"))?;
        let Some(own) = chain.first() else { return Err(PairError::NoCertificate) };
        let (_, parsed) =
            parse_x509_certificate(own).map_err(|_| PairError::Damaged("its first certificate cannot be read"))?;
        let validity = parsed.validity();
        let names = match parsed.subject_alternative_name() {
            Ok(Some(names)) => names.value.general_names.iter().filter_map(name).collect(),
            _ => Vec::new(),
        };
        let (not_before, not_after) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        let expires = validity.not_after.to_string();
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| PairError::NoKey)?;
        let key = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => PairError::Mismatch,
            other => PairError::Key(other),
        })?;
        Ok(Self { key: Arc::new(key), names, not_before, not_after, expires })
    }

    pub fn is_over(&self, now: i64) -> bool {
        now >= self.not_after
    }

    /// Told to operators, who want to know before their browsers do.
    pub fn report(&self, now: i64) {
        let left = i32::try_from(self.not_after - now).unwrap_or(i32::MAX);
        metrics::gauge!("patchbay_tls_certificate_valid_seconds").set(f64::from(left));
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(|bytes| std::net::Ipv4Addr::from(bytes).to_string());
            v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(|bytes| std::net::Ipv6Addr::from(bytes).to_string())).ok()
        }
        _ => None,
    }
}
