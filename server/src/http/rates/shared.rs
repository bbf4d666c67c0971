//! One count for several processes, in Redis. While it is away each process counts for itself: a limit is worth less than an answer.

use super::gcra::{Outcome, Rate};
use patchbay_app::context::AwaySince;
use patchbay_domain::Clock;
use redis::{AsyncConnectionConfig, Client, RedisError, Script, aio::MultiplexedConnection};
use std::{
    error::Error,
    sync::{Arc, PoisonError, RwLock, Weak},
    time::Duration,
};

/// How long a request waits for Redis. Then it does without, and so do all until Redis answers again.
const PATIENCE: Duration = Duration::from_millis(250);
const CONNECT: Duration = Duration::from_secs(2);
/// Between two tries to reach it.
const AGAIN: Duration = Duration::from_secs(1);

/// As `gcra::judge`, by the clock of Redis, so that the clocks of the processes do not matter.
const SCRIPT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local cost, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local free_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local owed = free_at + cost - now
if owed > window then
  return {0, free_at - now}
end
redis.call('SET', KEYS[1], string.format('%.0f', free_at + cost), 'PX', math.ceil(owed / 1000))
return {1, owed}
";

pub struct Shared {
    script: Script,
    /// None while Redis is away.
    connection: RwLock<Option<MultiplexedConnection>>,
    clock: Clock,
    away: AwaySince,
}

impl Shared {
    /// Connects in the background, now and whenever the connection is lost.
    pub fn start(client: Client, clock: Clock, away: AwaySince) -> Arc<Self> {
        let shared = Arc::new(Self { script: Script::new(SCRIPT), connection: RwLock::new(None), clock, away });
        metrics::gauge!("patchbay_rate_limits_shared").set(0.0);
        let watched = Arc::downgrade(&shared);
        let is_over = watched.clone();
        patchbay_supervise::spawn(
            "Redis",
            move || stay_connected(watched.clone(), client.clone()),
            move || is_over.strong_count() == 0,
        );
        shared
    }

    /// None where Redis does not answer.
    pub async fn take(&self, key: &str, rate: Rate) -> Option<Outcome> {
        let mut connection = self.connection.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let mut call = self.script.key(format!("patchbay:rate:{key}"));
        call.arg(rate.cost()).arg(rate.window());
        match tokio::time::timeout(PATIENCE, call.invoke_async::<(i64, i64)>(&mut connection)).await {
            Ok(Ok((allowed, owed))) => Some(Outcome { allowed: allowed == 1, owed }),
            Ok(Err(error)) => self.lose(&error.to_string()),
            Err(_) => self.lose("it takes too long"),
        }
    }

    fn lose<T>(&self, why: &str) -> Option<T> {
        if self.replace(None) {
            self.away.note_away(self.clock.now());
            metrics::gauge!("patchbay_rate_limits_shared").set(0.0);
            metrics::counter!("patchbay_rate_limits_redis_lost_total").increment(1);
            tracing::warn!(why, "Redis is away; until it is back, each process limits requests by its own count");
        }
        None
    }

    /// Whether that changed anything.
    fn replace(&self, connection: Option<MultiplexedConnection>) -> bool {
        let mut place = self.connection.write().unwrap_or_else(PoisonError::into_inner);
        let changed = place.is_some() != connection.is_some();
        *place = connection;
        changed
    }

    fn is_there(&self) -> bool {
        self.connection.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

async fn stay_connected(shared: Weak<Shared>, client: Client) {
    // Told once, not at every try.
    let mut told = false;
    loop {
        let Some(shared) = shared.upgrade() else { return };
        if !shared.is_there() {
            match connect(&client).await {
                Ok(connection) => {
                    shared.replace(Some(connection));
                    shared.away.note_back();
                    metrics::gauge!("patchbay_rate_limits_shared").set(1.0);
                    tracing::info!("requests are limited by one count for all processes, in Redis");
                    told = true;
                }
                Err(error) if !told => {
                    told = true;
                    shared.away.note_away(shared.clock.now());
                    let why = explain(&error, &client);
                    tracing::warn!(
                        why,
                        "Redis does not answer; until it does, each process limits requests by its own count"
                    );
                }
                Err(_) => {}
            }
        }
        drop(shared);
        tokio::time::sleep(AGAIN).await;
    }
}

/// What went wrong on the way, for people.
pub fn explain(error: &RedisError, client: &Client) -> String {
    let peer = client.get_connection_info().addr().to_string();
    // What is inside is shared, so it is not the source itself.
    let inner = error.source().and_then(|source| source.downcast_ref::<Arc<dyn Error + Send + Sync>>());
    let sentence = inner.and_then(|inner| patchbay_net::explain(&**inner, &peer, patchbay_net::Errand::Redis));
    sentence.unwrap_or_else(|| error.to_string())
}

/// Connected, and answering.
pub async fn connect(client: &Client) -> Result<MultiplexedConnection, RedisError> {
    let options =
        AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(CONNECT));
    let mut connection = client.get_multiplexed_async_connection_with_config(&options).await?;
    redis::cmd("PING").query_async::<()>(&mut connection).await?;
    Ok(connection)
}
