//! `patchbay serve --sandbox`: the stand-ins of all providers beside the product, on this machine alone.
//!
//! Anybody who reaches it is an admin, so it refuses whatever looks like more than one person's own machine: an address or a
//! public URL that others reach, a proxy in front, keys that may be live, and data that is not its own.

use super::{Config, Failure};
use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use patchbay_sandbox::{Sandbox, SandboxOptions};
use patchbay_store::{Store, private};
use std::{net::IpAddr, sync::Arc};
use tokio::sync::watch;
use url::{Host, Url};

/// What proxies and tunnels add.
const OF_PROXIES: [&str; 9] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-original-forwarded-for",
    "cf-connecting-ip",
    "true-client-ip",
    "via",
];

pub fn open(config: &mut Config) -> Result<Sandbox, Failure> {
    if !config.addr.ip().is_loopback() {
        return Err(format!(
            "--sandbox lets anybody sign in as an admin, so it listens on this machine only, not on {}",
            config.addr
        )
        .into());
    }
    if !is_own(&config.public_url.to_string()) {
        return Err(format!(
            "--sandbox lets anybody sign in as an admin, so it is for this machine only, and {} is not. Remove PATCHBAY_PUBLIC_URL",
            config.public_url
        )
        .into());
    }
    for unused in config.turn_to_sandbox()? {
        tracing::warn!("{unused} is set and not used: the sandbox stands in for every provider");
    }
    private::create_folder(&config.data_dir)?;
    let options = SandboxOptions {
        base_url: config.public_url.to_string(),
        state_file: Some(config.data_dir.join("sandbox.jsonl")),
        seed: 2026,
        customers: 400,
        now: Arc::new(|| patchbay_domain::Clock::System.now().micros()),
        traffic: true,
    };
    let sandbox = Sandbox::open(options)?;
    config.point_at(sandbox.environment());
    Ok(sandbox)
}

/// Makes an unused database the sandbox's; refuses one with anything in it that is not.
pub async fn claim(store: &Store) -> Result<(), Failure> {
    match store.claim_for_sandbox().await {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err("this database has records or events that are not the sandbox's, so --sandbox does not touch it. \
                          Name an empty one in PATCHBAY_SANDBOX_DATABASE_URL, or remove that setting"
                .into())
        }
        Err(error) => Err(cannot_tell(&error.to_string())),
    }
}

/// Real deliveries can wait for their database; the sandbox has nothing to lose.
pub fn cannot_tell(why: &str) -> Failure {
    format!("--sandbox does not start without its database: {why}").into()
}

/// The product with the stand-ins beside it, for this machine's own browsers.
pub fn around(router: Router) -> Router {
    router.layer(middleware::from_fn(own_machine_only))
}

pub fn router(sandbox: &Sandbox) -> Router {
    sandbox.router()
}

pub async fn run(sandbox: Sandbox, mut stopping: watch::Receiver<bool>) {
    sandbox
        .run(async move {
            stopping.wait_for(|stop| *stop).await.ok();
        })
        .await;
}

async fn own_machine_only(request: Request, next: Next) -> Response {
    match sign_of_others(request.headers()) {
        None => next.run(request).await,
        Some(sign) => {
            tracing::warn!(sign, "the sandbox refused a request that did not come straight from this machine");
            let text = format!(
                "The sandbox answers this machine's own browsers only, because anybody who reaches it is an admin. \
                 This request came through a proxy or under another name ({sign}). \
                 Start Patchbay without --sandbox behind a proxy.\n"
            );
            (StatusCode::FORBIDDEN, text).into_response()
        }
    }
}

/// What says that a request comes from elsewhere: a proxy's header, or the name that a browser knows this server by.
fn sign_of_others(headers: &HeaderMap) -> Option<&'static str> {
    let named = |name: &header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(name) = OF_PROXIES.into_iter().find(|name| headers.contains_key(*name)) {
        return Some(name);
    }
    if named(&header::HOST).is_some_and(|host| !is_own(&format!("http://{host}"))) {
        return Some("host");
    }
    // A page without an origin of its own says so, and has no cookie of ours.
    named(&header::ORIGIN).is_some_and(|origin| origin != "null" && !is_own(origin)).then_some("origin")
}

fn is_own(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| url.host().is_some_and(|host| is_loopback(&host)))
}

fn is_loopback<S: AsRef<str>>(host: &Host<S>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.as_ref();
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).to_canonical().is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn sign(pairs: &[(&'static str, &'static str)]) -> Option<&'static str> {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        sign_of_others(&pairs.collect())
    }

    #[test]
    fn this_machines_own_requests_pass() {
        for host in
            ["127.0.0.1:3000", "localhost:3000", "localhost", "[::1]:3000", "patchbay.localhost:3000", "127.8.9.1"]
        {
            assert_eq!(sign(&[("host", host)]), None, "{host}");
        }
        assert_eq!(sign(&[]), None);
        assert_eq!(sign(&[("host", "localhost:3000"), ("origin", "https://localhost:3000")]), None);
        assert_eq!(sign(&[("host", "localhost:3000"), ("origin", "null")]), None);
    }

    #[test]
    fn what_came_through_a_proxy_or_under_another_name_does_not() {
        for name in OF_PROXIES {
            assert_eq!(sign(&[("host", "127.0.0.1:3000"), (name, "127.0.0.1")]), Some(name));
        }
        for host in ["panel.example.com", "localhost.example.com", "10.0.0.7:3000", "", "127.0.0.1.nip.io"] {
            assert_eq!(sign(&[("host", host)]), Some("host"), "{host}");
        }
        // nginx forwards to the address it was given unless it is told to say more; a browser's form does say more.
        assert_eq!(sign(&[("host", "127.0.0.1:3000"), ("origin", "https://panel.example.com")]), Some("origin"));
    }
}
