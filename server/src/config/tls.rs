//! `[tls]`: whether this server speaks HTTPS itself, and with which certificate.

use super::{ConfigError, PublicUrl, Variables};
use serde::Deserialize;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
const LETS_ENCRYPT_STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

/// As written in the file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Table {
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    acme_domains: Option<Vec<String>>,
    acme_contacts: Option<Vec<String>>,
    acme_directory: Option<String>,
    acme_staging: Option<bool>,
    pub redirect_addr: Option<String>,
}

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsSource {
    Files { certificate: PathBuf, key: PathBuf },
    Acme(AcmeAccount),
}

/// With whom to order certificates, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeAccount {
    pub domains: Vec<String>,
    /// Mail addresses, with `mailto:`.
    pub contacts: Vec<String>,
    pub directory: String,
    /// Where account and certificates are kept.
    pub folder: PathBuf,
}

impl TlsSource {
    /// `None` is plain HTTP.
    pub(super) fn read(file: Table, environment: &Variables, data_dir: &Path) -> Result<Option<Self>, ConfigError> {
        let path = |name, file| environment.get(name).map(PathBuf::from).or(file);
        let list = |name, file: Option<Vec<String>>| match environment.get(name) {
            Some(text) => text.split(',').map(str::to_owned).collect(),
            None => file.unwrap_or_default(),
        };
        let certificate = path("PATCHBAY_TLS_CERT", file.cert_file);
        let key = path("PATCHBAY_TLS_KEY", file.key_file);
        let domains = tidy(list("PATCHBAY_ACME_DOMAINS", file.acme_domains));
        let contacts = tidy(list("PATCHBAY_ACME_CONTACTS", file.acme_contacts));
        let staging = environment.get("PATCHBAY_ACME_STAGING");
        let directory = environment.get("PATCHBAY_ACME_DIRECTORY").map(str::to_owned).or(file.acme_directory);
        let wrong = |name, message: &str| Err(ConfigError::Variable { name, message: message.to_owned() });
        match (certificate, key) {
            (Some(_), None) => return wrong("PATCHBAY_TLS_KEY", "a certificate needs its private key: set both files"),
            (None, Some(_)) => {
                return wrong("PATCHBAY_TLS_CERT", "a private key needs its certificate: set both files");
            }
            (Some(_), Some(_)) if !domains.is_empty() => {
                return wrong("PATCHBAY_ACME_DOMAINS", "use either certificate files or ACME, not both");
            }
            (Some(certificate), Some(key)) => return Ok(Some(Self::Files { certificate, key })),
            (None, None) if domains.is_empty() => return Ok(None),
            (None, None) => {}
        }
        if let Some(domain) = domains.iter().find(|domain| !is_host_name(domain)) {
            return Err(ConfigError::Variable {
                name: "PATCHBAY_ACME_DOMAINS",
                message: format!(
                    "\"{}\" is no host name that a certificate can be ordered for here. Write names like patchbay.example.com, without https://, port or *",
                    domain.escape_debug()
                ),
            });
        }
        let staging = match staging {
            None => file.acme_staging.unwrap_or(false),
            Some("true") => true,
            Some("false") => false,
            Some(_) => return wrong("PATCHBAY_ACME_STAGING", "write true or false"),
        };
        let default = if staging { LETS_ENCRYPT_STAGING } else { LETS_ENCRYPT };
        let directory = directory.unwrap_or_else(|| default.to_owned());
        if !directory.starts_with("https://") {
            return wrong("PATCHBAY_ACME_DIRECTORY", "write the https:// address of an ACME directory");
        }
        let contacts = contacts
            .into_iter()
            .map(|contact| if contact.contains(':') { contact } else { format!("mailto:{contact}") })
            .collect();
        Ok(Some(Self::Acme(AcmeAccount { domains, contacts, directory, folder: data_dir.join("acme") })))
    }

    /// The first name that a certificate is ordered for.
    pub(super) fn domain(&self) -> Option<&str> {
        match self {
            Self::Acme(account) => account.domains.first().map(String::as_str),
            Self::Files { .. } => None,
        }
    }
}

/// Beside `addr`, where HTTPS is served by this process or by a proxy.
pub(super) fn redirect_addr(
    text: Option<&str>,
    addr: SocketAddr,
    public_url: &PublicUrl,
) -> Result<Option<SocketAddr>, ConfigError> {
    let wrong = |message: String| ConfigError::Variable { name: "PATCHBAY_REDIRECT_ADDR", message };
    let Some(text) = text else { return Ok(None) };
    let redirect: SocketAddr =
        text.trim().parse().map_err(|error| wrong(format!("{error}; write it like 0.0.0.0:80")))?;
    if !public_url.is_https() {
        return Err(wrong(format!(
            "it sends browsers to PATCHBAY_PUBLIC_URL, which must begin with https:// then; it is {public_url}"
        )));
    }
    if redirect.port() == addr.port() {
        return Err(wrong(format!("port {} is PATCHBAY_ADDR's own; choose another", addr.port())));
    }
    Ok(Some(redirect))
}

fn tidy(list: Vec<String>) -> Vec<String> {
    list.into_iter().map(|text| text.trim().to_ascii_lowercase()).filter(|text| !text.is_empty()).collect()
}

fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 253
        && text.contains('.')
        && text.split('.').all(is_label)
        // An address of IPv4.
        && !text.rsplit('.').next().is_some_and(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Option<TlsSource>, ConfigError> {
        let environment = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        TlsSource::read(Table::default(), &Variables::new(environment), Path::new("data"))
    }

    #[test]
    fn without_a_word_the_server_speaks_plain_http() {
        assert_eq!(read(&[]).unwrap(), None);
    }

    #[test]
    fn half_a_pair_of_files_is_refused_by_the_name_of_the_other_half() {
        let error = read(&[("PATCHBAY_TLS_CERT", "a.pem")]).unwrap_err().to_string();
        assert!(error.starts_with("PATCHBAY_TLS_KEY"), "{error}");
        let error = read(&[("PATCHBAY_TLS_KEY", "a.pem")]).unwrap_err().to_string();
        assert!(error.starts_with("PATCHBAY_TLS_CERT"), "{error}");
    }

    #[test]
    fn certificates_are_ordered_for_host_names_alone() {
        let Some(TlsSource::Acme(account)) = read(&[
            ("PATCHBAY_ACME_DOMAINS", " Patchbay.example.com, b.example.com,"),
            ("PATCHBAY_ACME_CONTACTS", "a@b.c"),
        ])
        .unwrap() else {
            panic!("ACME was asked for");
        };
        assert_eq!(account.domains, ["patchbay.example.com", "b.example.com"]);
        assert_eq!(account.contacts, ["mailto:a@b.c"]);
        assert_eq!(account.directory, LETS_ENCRYPT);
        for wrong in ["*.example.com", "https://a.example.com", "192.0.2.1", "localhost", "a..b", "a.example.com:443"] {
            let error = read(&[("PATCHBAY_ACME_DOMAINS", wrong)]).unwrap_err().to_string();
            assert!(error.starts_with("PATCHBAY_ACME_DOMAINS") && error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn the_directory_of_a_certificate_authority_is_reached_over_https_alone() {
        let with = |name, value| read(&[("PATCHBAY_ACME_DOMAINS", "a.example.com"), (name, value)]);
        assert!(with("PATCHBAY_ACME_DIRECTORY", "http://ca.internal/dir").is_err());
        assert!(with("PATCHBAY_ACME_STAGING", "yes").is_err());
        let Ok(Some(TlsSource::Acme(account))) = with("PATCHBAY_ACME_STAGING", "true") else { panic!("it is valid") };
        assert_eq!(account.directory, LETS_ENCRYPT_STAGING);
    }

    #[test]
    fn plain_http_is_redirected_to_https_alone_and_from_a_port_of_its_own() {
        let addr = "0.0.0.0:443".parse().unwrap();
        let read = |text, url| redirect_addr(Some(text), addr, &PublicUrl::parse(url).unwrap());
        assert_eq!(read("0.0.0.0:80", "https://a.example.com").unwrap(), Some("0.0.0.0:80".parse().unwrap()));
        for (text, url, why) in [
            ("80", "https://a.example.com", "write it like"),
            ("0.0.0.0:80", "http://a.example.com", "https://"),
            ("127.0.0.1:443", "https://a.example.com", "port 443"),
        ] {
            let error = read(text, url).unwrap_err().to_string();
            assert!(error.starts_with("PATCHBAY_REDIRECT_ADDR") && error.contains(why), "{error}");
        }
    }
}
