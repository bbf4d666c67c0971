//! The log: lines on stderr, written by a thread of its own.
//!
//! Whoever logs never waits for the log and never fails with it. A full disk, a reader that has died or one that stands
//! still cost lines, which are counted, and nothing else: the work that the log is about goes on.

use crate::config::{Config, LogFormat};
use patchbay_domain::{limited, log_limit};
use std::{
    any::Any,
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    panic::{self, PanicHookInfo},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// Lines that wait for a slow reader, and the bytes in them.
const WAITING: usize = 4_096;
const WAITING_BYTES: usize = 4 * 1_024 * 1_024;
/// How often lost lines are told of, which costs a line.
const BETWEEN_LOSSES: Duration = Duration::from_secs(1);
/// How long a process that ends waits for its last lines to be read.
const FAREWELL: Duration = Duration::from_secs(1);

static LOG: OnceLock<Queue> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);

enum Message {
    Line(Vec<u8>),
    /// Answered when everything before it was written.
    Flush(SyncSender<()>),
}

/// Hands lines to the thread that writes them.
#[derive(Clone)]
struct Queue {
    lines: SyncSender<Message>,
    bytes: Arc<AtomicUsize>,
}

impl Queue {
    fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, receiver) = sync_channel(WAITING);
        let bytes = Arc::new(AtomicUsize::new(0));
        let written = bytes.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || write_lines(&receiver, &written, output))?;
        Ok(Self { lines, bytes })
    }

    fn put(&self, line: &[u8]) {
        let waiting = self.bytes.fetch_add(line.len(), Ordering::Relaxed) + line.len();
        if waiting > WAITING_BYTES || self.lines.try_send(Message::Line(line.to_vec())).is_err() {
            self.bytes.fetch_sub(line.len(), Ordering::Relaxed);
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self, patience: Duration) {
        let started = Instant::now();
        let (written, all) = sync_channel(1);
        let mut message = Message::Flush(written);
        while let Err(TrySendError::Full(back)) = self.lines.try_send(message) {
            if started.elapsed() > patience {
                return;
            }
            message = back;
            thread::sleep(Duration::from_millis(5));
        }
        all.recv_timeout(patience.saturating_sub(started.elapsed())).ok();
    }
}

fn write_lines(lines: &Receiver<Message>, waiting: &AtomicUsize, mut output: impl Write) {
    let mut broken = false;
    let mut told = 0;
    let mut told_at = Instant::now();
    while let Ok(message) = lines.recv() {
        match message {
            Message::Line(line) => {
                waiting.fetch_sub(line.len(), Ordering::Relaxed);
                // Whatever was written of a line that failed must not run into the next one.
                let written = if broken { output.write_all(b"\n") } else { Ok(()) };
                broken = written.and_then(|()| output.write_all(&line)).is_err();
                if broken {
                    DROPPED.fetch_add(1, Ordering::Relaxed);
                }
            }
            Message::Flush(written) => {
                written.try_send(()).ok();
            }
        }
        let dropped = dropped();
        if !broken && dropped > told && told_at.elapsed() > BETWEEN_LOSSES {
            // Waits in the queue like every line; should it be dropped, the next one says it.
            tracing::warn!(
                lines = dropped - told,
                "lines of this log were lost: it could not be written, or not fast enough"
            );
            told = dropped;
            told_at = Instant::now();
        }
    }
}

/// Lines that nobody will read, since the start.
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// One line: what is written to it becomes part of it, whole or not at all.
struct Line<'a>(&'a Queue);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

/// Waits for the last lines when the process ends.
pub struct Farewell(());

impl Drop for Farewell {
    fn drop(&mut self) {
        if let Some(log) = LOG.get() {
            log.flush(FAREWELL);
        }
    }
}

/// Logs go to stderr; what a command prints goes to stdout.
pub fn init(config: &Config) -> Farewell {
    let filter = EnvFilter::new(&config.log_filter);
    // A copy of the descriptor, so that a writer that stands still holds no lock of the standard library's.
    let queue = io::stderr().as_fd().try_clone_to_owned().map(File::from).and_then(Queue::start);
    let Ok(queue) = queue else { return Farewell(()) };
    let log = LOG.get_or_init(|| queue).clone();
    // Without the last setting, a line that cannot be written is answered with `eprintln!`, which panics.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(log)
        .log_internal_errors(false)
        .with_ansi(config.log_in_color);
    match config.log_format {
        LogFormat::Pretty => builder.with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    panic::set_hook(Box::new(log_panic));
    Farewell(())
}

/// In place of the standard hook, which writes to stderr itself.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = thread::current();
    let thread = thread.name().unwrap_or_default();
    let message = message_of(panic.payload());
    limited!(error, place, thread, message, "a part of this program panicked; this is a fault in it, please report it");
    metrics::counter!("patchbay_panics_total").increment(1);
}

/// Only what stands in the program's text: what is put together when it happens may hold parts of a record.
fn message_of(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("(made of values, which are not logged)")
}

/// Says every minute which places left lines out, because they had written enough of them.
pub async fn sum_up() {
    loop {
        tokio::time::sleep(Duration::from_mins(1)).await;
        for (place, lines) in log_limit::left_out() {
            tracing::warn!(place, lines, "lines of the same kind were left out of this log");
        }
    }
}

/// Prints to stdout for whoever watches the server start. Nobody has to: the thread may wait for a reader for ever.
pub fn say(text: String) {
    let print = move || {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).ok();
    };
    if let Err(error) = thread::Builder::new().name("greeting".to_owned()).spawn(print) {
        tracing::debug!(%error, "the greeting was not printed");
    }
}

/// Why the process ends, on stderr after the last line of the log.
pub fn say_why(text: &str) {
    match LOG.get() {
        Some(log) => {
            log.put(format!("{text}\n").as_bytes());
            log.flush(FAREWELL);
        }
        None => writeln!(io::stderr(), "{text}").unwrap_or_default(),
    }
}
