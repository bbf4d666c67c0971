//! How often somebody may ask: per person where it is known who asks, per address otherwise.
//!
//! Deliveries are not limited here, they meet backpressure; files and health checks are not either, they cost nothing.

mod gcra;
mod shared;

pub use gcra::Rate;
pub use shared::{connect, explain};

use super::{AppState, client_address::ClientAddress};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use gcra::{Buckets, Outcome};
use patchbay_app::context::AwaySince;
use patchbay_domain::Clock;
use shared::Shared;
use std::{net::IpAddr, sync::Arc};

/// Some 10 MB of them.
const MOST_KEYS: usize = 100_000;

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// What a person who is signed in reads.
    Pages,
    /// What a person does.
    Actions,
    /// Requests of an address that nobody is signed in at.
    Visits,
    /// Signing in and out, by address.
    SignIns,
}

impl Class {
    const fn name(self) -> &'static str {
        match self {
            Self::Pages => "pages",
            Self::Actions => "actions",
            Self::Visits => "visits",
            Self::SignIns => "sign-ins",
        }
    }
}

/// None for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    pub pages: Option<Rate>,
    pub actions: Option<Rate>,
    pub visits: Option<Rate>,
    pub sign_ins: Option<Rate>,
}

pub struct RateLimits {
    rates: Rates,
    here: Buckets,
    shared: Option<Arc<Shared>>,
    clock: Clock,
    away: AwaySince,
}

/// How a request stands with its limit, for the answer's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    class: Class,
    rate: Rate,
    outcome: Outcome,
}

impl RateLimits {
    /// With `redis` all processes share one count.
    pub fn new(rates: Rates, redis: Option<redis::Client>, clock: Clock) -> Self {
        let away = AwaySince::default();
        let shared = redis.map(|client| Shared::start(client, clock.clone(), away.clone()));
        Self { rates, here: Buckets::new(MOST_KEYS), shared, clock, away }
    }

    /// Since when the one count of all processes is out of reach.
    pub fn redis_away(&self) -> AwaySince {
        self.away.clone()
    }

    /// Counts one request. None where there is no limit.
    pub async fn take(&self, class: Class, who: &str) -> Option<Verdict> {
        let rate = match class {
            Class::Pages => self.rates.pages,
            Class::Actions => self.rates.actions,
            Class::Visits => self.rates.visits,
            Class::SignIns => self.rates.sign_ins,
        }?;
        let key = format!("{}:{who}", class.name());
        let shared = match &self.shared {
            Some(shared) => shared.take(&key, rate).await,
            None => None,
        };
        let outcome = shared.unwrap_or_else(|| self.here.take(&key, self.clock.now().0, rate));
        if !outcome.allowed {
            metrics::counter!("patchbay_requests_limited_total", "limit" => class.name()).increment(1);
        }
        Some(Verdict { class, rate, outcome })
    }
}

impl Verdict {
    pub fn is_refused(self) -> bool {
        !self.outcome.allowed
    }

    /// Whole seconds until a further request is taken.
    fn wait(self) -> i64 {
        seconds(self.outcome.owed + self.rate.cost() - self.rate.window()).max(1)
    }

    /// `RateLimit` and `RateLimit-Policy`, as draft-ietf-httpapi-ratelimit-headers has them since its version 08.
    pub fn write(self, headers: &mut HeaderMap) {
        let (name, rate) = (self.class.name(), self.rate);
        let left = (rate.window() - self.outcome.owed).max(0) / rate.cost();
        let policy = format!("\"{name}\";q={};w={}", rate.quota, rate.window_seconds);
        let state = format!("\"{name}\";r={left};t={}", seconds(self.outcome.owed));
        for (header, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(header), value);
            }
        }
    }

    /// 429, with when to come again.
    pub fn refusal(self) -> Response {
        let wait = self.wait();
        let unit = if wait == 1 { "second" } else { "seconds" };
        let text =
            format!("Too many requests in a short time. Wait {wait} {unit} and try again; nothing was changed.\n");
        let mut response = (StatusCode::TOO_MANY_REQUESTS, text).into_response();
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
        self.write(response.headers_mut());
        response
    }
}

fn seconds(micros: i64) -> i64 {
    micros.max(0).div_euclid(1_000_000) + i64::from(micros.max(0) % 1_000_000 > 0)
}

/// Whose requests count together where nobody is known: an address, of IPv6 the network that one customer has.
pub fn address_key(request: &Request) -> String {
    match request.extensions().get::<ClientAddress>().map(|client| client.0) {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        None => "unknown".to_owned(),
    }
}

/// What a person's request counts as.
pub fn class_of(request: &Request) -> Class {
    if request.method() == Method::POST { Class::Actions } else { Class::Pages }
}

/// For `/sign-in` and its neighbours, which anybody may ask for.
pub async fn sign_ins(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let verdict = state.rates.take(Class::SignIns, &address_key(&request)).await;
    if let Some(verdict) = verdict.filter(|verdict| verdict.is_refused()) {
        return verdict.refusal();
    }
    let mut response = next.run(request).await;
    if let Some(verdict) = verdict {
        verdict.write(response.headers_mut());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate_limits(quota: u32) -> RateLimits {
        let rate = Some(Rate::per_minute(quota));
        let rates = Rates { pages: rate, actions: None, visits: rate, sign_ins: rate };
        RateLimits::new(rates, None, Clock::fixed(patchbay_domain::Timestamp(0)))
    }

    #[tokio::test]
    async fn an_answer_says_what_is_left_and_a_refusal_when_to_come_again() {
        let limits = rate_limits(2);
        let mut headers = HeaderMap::new();
        limits.take(Class::Pages, "ada").await.unwrap().write(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"pages\";q=2;w=60");
        assert_eq!(headers["ratelimit"], "\"pages\";r=1;t=30");
        assert!(!limits.take(Class::Pages, "ada").await.unwrap().is_refused());
        let verdict = limits.take(Class::Pages, "ada").await.unwrap();
        let refusal = verdict.refusal();
        assert_eq!(refusal.status(), 429);
        assert_eq!(refusal.headers()["retry-after"], "30");
        assert_eq!(refusal.headers()["ratelimit"], "\"pages\";r=0;t=60");
        assert!(!limits.take(Class::Visits, "ada").await.unwrap().is_refused(), "another limit");
        assert_eq!(limits.take(Class::Actions, "ada").await, None, "switched off");
    }

    #[test]
    fn all_addresses_of_one_ipv6_customer_count_together() {
        let key = |address: &str| {
            let mut request = Request::new(axum::body::Body::empty());
            request.extensions_mut().insert(ClientAddress(address.parse().unwrap()));
            address_key(&request)
        };
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("203.0.113.7"), "203.0.113.7");
    }
}
