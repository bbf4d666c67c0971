//! The call log: one masked row per attempt, for the people who look into what went wrong.

use patchbay_domain::Timestamp;
use std::future::Future;

/// One attempt of one call. Free of secrets and of personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// When the request went out.
    pub at: Timestamp,
    pub connection: String,
    pub operation: String,
    pub method: String,
    /// Path and query; the provider's ids are kept, personal data is masked.
    pub path: String,
    /// HTTP status, where an answer came.
    pub status: Option<u16>,
    /// Microseconds from sending to the last byte of the answer.
    pub duration_us: i64,
    /// 1 for the first one.
    pub attempt: i32,
    /// The provider's id of the request, for its support.
    pub request_id: Option<String>,
    pub error: Option<String>,
    /// What the call was made for, as [`caused_by`] says.
    pub cause: Option<String>,
}

/// Where the rows go. Called on the path of every outside call, so it must not block.
pub trait CallLog: Send + Sync {
    fn record(&self, record: CallRecord);
}

/// Keeps nothing: for tools without a database.
#[derive(Clone, Copy, Debug)]
pub struct NoCallLog;

impl CallLog for NoCallLog {
    fn record(&self, _: CallRecord) {}
}

tokio::task_local! {
    static CAUSE: String;
}

/// Runs a future; the calls it makes carry `cause` (an event's id, an audit entry's id) in the call log.
pub async fn caused_by<F: Future>(cause: impl Into<String>, future: F) -> F::Output {
    CAUSE.scope(cause.into(), future).await
}

pub(super) fn current_cause() -> Option<String> {
    CAUSE.try_with(Clone::clone).ok()
}
