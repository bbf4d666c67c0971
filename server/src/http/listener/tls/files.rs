//! Certificate and key in files that somebody else renews.

use super::{
    Certificates,
    pair::{Pair, PairError},
};
use patchbay_domain::Clock;
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

/// The files are small, and reading them sees every way to replace them: written over, renamed, a link turned.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

pub struct Files {
    certificate: PathBuf,
    key: PathBuf,
    clock: Clock,
    served: Mutex<Served>,
}

struct Served {
    pair: Pair,
    content: u64,
}

/// What is wrong with files that are not served.
enum Complaint {
    None,
    /// Perhaps the other file is being written at this moment.
    Once,
    Told(String),
}

impl Files {
    pub fn open(certificate: &Path, key: &Path, clock: Clock, certificates: &Certificates) -> Result<Self, PairError> {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let (content, pair) = read(&certificate, &key)?;
        let pair = pair?;
        let now = clock.now().seconds();
        if pair.is_over(now) {
            tracing::error!(
                expired = pair.expires,
                "the TLS certificate has expired, so browsers and providers refuse it"
            );
        }
        tell(&pair, "HTTPS is served");
        pair.report(now);
        certificates.serve(&pair);
        Ok(Self { certificate, key, clock, served: Mutex::new(Served { pair, content }) })
    }

    pub async fn watch(&self, certificates: &Certificates) {
        let mut complaint = Complaint::None;
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let Err(error) = self.look(certificates) else {
                complaint = Complaint::None;
                continue;
            };
            let why = error.to_string();
            complaint = match complaint {
                Complaint::Told(told) if told == why => Complaint::Told(told),
                Complaint::Once => {
                    tracing::error!(
                        why,
                        certificate = %self.certificate.display(),
                        key = %self.key.display(),
                        "the new TLS certificate is not used; the old one is served on"
                    );
                    Complaint::Told(why)
                }
                Complaint::None | Complaint::Told(_) => Complaint::Once,
            };
        }
    }

    /// Serves what is in the files, when that is new and good.
    fn look(&self, certificates: &Certificates) -> Result<(), PairError> {
        let mut served = self.served.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = self.clock.now().seconds();
        served.pair.report(now);
        let (content, pair) = read(&self.certificate, &self.key)?;
        if content == served.content {
            return Ok(());
        }
        let pair = pair?;
        if pair.is_over(now) && !served.pair.is_over(now) {
            return Err(PairError::Expired(pair.expires));
        }
        tell(&pair, "a new TLS certificate is served");
        certificates.serve(&pair);
        pair.report(now);
        *served = Served { pair, content };
        Ok(())
    }
}

/// A mark of the content beside it.
pub fn read(certificate: &Path, key: &Path) -> Result<(u64, Result<Pair, PairError>), PairError> {
    let read =
        |path: &Path| std::fs::read(path).map_err(|source| PairError::Unreadable { path: path.to_owned(), source });
    let (certificate, key) = (read(certificate)?, read(key)?);
    let mut hasher = DefaultHasher::new();
    (&certificate, &key).hash(&mut hasher);
    Ok((hasher.finish(), Pair::parse(&certificate, &key)))
}

fn tell(pair: &Pair, what: &'static str) {
    tracing::info!(names = pair.names.join(" "), expires = pair.expires, "{what}");
}
