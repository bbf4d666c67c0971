//! Certificates ordered from a certificate authority, such as Let's Encrypt (RFC 8555), and renewed in time.
//!
//! The authority proves that the name is ours by a handshake with this very listener (`tls-alpn-01`, RFC 8737), so nothing
//! but port 443 is needed. `instant-acme` speaks the protocol through the product's own HTTP client, with its trust, proxy
//! and time limits. `rustls-acme` would have brought a second async runtime, an HTTP client without time limits, chrono, and
//! a cache that leaves private keys readable.

use super::{Certificates, TlsError, pair::Pair};
use crate::config::AcmeAccount;
use http_body_util::BodyExt;
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType, HttpClient,
    Identifier, NewAccount, NewOrder, OrderStatus, RetryPolicy,
};
use patchbay_domain::Clock;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::{
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::CertifiedKey,
};
use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// After a failure. An authority allows few: Let's Encrypt five an hour for a name.
const TRY_AGAIN: [Duration; 4] =
    [Duration::from_secs(30), Duration::from_mins(5), Duration::from_mins(20), Duration::from_hours(1)];
/// The longest sleep: the machine's clock may be set meanwhile.
const LOOK_AGAIN: Duration = Duration::from_mins(10);
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an authority may take to look, and to sign.
const ORDER: RetryPolicy = RetryPolicy::new().timeout(Duration::from_mins(2));
/// An answer of an authority is a few kilobytes.
const LONGEST_ANSWER: usize = 1_024 * 1_024;

type Failure = Box<dyn std::error::Error + Send + Sync>;

pub struct Acme {
    account: AcmeAccount,
    clock: Clock,
    http: reqwest::Client,
    certificates: Arc<Certificates>,
    /// Orders since the last one that brought a certificate. Kept here, so that a panic on the way is paused for, too.
    failures: AtomicUsize,
}

impl Acme {
    pub fn open(
        account: &AcmeAccount,
        clock: Clock,
        http: reqwest::Client,
        certificates: Arc<Certificates>,
    ) -> Result<Self, TlsError> {
        private_folder(&account.folder).map_err(|source| TlsError::Folder { path: account.folder.clone(), source })?;
        Ok(Self { account: account.clone(), clock, http, certificates, failures: AtomicUsize::new(0) })
    }

    pub async fn run(&self) {
        let mut current = self.kept();
        if let Some(pair) = &current {
            self.serve(pair, "HTTPS is served with the certificate of an earlier order");
        }
        loop {
            if let Some(pair) = &current {
                self.until_due(pair).await;
            }
            if let Some(pause) = self.pause() {
                tokio::time::sleep(pause).await;
            }
            self.failures.fetch_add(1, Relaxed);
            match self.order().await {
                Ok(pair) => {
                    self.failures.store(0, Relaxed);
                    self.serve(&pair, "HTTPS is served with a new certificate");
                    current = Some(pair);
                }
                Err(error) => tracing::error!(
                    %error,
                    directory = self.account.directory,
                    domains = self.account.domains.join(" "),
                    try_again_in_seconds = self.pause().map(|pause| pause.as_secs()),
                    "no certificate was issued. The names must lead to this server, and its port 443 to this process"
                ),
            }
        }
    }

    /// Before the next order.
    fn pause(&self) -> Option<Duration> {
        let failures = self.failures.load(Relaxed).min(TRY_AGAIN.len());
        TRY_AGAIN.get(failures.checked_sub(1)?).copied()
    }

    fn serve(&self, pair: &Pair, what: &'static str) {
        tracing::info!(names = pair.names.join(" "), expires = pair.expires, "{what}");
        pair.report(self.clock.now().seconds());
        self.certificates.serve(pair);
    }

    /// After two thirds of its life, as authorities advise.
    async fn until_due(&self, pair: &Pair) {
        let due = pair.not_after - (pair.not_after - pair.not_before) / 3;
        loop {
            let now = self.clock.now().seconds();
            pair.report(now);
            let Ok(left) = u64::try_from(due - now) else { return };
            if left == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_secs(left).min(LOOK_AGAIN)).await;
        }
    }

    async fn order(&self) -> Result<Pair, Failure> {
        let result = self.order_once().await;
        self.certificates.end_challenges();
        let (key, chain) = result?;
        let pair = Pair::parse(chain.as_bytes(), key.as_bytes())?;
        // A certificate that cannot be kept still serves.
        if let Err(error) = write_private(&self.certificate_file(), format!("{key}\n{chain}").as_bytes()) {
            tracing::error!(%error, file = %self.certificate_file().display(), "the new certificate could not be kept");
        }
        Ok(pair)
    }

    /// Key and chain, both PEM.
    async fn order_once(&self) -> Result<(String, String), Failure> {
        let account = self.sign_in().await?;
        let names: Vec<Identifier> = self.account.domains.iter().cloned().map(Identifier::Dns).collect();
        let mut order = account.new_order(&NewOrder::new(&names)).await?;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            match authorization.status {
                AuthorizationStatus::Valid => continue,
                AuthorizationStatus::Pending => {}
                status => return Err(format!("an authorization is {status:?} from the beginning").into()),
            }
            let mut challenge = authorization
                .challenge(ChallengeType::TlsAlpn01)
                .ok_or("the authority does not offer the challenge tls-alpn-01")?;
            let name = challenge.identifier().to_string();
            let key = challenge_key(&name, challenge.key_authorization().digest().as_ref())?;
            self.certificates.challenge(name, key);
            challenge.set_ready().await?;
        }
        if order.poll_ready(&ORDER).await? != OrderStatus::Ready {
            let mut reasons = Vec::new();
            let mut authorizations = order.authorizations();
            while let Some(authorization) = authorizations.next().await {
                let mut authorization = authorization?;
                let state = authorization.refresh().await?;
                let name = state.identifier().to_string();
                reasons.extend(
                    state
                        .challenges
                        .iter()
                        .filter_map(|challenge| challenge.error.as_ref().map(|problem| format!("{name}: {problem}"))),
                );
            }
            return Err(format!("the authority did not find us under our name: {}", reasons.join("; ")).into());
        }
        let key = order.finalize().await?;
        let chain = order.poll_certificate(&ORDER).await?;
        Ok((key, chain))
    }

    /// With the account of earlier times, or a new one.
    async fn sign_in(&self) -> Result<Account, Failure> {
        let builder = Account::builder_with_http(Box::new(Http(self.http.clone())));
        let file = self.account_file();
        if let Some(credentials) = read_if_there(&file)? {
            let credentials: AccountCredentials = serde_json::from_slice(&credentials)
                .map_err(|error| format!("{}: {error}. Move the file away to get a new account", file.display()))?;
            return Ok(builder.from_credentials(credentials).await?);
        }
        let contacts: Vec<&str> = self.account.contacts.iter().map(String::as_str).collect();
        let account = NewAccount { contact: &contacts, terms_of_service_agreed: true, only_return_existing: false };
        let (account, credentials) = builder.create(&account, self.account.directory.clone(), None).await?;
        write_private(&file, &serde_json::to_vec(&credentials)?)?;
        Ok(account)
    }

    /// The certificate of an earlier order, if it is good for all our names.
    fn kept(&self) -> Option<Pair> {
        let file = self.certificate_file();
        let pem = match read_if_there(&file) {
            Ok(pem) => pem?,
            Err(error) => {
                tracing::error!(%error, file = %file.display(), "the certificate that was kept cannot be read; another is ordered");
                return None;
            }
        };
        match Pair::parse(&pem, &pem) {
            Ok(pair) if pair.is_over(self.clock.now().seconds()) => None,
            Ok(pair) => self.account.domains.iter().all(|domain| pair.names.contains(domain)).then_some(pair),
            Err(error) => {
                tracing::error!(%error, file = %file.display(), "the certificate that was kept is damaged; another is ordered");
                None
            }
        }
    }

    fn account_file(&self) -> PathBuf {
        self.account.folder.join(format!("{}.account.json", self.authority()))
    }

    fn certificate_file(&self) -> PathBuf {
        let first = self.account.domains.first().map_or("none", String::as_str);
        self.account.folder.join(format!("{}.{first}.pem", self.authority()))
    }

    /// Staging and production are kept apart.
    fn authority(&self) -> String {
        let address = self.account.directory.trim_start_matches("https://");
        address.chars().map(|sign| if sign.is_ascii_alphanumeric() || sign == '.' { sign } else { '_' }).collect()
    }
}

/// What the authority wants to see under our name.
fn challenge_key(name: &str, digest: &[u8]) -> Result<CertifiedKey, Failure> {
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    // Unchecked, because rustls knows no such certificate; the pair was made here.
    let key = super::provider().key_provider.load_private_key(key)?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

/// All of it or nothing, for its owner alone.
fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    if let Err(error) = fs::remove_file(&temporary)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The product's HTTP client, as instant-acme wants it.
struct Http(reqwest::Client);

type Answer = Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>>;

impl HttpClient for Http {
    fn request(&self, request: http::Request<BodyWrapper<bytes::Bytes>>) -> Answer {
        let client = self.0.clone();
        Box::pin(async move { send(client, request).await.map_err(instant_acme::Error::Other) })
    }
}

async fn send(
    client: reqwest::Client,
    request: http::Request<BodyWrapper<bytes::Bytes>>,
) -> Result<BytesResponse, Failure> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let request = client.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
    let mut response = request.timeout(PATIENCE).send().await.map_err(|error| told(&error))?;
    let mut answer = http::Response::builder().status(response.status());
    if let Some(headers) = answer.headers_mut() {
        headers.clone_from(response.headers());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| told(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_ANSWER {
            return Err("the authority's answer is too long".into());
        }
    }
    let (parts, ()) = answer.body(())?.into_parts();
    Ok(BytesResponse { parts, body: Box::new(bytes::Bytes::from(body)) })
}

/// With its causes, which reqwest leaves to be asked for.
fn told(error: &reqwest::Error) -> Failure {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.into()
}
