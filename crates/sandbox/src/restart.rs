//! What outlives a restart, with the file on disk between two sandboxes.

use crate::{Sandbox, SandboxOptions, mux};
use axum::{Router, body::Body, http::Request};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};
use tower::ServiceExt;

const START: i64 = 1_800_000_000;

/// A state file that is gone after the test, and the time.
struct Disk {
    path: PathBuf,
    seconds: Arc<AtomicI64>,
}

impl Drop for Disk {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).ok();
    }
}

impl Disk {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sandbox-{name}-{}.jsonl", std::process::id()));
        std::fs::remove_file(&path).ok();
        Self { path, seconds: Arc::new(AtomicI64::new(START)) }
    }

    /// Opens what is on disk, as after a crash: nothing was rewritten at the end.
    fn open(&self) -> Run {
        let seconds = self.seconds.clone();
        let mut options =
            SandboxOptions::new("http://127.0.0.1:9", Arc::new(move || seconds.load(Ordering::SeqCst) * 1_000_000));
        (options.state_file, options.customers, options.traffic) = (Some(self.path.clone()), 4, false);
        let sandbox = Sandbox::open(options).unwrap();
        Run { router: Router::new().nest("/sandbox", sandbox.router()), sandbox }
    }

    fn wait(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }
}

struct Run {
    sandbox: Sandbox,
    router: Router,
}

impl Run {
    async fn send(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn mux(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let credentials = STANDARD.encode(format!("{}:{}", mux::TOKEN_ID, mux::TOKEN_SECRET));
        let request = Request::builder()
            .method(method)
            .uri(format!("/sandbox/mux/video/v1/assets{path}"))
            .header("authorization", format!("Basic {credentials}"))
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())));
        let answer = self.send(request.unwrap()).await;
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 24).await.unwrap();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    async fn ids(&self) -> Vec<Value> {
        let all = self.mux("GET", "?limit=100", None).await;
        all["data"].as_array().unwrap().iter().map(|asset| asset["id"].clone()).collect()
    }

    async fn upload(&self) -> String {
        let made = self.mux("POST", "", Some(json!({"input": "https://files.example.com/a.mp4"}))).await;
        made["data"]["id"].as_str().unwrap().to_owned()
    }

    async fn sign_in(&self) -> String {
        let request = Request::post("/sandbox/clerk/sign-in")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from("person=ada"));
        let answer = self.send(request.unwrap()).await;
        let mut cookies = answer.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
        cookies.find(|cookie| cookie.starts_with("__client=")).unwrap().split(';').next().unwrap().to_owned()
    }

    /// The handshake's answer, read without checking its signature.
    async fn handshake(&self, cookie: &str) -> String {
        let request = Request::get("/sandbox/clerk/v1/client/handshake?redirect_url=/")
            .header("cookie", cookie)
            .body(Body::empty());
        let answer = self.send(request.unwrap()).await;
        let to = answer.headers()["location"].to_str().unwrap();
        let claims = to.split('.').nth(1).unwrap();
        String::from_utf8(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
    }

    async fn keys(&self) -> Vec<u8> {
        let request = Request::get("/sandbox/clerk/.well-known/jwks.json").body(Body::empty()).unwrap();
        axum::body::to_bytes(self.send(request).await.into_body(), 1 << 16).await.unwrap().to_vec()
    }
}

#[tokio::test]
async fn videos_are_there_after_a_restart_and_go_on_where_they_were() {
    let disk = Disk::new("videos");
    let first = disk.open();
    disk.wait(1_000);
    let id = first.upload().await;
    let gone = first.ids().await.pop().unwrap();
    first.mux("DELETE", &format!("/{}", gone.as_str().unwrap()), None).await;
    disk.wait(8);
    first.sandbox.hub.settle_mux();
    let (before, ids) = (first.mux("GET", &format!("/{id}"), None).await, first.ids().await);
    assert_eq!(before["data"]["status"], "preparing");
    let waiting = first.sandbox.hub.deliveries.counts().waiting;
    drop(first);

    let second = disk.open();
    assert_eq!(second.ids().await, ids);
    assert!(!ids.contains(&gone));
    assert_eq!(second.mux("GET", &format!("/{id}"), None).await, before);
    assert_eq!(second.sandbox.hub.deliveries.counts().waiting, waiting, "the events wait as before");
    disk.wait(60);
    assert_eq!(second.mux("GET", &format!("/{id}"), None).await["data"]["status"], "ready");
    assert!(second.sandbox.hub.deliveries.counts().waiting > waiting);
}

#[tokio::test]
async fn an_environment_whose_videos_are_all_deleted_stays_empty() {
    let disk = Disk::new("empty");
    let first = disk.open();
    for id in first.ids().await {
        first.mux("DELETE", &format!("/{}", id.as_str().unwrap()), None).await;
    }
    first.sandbox.hub.compact();
    drop(first);
    assert_eq!(disk.open().ids().await, Vec::<Value>::new());
}

#[tokio::test]
async fn people_stay_signed_in_over_a_restart_until_they_sign_out() {
    let disk = Disk::new("people");
    let first = disk.open();
    let (client, keys) = (first.sign_in().await, first.keys().await);
    first.sandbox.hub.compact();
    drop(first);

    let second = disk.open();
    assert_eq!(second.keys().await, keys, "tokens of the first run would not be believed any more");
    assert!(second.handshake(&client).await.contains("__client_uat=1800000000"));
    let request = Request::post("/sandbox/clerk/sign-out").header("cookie", &client).body(Body::empty()).unwrap();
    second.send(request).await;
    drop(second);

    let third = disk.open();
    assert!(third.handshake(&client).await.contains("__client_uat=0"));
    let client = third.sign_in().await;
    disk.wait(7 * 24 * 60 * 60);
    assert!(third.handshake(&client).await.contains("__client_uat=0"), "a session ends after a week");
}

#[tokio::test]
async fn only_its_owner_can_read_the_file_with_the_key() {
    let disk = Disk::new("private");
    let mode = || std::fs::metadata(&disk.path).unwrap().permissions().mode() & 0o777;
    let first = disk.open();
    assert!(std::fs::read_to_string(&disk.path).unwrap().contains(r#"{"kind":"clerk","row":{"key":""#));
    assert_eq!(mode(), 0o600);
    drop(first);
    std::fs::set_permissions(&disk.path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let second = disk.open();
    assert_eq!(mode(), 0o600, "an older file keeps its permissions");
    second.sandbox.hub.compact();
    assert_eq!(mode(), 0o600);
}

#[tokio::test]
async fn what_happens_by_itself_goes_on_after_a_panic() {
    let fails = Arc::new(AtomicBool::new(false));
    let clock = {
        let fails = fails.clone();
        move || {
            assert!(!fails.swap(false, Ordering::SeqCst), "a clock that fails once");
            START * 1_000_000
        }
    };
    let sandbox = Sandbox::open(SandboxOptions::new("http://127.0.0.1:9", Arc::new(clock))).unwrap();
    fails.store(true, Ordering::SeqCst);
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(sandbox.run(stopping));
    let stopped = async {
        while !patchbay_supervise::stopped().iter().any(|stops| stops.task == "sandbox Mux") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), stopped).await.unwrap();
    assert!(!running.is_finished());
    stop.send(()).unwrap();
    running.await.unwrap();
}
