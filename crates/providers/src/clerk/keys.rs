//! The issuer's public keys, kept for a while.

use super::ClerkConfig;
use crate::{
    error::{ErrorKind, ProviderError},
    gateway::{Call, Gateway, GatewayConfig, NoCallLog},
};
use http::{HeaderMap, StatusCode};
use jsonwebtoken::DecodingKey;
use patchbay_domain::{Clock, Timestamp};
use serde::Deserialize;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::Mutex;

const PROVIDER: &str = "Clerk";
/// As long as Clerk's own SDK.
const FRESH: Duration = Duration::from_mins(5);
/// While the issuer cannot be reached.
const USABLE: Duration = Duration::from_hours(1);
/// Anybody can send a token with a made-up key id; it must not make us ask all the time.
const PAUSE: Duration = Duration::from_secs(10);
/// Nobody can sign in without keys, so the first ones are asked for more often.
const PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(1);

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The issuer has none of this id.
    Unknown,
    /// The issuer's keys could not be read.
    Unavailable,
}

struct Keys {
    by_id: HashMap<String, DecodingKey>,
    read_at: Timestamp,
}

pub(super) struct KeyStore {
    gateway: Gateway,
    path: String,
    clock: Clock,
    keys: RwLock<Option<Arc<Keys>>>,
    /// When they were last asked for. Whoever holds it is the one who asks.
    asked_at: Mutex<Option<Timestamp>>,
}

impl KeyStore {
    pub(super) fn new(settings: &ClerkConfig, http: reqwest::Client, clock: Clock) -> Self {
        let base = settings.jwks_base.clone();
        let mut config = GatewayConfig::new("clerk", PROVIDER, base, classify, clock.clone());
        // Somebody waits for a page meanwhile.
        config.timeout = Duration::from_secs(3);
        config.first_byte = config.timeout;
        // Keys are a few KB.
        config.largest_answer = 256 * 1024;
        Self {
            gateway: Gateway::new(config, http, Arc::new(NoCallLog)),
            path: settings.jwks_path.clone(),
            clock,
            keys: RwLock::new(None),
            asked_at: Mutex::new(None),
        }
    }

    /// The issuer's key of this id, read again when it is old or not known.
    pub(super) async fn key(&self, id: &str) -> Result<DecodingKey, NoKey> {
        if let Some(key) = self.fresh(id) {
            return Ok(key);
        }
        let mut asked_at = self.asked_at.lock().await;
        // Somebody else may have asked while we stood in line.
        if let Some(key) = self.fresh(id) {
            return Ok(key);
        }
        let now = self.clock.now();
        let pause = if self.known().is_some() { PAUSE } else { PAUSE_WITHOUT_KEYS };
        if asked_at.is_none_or(|at| now.since(at) >= pause) {
            *asked_at = Some(now);
            match self.read(now).await {
                Ok(keys) => *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys)),
                Err(error) => {
                    patchbay_domain::limited!(warn, %error, "the public keys of the identity provider were not read");
                }
            }
        }
        drop(asked_at);
        let usable = self.known().filter(|keys| now.since(keys.read_at) <= USABLE).ok_or(NoKey::Unavailable)?;
        usable.by_id.get(id).cloned().ok_or(NoKey::Unknown)
    }

    fn known(&self) -> Option<Arc<Keys>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fresh(&self, id: &str) -> Option<DecodingKey> {
        let keys = self.known()?;
        if self.clock.now().since(keys.read_at) >= FRESH {
            return None;
        }
        keys.by_id.get(id).cloned()
    }

    async fn read(&self, now: Timestamp) -> Result<Keys, ProviderError> {
        let reply = self.gateway.send(Call::get("jwks.read", self.path.clone())).await?;
        let set: Jwks = serde_json::from_slice(&reply.body).map_err(|_| {
            ProviderError::new(PROVIDER, "jwks.read", ErrorKind::Unreadable, "the answer is not a key set")
        })?;
        let by_id: HashMap<_, _> = set.keys.iter().filter_map(usable_key).collect();
        if by_id.is_empty() {
            return Err(ProviderError::new(
                PROVIDER,
                "jwks.read",
                ErrorKind::Unreadable,
                "there is no RS256 key in the key set",
            ));
        }
        Ok(Keys { by_id, read_at: now })
    }
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kid: String,
    kty: String,
    n: String,
    e: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
}

/// Keys of other kinds may stand beside ours; they are passed over.
fn usable_key(value: &serde_json::Value) -> Option<(String, DecodingKey)> {
    let key = Jwk::deserialize(value).ok()?;
    let fits = key.kty == "RSA"
        && key.alg.as_deref().is_none_or(|alg| alg == "RS256")
        && key.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
    let decoded = DecodingKey::from_rsa_components(&key.n, &key.e).ok().filter(|_| fits)?;
    Some((key.kid, decoded))
}

fn classify(status: StatusCode, _: &HeaderMap, _: &[u8]) -> ProviderError {
    let kind = match status.as_u16() {
        401 | 403 => ErrorKind::Unauthorized,
        404 => ErrorKind::NotFound,
        429 => ErrorKind::RateLimited,
        500.. => ErrorKind::ProviderFault,
        _ => ErrorKind::Refused,
    };
    ProviderError::new(PROVIDER, "", kind, format!("answered with {}", status.as_u16()))
}
