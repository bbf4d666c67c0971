//! The binary as a process: started, asked, killed.

use crate::{
    database::Database,
    deliveries::{SECRET_KEY, WEBHOOK_SECRETS},
};
use reqwest::{RequestBuilder, Response, redirect::Policy};
use std::{
    fs::{File, OpenOptions},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// How long a process may take to start or to end.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Nothing listens on the first port, so calls of the provider's API fail at once.
pub const NOWHERE: &str = "http://127.0.0.1:1";

/// The binary with this environment and no other, in a folder without a configuration file.
pub fn patchbay(folder: &Path, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_patchbay"));
    command.env_clear().current_dir(folder).envs(environment.iter().copied()).stdin(Stdio::null());
    command
}

/// What a command that ends by itself printed.
pub fn output(command: &mut Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it does not end: {command:?}");
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    child.wait_with_output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A port that was free a moment ago.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[expect(clippy::disallowed_methods, reason = "a test is the server's client and brings its own")]
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(30)).build().unwrap()
}

pub struct Server {
    process: Child,
    address: String,
    folder: PathBuf,
    environment: Vec<(String, String)>,
    arguments: &'static [&'static str],
    pub http: reqwest::Client,
}

impl Server {
    pub async fn start(database: &Database) -> Self {
        Self::start_with(database, &[]).await
    }

    /// With the stand-ins of all providers, among them one to sign in with.
    pub async fn start_sandbox(database: &Database) -> Self {
        Self::launch(database, &[], &["serve", "--sandbox"]).await
    }

    /// `more` wins over what is set here.
    pub async fn start_with(database: &Database, more: &[(&str, &str)]) -> Self {
        Self::launch(database, more, &["serve"]).await
    }

    async fn launch(database: &Database, more: &[(&str, &str)], arguments: &'static [&'static str]) -> Self {
        let address = free_address();
        let webhook_secrets = WEBHOOK_SECRETS.join(",");
        let mut environment = vec![
            ("DATABASE_URL", database.url.as_str()),
            ("PATCHBAY_ADDR", &address),
            ("STRIPE_SECRET_KEY", SECRET_KEY),
            ("STRIPE_WEBHOOK_SECRET", &webhook_secrets),
            ("STRIPE_API_BASE", NOWHERE),
        ];
        environment.extend(more);
        let environment: Vec<(String, String)> =
            environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let folder = database.folder.path().to_owned();
        let process = spawn(&folder, &environment, arguments);
        let mut server = Self { process, address, folder, environment, arguments, http: client() };
        server.answers().await;
        server
    }

    /// `kill -9`: nothing is finished, flushed or given back.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Again, on the same address.
    pub async fn start_again(&mut self) {
        self.process = spawn(&self.folder, &self.environment, self.arguments);
        self.answers().await;
    }

    async fn answers(&mut self) {
        let started = Instant::now();
        while self.http.get(self.url("/healthz")).send().await.is_err() {
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("the server ended with {status}:\n{}", self.logs());
            }
            assert!(started.elapsed() < PATIENCE, "the server does not answer:\n{}", self.logs());
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Everything it printed, on both streams.
    pub fn logs(&self) -> String {
        ["stdout.log", "stderr.log"].map(|name| std::fs::read_to_string(self.folder.join(name)).unwrap()).concat()
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.http.get(self.url(path)).send().await.unwrap()
    }

    /// Until everything acknowledged is an event.
    pub async fn filed(&self) {
        let started = Instant::now();
        while !self.get("/metrics").await.text().await.unwrap().contains("\npatchbay_inbox_unfiled_events 0\n") {
            assert!(started.elapsed() < PATIENCE, "deliveries are not filed:\n{}", self.logs());
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The sandbox's session cookie of one of its people: `ada`, `ben`, `chiara` or `daichi`.
    pub async fn sign_in(&self, person: &str) -> String {
        let form = self.http.post(self.url("/sandbox/clerk/sign-in")).form(&[("person", person)]);
        let answer = form.send().await.unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    pub async fn get_as(&self, cookie: &str, path: &str) -> Response {
        self.http.get(self.url(path)).header("cookie", cookie).send().await.unwrap()
    }

    pub fn delivery(&self, path: &str, signature: Option<&str>, body: &[u8]) -> RequestBuilder {
        let request = self.http.post(self.url(path)).header("content-type", "application/json").body(body.to_vec());
        match signature {
            Some(signature) => request.header("stripe-signature", signature),
            None => request,
        }
    }

    /// Status and text of the answer to a delivery.
    pub async fn deliver(&self, body: &[u8], signature: &str) -> (u16, String) {
        let answer = self.delivery("/webhooks/stripe", Some(signature), body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn spawn(folder: &Path, environment: &[(String, String)], arguments: &[&str]) -> Child {
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    patchbay(folder, &environment)
        .args(arguments)
        .stdout(log(&folder.join("stdout.log")))
        .stderr(log(&folder.join("stderr.log")))
        .spawn()
        .unwrap()
}

fn log(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}
