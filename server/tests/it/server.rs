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
pub const PATIENCE: Duration = Duration::from_mins(1);
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
    scheme: &'static str,
    pub http: reqwest::Client,
}

/// For servers with a public URL, which show their numbers to nobody without.
pub const METRICS_TOKEN: &str = "numbers-for-tests";

const SANDBOX: &[&str] = &["serve", "--sandbox"];

impl Server {
    pub async fn start(database: &Database) -> Self {
        Self::start_with(database, &[]).await
    }

    /// With the stand-ins of all providers, among them one to sign in with.
    pub async fn start_sandbox(database: &Database) -> Self {
        Self::start_sandbox_with(database, &[]).await
    }

    pub async fn start_sandbox_with(database: &Database, more: &[(&str, &str)]) -> Self {
        Self::launch(database, more, SANDBOX, None).await
    }

    /// As a newcomer starts it: nothing is set but the address.
    pub async fn start_sandbox_at_home(database: &Database) -> Self {
        let address = free_address();
        let mut server = Self::spawn_in(database, &[("PATCHBAY_ADDR", address.as_str())], &address, SANDBOX, None);
        server.answers().await;
        server
    }

    /// `more` wins over what is set here.
    pub async fn start_with(database: &Database, more: &[(&str, &str)]) -> Self {
        Self::launch(database, more, &["serve"], None).await
    }

    /// Events wait for `patchbay worker`.
    pub async fn start_without_worker(database: &Database, more: &[(&str, &str)]) -> Self {
        Self::launch(database, more, &["serve", "--no-worker"], None).await
    }

    /// Over HTTPS: `more` says with which certificate, `http` trusts it.
    pub async fn start_tls(
        database: &Database,
        more: &[(&str, &str)],
        arguments: &'static [&'static str],
        http: reqwest::Client,
    ) -> Self {
        let mut server = Self::spawn_only(database, more, arguments);
        server.scheme = "https";
        server.http = http;
        server.answers().await;
        server
    }

    /// Prints to `streams`, stdout and stderr, instead of files.
    pub async fn start_printing_to(database: &Database, more: &[(&str, &str)], streams: [Stdio; 2]) -> Self {
        Self::launch(database, more, &["serve"], Some(streams)).await
    }

    async fn launch(
        database: &Database,
        more: &[(&str, &str)],
        arguments: &'static [&'static str],
        streams: Option<[Stdio; 2]>,
    ) -> Self {
        let mut server = Self::spawn_printing_to(database, more, arguments, streams);
        server.answers().await;
        server
    }

    /// It may not answer yet, or never.
    pub fn spawn_only(database: &Database, more: &[(&str, &str)], arguments: &'static [&'static str]) -> Self {
        Self::spawn_printing_to(database, more, arguments, None)
    }

    fn spawn_printing_to(
        database: &Database,
        more: &[(&str, &str)],
        arguments: &'static [&'static str],
        streams: Option<[Stdio; 2]>,
    ) -> Self {
        let chosen = more.iter().find(|(name, _)| *name == "PATCHBAY_ADDR");
        let address = chosen.map_or_else(free_address, |(_, address)| (*address).to_owned());
        let webhook_secrets = WEBHOOK_SECRETS.join(",");
        let mut environment = vec![("PATCHBAY_ADDR", address.as_str())];
        if arguments.contains(&"--sandbox") {
            environment.push(("PATCHBAY_SANDBOX_DATABASE_URL", &database.url));
        } else {
            environment.extend([
                ("DATABASE_URL", database.url.as_str()),
                ("STRIPE_SECRET_KEY", SECRET_KEY),
                ("STRIPE_WEBHOOK_SECRET", &webhook_secrets),
                ("STRIPE_API_BASE", NOWHERE),
            ]);
        }
        environment.extend(more);
        Self::spawn_in(database, &environment, &address, arguments, streams)
    }

    fn spawn_in(
        database: &Database,
        environment: &[(&str, &str)],
        address: &str,
        arguments: &'static [&'static str],
        streams: Option<[Stdio; 2]>,
    ) -> Self {
        let environment: Vec<(String, String)> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let folder = database.folder.path().to_owned();
        let process = spawn(&folder, &environment, arguments, streams);
        let address = address.to_owned();
        Self { process, address, folder, environment, arguments, scheme: "http", http: client() }
    }

    /// How the process ended, once it has.
    pub fn ended(&mut self) -> std::process::ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end:\n{}", self.logs());
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// `kill -9`: nothing is finished, flushed or given back.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Again, on the same address.
    pub async fn start_again(&mut self) {
        self.process = spawn(&self.folder, &self.environment, self.arguments, None);
        self.answers().await;
    }

    /// SIGTERM; the exit code, or none when it does not end in time.
    pub async fn stop(&mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        None
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

    /// The log as soon as this is in it: its lines are written by a thread of their own, behind what they tell of.
    pub async fn says(&self, what: &str) -> String {
        let started = Instant::now();
        loop {
            let logs = self.logs();
            if logs.contains(what) {
                return logs;
            }
            assert!(started.elapsed() < PATIENCE, "\"{what}\" is not said:\n{logs}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.http.get(self.url(path)).send().await.unwrap()
    }

    /// The sum over all labels of a counter, or a gauge's value; 0 when there is none.
    pub async fn metric(&self, name: &str) -> String {
        let metrics = self.numbers().await;
        let lines = metrics.lines().filter_map(|line| line.strip_prefix(name));
        let values = lines.filter(|rest| rest.starts_with(['{', ' '])).filter_map(|rest| rest.rsplit(' ').next());
        values.map(|value| value.parse::<f64>().unwrap()).sum::<f64>().to_string()
    }

    /// All of `/metrics`, also where [`METRICS_TOKEN`] is asked for.
    pub async fn numbers(&self) -> String {
        let request = self.http.get(self.url("/metrics")).bearer_auth(METRICS_TOKEN);
        request.send().await.unwrap().text().await.unwrap()
    }

    /// Until everything acknowledged is an event.
    pub async fn filed(&self) {
        let started = Instant::now();
        while !self.numbers().await.contains("\npatchbay_inbox_unfiled_events 0\n") {
            assert!(started.elapsed() < PATIENCE, "deliveries are not filed:\n{}", self.logs());
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The sandbox's session cookie of one of its people: such as `ada` or `chiara`.
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

fn spawn(folder: &Path, environment: &[(String, String)], arguments: &[&str], streams: Option<[Stdio; 2]>) -> Child {
    let files = ["stdout.log", "stderr.log"].map(|name| Stdio::from(log(&folder.join(name))));
    let [stdout, stderr] = streams.unwrap_or(files);
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    patchbay(folder, &environment).args(arguments).stdout(stdout).stderr(stderr).spawn().unwrap()
}

fn log(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}
