//! Failures of the database, as people should hear of them.

use patchbay_domain::{UserError, error::Reason};
use patchbay_store::StoreError;

const BUSY: &str =
    "Other searches within payloads are running. Try again in a moment, or narrow the filter by type or time.";

/// A read that failed: an old link to a page of a list is the reader's, the rest is ours and goes to the log.
pub fn stored<T>(result: Result<T, StoreError>) -> Result<T, UserError> {
    result.map_err(|error| match error {
        StoreError::BadCursor => UserError::new(
            Reason::Invalid,
            "This link to a page of the list cannot be read. Start from the list's first page.",
        ),
        StoreError::Busy => UserError::new(Reason::Busy, BUSY),
        error => {
            patchbay_domain::limited!(error, %error, "the database failed");
            UserError::internal()
        }
    })
}
