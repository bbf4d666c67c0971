//! `REDIS_URL`: where several processes count together.

use super::ConfigError;
use patchbay_net::Trust;
use redis::{Client, RedisError, TlsCertificates};

/// It may hold a password, so it is never printed.
#[derive(Clone)]
pub struct RedisAddress {
    url: String,
    is_tls: bool,
}

impl RedisAddress {
    /// Only read here. The message does not repeat the address.
    pub(super) fn read(url: &str) -> Result<Self, ConfigError> {
        let is_tls = url.starts_with("rediss://");
        if Client::open(url).is_ok() && (is_tls || url.starts_with("redis://")) {
            return Ok(Self { url: url.to_owned(), is_tls });
        }
        Err(ConfigError::Variable {
            name: "REDIS_URL",
            message: "write it like redis://redis.internal:6379, or rediss://user:password@redis.internal:6379 for TLS"
                .to_owned(),
        })
    }

    /// TLS believes whom the rest of the product believes.
    pub fn client(&self, trust: &Trust) -> Result<Client, RedisError> {
        if !self.is_tls {
            return Client::open(self.url.as_str());
        }
        let root_cert = Some(trust.pem().into_bytes());
        Client::build_with_tls(self.url.as_str(), TlsCertificates { client_tls: None, root_cert })
    }
}
