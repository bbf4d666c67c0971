//! `make chaos`: the real binary under load, a fault in the middle of it, and the sender's own ledger held against the
//! database afterwards. `docs/safety.md` says what is proved and what is not.

mod ages;
pub mod check;
pub mod fault;
pub mod ledger;
pub mod log;
pub mod plan;
pub mod round;
pub mod sender;
pub mod snapshot;
pub mod world;
