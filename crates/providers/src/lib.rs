//! One folder per outside service, and the gateway that every call goes through.

pub mod access;
pub mod billing;
pub mod clerk;
pub mod error;
pub mod gateway;
pub mod gone;
pub mod identity;
pub mod manifest;
pub mod mux;
pub mod project;
pub mod provider;
pub mod read;
pub mod registry;
mod shape;
pub mod signature;
pub mod stripe;
pub mod video;
pub mod webhook;

pub use billing::Billing;
pub use error::{ErrorKind, Persistence, ProviderError};
pub use gateway::Gateway;
pub use manifest::Manifest;
pub use project::{Project, Projection};
pub use provider::{Connection, NamedConnection};
pub use read::{ListPage, Read};
pub use video::Video;
pub use webhook::{Received, Rejection, Told, Unverified, Verified, Webhooks};
