//! What is known of one open connection: what it waits for and since when.

use crate::config::ConnectionLimits;
use futures::task::AtomicWaker;
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    task::Poll,
};

/// Milliseconds since the listener began, as of the last sweep. Reading the clock at every step would cost more than all
/// that is done with it.
#[derive(Default)]
pub struct Ticker(AtomicU64);

impl Ticker {
    pub fn now(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub fn set(&self, now: u64) {
        self.0.store(now, Relaxed);
    }
}

/// Who serves a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    Deliveries,
    Pages,
    Http2,
}

impl Lane {
    pub const ALL: [Self; 3] = [Self::Deliveries, Self::Pages, Self::Http2];

    pub fn name(self) -> &'static str {
        match self {
            Self::Deliveries => "deliveries",
            Self::Pages => "pages",
            Self::Http2 => "http2",
        }
    }
}

/// Why a connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// Nothing was asked for a long time.
    Idle,
    /// The head of a request, or the handshake before it, is not complete.
    Head,
    /// The answer is not read.
    Answer,
}

impl Overdue {
    pub fn reason(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Head => "slow_head",
            Self::Answer => "slow_reader",
        }
    }
}

/// What a connection is told to do.
const GO_ON: u8 = 0;
const FINISH: u8 = 1;
/// Closes it with a word about its slow head.
const TIME_OUT: u8 = 2;
const CLOSE: u8 = 3;

/// What went wrong with the body of the request that is being answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    TooSlow = 1,
    NoRoom = 2,
}

pub struct Connection {
    ticker: Arc<Ticker>,
    is_spare: bool,
    is_sorted: AtomicBool,
    is_http2: AtomicBool,
    /// Requests whose answer is not complete.
    answering: AtomicU32,
    /// … and those that are worked on, though their client may have taken them back.
    working: AtomicU32,
    idle_since: AtomicU64,
    /// When the first byte of a head was awaited or came; `NONE` between requests.
    head_since: AtomicU64,
    writing: Pace,
    /// Answers of HTTP/2, each with a window of its own.
    streams: Mutex<Vec<Weak<Pace>>>,
    body_fault: AtomicU8,
    order: AtomicU8,
    waker: AtomicWaker,
}

const NONE: u64 = u64::MAX;

impl Connection {
    pub fn new(ticker: Arc<Ticker>, is_spare: bool) -> Self {
        let now = ticker.now();
        Self {
            ticker,
            is_spare,
            is_sorted: AtomicBool::new(false),
            is_http2: AtomicBool::new(false),
            answering: AtomicU32::new(0),
            working: AtomicU32::new(0),
            idle_since: AtomicU64::new(now),
            head_since: AtomicU64::new(now),
            writing: Pace::new(),
            streams: Mutex::default(),
            body_fault: AtomicU8::new(0),
            order: AtomicU8::new(GO_ON),
            waker: AtomicWaker::new(),
        }
    }

    /// It has begun its first request.
    pub fn sorted(&self, lane: Lane) {
        self.head_since.store(self.ticker.now(), Relaxed);
        self.is_http2.store(lane == Lane::Http2, Relaxed);
        self.is_sorted.store(true, Relaxed);
    }

    pub fn is_http2(&self) -> bool {
        self.is_http2.load(Relaxed)
    }

    /// What it owes us for too long.
    pub fn overdue(&self, limits: &ConnectionLimits, crowded: bool) -> Option<Overdue> {
        let now = self.ticker.now();
        let passed = |since: u64, limit: u64| now.saturating_sub(since) > limit;
        if self.answering.load(Relaxed) == 0 {
            let head_since = self.head_since.load(Relaxed);
            let limit = match self.is_sorted.load(Relaxed) {
                _ if self.is_spare => limits.spare,
                true => limits.head,
                false => limits.handshake,
            };
            // The frames of HTTP/2 may be pings: only requests count there.
            if head_since != NONE && !self.is_http2() && passed(head_since, limit) {
                return Some(Overdue::Head);
            }
            let limit = if crowded { limits.idle.min(limits.idle_in_a_crowd) } else { limits.idle };
            if passed(self.idle_since.load(Relaxed), limit) {
                return Some(Overdue::Idle);
            }
        }
        let mut slow = self.writing.is_overdue(now, limits.stall);
        if self.is_http2() {
            let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
            streams.retain(|stream| match stream.upgrade() {
                Some(pace) => {
                    slow |= pace.is_overdue(now, limits.stall);
                    true
                }
                None => false,
            });
        }
        slow.then_some(Overdue::Answer)
    }

    /// Counts a request until the answer is dropped.
    pub fn begin_request(self: &Arc<Self>) -> Answering {
        self.answering.fetch_add(1, Relaxed);
        self.head_since.store(NONE, Relaxed);
        Answering(self.clone())
    }

    /// Counts work until it ends; `None` above `most`.
    pub fn begin_work(self: &Arc<Self>, most: u32) -> Option<Working> {
        let working = Working(self.clone());
        (self.working.fetch_add(1, Relaxed) < most).then_some(working)
    }

    /// Bytes came; between requests they begin the next head.
    pub fn received(&self) {
        if self.head_since.load(Relaxed) == NONE && self.answering.load(Relaxed) == 0 {
            self.head_since.store(self.ticker.now(), Relaxed);
        }
    }

    /// The other end does not read what we write.
    pub fn write_waits(&self) {
        self.writing.wait(self.ticker.now());
    }

    pub fn wrote(&self, bytes: usize, rate: u64) {
        self.writing.moved(bytes, rate, || self.ticker.now());
    }

    pub fn open_stream(&self) -> Arc<Pace> {
        let pace = Arc::new(Pace::new());
        pace.wait(self.ticker.now());
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&pace));
        pace
    }

    pub fn now(&self) -> u64 {
        self.ticker.now()
    }

    pub fn body_failed(&self, fault: BodyFault) {
        self.body_fault.store(fault as u8, Relaxed);
    }

    pub fn take_body_fault(&self) -> Option<BodyFault> {
        if self.body_fault.load(Relaxed) == 0 {
            return None;
        }
        match self.body_fault.swap(0, Relaxed) {
            1 => Some(BodyFault::TooSlow),
            2 => Some(BodyFault::NoRoom),
            _ => None,
        }
    }

    /// Answers what is open and takes nothing new.
    pub fn finish(&self) {
        let has_begun = self.is_sorted.load(Relaxed);
        self.tell(if has_begun { FINISH } else { CLOSE });
    }

    pub fn close(&self) {
        self.tell(CLOSE);
    }

    fn tell(&self, order: u8) {
        self.order.fetch_max(order, Relaxed);
        self.waker.wake();
    }

    /// Tells an idle one to go, as HTTP/2 lets us, and cuts it when it does not. Whether this is news to it.
    pub fn end(&self, overdue: Overdue) -> bool {
        let told = self.order.load(Relaxed);
        match overdue {
            Overdue::Idle if told == GO_ON => self.finish(),
            Overdue::Head if told == GO_ON => self.tell(TIME_OUT),
            // The word takes its own time, which is short.
            Overdue::Head if told == TIME_OUT => {}
            _ => self.close(),
        }
        told == GO_ON
    }

    /// `None` when the connection was closed meanwhile.
    pub async fn supervise<F: Future>(&self, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        poll_fn(|context| match self.order(context) {
            TIME_OUT | CLOSE => Poll::Ready(None),
            _ => work.as_mut().poll(context).map(Some),
        })
        .await
    }

    /// Whether it was given up because of a head that did not come to its end, and no answer stands in the way of saying so.
    pub fn is_timed_out(&self) -> bool {
        self.order.load(Relaxed) == TIME_OUT && self.answering.load(Relaxed) == 0
    }

    /// What to do now; `context` is woken when that changes.
    fn order(&self, context: &std::task::Context<'_>) -> u8 {
        self.waker.register(context.waker());
        self.order.load(Relaxed)
    }

    /// Whether it shall take nothing new. Only for what `supervise` polls, which is woken when this changes.
    pub fn is_to_finish(&self) -> bool {
        self.order.load(Relaxed) != GO_ON
    }
}

/// A request that is being answered.
pub struct Answering(Arc<Connection>);

impl Answering {
    pub fn connection(&self) -> &Arc<Connection> {
        &self.0
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.ticker.now(), Relaxed);
        self.0.answering.fetch_sub(1, Relaxed);
    }
}

/// Work on a request, whether or not anybody waits for it.
pub struct Working(Arc<Connection>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.working.fetch_sub(1, Relaxed);
    }
}

/// How fast somebody reads: a bucket of patience. Waiting empties it, every byte that is taken fills it again.
pub struct Pace {
    waiting_since: AtomicU64,
    /// Milliseconds of waiting that no byte has paid for.
    spent: AtomicU64,
}

impl Pace {
    pub fn new() -> Self {
        Self { waiting_since: AtomicU64::new(NONE), spent: AtomicU64::new(0) }
    }

    pub fn wait(&self, now: u64) {
        if self.waiting_since.load(Relaxed) == NONE {
            self.waiting_since.store(now, Relaxed);
        }
    }

    /// `rate` is in bytes per second. The time is asked only of those who had to wait.
    pub fn moved(&self, bytes: usize, rate: u64, now: impl FnOnce() -> u64) {
        let since = self.waiting_since.load(Relaxed);
        let mut spent = self.spent.load(Relaxed);
        if since == NONE && spent == 0 {
            return;
        }
        if since != NONE {
            spent += now().saturating_sub(since);
            self.waiting_since.store(NONE, Relaxed);
        }
        let earned = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(1_000) / rate.max(1);
        self.spent.store(spent.saturating_sub(earned), Relaxed);
    }

    pub fn is_overdue(&self, now: u64, patience: u64) -> bool {
        let since = self.waiting_since.load(Relaxed);
        let waiting = if since == NONE { 0 } else { now.saturating_sub(since) };
        self.spent.load(Relaxed) + waiting > patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 500;
    const PATIENCE: u64 = 15_000;

    /// Takes `bytes` every `pause` milliseconds; when it was given up.
    fn given_up_at(bytes: usize, pause: u64) -> Option<u64> {
        let pace = Pace::new();
        let mut now = 0;
        while now < 3_600_000 {
            pace.wait(now);
            now += pause;
            if pace.is_overdue(now, PATIENCE) {
                return Some(now);
            }
            pace.moved(bytes, RATE, || now);
        }
        None
    }

    #[test]
    fn who_takes_a_byte_now_and_then_is_given_up() {
        assert_eq!(given_up_at(0, 1_000), Some(16_000));
        assert_eq!(given_up_at(1, 1_000), Some(16_000));
        assert!(given_up_at(400, 1_000).is_some());
    }

    #[test]
    fn who_takes_more_than_the_minimum_is_served_as_long_as_it_lasts() {
        assert_eq!(given_up_at(600, 1_000), None);
        assert_eq!(given_up_at(6_000, 10_000), None);
    }

    #[test]
    fn a_fast_beginning_buys_no_long_pause() {
        let pace = Pace::new();
        pace.wait(0);
        pace.moved(1_000_000_000, RATE, || 1);
        pace.wait(1);
        assert!(pace.is_overdue(PATIENCE + 2, PATIENCE));
    }

    #[test]
    fn work_that_nobody_waits_for_counts_until_it_ends() {
        let (connection, _) = connection();
        let first = connection.begin_work(2);
        let second = connection.begin_work(2);
        assert!(first.is_some() && second.is_some());
        for _ in 0..3 {
            assert!(connection.begin_work(2).is_none());
        }
        drop(first);
        assert!(connection.begin_work(2).is_some());
    }

    fn limits() -> ConnectionLimits {
        ConnectionLimits::default()
    }

    fn connection() -> (Arc<Connection>, Arc<Ticker>) {
        let ticker = Arc::new(Ticker::default());
        (Arc::new(Connection::new(ticker.clone(), false)), ticker)
    }

    #[test]
    fn a_head_is_awaited_from_the_first_byte_and_an_idle_connection_from_the_last_answer() {
        let (connection, ticker) = connection();
        connection.sorted(Lane::Pages);
        ticker.set(limits().head + 1);
        assert_eq!(connection.overdue(&limits(), false), Some(Overdue::Head));
        drop(connection.begin_request());
        ticker.set(limits().head + limits().idle);
        assert_eq!(connection.overdue(&limits(), false), None);
        assert_eq!(connection.overdue(&limits(), true), Some(Overdue::Idle), "in a crowd");
        connection.received();
        ticker.set(limits().head * 2 + limits().idle + 1);
        assert_eq!(connection.overdue(&limits(), false), Some(Overdue::Head));
    }

    #[test]
    fn an_answer_may_take_as_long_as_it_takes_while_its_reader_reads() {
        let (connection, ticker) = connection();
        connection.sorted(Lane::Pages);
        let answer = connection.begin_request();
        ticker.set(3_600_000);
        assert_eq!(connection.overdue(&limits(), true), None);
        connection.write_waits();
        ticker.set(3_600_000 + limits().stall + 1);
        assert_eq!(connection.overdue(&limits(), false), Some(Overdue::Answer));
        drop(answer);
    }

    #[test]
    fn a_stream_whose_window_stays_shut_ends_its_connection() {
        let (connection, ticker) = connection();
        connection.sorted(Lane::Http2);
        let answer = connection.begin_request();
        let stream = connection.open_stream();
        ticker.set(limits().stall + 1);
        assert_eq!(connection.overdue(&limits(), false), Some(Overdue::Answer));
        drop((stream, answer));
        assert_eq!(connection.overdue(&limits(), false), None);
    }
}
