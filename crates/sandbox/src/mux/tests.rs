//! The environment over HTTP, and its clock moved by hand.

#![expect(clippy::disallowed_methods, reason = "a test injects its own client")]

mod more;

use super::*;
use axum::http::StatusCode;
use reqwest::Response;
use serde_json::json;
use std::sync::atomic::{AtomicI64, Ordering};

const START: i64 = 1_800_000_000_000_000;
const SECOND: i64 = 1_000_000;

struct Site {
    mux: MuxSandbox,
    base: String,
    now: Arc<AtomicI64>,
    client: reqwest::Client,
}

impl Site {
    async fn start() -> Self {
        let now = Arc::new(AtomicI64::new(START));
        let told = now.clone();
        let mux = MuxSandbox::new("http://127.0.0.1:9", 7, Arc::new(move || told.load(Ordering::SeqCst)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}{MOUNT}", listener.local_addr().unwrap());
        let app = Router::new().nest(MOUNT, mux.router());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { mux, base, now, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    fn wait(&self, seconds: i64) -> Vec<OutgoingEvent> {
        let now = self.now.fetch_add(seconds * SECOND, Ordering::SeqCst) + seconds * SECOND;
        tick(&self.mux, now)
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.base)).basic_auth(TOKEN_ID, Some(TOKEN_SECRET)).send().await.unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        self.get(path).await.json().await.unwrap()
    }

    async fn post(&self, body: Value) -> (StatusCode, Value) {
        self.send(reqwest::Method::POST, "/video/v1/assets", Some(body)).await
    }

    /// A request with the token; null where the answer has no body.
    async fn send(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request =
            self.client.request(method, format!("{}{path}", self.base)).basic_auth(TOKEN_ID, Some(TOKEN_SECRET));
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let response = request.send().await.unwrap();
        let status = response.status();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }
}

/// Moves the processing on to `now`; the events since the last time, in order.
fn tick(mux: &MuxSandbox, now: i64) -> Vec<OutgoingEvent> {
    let mut state = mux.state();
    state.advance(now);
    state.take_events()
}

fn types<'a>(events: &'a [OutgoingEvent], object: &str) -> Vec<&'a str> {
    events.iter().filter(|event| event.object == object).filter_map(|event| event.body["type"].as_str()).collect()
}

#[tokio::test]
async fn the_seed_is_listed_newest_first_and_page_by_page() {
    let site = Site::start().await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = site.json(&format!("/video/v1/assets?limit=10&cursor={cursor}")).await;
        seen.extend(page["data"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    assert_eq!(seen.len(), 24);
    let times: Vec<i64> = seen.iter().map(|asset| asset["created_at"].as_str().unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b));
    let count = |status: &str| seen.iter().filter(|asset| asset["status"] == status).count();
    assert_eq!((count("ready"), count("errored"), count("preparing")), (18, 3, 3));
    assert!(seen.iter().all(|asset| asset["meta"]["title"].is_string()));
    let second = site.json("/video/v1/assets?limit=10&page=3").await;
    assert_eq!(second["data"].as_array().unwrap()[..], seen[20..]);
    assert_eq!(site.get("/video/v1/assets?cursor=x").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_new_asset_gets_ready_step_by_step_and_every_step_is_an_event() {
    let site = Site::start().await;
    site.wait(2_000);
    let (status, answer) = site
        .post(json!({
            "inputs": [{"url": "https://files.example.com/a.mp4"}], "playback_policies": ["public"],
            "meta": {"title": "Mine"}, "passthrough": "p", "video_quality": "plus",
        }))
        .await;
    assert_eq!((status, &answer["data"]["status"]), (StatusCode::CREATED, &json!("preparing")));
    let id = answer["data"]["id"].as_str().unwrap();
    let mut events = Vec::new();
    for _ in 0..50 {
        events.extend(site.wait(1));
    }
    assert_eq!(
        types(&events, id),
        [
            "video.asset.created",
            "video.asset.updated",
            "video.asset.updated",
            "video.asset.updated",
            "video.asset.updated",
            "video.asset.ready"
        ]
    );
    assert!(events.is_sorted_by(|a, b| a.body["created_at"].as_str() < b.body["created_at"].as_str()));
    let last = &events.iter().rfind(|event| event.object == id).unwrap().body;
    assert_eq!(
        (&last["data"]["status"], &last["data"]["meta"]["title"], &last["object"]["id"]),
        (&json!("ready"), &json!("Mine"), &json!(id))
    );
    assert_eq!(last["data"], site.json(&format!("/video/v1/assets/{id}")).await["data"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_ends_in_an_error() {
    let site = Site::start().await;
    let (_, answer) = site.post(json!({"input": "https://files.example.com/fail.mp4"})).await;
    let events = site.wait(60);
    assert_eq!(types(&events, answer["data"]["id"].as_str().unwrap()), ["video.asset.created", "video.asset.errored"]);
    let errored = events.iter().find(|event| event.body["type"] == "video.asset.errored").unwrap();
    assert_eq!(errored.body["data"]["errors"]["type"], "invalid_input");
}

#[tokio::test]
async fn a_deleted_asset_is_gone_and_said_to_be() {
    let site = Site::start().await;
    let id = site.json("/video/v1/assets?limit=1").await["data"][0]["id"].as_str().unwrap().to_owned();
    let delete = || {
        site.client
            .delete(format!("{}/video/v1/assets/{id}", site.base))
            .basic_auth(TOKEN_ID, Some(TOKEN_SECRET))
            .send()
    };
    assert_eq!(delete().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(delete().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert!(types(&site.wait(0), &id).contains(&"video.asset.deleted"));
    let error = site.json(&format!("/video/v1/assets/{id}")).await;
    assert_eq!(error["error"]["type"], "not_found");
}

#[tokio::test]
async fn nobody_gets_in_without_the_token_and_nonsense_is_refused() {
    let site = Site::start().await;
    let response = site.client.get(format!("{}/system/v1/whoami", site.base)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(site.json("/system/v1/whoami").await["data"]["environment_name"], "Sandbox");
    let url = "https://files.example.com/a.mp4";
    for body in [
        json!({}),
        json!({"inputs": []}),
        json!({"input": "file:///a"}),
        json!({"input": url, "video_quality": "best"}),
        json!({"input": url, "playback_policy": ["secret"]}),
        json!({"input": url, "passthrough": "x".repeat(256)}),
    ] {
        let (status, answer) = site.post(body.clone()).await;
        assert_eq!(
            (status, &answer["error"]["type"]),
            (StatusCode::BAD_REQUEST, &json!("invalid_parameters")),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_ready_public_asset_has_a_picture() {
    let site = Site::start().await;
    let assets = site.json("/video/v1/assets?limit=100").await;
    let playback_id = |status: &str, policy: &str| {
        let found = assets["data"]
            .as_array()
            .unwrap()
            .iter()
            .find(|asset| asset["status"] == status && asset["playback_ids"][0]["policy"] == policy);
        found.unwrap()["playback_ids"][0]["id"].as_str().unwrap().to_owned()
    };
    let path = format!("/image/{}/thumbnail.webp?width=320", playback_id("ready", "public"));
    let picture = site.client.get(format!("{}{path}", site.base)).send().await.unwrap();
    assert_eq!(picture.headers()["content-type"], "image/png");
    assert_eq!(picture.headers()["cache-control"], "public, max-age=86400");
    let bytes = picture.bytes().await.unwrap();
    let info = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap().info().size();
    assert_eq!(info, (320, 180));
    assert_eq!(bytes, site.get(&path).await.bytes().await.unwrap());
    assert_eq!(
        site.get(&format!("/image/{}/thumbnail.png", playback_id("ready", "signed"))).await.status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        site.get(&format!("/image/{}/thumbnail.png", playback_id("preparing", "public"))).await.status(),
        StatusCode::PRECONDITION_FAILED
    );
    assert_eq!(site.get("/image/unknown/thumbnail.png").await.status(), StatusCode::NOT_FOUND);
}

#[test]
fn the_seed_decides_the_assets_and_its_uploads_get_ready() {
    let ids = |seed| seed::state(seed, START).assets.iter().map(|asset| asset.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(7), ids(7));
    assert_ne!(ids(7), ids(8));
    let mux = MuxSandbox::new("http://127.0.0.1:9", 7, Arc::new(|| START));
    let events = tick(&mux, START + 600 * SECOND);
    assert_eq!(events.iter().filter(|event| event.body["type"] == "video.asset.ready").count(), 3);
    mux.upload_sample();
    assert_eq!(tick(&mux, START)[0].body["type"], "video.asset.created");
}

#[test]
fn the_signature_is_that_of_muxs_own_test_vector() {
    let expected = "t=1565125718,v1=854ece4c22acef7c66b57d4e504153bc512595e8e9c772ece2a68150548c19a7";
    assert_eq!(crate::deliveries::signature("SuperSecret123", 1_565_125_718, r#"{"test":"body"}"#), expected);
}
