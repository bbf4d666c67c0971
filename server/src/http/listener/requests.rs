//! Requests of a connection, and their answers.

use super::{
    Remote, TOO_SLOW,
    body::{AnswerBody, BodyLimits, RequestBody, Room},
    connection::{BodyFault, Connection, Lane},
    registry::{Admission, Entry, Registry},
    say,
    socket::Transport,
};
use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header},
    response::IntoResponse,
};
use hyper::{body::Incoming, server::conn::http1, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::{convert::Infallible, future::Future, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};
use tokio::runtime::Handle;
use tower::Service;

/// What a connection's buffers may grow to.
const BUFFER: usize = 64 * 1_024;
/// HTTP/2: what a client may send ahead, for one request and for all of a connection.
const STREAM_WINDOW: u32 = 64 * 1_024;
const CONNECTION_WINDOW: u32 = 256 * 1_024;
/// HTTP/2: whether a client is still there, which may wait for news for hours.
const PING: Duration = Duration::from_secs(30);

/// How long a last word may take.
const SAY_WITHIN: Duration = Duration::from_secs(1);

/// Of answers that no router made.
const NOSNIFF: [(HeaderName, HeaderValue); 1] = [(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))];

/// Everything that serves requests.
pub struct Server {
    router: Router,
    deliveries: Handle,
    pages: Handle,
    http1: http1::Builder,
    http1_once: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    pub body_limits: BodyLimits,
    pub room: Room,
    longest_uri: usize,
    streams: u32,
}

impl Server {
    pub fn new(router: Router, registry: &Registry, deliveries: Handle, pages: Handle) -> Self {
        let limits = &registry.limits;
        let mut http1 = http1::Builder::new();
        // Its own time limit makes a timer for every request, and counts the time between requests.
        http1.header_read_timeout(None).max_header_size(limits.head_bytes).max_buf_size(BUFFER.max(limits.head_bytes));
        let mut http1_once = http1.clone();
        http1_once.keep_alive(false);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(BUFFER);
        Self {
            router,
            deliveries,
            pages,
            http1,
            http1_once,
            http2,
            body_limits: BodyLimits {
                whole: Duration::from_millis(limits.body),
                stall: Duration::from_millis(limits.stall),
                rate: limits.rate,
            },
            room: Room::new(limits.bodies_bytes),
            longest_uri: limits.uri_bytes,
            streams: limits.streams,
        }
    }

    pub fn threads_of(&self, lane: Lane) -> &Handle {
        match lane {
            Lane::Deliveries => &self.deliveries,
            Lane::Pages | Lane::Http2 => &self.pages,
        }
    }

    /// Until the connection ends. On the threads of its lane.
    pub async fn serve(self: Arc<Self>, mut transport: Transport, remote: SocketAddr, entry: Entry) {
        if let Err(error) = transport.move_here() {
            tracing::warn!(%error, "a connection was lost on its way to the threads that serve it");
            return;
        }
        let io = TokioIo::new(transport);
        let connection = entry.connection();
        let session = Arc::new(Session { server: self.clone(), connection: connection.clone(), remote });
        let service = service_fn(move |request| answer(session.clone(), request));
        // How a connection ends is its client's matter: nothing is logged.
        if connection.is_http2() {
            // Large, and most connections are of the other kind.
            let mut served = Box::pin(self.http2.serve_connection(io, service));
            drive(connection, served.as_mut(), http2::Connection::graceful_shutdown).await;
        } else {
            let builder = if entry.admission() == Admission::Spare { &self.http1_once } else { &self.http1 };
            let mut served = builder.serve_connection(io, service);
            drive(connection, Pin::new(&mut served), http1::Connection::graceful_shutdown).await;
            if connection.is_timed_out() {
                let mut transport = served.into_parts().io.into_inner();
                // Whoever does not take it in time goes without.
                tokio::time::timeout(SAY_WITHIN, say(&mut transport, TOO_SLOW)).await.ok();
            }
        }
    }
}

/// Polls the connection until it ends or is told to.
async fn drive<C: Future>(
    connection: &Connection,
    mut served: std::pin::Pin<&mut C>,
    finish: impl Fn(std::pin::Pin<&mut C>),
) {
    let mut is_finishing = false;
    let work = std::future::poll_fn(|context| {
        if !is_finishing && connection.is_to_finish() {
            is_finishing = true;
            finish(served.as_mut());
        }
        served.as_mut().poll(context).map(drop)
    });
    connection.supervise(work).await;
}

/// What the requests of a connection share; what all connections share stays untouched by each, which would cost them time.
pub struct Session {
    pub server: Arc<Server>,
    pub connection: Arc<Connection>,
    remote: SocketAddr,
}

async fn answer(session: Arc<Session>, mut request: Request<Incoming>) -> Result<Response<AnswerBody>, Infallible> {
    let Session { server, connection, remote } = &*session;
    let answering = connection.begin_request();
    let rate = server.body_limits.rate;
    let respond = |response: Response<Body>| Ok(response.map(|body| AnswerBody::new(body, answering, rate)));
    if request.uri().path_and_query().is_some_and(|path| path.as_str().len() > server.longest_uri) {
        return respond((StatusCode::URI_TOO_LONG, NOSNIFF, "The address is too long.").into_response());
    }
    if request.uri().authority().is_some() {
        relative(&mut request);
    }
    request.extensions_mut().insert(ConnectInfo(Remote(*remote)));
    let request = request.map(|body| Body::new(RequestBody::new(body, session.clone())));
    if connection.is_http2() {
        return respond(answer_apart(&session, request).await);
    }
    let Ok(response) = server.router.clone().call(request).await;
    respond(match connection.take_body_fault() {
        Some(fault) => at_fault(fault, response),
        None => response,
    })
}

/// A request of HTTP/2: deliveries on their own threads, and no more at once than streams, also when the client takes its
/// requests back while they are worked on.
async fn answer_apart(session: &Arc<Session>, request: Request<Body>) -> Response<Body> {
    let server = &session.server;
    let Some(working) = session.connection.begin_work(server.streams) else {
        metrics::counter!("patchbay_connections_refused_total", "reason" => "streams").increment(1);
        let retry = [(header::RETRY_AFTER, HeaderValue::from_static("2"))];
        return (StatusCode::SERVICE_UNAVAILABLE, NOSNIFF, retry, "Too many requests at once.").into_response();
    };
    let delivers = request.uri().path().starts_with("/webhooks/");
    let threads = if delivers { &server.deliveries } else { &server.pages };
    let mut router = server.router.clone();
    let work = threads.spawn(async move {
        let Ok(response) = router.call(request).await;
        drop(working);
        response
    });
    work.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request was not answered");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
}

/// The host of an absolute address, as HTTP/2 has it, stands where HTTP/1 has it: the rest of the product looks there.
fn relative(request: &mut Request<Incoming>) {
    let host = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let Some(host) = host {
        request.headers_mut().insert(header::HOST, host);
    }
    if let Some(path) = request.uri().path_and_query() {
        *request.uri_mut() = Uri::from(path.clone());
    }
}

/// What the handler says of a body that it could not read, under the status that tells why.
fn at_fault(fault: BodyFault, mut response: Response<Body>) -> Response<Body> {
    let (status, reason) = match fault {
        BodyFault::TooSlow => (StatusCode::REQUEST_TIMEOUT, "slow_body"),
        BodyFault::NoRoom => (StatusCode::SERVICE_UNAVAILABLE, "bodies"),
    };
    metrics::counter!("patchbay_connections_closed_total", "reason" => reason).increment(1);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    if fault == BodyFault::NoRoom {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}
