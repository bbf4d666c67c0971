//! Everything Patchbay keeps: one set of methods over `SQLite` (the embedded default) and `PostgreSQL`.
//!
//! One SQL text serves both engines wherever they agree; `sql.rs` runs it on either. One file per thing that is stored.

mod apply;
mod audit;
mod batch;
mod calls;
mod claims;
mod counts;
mod error;
mod event_filter;
mod events;
mod filing;
mod frame;
mod history;
mod ids;
mod journal;
mod notices;
mod order;
mod page;
pub mod payloads;
mod records;
mod rejections;
mod replay;
mod retention;
mod sql;
mod state;
mod store;
mod syncs;
mod trend;
mod waiting;
mod write;

pub use audit::{AuditEntry, AuditFilter, NewAudit};
pub use calls::{Call, CallFilter, NewCall};
pub use claims::{AttemptOutcome, ClaimedEvent, Lane};
pub use counts::MinuteCount;
pub use error::StoreError;
pub use event_filter::EventFilter;
pub use events::{Attempt, EventDetail, EventSummary, NewEvent};
pub use filing::{FiledAs, Filing};
pub use frame::Frame;
pub use history::HistoryEntry;
pub use ids::IdSource;
pub use journal::Journal;
pub use notices::{LONGEST_NOTICE, Notices};
pub use page::{Page, PageRequest};
pub use records::{Record, RecordFilter};
pub use rejections::{NewRejection, Rejection};
pub use replay::ReplayPreview;
pub use retention::Outdated;
pub use store::{Store, StoreOptions};
pub use syncs::{SyncProgress, SyncRun};
pub use trend::StartedAndEnded;
pub use write::WriteTx;
