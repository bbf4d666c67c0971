//! Signals that end the process: the first one lets it finish what it has begun, a second one ends it at once.

use std::{io, process::exit};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
};

/// Begins to listen, so early that a first process in a container, for which the system has no default, ends too. What is
/// answered turns true when the process shall stop.
pub fn listen() -> io::Result<watch::Receiver<bool>> {
    let (stop, stopping) = watch::channel(false);
    let (heard, mut next) = mpsc::unbounded_channel();
    let mut kinds = vec![SignalKind::terminate(), SignalKind::interrupt(), SignalKind::quit()];
    // `nohup` asks that a terminal's end is not ours.
    if !ignores_hangup() {
        kinds.push(SignalKind::hangup());
    }
    for kind in kinds {
        let mut signals = signal(kind)?;
        let heard = heard.clone();
        tokio::spawn(async move { while signals.recv().await.is_some() && heard.send(kind.as_raw_value()).is_ok() {} });
    }
    tokio::spawn(async move {
        if let Some(number) = next.recv().await {
            tracing::info!(signal = number, "stopping: what has begun is finished; a second signal ends at once");
            stop.send_replace(true);
        }
        if let Some(number) = next.recv().await {
            tracing::warn!(signal = number, "ended at once; what was acknowledged is kept");
            exit(128 + number);
        }
    });
    Ok(stopping)
}

/// Returns when the process shall stop.
pub async fn stopped(mut stopping: watch::Receiver<bool>) {
    stopping.wait_for(|stop| *stop).await.ok();
}

/// As whoever started this process has set it: bit 0 of the mask is signal 1.
fn ignores_hangup() -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return false };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
