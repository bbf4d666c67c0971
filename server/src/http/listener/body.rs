//! Bodies in both directions: the request's within its time, the answer's counted until its end.

use super::{
    connection::{Answering, BodyFault, Pace},
    requests::Session,
};
use axum::body::Body;
use bytes::{Buf, Bytes};
use hyper::body::{Frame, Incoming, SizeHint};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the body came too slowly")]
    TooSlow,
    #[error("too many bodies are being received at once")]
    NoRoom,
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

/// What a body must keep to.
#[derive(Clone, Copy)]
pub struct BodyLimits {
    /// From the first wait to the end.
    pub whole: Duration,
    /// Without a byte.
    pub stall: Duration,
    /// Bytes a second.
    pub rate: u64,
}

/// Memory for bodies that are not complete yet, of all connections together.
pub struct Room {
    most: usize,
    taken: AtomicUsize,
}

impl Room {
    pub fn new(most: usize) -> Self {
        Self { most, taken: AtomicUsize::new(0) }
    }

    fn take(&self, bytes: usize) -> bool {
        self.taken.fetch_add(bytes, Relaxed) + bytes <= self.most
    }

    fn give_back(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, Relaxed);
    }
}

/// A request's body. One that is there at once, as nearly all are, costs nothing more.
pub struct RequestBody {
    inner: Incoming,
    session: Arc<Session>,
    received: usize,
    waiting: Option<Waiting>,
    has_failed: bool,
}

/// Of a body that does not come at once.
struct Waiting {
    since: Instant,
    timer: Pin<Box<Sleep>>,
    /// Bytes of `room` that it has taken.
    taken: usize,
}

impl RequestBody {
    pub fn new(inner: Incoming, session: Arc<Session>) -> Self {
        Self { inner, session, received: 0, waiting: None, has_failed: false }
    }

    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.has_failed = true;
        match error {
            BodyError::TooSlow => self.session.connection.body_failed(BodyFault::TooSlow),
            BodyError::NoRoom => self.session.connection.body_failed(BodyFault::NoRoom),
            BodyError::Broken(_) => {}
        }
        Poll::Ready(Some(Err(error)))
    }

    /// Whether everything received has room.
    fn has_room(&mut self) -> bool {
        let Some(waiting) = &mut self.waiting else { return true };
        let more = self.received - waiting.taken;
        waiting.taken = self.received;
        self.session.server.room.take(more)
    }

    /// Whether it waits too long.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let (received, limits) = (self.received, self.session.server.body_limits);
        let deadline = |since: Instant| {
            let earned = Duration::from_secs(u64::try_from(received).unwrap_or(u64::MAX) / limits.rate.max(1));
            since + limits.whole.min(limits.stall.saturating_add(earned))
        };
        let waiting = self.waiting.get_or_insert_with(|| {
            let since = Instant::now();
            Waiting { since, timer: Box::pin(tokio::time::sleep_until(deadline(since))), taken: 0 }
        });
        while waiting.timer.as_mut().poll(context).is_ready() {
            let deadline = deadline(waiting.since);
            if deadline <= waiting.timer.deadline() {
                return true;
            }
            waiting.timer.as_mut().reset(deadline);
        }
        false
    }
}

impl hyper::body::Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.has_failed {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.received += frame.data_ref().map_or(0, Bytes::len);
                if self.has_room() { Poll::Ready(Some(Ok(frame))) } else { self.fail(BodyError::NoRoom) }
            }
            Poll::Ready(Some(Err(error))) => self.fail(error.into()),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending if self.is_late(context) => self.fail(BodyError::TooSlow),
            Poll::Pending if !self.has_room() => self.fail(BodyError::NoRoom),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.has_failed || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(waiting) = &self.waiting {
            self.session.server.room.give_back(waiting.taken);
        }
    }
}

/// An answer's body; the request counts as open until it is dropped.
pub struct AnswerBody {
    inner: Body,
    answering: Answering,
    rate: u64,
    /// With HTTP/2, where nothing else tells that the other end takes nothing.
    stream: Option<Arc<Pace>>,
    last: usize,
}

impl AnswerBody {
    pub fn new(inner: Body, answering: Answering, rate: u64) -> Self {
        let connection = answering.connection();
        let stream = connection.is_http2().then(|| connection.open_stream());
        Self { inner, answering, rate, stream, last: 0 }
    }
}

impl hyper::body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // Being asked for more means that there is room for it at the other end.
        if let Some(stream) = &self.stream {
            stream.moved(self.last, self.rate, || self.answering.connection().now());
            self.last = 0;
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let (Some(stream), Some(Ok(frame))) = (&self.stream, &frame) {
            stream.wait(self.answering.connection().now());
            let sent = frame.data_ref().map_or(0, Buf::remaining);
            self.last = sent;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
