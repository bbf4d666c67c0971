//! One folder per outside service, and the gateway that every call goes through.

pub mod access;
pub mod clerk;
pub mod error;
pub mod gateway;
pub mod gone;
pub mod identity;
pub mod mux;
pub mod provider;
pub mod registry;
mod shape;
pub mod stripe;
pub mod webhook;

pub use error::{ErrorKind, Persistence, ProviderError};
pub use gateway::Gateway;
pub use provider::{Billing, Connection, Manifest, NamedConnection, Projection, Video};
pub use webhook::{Rejection, Unverified, Verified};
