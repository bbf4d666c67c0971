//! A signed-in member of staff who looks at pages.
//!
//! The sandbox's sign-in is served by this process, so that the product itself runs as it does in production.

use crate::{Failure, product};
use axum::Router;
use patchbay_domain::Clock;
use patchbay_sandbox::{Sandbox, SandboxOptions};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::TcpListener;

/// Who may sign in.
pub struct Identity {
    address: SocketAddr,
    /// What makes the product trust it.
    pub variables: Vec<(String, String)>,
}

impl Identity {
    pub async fn start() -> Result<Self, Failure> {
        let address = product::free_address()?;
        let listener = TcpListener::bind(address).await?;
        let options = SandboxOptions::new(format!("http://{address}"), Arc::new(|| Clock::System.now().micros()));
        let sandbox = Sandbox::open(options)?;
        let variables = sandbox
            .environment()
            .into_iter()
            .filter(|(name, _)| name.starts_with("CLERK_") || name.starts_with("PATCHBAY_"))
            .collect();
        let router = Router::new().nest("/sandbox", sandbox.router());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, variables })
    }

    /// Signs the sandbox's staff admin in at a server that trusts this identity.
    pub async fn staff(&self, server: SocketAddr) -> Result<Staff, Failure> {
        let http = client()?;
        let page = format!("http://{}/sandbox/clerk/sign-in", self.address);
        let answer = http.post(page).form(&[("person", "ada")]).send().await?;
        let cookie = answer.headers().get("set-cookie").ok_or("nobody could be signed in")?.to_str()?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        Ok(Staff { http, cookie, server })
    }
}

pub struct Staff {
    http: reqwest::Client,
    cookie: String,
    server: SocketAddr,
}

impl Staff {
    /// The same person with connections of its own, for another thread.
    pub fn again(&self) -> Result<Self, Failure> {
        Ok(Self { http: client()?, cookie: self.cookie.clone(), server: self.server })
    }

    /// Reads a whole page and answers how long that took, and its text.
    pub async fn page(&self, path: &str) -> Result<(Duration, String), Failure> {
        let started = Instant::now();
        let request = self.http.get(format!("http://{}{path}", self.server));
        let answer = request.header("cookie", &self.cookie).header("accept", "text/html").send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        let taken = started.elapsed();
        if status != 200 {
            return Err(format!("{path} answered {status}").into());
        }
        Ok((taken, text))
    }

    /// The times of as many readings of one page, sorted.
    pub async fn times(&self, path: &str, readings: usize) -> Result<Vec<Duration>, Failure> {
        let mut times = Vec::with_capacity(readings);
        for _ in 0..readings {
            times.push(self.page(path).await?.0);
        }
        times.sort_unstable();
        Ok(times)
    }
}

#[expect(clippy::disallowed_methods, reason = "this client reads pages of the server that is measured")]
fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(Duration::from_secs(30)).build()
}
