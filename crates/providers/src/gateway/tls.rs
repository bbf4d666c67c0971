//! The gateway over real TLS, with authorities made here, and what it says when something is wrong on the way.

use super::*;
use axum::{Router, body::Body, routing::get};
use futures::{StreamExt as _, stream};
use patchbay_net::{
    Proxies, Trust, TrustSettings, http_client_within,
    testing::{Authority, Manners, Proxy, serve},
};
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU32},
};
use tokio::net::TcpListener;

const HERE: &[&str] = &["127.0.0.1", "localhost", "api.test"];
const BOTH: &[&str] = &["h2", "http/1.1"];

/// A file with an authority in it that is gone after the test.
struct Pem(std::path::PathBuf);

impl Pem {
    fn new(text: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("patchbay-gateway-{}-{number}.pem", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for Pem {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

fn trusting(authority: &Authority) -> Trust {
    let pem = Pem::new(&authority.pem);
    Trust::load(&TrustSettings { ca_file: Some(pem.0.clone()), ..TrustSettings::default() }).unwrap()
}

fn refused(status: StatusCode, _: &HeaderMap, _: &[u8]) -> ProviderError {
    ProviderError::new("Test", "", ErrorKind::Refused, format!("answered with {status}"))
}

/// What is not about the gateway's own settings.
struct Way<'a> {
    trust: &'a Trust,
    proxies: Proxies,
    connect: Duration,
}

impl<'a> Way<'a> {
    fn direct(trust: &'a Trust) -> Self {
        Self { trust, proxies: Proxies::default(), connect: Duration::from_secs(5) }
    }

    fn through(trust: &'a Trust, proxy: &str, except: &str) -> Self {
        let proxies = Proxies::from_variables(&|name| match name {
            "HTTPS_PROXY" => Some(proxy.to_owned()),
            "NO_PROXY" => Some(except.to_owned()),
            _ => None,
        });
        Self { proxies: proxies.unwrap(), ..Self::direct(trust) }
    }

    fn gateway(&self, base: &str, set: impl FnOnce(&mut GatewayConfig)) -> Gateway {
        let base = Base::parse(base, false).unwrap();
        let mut config = GatewayConfig::new("test", "Test", base, refused, Clock::System);
        set(&mut config);
        let http = http_client_within(self.trust, &self.proxies, self.connect).unwrap();
        Gateway::new(config, http, Arc::new(NoCallLog))
    }

    async fn ask(&self, base: &str) -> Result<String, ProviderError> {
        ask(&self.gateway(base, |_| {})).await
    }
}

async fn ask(gateway: &Gateway) -> Result<String, ProviderError> {
    let call = Call { retry: RetryRule::Never, ..Call::get("things.read", "/version?email=ada") };
    gateway.send(call).await.map(|reply| String::from_utf8(reply.body.to_vec()).unwrap())
}

/// The sentence of a failure; it must name the peer and nothing of the request.
fn sentence(answer: Result<String, ProviderError>, peer: &str) -> String {
    let error = answer.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    assert!(error.message.contains(peer) && !error.message.contains("ada"), "{}", error.message);
    error.message.into()
}

/// Tells the version of HTTP that it was asked by.
fn versions() -> Router {
    Router::new().route("/version", get(async |request: axum::extract::Request| format!("{:?}", request.version())))
}

#[tokio::test]
async fn a_server_of_a_trusted_authority_is_spoken_to_by_the_newest_http_it_knows() {
    let authority = Authority::new("Ours");
    let trust = trusting(&authority);
    for (protocols, version) in [(BOTH, "HTTP/2.0"), (&["http/1.1"], "HTTP/1.1"), (&[], "HTTP/1.1")] {
        let address = serve(&authority.identity(HERE), protocols, versions()).await;
        assert_eq!(Way::direct(&trust).ask(&format!("https://{address}")).await.unwrap(), version);
        let name = format!("https://localhost:{}", address.port());
        assert_eq!(Way::direct(&trust).ask(&name).await.unwrap(), version);
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_trusted_is_refused_with_what_is_wrong_and_what_to_do() {
    let (ours, theirs) = (Authority::new("Ours"), Authority::new("Theirs"));
    let trust = trusting(&ours);
    let itself = Authority::itself(HERE);
    for (identity, what, todo) in [
        (theirs.identity(HERE), "an authority that is not trusted here", "PATCHBAY_CA_FILE"),
        (itself, "signed itself", "PATCHBAY_CA_FILE"),
        (
            ours.identity(&["other.example"]),
            "a certificate for other.example, not for this name",
            "Check the host name",
        ),
        (ours.expired(HERE), "expired at 2021-01-01", "must renew it"),
        (ours.not_yet_valid(HERE), "is valid from 2999-01-01", "Check the clock"),
    ] {
        let address = serve(&identity, BOTH, versions()).await;
        let told = sentence(Way::direct(&trust).ask(&format!("https://{address}")).await, &address.to_string());
        assert!(told.contains(what) && told.contains(todo), "{what}: {told}");
    }
}

#[tokio::test]
async fn a_server_without_tls_a_name_that_does_not_resolve_and_a_connection_that_is_cut_are_told_apart() {
    let trust = trusting(&Authority::new("Ours"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, versions()).await });
    let told = sentence(Way::direct(&trust).ask(&format!("https://{plain}")).await, &plain.to_string());
    assert!(told.contains("does not speak TLS there. Check scheme and port"), "{told}");

    let told = sentence(Way::direct(&trust).ask("https://nothing.invalid").await, "nothing.invalid:443");
    assert!(told.contains("cannot be resolved") && told.contains("DNS"), "{told}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rude = listener.local_addr().unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    for scheme in ["http", "https"] {
        let told = sentence(Way::direct(&trust).ask(&format!("{scheme}://{rude}")).await, &rude.to_string());
        assert!(told.contains("closed the connection before it had answered"), "{told}");
    }
}

/// Takes connections and holds them.
async fn silent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    address
}

#[tokio::test]
async fn connecting_the_head_of_an_answer_and_its_end_have_limits_of_their_own() {
    let trust = trusting(&Authority::new("Ours"));
    let silent = silent().await;
    let soon = Duration::from_millis(200);

    let way = Way { connect: soon, ..Way::direct(&trust) };
    let told = sentence(way.ask(&format!("https://{silent}")).await, &silent.to_string());
    assert!(told.contains("took no connection in time"), "{told}");

    let way = Way::direct(&trust);
    let gateway = way.gateway(&format!("http://{silent}"), |config| config.first_byte = soon);
    let told = sentence(ask(&gateway).await, &silent.to_string());
    assert!(told.contains("did not begin to answer within 0.2 s"), "{told}");

    // The head and a first piece, then nothing more.
    let piece = || stream::iter([Ok::<_, std::io::Error>("x")]);
    let stalls =
        Router::new().route("/version", get(async move || Body::from_stream(piece().chain(stream::pending()))));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stalling = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, stalls).await });
    let gateway = way.gateway(&format!("http://{stalling}"), |config| config.timeout = soon);
    let told = sentence(ask(&gateway).await, &stalling.to_string());
    assert!(told.contains("had not finished its answer within 0.2 s"), "{told}");
}

/// Says that its stream is let go of.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[tokio::test]
async fn an_answer_without_end_is_let_go_of_at_the_limit_and_an_announced_one_is_not_begun() {
    let authority = Authority::new("Ours");
    let trust = trusting(&authority);
    let gone = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&gone);
    let endless = get(async move || {
        let held = Gone(Arc::clone(&flag));
        Body::from_stream(stream::repeat_with(move || {
            let _ = &held;
            Ok::<_, std::io::Error>(vec![b'x'; 10_000])
        }))
    });
    let large = get(async || vec![b'x'; 100_001]);
    let exact = get(async || vec![b'x'; 100_000]);
    for protocols in [BOTH, &["http/1.1"]] {
        gone.store(false, Ordering::Release);
        for (route, fits) in [(endless.clone(), false), (large.clone(), false), (exact.clone(), true)] {
            let app = Router::new().route("/version", route);
            let address = serve(&authority.identity(HERE), protocols, app).await;
            let way = Way::direct(&trust);
            let gateway = way.gateway(&format!("https://{address}"), |config| config.largest_answer = 100_000);
            let answer = ask(&gateway).await;
            if fits {
                assert_eq!(answer.unwrap().len(), 100_000);
                continue;
            }
            let error = answer.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unreadable);
            assert!(error.message.contains("is larger than 100000 bytes"), "{error}");
        }
        while !gone.load(Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_proxy_is_used_for_other_machines_and_never_for_this_one() {
    let authority = Authority::new("Ours");
    let trust = trusting(&authority);
    let address = serve(&authority.identity(HERE), BOTH, versions()).await;
    let proxy = Proxy::start(Manners::Connect(address)).await;
    let url = format!("http://{}", proxy.address);
    assert_eq!(Way::through(&trust, &url, "").ask("https://api.test").await.unwrap(), "HTTP/2.0");
    assert_eq!(proxy.asked(), ["api.test:443"]);
    for here in [format!("https://{address}"), format!("https://localhost:{}", address.port())] {
        assert_eq!(Way::through(&trust, &url, "").ask(&here).await.unwrap(), "HTTP/2.0");
    }
    // What NO_PROXY names is asked for directly, and this name leads nowhere.
    sentence(
        Way::through(&trust, &url, "other.test, nothing.invalid").ask("https://nothing.invalid").await,
        "nothing.invalid",
    );
    assert_eq!(proxy.asked().len(), 1);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_password() {
    let authority = Authority::new("Ours");
    let trust = trusting(&authority);
    let address = serve(&authority.identity(HERE), BOTH, versions()).await;
    let asks = Proxy::start(Manners::Password(address)).await.address;
    let right = format!("http://user:hush@{asks}");
    assert_eq!(Way::through(&trust, &right, "").ask("https://api.test").await.unwrap(), "HTTP/2.0");
    let refuses = Proxy::start(Manners::Refuse).await.address;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    for (proxy, what) in [
        (format!("http://user:wrong-hush@{asks}"), "wants a user and a password"),
        (format!("http://user:hush@{refuses}"), "refused to connect"),
        (format!("http://user:hush@{nobody}"), "refuses the connection"),
    ] {
        let told = sentence(Way::through(&trust, &proxy, "").ask("https://api.test").await, "api.test:443");
        assert!(told.contains("the proxy on the way to") && told.contains(what) && !told.contains("hush"), "{told}");
    }
}
