//! The listener: accepts connections, bounds what each may hold, and gives it to the threads that serve it.
//!
//! A connection begins on the listener's own threads. They count it (`registry`), do the TLS handshake where TLS is on
//! (`tls`), and look at its first bytes. Whoever begins with a delivery goes to the threads of deliveries, everybody else and
//! all of HTTP/2 to the product's: in a flood of deliveries thousands of connections wait in one line for the threads that
//! read them, and a page would wait in it twice, to be read and to be answered. Both lanes answer everything; a proxy that
//! mixes both on one connection loses only this, see `http::router`.
//!
//! Time limits need no timer per connection: each keeps what it waits for and since when (`connection`), and a sweep over
//! all of them closes what is overdue.

mod body;
mod connection;
#[cfg(test)]
mod fault;
mod file_limit;
mod registry;
mod requests;
mod socket;
mod tls;

use crate::config::{ConnectionLimits, limits::TrustedProxies};
use axum::Router;
use connection::Lane;
use registry::{Admission, Entry, Refused, Registry};
use requests::Server;
use socket::{Socket, Transport};
use std::{io, io::Write, net::SocketAddr, sync::Arc, time::Duration};
pub use tls::{Pair, Tls, examine};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::{Handle, Runtime},
    sync::watch,
    task::JoinHandle,
    time::Instant,
};

/// Of more connections than the usual 1,024 that all begin at once.
const BACKLOG: u32 = 4_096;
/// How long open answers may take while the server stops; live streams never end by themselves.
const CUT_AFTER: Duration = Duration::from_secs(3);
/// Between two tries to accept while the system has no file left for it.
const NO_FILES: Duration = Duration::from_millis(100);
const SAY_AGAIN: Duration = Duration::from_mins(1);

const DELIVERS: &[u8] = b"POST /webhooks/";
/// What an orchestrator asks; answered even when all connections are taken.
const PROBES: [&[u8]; 3] = [b"GET /readyz ", b"GET /healthz ", b"GET /metrics "];
/// As much of a connection as tells all of the above apart.
const BEGINNING: usize = 16;
/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 22;

/// Said as cheaply as possible: by whoever accepts, without a look at the request.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\n\
X-Content-Type-Options: nosniff\r\nContent-Type: text/plain\r\nContent-Length: 47\r\n\r\nThe server has too many connections. Try later.";

const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\
X-Content-Type-Options: nosniff\r\nContent-Type: text/plain\r\nContent-Length: 43\r\n\r\nThe request's headers did not come in time.";

const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\
X-Content-Type-Options: nosniff\r\nContent-Type: text/plain\r\nContent-Length: 68\r\n\r\nThis port is served over HTTPS only. Write https:// instead of http.";

/// Who is at the other end of a connection.
#[derive(Clone, Copy)]
pub struct Remote(pub SocketAddr);

/// Threads of their own. Dropping them waits for nothing.
struct Threads(Option<Runtime>);

impl Threads {
    fn start(name: &str, workers: Option<usize>) -> io::Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        if let Some(workers) = workers {
            builder.worker_threads(workers);
        }
        Ok(Self(Some(builder.thread_name(name).enable_all().build()?)))
    }

    fn handle(&self) -> Handle {
        self.0.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Dropping the runtime would wait for what still runs, which no task may.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Listens already; whoever connects waits until `serve`.
pub struct Listener {
    socket: TcpListener,
    registry: Arc<Registry>,
    threads: Threads,
    deliveries: Threads,
    tls: Option<Arc<Tls>>,
    /// An address without TLS, and what is answered there.
    plain: Option<(TcpListener, Router)>,
}

impl Listener {
    pub fn bind(
        address: SocketAddr,
        limits: ConnectionLimits,
        proxies: TrustedProxies,
        tls: Option<Tls>,
    ) -> io::Result<Self> {
        // Handshakes are work, and whoever connects can ask for it: half of the machine at most.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = Threads::start("listener", Some(if tls.is_some() { cores.div_ceil(2) } else { 1 }))?;
        let deliveries = Threads::start("http", None)?;
        let handle = threads.handle();
        let socket = {
            let _on_its_threads = handle.enter();
            listen(address)?
        };
        let registry = Registry::new(limits.within(file_limit::raise()), proxies);
        Ok(Self { socket, registry: Arc::new(registry), threads, deliveries, tls: tls.map(Arc::new), plain: None })
    }

    /// Listens at another address, too, under the same limits; there `router` answers, without TLS.
    pub fn also_plain(&mut self, address: SocketAddr, router: Router) -> io::Result<()> {
        let handle = self.threads.handle();
        let _on_its_threads = handle.enter();
        self.plain = Some((listen(address)?, router));
        Ok(())
    }

    /// Until `stopping`: then open answers are finished, and live streams are cut.
    pub async fn serve(self, router: Router, mut stopping: watch::Receiver<bool>) {
        let Self { socket, registry, threads, deliveries, tls, plain } = self;
        let server = Arc::new(Server::new(router, &registry, deliveries.handle(), Handle::current()));
        let (own, socket) = (threads.handle(), Arc::new(socket));
        let sweep = keep(&own, "connections' time limits", {
            let registry = registry.clone();
            move || registry.clone().sweep()
        });
        let fresh = tls.clone().map(|tls| keep(&own, "TLS certificate", move || tls.clone().keep_fresh()));
        let plain = plain.map(|(socket, router)| {
            let server = Arc::new(Server::new(router, &registry, deliveries.handle(), Handle::current()));
            let (socket, registry) = (Arc::new(socket), registry.clone());
            keep(&own, "accepting plain connections", move || {
                accept(socket.clone(), registry.clone(), server.clone(), None)
            })
        });
        let accepting = keep(&own, "accepting connections", {
            let registry = registry.clone();
            move || accept(socket.clone(), registry.clone(), server.clone(), tls.clone())
        });
        // An end of whoever tells is an order to stop, too.
        stopping.wait_for(|stop| *stop).await.ok();
        // Nobody shall be let in who will not be served.
        accepting.abort();
        if let Some(plain) = plain {
            plain.abort();
        }
        registry.finish_all();
        if tokio::time::timeout(CUT_AFTER, registry.emptied()).await.is_err() {
            registry.close_all();
            tokio::time::timeout(CUT_AFTER, registry.emptied()).await.ok();
        }
        sweep.abort();
        if let Some(fresh) = fresh {
            fresh.abort();
        }
    }
}

/// Runs one of the listener's own tasks until it is aborted.
fn keep<T>(threads: &Handle, name: &str, make: impl FnMut() -> T + Send + 'static) -> JoinHandle<()>
where
    T: Future<Output = ()> + Send + 'static,
{
    patchbay_supervise::spawn_on(threads, name, make, || false)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Or a restart would have to wait for what is left of old connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept(listener: Arc<TcpListener>, registry: Arc<Registry>, server: Arc<Server>, tls: Option<Arc<Tls>>) {
    let mut said: Option<Instant> = None;
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => match registry.admit(remote.ip()) {
                Ok(entry) => {
                    tokio::spawn(begin(stream, remote, entry, server.clone(), tls.clone()));
                }
                Err(refused) => {
                    refused.count();
                    if tls.is_none()
                        && let Ok(stream) = stream.into_std()
                    {
                        // Whatever fits at once; whoever does not read it learns it by the end of the connection.
                        (&stream).write_all(TOO_MANY).ok();
                    }
                }
            },
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if said.is_none_or(|said| said.elapsed() > SAY_AGAIN) {
                    said = Some(Instant::now());
                    tracing::error!(%error, "connections cannot be accepted; the limit of open files may be too low (ulimit -n)");
                }
                tokio::time::sleep(NO_FILES).await;
            }
        }
    }
}

/// It ended before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

async fn begin(stream: TcpStream, remote: SocketAddr, mut entry: Entry, server: Arc<Server>, tls: Option<Arc<Tls>>) {
    let connection = entry.connection().clone();
    // Errors and time limits alike: whoever has gone needs no answer, and whoever said nothing gets none.
    let Some(Ok(sorted)) = connection.supervise(sort(stream, &entry, tls.as_deref())).await else { return };
    let Sorted { mut transport, wants } = sorted;
    let (lane, is_probe) = match wants {
        Wants::Lane { lane, is_probe } => (lane, is_probe),
        Wants::Plain => {
            connection.supervise(say(&mut transport, NOT_TLS)).await;
            return;
        }
    };
    let admission = match entry.admission() {
        Admission::Spare if !is_probe => Err(Refused::Total),
        _ => entry.enter(lane),
    };
    if let Err(refused) = admission {
        refused.count();
        if lane != Lane::Http2 {
            connection.supervise(say(&mut transport, TOO_MANY)).await;
        }
        return;
    }
    server.threads_of(lane).spawn(server.clone().serve(transport, remote, entry));
}

/// A connection that has said what it wants.
struct Sorted {
    transport: Transport,
    wants: Wants,
}

enum Wants {
    Lane {
        lane: Lane,
        is_probe: bool,
    },
    /// HTTP where HTTPS is spoken.
    Plain,
}

/// Judged by the first bytes that come, which stay to be read.
async fn sort(stream: TcpStream, entry: &Entry, tls: Option<&Tls>) -> io::Result<Sorted> {
    stream.set_nodelay(true)?;
    let mut beginning = [0; BEGINNING];
    let read = stream.peek(&mut beginning).await?;
    let first = *beginning.get(..read).and_then(<[u8]>::first).ok_or(io::ErrorKind::UnexpectedEof)?;
    let socket = Socket::new(stream, entry.connection().clone(), entry.limits().rate);
    let Some(tls) = tls else {
        let wants = wanted(beginning.get(..read).unwrap_or_default());
        return Ok(Sorted { transport: Transport::plain(socket), wants });
    };
    if first != HANDSHAKE {
        return Ok(Sorted { transport: Transport::plain(socket), wants: Wants::Plain });
    }
    let mut stream = match tls.acceptor.accept(socket).await {
        Ok(stream) => stream,
        Err(error) => {
            metrics::counter!("patchbay_connections_closed_total", "reason" => "handshake").increment(1);
            tracing::debug!(%error, "a TLS handshake failed");
            return Err(error);
        }
    };
    match stream.get_ref().1.alpn_protocol() {
        Some(tls::HTTP2) => {
            let wants = Wants::Lane { lane: Lane::Http2, is_probe: false };
            return Ok(Sorted { transport: Transport::tls(stream, beginning, 0), wants });
        }
        // The authority has seen what it wanted to.
        Some(tls::CHALLENGE) => return Err(io::ErrorKind::ConnectionAborted.into()),
        _ => {}
    }
    // These are read, not only looked at: `Transport` gives them once more.
    let read = stream.read(&mut beginning).await?;
    if read == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let wants = wanted(beginning.get(..read).unwrap_or_default());
    Ok(Sorted { transport: Transport::tls(stream, beginning, read), wants })
}

fn wanted(beginning: &[u8]) -> Wants {
    let lane = if beginning.starts_with(DELIVERS) { Lane::Deliveries } else { Lane::Pages };
    Wants::Lane { lane, is_probe: PROBES.iter().any(|probe| beginning.starts_with(probe)) }
}

/// An answer without a look at the request. What the client still sends is read for a moment: closing over it would take
/// the answer back.
async fn say(transport: &mut Transport, answer: &[u8]) {
    if transport.write_all(answer).await.is_err() || transport.shutdown().await.is_err() {
        return;
    }
    let mut scrap = [0; 1_024];
    for _ in 0..16 {
        if !matches!(transport.read(&mut scrap).await, Ok(1..)) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Config, TlsSource, Variables},
        runtime,
    };
    use patchbay_domain::Clock;
    use patchbay_net::testing::Authority;

    const SOON: Duration = Duration::from_secs(10);

    /// HTTPS with a certificate that was just made.
    fn tls(config: &Config) -> Tls {
        let folder = std::env::temp_dir().join(format!("patchbay-listener-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
        let identity = Authority::new("A test's own").identity(&["127.0.0.1"]);
        std::fs::write(&certificate, identity.certificate).unwrap();
        std::fs::write(&key, identity.key).unwrap();
        let http = runtime::outbound(config).unwrap().http;
        let tls = Tls::open(&TlsSource::Files { certificate, key }, Clock::System, &http).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        tls
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_task_of_the_listener_that_panics_is_started_again() {
        let config = Config::of_environment(Variables::default()).unwrap();
        let tls = tls(&config);
        tls.fault.arm();
        let proxies = config.limits.trusted_proxies.clone();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), config.connections, proxies, Some(tls)).unwrap();
        listener.registry.faults.admit.arm();
        listener.registry.faults.sweep.arm();
        let address = listener.socket.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let serving = tokio::spawn(listener.serve(Router::new(), stopping));
        // Accepting it is what fails.
        drop(TcpStream::connect(address).await.unwrap());
        let all_stopped = async {
            while patchbay_supervise::stopped().len() < 3 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(SOON, all_stopped).await.unwrap();
        let names: Vec<String> = patchbay_supervise::stopped().into_iter().map(|stops| stops.task).collect();
        assert_eq!(names, ["TLS certificate", "accepting connections", "connections' time limits"]);
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        tokio::time::timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 400"), "connections are accepted again: {answer}");
        stop.send_replace(true);
        tokio::time::timeout(SOON, serving).await.unwrap().unwrap();
    }
}
