//! Mux's own samples and a server that plays Mux.

#![expect(clippy::disallowed_methods, reason = "a test injects its own client")]

use super::*;
use crate::{
    Read as _, Webhooks as _,
    error::ErrorKind,
    gateway::NoCallLog,
    gone,
    project::Projection,
    provider::Connection,
    registry::{ConfigError, ConnectArgs},
    webhook::{Rejection, Unverified},
};
use axum::{Json, Router, extract::RawQuery, response::IntoResponse, routing::get};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use patchbay_domain::{Change, Clock, ObjectKey, State, Timestamp, Version};
use serde_json::{Value, json};
use std::sync::Arc;

const READY: &[u8] = include_bytes!("fixtures/asset.ready.json");
const PAGE: &str = include_str!("fixtures/assets.json");
const ASSET: &str = "0201p02fGKPE7MrbC269XRD7LpcHhrmbu0002";
/// Test vector of Mux's SDK.
const SECRET: &str = "SuperSecret123";
const BODY: &[u8] = br#"{"test":"body"}"#;
const SIGNED_AT: i64 = 1_565_125_718;
const SIGNATURE: &str = "854ece4c22acef7c66b57d4e504153bc512595e8e9c772ece2a68150548c19a7";

fn mux(settings: &[(&str, &str)]) -> Result<Mux, ConfigError> {
    let variables = |name: &str| settings.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let args = ConnectArgs {
        name: "mux".to_owned(),
        variables: &variables,
        clock: Clock::fixed(Timestamp::from_seconds(SIGNED_AT)),
        http: reqwest::Client::new(),
        log: Arc::new(NoCallLog),
    };
    Ok(Mux::new(MuxConfig::read(&args)?, &args))
}

fn configured(base_url: &str, secrets: &str) -> Mux {
    mux(&[
        ("MUX_TOKEN_ID", "token"),
        ("MUX_TOKEN_SECRET", "hush"),
        ("MUX_WEBHOOK_SECRET", secrets),
        ("MUX_BASE_URL", base_url),
    ])
    .unwrap()
}

fn signed(header: &str) -> HeaderMap {
    HeaderMap::from_iter([(http::HeaderName::from_static("mux-signature"), HeaderValue::from_str(header).unwrap())])
}

fn verify(secrets: &str, header: &str, body: &[u8], at: i64) -> Result<usize, Rejection> {
    let headers = signed(header);
    let delivery = Unverified::posted(&headers, body);
    configured("https://mux.test", secrets)
        .verify(delivery, Timestamp::from_seconds(at))
        .map(|verified| verified.secret_index)
}

#[test]
fn the_vector_of_the_sdk_verifies_with_any_active_secret() {
    let header = format!("t={SIGNED_AT},v1={SIGNATURE}");
    assert_eq!(verify(SECRET, &header, BODY, SIGNED_AT), Ok(0));
    assert_eq!(verify(&format!("another, {SECRET}"), &header, BODY, SIGNED_AT), Ok(1));
    let several = format!("t={SIGNED_AT},v1={},v1={SIGNATURE}", "00".repeat(32));
    assert_eq!(verify(SECRET, &several, BODY, SIGNED_AT), Ok(0));
}

#[test]
fn a_wrong_secret_or_a_changed_byte_is_refused() {
    let header = format!("t={SIGNED_AT},v1={SIGNATURE}");
    assert_eq!(verify("wrong", &header, BODY, SIGNED_AT), Err(Rejection::SignatureMismatch));
    assert_eq!(verify(SECRET, &header, br#"{"test":"bodx"}"#, SIGNED_AT), Err(Rejection::SignatureMismatch));
    assert_eq!(verify(SECRET, &format!("t=1,v1={SIGNATURE}"), BODY, SIGNED_AT), Err(Rejection::SignatureMismatch));
    let without = mux(&[("MUX_TOKEN_ID", "token"), ("MUX_TOKEN_SECRET", "hush")]).unwrap();
    let headers = HeaderMap::new();
    let refused = without.verify(Unverified::posted(&headers, BODY), Timestamp::from_seconds(SIGNED_AT));
    assert_eq!(refused.unwrap_err(), Rejection::NoSecret("MUX_WEBHOOK_SECRET"));
}

#[test]
fn the_tolerance_ends_after_300_seconds_on_both_sides() {
    let header = format!("t={SIGNED_AT},v1={SIGNATURE}");
    assert_eq!(verify(SECRET, &header, BODY, SIGNED_AT + 300), Ok(0));
    assert_eq!(verify(SECRET, &header, BODY, SIGNED_AT - 300), Ok(0));
    assert_eq!(
        verify(SECRET, &header, BODY, SIGNED_AT + 301),
        Err(Rejection::TooOld { age_seconds: 301, tolerance_seconds: 300 })
    );
    assert_eq!(
        verify(SECRET, &header, BODY, SIGNED_AT - 301),
        Err(Rejection::FromTheFuture { ahead_seconds: 301, tolerance_seconds: 300 })
    );
}

#[test]
fn a_header_that_is_missing_or_no_signature_is_refused() {
    let headers = HeaderMap::new();
    let delivery = Unverified::posted(&headers, BODY);
    let missing = configured("https://mux.test", SECRET).verify(delivery, Timestamp(0)).unwrap_err();
    assert_eq!(missing, Rejection::MissingSignature("mux-signature"));
    let huge = format!("t={}9,v1={SIGNATURE}", i64::MAX);
    for header in ["", "t=1", "v1=00", "t=x,v1=00", "t=1,v1=zz", "t=1,v0=00", huge.as_str()] {
        assert_eq!(verify(SECRET, header, BODY, 1), Err(Rejection::MalformedSignature("mux-signature")), "{header}");
    }
    let least = format!("t={},v1={SIGNATURE}", i64::MIN);
    assert_eq!(verify(SECRET, &least, BODY, 1), Err(Rejection::SignatureMismatch));
}

fn envelope_of(body: &[u8]) -> Result<patchbay_domain::event::Envelope, crate::webhook::Malformed> {
    let headers = HeaderMap::new();
    let verified = crate::webhook::Verified::new(Unverified::posted(&headers, body), 0);
    super::webhook::envelope(&verified)
}

#[test]
fn the_envelope_names_the_asset_that_the_event_is_about() {
    let envelope = envelope_of(READY).unwrap();
    assert_eq!(envelope.external_id, "3a56ac3d-33da-4366-855b-f592d898409d");
    assert_eq!(envelope.event_type, "video.asset.ready");
    assert_eq!(envelope.object, Some(project::key(ASSET)));
    assert_eq!(envelope.occurred_at, Timestamp::parse_rfc3339("2018-02-15T01:04:45Z").unwrap());
    let upload = json!({"id": "e1", "type": "video.upload.asset_created", "created_at": "1609869152",
        "object": {"type": "upload", "id": "up1"}, "data": {"id": "up1", "asset_id": "a1"}});
    assert_eq!(envelope_of(upload.to_string().as_bytes()).unwrap().object, Some(project::key("a1")));
    let cancelled = json!({"id": "e2", "type": "video.upload.cancelled", "created_at": "1609869152",
        "object": {"type": "upload", "id": "up1"}, "data": {"id": "up1"}});
    let object = envelope_of(cancelled.to_string().as_bytes()).unwrap().object.unwrap();
    assert_eq!(object.to_string(), "upload:up1");
}

#[test]
fn a_body_that_is_no_event_is_malformed() {
    for body in [
        &b"{}"[..],
        b"",
        b"[]",
        br#"{"id":"","type":"x","created_at":"1"}"#,
        br#"{"id":"e","type":"x","created_at":"soon"}"#,
    ] {
        assert!(envelope_of(body).is_err());
    }
}

fn body_of(change: &Change) -> &Value {
    let State::Present { body, .. } = &change.state else { panic!("{change:?} is not present") };
    body
}

#[test]
fn an_asset_event_brings_the_asset_at_the_time_of_the_event() {
    let Projection::Changes(changes) = project::event(Some("j0863n"), "video.asset.ready", READY).unwrap() else {
        panic!()
    };
    let [change] = changes.as_slice() else { panic!() };
    assert_eq!(change.key, project::key(ASSET));
    assert_eq!(change.version, Version(1_518_656_685_000_000));
    let body = body_of(change);
    assert_eq!(body["status"], "ready");
    assert_eq!(body["duration_seconds"], 153.361_542);
    assert_eq!(body["max_frame_rate"], 23.976);
    assert_eq!(body["tracks"][0]["max_width"], 1280);
    assert_eq!(body["created_at"], 1_518_656_685_000_000_i64);
}

#[test]
fn other_events_delete_refetch_or_are_skipped() {
    let event = |event_type: &str, data: Value| {
        let body = json!({"id": "e", "type": event_type, "created_at": "2026-01-02T03:04:05.678Z", "data": data});
        project::event(None, event_type, body.to_string().as_bytes())
    };
    let at = Timestamp::parse_rfc3339("2026-01-02T03:04:05.678Z").unwrap();
    assert_eq!(
        event("video.asset.deleted", json!({"id": "a1", "status": "ready"})).unwrap(),
        Projection::Changes(vec![Change::deleted(project::key("a1"), at)])
    );
    let refetched = [
        ("video.upload.asset_created", json!({"id": "up1", "asset_id": "a1"})),
        ("video.asset.track.ready", json!({"id": "t1", "asset_id": "a1"})),
        ("video.asset.static_rendition.skipped", json!({"id": "s1", "asset_id": "a1"})),
        ("video.asset.master.ready", json!({"id": "a1"})),
        // It is not the whole asset: a record made of it would have no title, duration and playback ids any more.
        ("video.asset.warning", json!({"id": "a1", "status": "ready", "warning": {"type": "x", "message": "y"}})),
    ];
    for (event_type, data) in refetched {
        assert_eq!(event(event_type, data).unwrap(), Projection::Refetch(vec![project::key("a1")]), "{event_type}");
    }
    for event_type in ["video.live_stream.idle", "video.upload.created", "video.asset.brand_new", "robots.job.done"] {
        assert_eq!(event(event_type, json!({})).unwrap(), Projection::Skipped, "{event_type}");
    }
    // Nothing that trying again would find.
    for data in [json!({"id": "t1"}), Value::Null] {
        assert!(matches!(event("video.asset.track.ready", data).unwrap(), Projection::SetAside(_)));
    }
    assert_eq!(event("video.asset.ready", json!({"status": "ready"})).unwrap_err().kind, ErrorKind::Unreadable);
}

#[test]
fn every_event_type_of_the_manifest_is_read() {
    for event_type in MANIFEST.event_types {
        let body = json!({"created_at": 1, "data": {"id": "a1", "asset_id": "a1"}});
        assert_ne!(
            project::event(None, event_type, body.to_string().as_bytes()).unwrap(),
            Projection::Skipped,
            "{event_type}"
        );
    }
}

#[test]
fn an_event_that_is_about_the_asset_itself_names_it() {
    let body = json!({"id": "e", "type": "video.asset.track.ready", "created_at": 1, "data": {"id": "t1"},
        "object": {"type": "asset", "id": "a1"}});
    let read = project::event(None, "video.asset.track.ready", body.to_string().as_bytes());
    assert_eq!(read.unwrap(), Projection::Refetch(vec![project::key("a1")]));
}

#[test]
fn an_event_of_another_environment_is_set_aside_and_one_of_an_unknown_one_waits() {
    let body = json!({"id": "e", "type": "video.asset.deleted", "created_at": 1, "data": {"id": "a1"},
        "environment": {"id": "env_theirs", "name": "ada@example.com"}});
    let read = |own| project::event(own, "video.asset.deleted", body.to_string().as_bytes()).unwrap();
    let Projection::SetAside(why) = read(Some("env_ours")) else { panic!("it was read") };
    assert!(why.contains("env_theirs") && why.contains("env_ours"), "{why}");
    let Projection::Changes(changes) = read(Some("env_theirs")) else { panic!("it was not read") };
    assert_eq!(read(None), Projection::Undecided(Box::new(Projection::Changes(changes))));
}

async fn assets(headers: HeaderMap, RawQuery(query): RawQuery) -> impl IntoResponse {
    if headers.get(header::AUTHORIZATION).is_none_or(|value| value != "Basic dG9rZW46aHVzaA==") {
        let error = json!({"error": {"type": "unauthorized", "messages": ["Invalid token"]}});
        return (StatusCode::UNAUTHORIZED, Json(error)).into_response();
    }
    let refused = |status: StatusCode, kind: &str, words: &str| {
        (status, Json(json!({"error": {"type": kind, "messages": [words]}}))).into_response()
    };
    match query.as_deref() {
        Some("limit=1") => refused(StatusCode::FORBIDDEN, "forbidden", "No permission; ask ada@acme.example"),
        Some("limit=100&cursor=gone") => refused(StatusCode::NOT_FOUND, "not_found", "The cursor doesn't exist"),
        Some("limit=100&cursor=proxy") => (StatusCode::FORBIDDEN, "<html>Forbidden</html>").into_response(),
        Some("limit=100") => PAGE.into_response(),
        Some("limit=100&cursor=cursor+two") => Json(json!({"data": [], "next_cursor": ""})).into_response(),
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn asset_or_not_found(axum::extract::Path(id): axum::extract::Path<String>) -> impl IntoResponse {
    if id == "a1" {
        return Json(json!({"data": {"id": "a1", "status": "ready", "created_at": "1609869152"}})).into_response();
    }
    if id == "proxy" {
        return (StatusCode::NOT_FOUND, "<html>no such host</html>").into_response();
    }
    let error = json!({"error": {"type": "not_found", "messages": ["The requested resource either doesn't exist"]}});
    (StatusCode::NOT_FOUND, Json(error)).into_response()
}

async fn serve() -> String {
    let who = json!({"data": {"organization_name": "Acme", "environment_id": "env_1", "environment_name": "Live", "environment_type": "production"}});
    let app = Router::new()
        .route("/video/v1/assets", get(assets))
        .route("/video/v1/assets/{id}", get(asset_or_not_found).delete(async || StatusCode::NO_CONTENT))
        .route("/system/v1/whoami", get(async || Json(who)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    base
}

#[tokio::test]
async fn a_list_is_read_page_by_page_and_leniently() {
    let mux = configured(&serve().await, SECRET);
    let kind = &MANIFEST.kinds[0].kind;
    let page = mux.list(kind, None).await.unwrap();
    assert_eq!(page.next.as_deref(), Some("cursor two"));
    let (preparing, errored) = (body_of(&page.changes[0]), body_of(&page.changes[1]));
    assert_eq!(preparing["title"], "How to brew coffee");
    assert_eq!(preparing["progress_percent"], 41.5);
    assert_eq!(preparing["created_at"], errored["created_at"]);
    assert_eq!(errored["errors"], json!(["The file has no video track."]));
    assert_eq!(errored["max_frame_rate"], Value::Null);
    assert_eq!(errored["test"], true);
    let last = mux.list(kind, Some("cursor two")).await.unwrap();
    assert_eq!((last.changes.len(), last.next), (0, None));
}

#[tokio::test]
async fn a_missing_permission_a_cursor_that_is_gone_and_a_proxy_are_told_apart() {
    let mux = configured(&serve().await, SECRET);
    let kind = &MANIFEST.kinds[0].kind;
    let denied = mux.probe(kind).await.unwrap_err();
    assert_eq!((denied.kind, &*denied.message), (ErrorKind::Forbidden, "No permission; ask ***"));
    assert!(!denied.concerns_all());
    assert_eq!(mux.list(kind, Some("gone")).await.unwrap_err().kind, ErrorKind::Gone);
    assert_eq!(mux.list(kind, Some("proxy")).await.unwrap_err().kind, ErrorKind::Unauthorized);
}

#[tokio::test]
async fn an_asset_is_read_deleted_and_missed() {
    let mux = configured(&serve().await, SECRET);
    assert_eq!(body_of(&mux.fetch(&project::key("a1")).await.unwrap())["status"], "ready");
    assert_eq!(gone::read(&mux, &project::key("gone/../x")).await.unwrap().state, State::Deleted);
    let proxy = gone::read(&mux, &project::key("proxy")).await.unwrap_err();
    assert!(proxy.is_temporary(), "{proxy}");
    assert_eq!(mux.video().unwrap().delete_asset("a1").await.unwrap().state, State::Deleted);
    let foreign = ObjectKey::new("invoice".to_owned().into(), "in_1");
    assert_eq!(mux.fetch(&foreign).await.unwrap_err().kind, ErrorKind::Refused);
}

#[tokio::test]
async fn health_names_the_environment() {
    let mux = configured(&serve().await, SECRET);
    assert_eq!(mux.livemode(), None);
    assert_eq!(mux.health().await.unwrap().account, "Acme / Live");
    assert_eq!((mux.livemode(), mux.identity().as_deref()), (Some(true), Some("env_1")));
}

#[tokio::test]
async fn a_refusal_carries_what_mux_said() {
    let base = serve().await;
    let settings = [("MUX_TOKEN_ID", "token"), ("MUX_TOKEN_SECRET", "wrong"), ("MUX_BASE_URL", base.as_str())];
    let error = mux(&settings).unwrap().list(&MANIFEST.kinds[0].kind, None).await.unwrap_err();
    assert_eq!(
        (error.kind, error.code.as_deref(), &*error.message),
        (ErrorKind::Unauthorized, Some("unauthorized"), "Invalid token")
    );
}

#[test]
fn settings_are_checked_and_secrets_are_not_shown() {
    let missing = mux(&[("MUX_TOKEN_ID", "token")]).err();
    assert_eq!(missing, Some(ConfigError::NotConfigured { missing: vec!["MUX_TOKEN_SECRET"] }));
    let settings = [("MUX_TOKEN_ID", "token"), ("MUX_TOKEN_SECRET", "hush"), ("MUX_BASE_URL", "mux.test")];
    assert!(matches!(mux(&settings), Err(ConfigError::Invalid { variable: "MUX_BASE_URL", .. })));
    let variables = |name: &str| {
        let value = if name.ends_with("URL") { "https://mux.test/" } else { "hush" };
        (!name.ends_with("HTTP")).then(|| value.to_owned())
    };
    let args = ConnectArgs {
        name: "mux".to_owned(),
        variables: &variables,
        clock: Clock::System,
        http: reqwest::Client::new(),
        log: Arc::new(NoCallLog),
    };
    assert!(!format!("{:?}", MuxConfig::read(&args).unwrap()).contains("hush"));
}

#[test]
fn a_thumbnail_has_its_address_on_the_picture_host() {
    let mux = configured("https://mux.test", SECRET);
    assert_eq!(mux.video().unwrap().thumbnail_url("p1", 320), "https://image.mux.com/p1/thumbnail.webp?width=320");
}
