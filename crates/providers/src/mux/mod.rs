#![doc = include_str!("README.md")]

mod client;
mod config;
mod connection;
mod health;
mod project;
#[cfg(test)]
mod tests;
mod types;
mod video;
mod webhook;

pub use config::MuxConfig;
pub use connection::{Mux, connect};

use crate::{
    manifest::{Manifest, Need, Variable},
    registry::allow_plain_http,
};
use patchbay_domain::{RecordBody, kind::KindSpec, video::Asset};

/// What Mux is to the rest of the product.
pub static MANIFEST: Manifest = Manifest {
    id: "mux",
    name: "Mux",
    api_version: "v1",
    area: "video",
    kinds: &[KindSpec::swept(Asset::KIND)],
    needs: &[Need {
        kind: Some(Asset::KIND),
        permission: "Mux Video: Read",
        without: "videos appear and change through webhooks only, and none can be read again.",
    }],
    variables: &[
        Variable {
            name: config::TOKEN_ID,
            required: true,
            secret: false,
            help: "Id of an access token for Mux Video.",
        },
        Variable { name: config::TOKEN_SECRET, required: true, secret: true, help: "Secret of the access token." },
        Variable {
            name: config::WEBHOOK_SECRET,
            required: false,
            secret: true,
            help: "Signing secret of the webhook endpoint; several with commas between them while one is replaced.",
        },
        Variable {
            name: config::BASE_URL,
            required: false,
            secret: false,
            help: "Another API host than https://api.mux.com.",
        },
        Variable {
            name: config::IMAGE_BASE_URL,
            required: false,
            secret: false,
            help: "Another picture host than https://image.mux.com.",
        },
        allow_plain_http("MUX_ALLOW_PLAIN_HTTP"),
    ],
    event_types: project::EVENT_TYPES,
    kept_headers: &["mux-signature"],
    hosted_pages: &[],
};
