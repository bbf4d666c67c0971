//! A certificate authority that a test makes for itself.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use std::path::Path;

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// PEM, as files hold it.
pub struct Certificate {
    pub chain: String,
    pub key: String,
    pub der: Vec<u8>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "A test's own authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Good for this machine. `years` may lie in the past.
    pub fn issue(&self, from_year: i32, until_year: i32) -> Certificate {
        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from_year, 1, 1);
        params.not_after = rcgen::date_time_ymd(until_year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Certificate { chain: certificate.pem(), key: key.serialize_pem(), der: certificate.der().to_vec() }
    }

    pub fn issue_valid(&self) -> Certificate {
        self.issue(2020, 2100)
    }
}

impl Certificate {
    pub fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        replace(&folder.join("cert.pem"), &self.chain);
        replace(&folder.join("key.pem"), &self.key);
    }
}

/// As renewal tools do: a new file takes the old one's name.
pub fn replace(path: &Path, content: &str) {
    let temporary = path.with_extension("new");
    std::fs::write(&temporary, content).unwrap();
    std::fs::rename(temporary, path).unwrap();
}
