//! What `make bench` and `make chaos` share: the product as a process, a `PostgreSQL` of its own, and deliveries over
//! plain sockets.

// Objects as large as Stripe's, written out.
#![recursion_limit = "256"]

pub mod events;
pub mod folder;
pub mod load;
pub mod postgres;
pub mod product;

use std::error::Error;

/// What ends a run; its text is for the person who started it.
pub type Failure = Box<dyn Error + Send + Sync>;
