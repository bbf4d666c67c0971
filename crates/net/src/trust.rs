//! Which authorities are believed when they say who a server is.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where authorities come from.
#[derive(Clone, Debug, Default)]
pub struct TrustSettings {
    /// `SSL_CERT_FILE`: instead of the system's store.
    pub cert_file: Option<PathBuf>,
    /// `SSL_CERT_DIR`: instead of the system's store; several with colons between them.
    pub cert_dir: Option<PathBuf>,
    /// A private authority, believed besides the others.
    pub ca_file: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("{name}: {path} cannot be read: {source}")]
    Unreadable { name: &'static str, path: PathBuf, source: std::io::Error },
    #[error(
        "{name}: there is no certificate in {path}. Certificates are read in PEM form, which begins with \
         -----BEGIN CERTIFICATE-----"
    )]
    Empty { name: &'static str, path: PathBuf },
    #[error("{name}: a certificate in {path} cannot be read: {problem}")]
    Damaged { name: &'static str, path: PathBuf, problem: String },
}

/// The authorities that count, and where they come from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Trust {
    certificates: Arc<[CertificateDer<'static>]>,
    roots: Arc<RootCertStore>,
    origin: String,
}

impl Trust {
    /// The system's store (or what `SSL_CERT_FILE` and `SSL_CERT_DIR` name instead), Mozilla's list that is compiled in where
    /// the system has none, and the private authority.
    pub fn load(settings: &TrustSettings) -> Result<Self, TrustError> {
        let mut origins = Vec::new();
        let mut certificates = Vec::new();
        if let Some(file) = &settings.cert_file {
            certificates.extend(from_file("SSL_CERT_FILE", file)?);
            origins.push(format!("SSL_CERT_FILE {}", file.display()));
        }
        if let Some(folders) = &settings.cert_dir {
            for folder in std::env::split_paths(folders) {
                certificates.extend(from_folder("SSL_CERT_DIR", &folder)?);
            }
            origins.push(format!("SSL_CERT_DIR {}", folders.display()));
        }
        if origins.is_empty() {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::debug!(%error, "a part of the system's certificate store cannot be read");
            }
            if found.certs.is_empty() {
                certificates.extend(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
                origins.push("Mozilla's list as it was built in, because the system has no store".to_owned());
            } else {
                certificates.extend(found.certs);
                origins.push("the system's store".to_owned());
            }
        }
        let mut roots = RootCertStore::empty();
        // Stores hold a few that are too old to be read; nothing is signed with those any more.
        certificates.retain(|certificate| roots.add(certificate.clone()).is_ok());
        if let Some(file) = &settings.ca_file {
            for certificate in from_file("PATCHBAY_CA_FILE", file)? {
                roots.add(certificate.clone()).map_err(|error| TrustError::Damaged {
                    name: "PATCHBAY_CA_FILE",
                    path: file.clone(),
                    problem: error.to_string(),
                })?;
                certificates.push(certificate);
            }
            origins.push(format!("PATCHBAY_CA_FILE {}", file.display()));
        }
        Ok(Self { certificates: certificates.into(), roots: Arc::new(roots), origin: origins.join(" and ") })
    }

    pub fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.roots)
    }

    /// For people: how many authorities, and from where.
    pub fn summary(&self) -> String {
        format!("{} authorities from {}", self.roots.len(), self.origin)
    }

    /// All of it as text, for libraries that want to read it themselves.
    pub fn pem(&self) -> String {
        let mut text = String::new();
        for certificate in self.certificates.iter() {
            text.push_str("-----BEGIN CERTIFICATE-----\n");
            let encoded = STANDARD.encode(certificate);
            for line in encoded.as_bytes().chunks(64) {
                text.push_str(&String::from_utf8_lossy(line));
                text.push('\n');
            }
            // Writing to a text cannot fail.
            writeln!(text, "-----END CERTIFICATE-----").ok();
        }
        text
    }
}

fn from_file(name: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let text = std::fs::read(path).map_err(|source| TrustError::Unreadable { name, path: path.to_owned(), source })?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates.map_err(|error| TrustError::Damaged {
        name,
        path: path.to_owned(),
        problem: error.to_string(),
    })?;
    if certificates.is_empty() { Err(TrustError::Empty { name, path: path.to_owned() }) } else { Ok(certificates) }
}

fn from_folder(name: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    std::fs::read_dir(path).map_err(|source| TrustError::Unreadable { name, path: path.to_owned(), source })?;
    let found = rustls_native_certs::load_certs_from_paths(None, Some(path));
    for error in &found.errors {
        tracing::debug!(%error, "a file among the certificates cannot be read");
    }
    if found.certs.is_empty() { Err(TrustError::Empty { name, path: path.to_owned() }) } else { Ok(found.certs) }
}
