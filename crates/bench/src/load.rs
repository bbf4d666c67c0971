//! A load generator that costs little: keep-alive HTTP/1.1 over plain sockets, requests made beforehand.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// What a measurement saw. Times are sorted.
#[derive(Default)]
pub struct Measured {
    pub accepted: usize,
    /// Answered with anything but 200.
    pub refused: usize,
    /// Of those, answered with 503 and `Retry-After`.
    pub put_off: usize,
    /// Connections that broke before the answer.
    pub broken: usize,
    pub elapsed: Duration,
    pub times: Vec<Duration>,
}

impl Measured {
    pub fn per_second(&self) -> f64 {
        rate(self.accepted, self.elapsed)
    }

    /// Everything that was sent, a second.
    pub fn offered_per_second(&self) -> f64 {
        rate(self.accepted + self.refused + self.broken, self.elapsed)
    }

    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        percentile(&self.times, percent)
    }

    /// For ratios; without end if nothing was taken, so that no target is met by it.
    pub fn p99_seconds(&self) -> f64 {
        self.percentile(99).map_or(f64::INFINITY, |time| time.as_secs_f64())
    }

    fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.put_off += other.put_off;
        self.broken += other.broken;
        self.times.extend(other.times);
    }
}

pub fn rate(count: usize, elapsed: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / elapsed.as_secs_f64()
}

/// The time that `percent` of a hundred do not exceed.
pub fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().checked_sub(1)?)).copied()
}

/// One connection.
pub struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Line {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends one request and answers the status of the whole answer, which [`Line::header`] can then be asked about.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some((status, length)) = read_head(&self.buffer)
                && self.buffer.len() >= length
            {
                return Ok(status);
            }
        }
    }

    /// The body of the last answer.
    pub fn body(&self) -> Option<&str> {
        std::str::from_utf8(self.buffer.get(head(&self.buffer)?.len()..)?).ok()
    }

    /// A header of the last answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(head(&self.buffer)?, name)
    }
}

/// The head of an answer, once it is complete.
fn head(buffer: &[u8]) -> Option<&str> {
    let end = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    std::str::from_utf8(buffer.get(..end)?).ok()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) =
        head.lines().filter_map(|line| line.split_once(':')).find(|(found, _)| found.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}

/// Status and whole length of an answer whose head is complete.
fn read_head(buffer: &[u8]) -> Option<(u16, usize)> {
    let head = head(buffer)?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length: usize = header(head, "content-length")?.parse().ok()?;
    Some((status, head.len() + length))
}

/// Whether something answers there.
pub async fn answers(address: SocketAddr) -> bool {
    let Ok(mut line) = Line::open(address).await else { return false };
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\n\r\n");
    matches!(line.exchange(request.as_bytes()).await, Ok(200))
}

/// How the requests are sent.
#[derive(Clone, Copy)]
pub enum Pace {
    /// Each connection sends as soon as it has its answer; requests are used again when `repeat` says so.
    AsFastAsPossible { repeat: bool },
    /// So many a second, whatever the answers do. One that is late because every connection was busy counts from the
    /// moment it was due: the provider would have waited too.
    PerSecond(u32),
    /// The same, but counted from when it is sent: for more than the machine can do, where the sender's own lateness
    /// says nothing about the server.
    Flood(u32),
}

/// Sends until the requests or the time are used up. `acknowledged` is told the number of each request taken.
pub async fn send<A>(
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
    (connections, pace, duration): (usize, Pace, Duration),
    acknowledged: A,
) -> io::Result<Measured>
where
    A: Fn(usize) + Clone + Send + 'static,
{
    let requests: Arc<[Vec<u8>]> = requests.into();
    let next = Arc::new(AtomicUsize::new(0));
    let mut lines = Vec::with_capacity(connections);
    for _ in 0..connections {
        lines.push(Line::open(address).await?);
    }
    let start = Instant::now();
    let mut senders = JoinSet::new();
    for mut line in lines {
        let (requests, next, acknowledged) = (requests.clone(), next.clone(), acknowledged.clone());
        senders.spawn(async move {
            let mut measured = Measured::default();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(from) = wait_for_turn(start, number, pace, duration, requests.len()).await else { break };
                let Some(request) = requests.get(number % requests.len()) else { break };
                match line.exchange(request).await {
                    Ok(200) => {
                        measured.times.push(from.elapsed());
                        measured.accepted += 1;
                        acknowledged(number);
                    }
                    Ok(status) => {
                        measured.refused += 1;
                        measured.put_off += usize::from(status == 503 && line.header("retry-after").is_some());
                    }
                    Err(_) => {
                        measured.broken += 1;
                        line = Line::open(address).await?;
                    }
                }
            }
            Ok::<_, io::Error>(measured)
        });
    }
    let mut all = Measured::default();
    while let Some(ended) = senders.join_next().await {
        all.add(ended.map_err(io::Error::other)??);
    }
    all.elapsed = start.elapsed();
    all.times.sort_unstable();
    Ok(all)
}

/// The moment from which a request counts; `None` after the last one.
async fn wait_for_turn(start: Instant, number: usize, pace: Pace, duration: Duration, count: usize) -> Option<Instant> {
    match pace {
        Pace::AsFastAsPossible { repeat } => {
            let now = Instant::now();
            ((repeat || number < count) && now.duration_since(start) < duration).then_some(now)
        }
        Pace::PerSecond(rate) | Pace::Flood(rate) => {
            let after = Duration::from_secs_f64(f64::from(u32::try_from(number).ok()?) / f64::from(rate));
            if number >= count || after >= duration {
                return None;
            }
            let due = start + after;
            let now = Instant::now();
            if now >= due {
                // What a sender beyond its means has not sent in time, it never will.
                let flood = matches!(pace, Pace::Flood(_));
                return if flood { (now.duration_since(start) < duration).then_some(now) } else { Some(due) };
            }
            tokio::time::sleep_until(due.into()).await;
            Some(Instant::now())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_body() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(read_head(&head[..head.len() - 1]), None);
        assert_eq!(read_head(head), Some((200, head.len() + 5)));
    }

    #[test]
    fn an_answer_that_puts_off_is_known() {
        let text = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(read_head(text.as_bytes()), Some((503, text.len())));
        assert_eq!(header(text, "Retry-After"), Some("2"));
    }

    #[test]
    fn percentiles_are_of_the_sorted_times() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Some(Duration::from_millis(101)));
        assert_eq!(percentile(&times, 99), Some(Duration::from_millis(199)));
        assert_eq!(percentile(&[], 50), None);
    }
}
