//! How other machines are reached: whom TLS trusts, and proxies.

use super::{ConfigError, Variables};
use patchbay_net::{Proxies, TrustSettings};
use serde::Deserialize;
use std::path::PathBuf;

/// `[outbound]` of the file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Table {
    ca_file: Option<PathBuf>,
}

/// What the way out is made of.
#[derive(Clone, Debug, Default)]
pub struct Outbound {
    pub trust: TrustSettings,
    pub proxies: Proxies,
}

impl Outbound {
    pub fn read(table: Table, environment: &Variables) -> Result<Self, ConfigError> {
        let path = |name| environment.get(name).map(PathBuf::from);
        let trust = TrustSettings {
            cert_file: path("SSL_CERT_FILE"),
            cert_dir: path("SSL_CERT_DIR"),
            ca_file: path("PATCHBAY_CA_FILE").or(table.ca_file),
        };
        // Not ours alone, and an empty one is how no proxy is often written: it is read without being asked for.
        let find = |name: &str| environment.all().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let proxies = Proxies::from_variables(&find).map_err(|error| ConfigError::Setting {
            name: error.variable.to_owned(),
            message: error.problem.to_owned(),
        })?;
        Ok(Self { trust, proxies })
    }
}
