//! The words of Patchbay: ids, money, time, records, changes and the errors people read.
//!
//! No I/O and no provider's name; everything here compiles to WASM.

pub mod billing;
pub mod change;
pub mod clock;
pub mod error;
pub mod event;
pub mod kind;
pub mod log_limit;
pub mod money;
pub mod pricing;
pub mod principal;
pub mod record;
pub mod schedule;
pub mod segment;
pub mod time;
pub mod video;

pub use change::{Change, Source, State, Version};
pub use clock::Clock;
pub use error::UserError;
pub use money::Money;
pub use principal::{Principal, Role};
pub use record::{Index, Kind, ObjectKey, RecordBody, RecordRef};
pub use time::Timestamp;
