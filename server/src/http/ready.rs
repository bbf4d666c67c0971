//! `/readyz`: whether a delivery would be stored, and what else does not work.
//!
//! 503 means the one thing: send deliveries elsewhere. What only makes them wait is said, with 200.

use super::AppState;
use axum::{extract::State, http::StatusCode};
use patchbay_domain::limited;
use patchbay_engine::Engine;
use std::{path::PathBuf, time::Duration};

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Less free space than this is worth a line.
const LITTLE_SPACE: u64 = 256 * 1_024 * 1_024;

pub async fn answer(State(state): State<AppState>) -> (StatusCode, String) {
    let (problems, database, disk) =
        tokio::join!(state.engine.problems(), database(&state.engine), disk(state.inbox_folder.clone()));
    let refuses = problems.inbox.map(|why| format!("inbox: deliveries are refused, because {why}"));
    report(refuses.is_none(), [refuses, problems.filing.as_deref().map(waiting), database, disk])
}

/// Of a process that takes no deliveries: ready means that it could work.
pub async fn of_worker(engine: &Engine) -> (StatusCode, String) {
    let (problems, database) = tokio::join!(engine.problems(), database(engine));
    report(database.is_none(), [database, problems.filing.as_deref().map(waiting)])
}

fn waiting(why: &str) -> String {
    format!("filing: deliveries are stored and wait, because {why}")
}

fn report(is_ready: bool, lines: impl IntoIterator<Item = Option<String>>) -> (StatusCode, String) {
    let (status, first) =
        if is_ready { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    let tasks = patchbay_supervise::stopped().into_iter().map(|stops| format!("task {stops}"));
    let lines = std::iter::once(first.to_owned()).chain(lines.into_iter().flatten()).chain(tasks);
    let text = lines.map(|line| line + "\n").collect::<String>();
    if !is_ready {
        limited!(warn, answer = text, "not ready");
    }
    (status, text)
}

async fn database(engine: &Engine) -> Option<String> {
    if let Some(refusal) = engine.store().refusal() {
        return Some(format!("database: {refusal}; deliveries are kept in the inbox's file until then"));
    }
    let why = match tokio::time::timeout(PATIENCE, engine.store().ping()).await {
        Ok(Ok(())) => None,
        // The text may name hosts; it is in the log of whoever files.
        Ok(Err(_)) => Some("fails"),
        Err(_) => Some("does not answer"),
    }?;
    let kept = if engine.store().keeps_frames() { "; deliveries are kept on this machine" } else { "" };
    Some(format!("database: it {why}{kept}"))
}

async fn disk(folder: PathBuf) -> Option<String> {
    let free = tokio::task::spawn_blocking(move || {
        let disk = rustix::fs::statvfs(&folder).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    });
    let free = tokio::time::timeout(PATIENCE, free).await.ok()?.ok()??;
    (free < LITTLE_SPACE).then(|| format!("disk: {} MB are left where deliveries are kept", free / 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_had_to_be_started_again_is_told_and_refuses_no_delivery() {
        let task = patchbay_supervise::spawn("fragile", || async { panic!("as always") }, || false);
        let stopped = async {
            while patchbay_supervise::stopped().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, stopped).await.unwrap();
        task.abort();
        let (status, text) = report(true, [None]);
        assert_eq!(status, StatusCode::OK);
        assert!(text.starts_with("ready\ntask fragile: it panicked once, "), "{text}");
    }
}
